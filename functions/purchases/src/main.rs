//! The Lambda function `purchases`.

use purchases::{State, router};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), boot::BootError> {
    boot::serve_http(|boot| async move {
        let state = State::new(&boot)?;
        state.warm().await;
        Ok(web::finish(router(state)))
    })
    .await
}
