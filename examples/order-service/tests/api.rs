//! The HTTP API in front of the service's listeners, in memory.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use order_service::{OrderBook, Orders, application, router};
use serde_json::{Value, json};
use shop_events::{Cents, PaymentTaken};
use tower::ServiceExt;

async fn request(api: &Router, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json");
    let request = request.body(Body::from(body.to_string())).unwrap();
    let response = api.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let text = || Value::String(String::from_utf8_lossy(&body).into_owned());
    (status, serde_json::from_slice(&body).unwrap_or_else(|_| text()))
}

fn order(quantity: i64) -> Value {
    let line = json!({ "part_id": 3, "supplier_id": 4, "quantity": quantity });
    json!({ "order_id": 7, "customer_id": 2, "total": 12_345, "lines": [line] })
}

#[tokio::test]
async fn an_order_is_taken_and_can_be_followed() {
    let book = OrderBook::default();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/order");
    let running = application(book.clone())
        .config_directory(config)
        .start()
        .await
        .unwrap();
    running.wait_ready(Duration::from_secs(10)).await.unwrap();
    let bridge = running.stream_bridge();
    let api = router(Orders::new(book, bridge.clone()));

    let (status, answer) = request(&api, Method::GET, "/orders/7", &Value::Null).await;
    assert_eq!(
        (status, answer),
        (StatusCode::NOT_FOUND, json!("no order `7` was placed"))
    );

    let (status, answer) = request(&api, Method::POST, "/orders", &order(5)).await;
    assert_eq!(
        (status, answer),
        (StatusCode::ACCEPTED, json!({ "order_id": 7, "status": "open" }))
    );

    bridge
        .send(
            "payments",
            PaymentTaken {
                order_id: 7,
                amount: Cents(12_345),
            },
        )
        .await
        .unwrap();
    let confirmed = async {
        while request(&api, Method::GET, "/orders/7", &Value::Null).await.1["status"] != "confirmed" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), confirmed)
        .await
        .unwrap();
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_order_that_makes_no_sense_is_refused() {
    let book = OrderBook::default();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/order");
    let running = application(book.clone())
        .config_directory(config)
        .start()
        .await
        .unwrap();
    let api = router(Orders::new(book.clone(), running.stream_bridge()));

    let (status, answer) = request(&api, Method::POST, "/orders", &order(0)).await;
    assert_eq!(
        (status, answer),
        (
            StatusCode::UNPROCESSABLE_ENTITY,
            json!("the quantity of a line is at least 1")
        )
    );
    let (status, _) = request(&api, Method::POST, "/orders", &json!({ "order_id": 7 })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(book.counts().placed, 0);
    running.shutdown().await.unwrap();
}
