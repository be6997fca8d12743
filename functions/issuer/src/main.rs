//! Lambda's entry to the `issuer` function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), boot::BootError> {
    boot::serve_worker(|boot| async move { issuer::State::new(&boot) }, issuer::handle).await
}
