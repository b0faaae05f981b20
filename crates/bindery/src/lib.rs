//! Message-driven microservices in Rust: annotated async functions and one application.yaml
