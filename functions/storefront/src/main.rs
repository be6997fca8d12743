//! The Lambda function `storefront`.

use boot::BootError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BootError> {
    boot::serve_http(|boot| async move {
        let state = storefront::State::new(&boot)?;
        state.warm().await;
        Ok(web::finish(storefront::router(state)))
    })
    .await
}
