//! The Lambda function `members`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), boot::BootError> {
    web::serve(members::State::new, members::router).await
}
