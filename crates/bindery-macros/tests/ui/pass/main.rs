//! `main` runs on a runtime.
#![deny(warnings)]

#[bindery::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let answer = tokio::spawn(async { 42 }).await?;
    assert_eq!(answer, 42);
    Ok(())
}
