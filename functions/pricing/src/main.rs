//! The Lambda function `pricing`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), boot::BootError> {
    web::serve(pricing::State::new, pricing::router).await
}
