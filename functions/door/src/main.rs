//! The Lambda function `door`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), boot::BootError> {
    web::serve(door::State::new, door::router).await
}
