//! Lambda's entry to the `door` function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), boot::BootError> {
    boot::serve_http(|boot| async move {
        let state = door::State::new(&boot)?;
        state.warm().await;
        Ok(web::finish(door::router(state)))
    })
    .await
}
