//! `shop generate`: places orders at an order service over HTTP, and asks it how they ended.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use axum::http::{Method, Request, StatusCode, header};
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use shop_events::{OrderPlaced, data, grouped};
use tokio::time::Instant;

use crate::options::Generate;
use crate::place_all;

/// How many orders are asked for at a time.
const AT_A_TIME: usize = 64;

/// How long to wait before an order that is still open is asked for again.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// An order service somewhere else.
#[derive(Clone, Debug)]
pub struct OrderService {
    client: Client<HttpConnector, Full<axum::body::Bytes>>,
    url: String,
}

impl OrderService {
    /// The service at an address such as `http://localhost:8080`.
    ///
    /// # Errors
    /// When the address doesn't start with `http://`.
    pub fn at(url: &str) -> Result<Self> {
        ensure!(
            url.starts_with("http://"),
            "`{url}` is not an address that starts with `http://`"
        );
        let client = Client::builder(TokioExecutor::new()).build_http();
        Ok(Self {
            client,
            url: url.trim_end_matches('/').to_owned(),
        })
    }

    /// Places an order.
    ///
    /// # Errors
    /// When the service can't be reached, or doesn't take the order.
    pub async fn place(&self, order: &OrderPlaced) -> Result<()> {
        let body = serde_json::to_vec(order)?;
        match self.request(Method::POST, "/orders", body).await? {
            (StatusCode::ACCEPTED, _) => Ok(()),
            (status, answer) => bail!("{status}: {}", String::from_utf8_lossy(&answer)),
        }
    }

    /// The status of an order, such as `confirmed`; `None` when the service doesn't know it.
    ///
    /// # Errors
    /// When the service can't be reached, or answers something else.
    pub async fn status(&self, order_id: i64) -> Result<Option<String>> {
        #[derive(Deserialize)]
        struct Answer {
            status: String,
        }
        match self
            .request(Method::GET, &format!("/orders/{order_id}"), Vec::new())
            .await?
        {
            (StatusCode::OK, answer) => Ok(Some(serde_json::from_slice::<Answer>(&answer)?.status)),
            (StatusCode::NOT_FOUND, _) => Ok(None),
            (status, answer) => bail!("{status}: {}", String::from_utf8_lossy(&answer)),
        }
    }

    async fn request(&self, method: Method, path: &str, body: Vec<u8>) -> Result<(StatusCode, Vec<u8>)> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::from(body))?;
        let response = self
            .client
            .request(request)
            .await
            .with_context(|| format!("no answer from {}", self.url))?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes().to_vec()))
    }
}

/// Places the orders, waits until they ended, and prints how. `false` when some did not.
///
/// # Errors
/// When the address is wrong.
pub async fn generate(generate: &Generate) -> Result<bool> {
    let service = OrderService::at(&generate.url)?;
    let load = &generate.load;
    let orders: Vec<_> = data::orders(generate.skip + load.orders)
        .skip(generate.skip)
        .collect();
    let start = Instant::now();
    place_all(orders.iter().cloned(), load.rate, async |order| {
        service.place(order).await.map_err(|error| format!("{error:#}"))
    })
    .await;
    let seconds = start.elapsed().as_secs_f64();
    println!("placed {} orders in {seconds:.1} s", grouped(orders.len() as u64));

    let patience = Instant::now() + load.patience();
    let ends = stream::iter(&orders).map(|order| end_of(&service, order.order_id, patience));
    let ends: Vec<_> = ends.buffer_unordered(AT_A_TIME).collect().await;
    let count = |wanted: &str| ends.iter().filter(|end| *end == wanted).count() as u64;
    let (confirmed, rejected, dead) = (count("confirmed"), count("rejected"), count("dead-lettered"));
    let missing = ends.len() as u64 - confirmed - rejected - dead;
    println!(
        "{} = {} confirmed + {} rejected + {} dead-lettered + {} without an end",
        grouped(ends.len() as u64),
        grouped(confirmed),
        grouped(rejected),
        grouped(dead),
        grouped(missing)
    );
    Ok(missing == 0)
}

/// The status of an order as soon as it isn't open any more, or when the time is over.
async fn end_of(service: &OrderService, order_id: i64, until: Instant) -> String {
    loop {
        let status = service.status(order_id).await;
        match status {
            Ok(Some(status)) if status != "open" => return status,
            Ok(_) | Err(_) if Instant::now() > until => return "open".to_owned(),
            Ok(_) | Err(_) => tokio::time::sleep(AGAIN_AFTER).await,
        }
    }
}
