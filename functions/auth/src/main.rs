//! Lambda's entry to the `auth` function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), boot::BootError> {
    boot::serve_http(|boot| async move {
        let state = auth::State::new(&boot)?;
        state.warm().await;
        Ok(web::finish(auth::router(state)))
    })
    .await
}
