//! The service under test.

#[bindery::main]
async fn main() -> bindery::Result {
    faults::service::run().await
}
