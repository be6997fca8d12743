//! The Lambda function `auth`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), boot::BootError> {
    web::serve(auth::State::new, auth::router).await
}
