//! The Lambda function `discounts`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), boot::BootError> {
    web::serve(discounts::State::new, discounts::router).await
}
