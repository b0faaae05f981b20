//! Limits, wrong requests, addresses and the end of the server.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use bindery_core::ErrorKind;
use bindery_ops::{Exposure, OpsServer};

use crate::fixture::{Server, application};

#[tokio::test]
async fn a_large_body_is_refused() {
    let server = Server::start("*", &application()).await;
    let body = format!(r#"{{"state":"{}"}}"#, "A".repeat(70_000));
    assert_eq!(
        server.post("/actuator/bindings/charge-in-0", &body).await.status,
        413
    );
}

#[tokio::test]
async fn other_methods_and_nonsense_are_refused() {
    let server = Server::start("*", &application()).await;
    let delete =
        "DELETE /actuator/bindings/charge-in-0 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(server.send(delete).await.status, 405);
    assert_eq!(server.send("nonsense\r\n\r\n").await.status, 400);
    assert_eq!(server.get("/actuator/bindings/%FF").await.status, 400);
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let application = application();
    let server = Server::start("", &application).await;
    let address = server.server.local_addr();
    let error = OpsServer::bind(address, &Exposure::health(), application)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.report().contains(&address.to_string()), "{error:?}");
    assert!(error.report().contains("management.server.port"), "{error:?}");
}

#[tokio::test]
async fn shutdown_closes_idle_connections_and_the_port() {
    let application = application();
    let server = Server::start("", &application).await;
    let mut kept = server.connect().await;
    let request = b"GET /actuator/health/liveness HTTP/1.1\r\nHost: localhost\r\n\r\n";
    kept.write_all(request).await.unwrap();
    let mut first = [0; 12];
    kept.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let address = server.server.local_addr();
    server.server.shutdown().await;
    let mut rest = Vec::new();
    kept.read_to_end(&mut rest).await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
