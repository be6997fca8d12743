//! The Lambda function `tickets`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), boot::BootError> {
    web::serve(tickets::State::new, tickets::router).await
}
