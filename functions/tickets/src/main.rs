//! Lambda's entry to the `tickets` function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), boot::BootError> {
    boot::serve_http(|boot| async move {
        let state = tickets::State::new(&boot)?;
        state.warm().await;
        Ok(web::finish(tickets::router(state)))
    })
    .await
}
