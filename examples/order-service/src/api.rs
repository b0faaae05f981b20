//! The order service over HTTP: `POST /orders` places an order, `GET /orders/{id}` says where it stands.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use shop_events::{Cents, OrderPlaced};

use crate::{Orders, Status};

/// The answer about one order.
#[derive(Debug, Serialize)]
struct OrderView {
    order_id: i64,
    #[serde(flatten)]
    status: Status,
}

/// The routes.
pub fn router(orders: Orders) -> Router {
    Router::new()
        .route("/orders", post(place))
        .route("/orders/{id}", get(show))
        .with_state(orders)
}

/// `202 Accepted` when the order is published for good. The client chooses the id, so that it can repeat a request
/// that got no answer: the order is placed once.
async fn place(State(orders): State<Orders>, Json(order): Json<OrderPlaced>) -> Response {
    if let Some(problem) = problem(&order) {
        return (StatusCode::UNPROCESSABLE_ENTITY, problem).into_response();
    }
    let order_id = order.order_id;
    match orders.place(order).await {
        Ok(()) => {
            let location = [(header::LOCATION, format!("/orders/{order_id}"))];
            (StatusCode::ACCEPTED, location, view(&orders, order_id)).into_response()
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.report()).into_response(),
    }
}

async fn show(State(orders): State<Orders>, Path(order_id): Path<i64>) -> Response {
    view(&orders, order_id).into_response()
}

fn view(orders: &Orders, order_id: i64) -> Result<Json<OrderView>, (StatusCode, String)> {
    match orders.book.status(order_id) {
        Some(status) => Ok(Json(OrderView { order_id, status })),
        None => Err((StatusCode::NOT_FOUND, format!("no order `{order_id}` was placed"))),
    }
}

fn problem(order: &OrderPlaced) -> Option<&'static str> {
    if order.lines.is_empty() {
        Some("an order has at least one line")
    } else if order.lines.iter().any(|line| line.quantity < 1) {
        Some("the quantity of a line is at least 1")
    } else if order.total < Cents(0) {
        Some("the total is not negative")
    } else {
        None
    }
}
