//! The Lambda function `storefront`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), boot::BootError> {
    web::serve(storefront::State::new, storefront::router).await
}
