//! Lambda's entry to the `relay` function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), boot::BootError> {
    boot::serve_worker(|boot| async move { relay::State::new(&boot) }, relay::handle).await
}
