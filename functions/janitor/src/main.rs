//! The Lambda function `janitor`.

use janitor::{State, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), boot::BootError> {
    boot::serve_worker(|boot| async move { State::new(&boot) }, handle).await
}
