//! The Lambda function `events`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), boot::BootError> {
    web::serve(events::State::new, events::router).await
}
