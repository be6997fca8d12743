//! The Lambda function `members`.

use boot::BootError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BootError> {
    boot::serve_http(|boot| async move {
        let state = members::State::new(&boot)?;
        state.warm().await;
        Ok(web::finish(members::router(state)))
    })
    .await
}
