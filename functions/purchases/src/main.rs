//! The Lambda function `purchases`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), boot::BootError> {
    web::serve(purchases::State::new, purchases::router).await
}
