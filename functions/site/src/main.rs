//! The Lambda function `site`.

use site::{State, router};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), boot::BootError> {
    boot::serve_http(|boot| async move { Ok(web::finish(router(State::new(&boot)?))) }).await
}
