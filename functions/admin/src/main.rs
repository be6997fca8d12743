//! The Lambda function `admin`.

use boot::BootError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BootError> {
    boot::serve_http(|boot| async move {
        let state = admin::State::new(&boot)?;
        state.warm().await;
        Ok(web::finish(admin::router(state)))
    })
    .await
}
