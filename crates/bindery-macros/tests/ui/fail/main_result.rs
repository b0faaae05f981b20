//! `main` fails with an error.
#[bindery::main]
async fn main() -> u32 {
    1
}
