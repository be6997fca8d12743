//! Lambda's entry to the `mailer` function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), boot::BootError> {
    boot::serve_worker(|boot| async move { mailer::State::new(&boot) }, mailer::handle).await
}
