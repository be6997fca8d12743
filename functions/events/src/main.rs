//! The Lambda function `events`.

use boot::BootError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BootError> {
    boot::serve_http(|boot| async move {
        let state = events::State::new(&boot)?;
        state.warm().await;
        Ok(web::finish(events::router(state)))
    })
    .await
}
