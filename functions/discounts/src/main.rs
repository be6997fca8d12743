//! The Lambda function `discounts`.

use boot::BootError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BootError> {
    boot::serve_http(|boot| async move {
        let state = discounts::State::new(&boot)?;
        state.warm().await;
        Ok(web::finish(discounts::router(state)))
    })
    .await
}
