//! The Lambda function `supervision`.

use boot::BootError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BootError> {
    boot::serve_http(|boot| async move {
        let state = supervision::State::new(&boot)?;
        state.warm().await;
        Ok(web::finish(supervision::router(state)))
    })
    .await
}
