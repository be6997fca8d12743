//! The Lambda function `pricing`.

use boot::BootError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BootError> {
    boot::serve_http(|boot| async move {
        let state = pricing::State::new(&boot)?;
        state.warm().await;
        Ok(web::finish(pricing::router(state)))
    })
    .await
}
