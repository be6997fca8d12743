//! The Lambda function `supervision`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), boot::BootError> {
    web::serve(supervision::State::new, supervision::router).await
}
