//! Health and its groups.

use bindery_ops::Exposure;
use serde_json::json;

use crate::fixture::{Server, application};

#[tokio::test]
async fn health_names_what_is_down_and_why() {
    let application = application();
    let server = Server::start("", &application).await;
    let response = server.get("/actuator/health").await;
    assert_eq!(response.status, 503);
    assert!(
        response
            .head
            .contains("application/vnd.spring-boot.actuator.v3+json"),
        "{}",
        response.head
    );
    let (up, since) = ("2027-01-15T07:00:00.000Z", "2027-01-15T08:00:00.000Z");
    let expected = json!({
        "status": "DOWN",
        "groups": ["liveness", "readiness"],
        "components": {
            "binders": {
                "kafka": { "status": "UP", "since": up },
                "rabbit": { "status": "DOWN", "since": since, "reason": "connection refused" },
            },
            "bindings": {
                "place-out-0": { "status": "UP", "state": "running", "since": up },
                "reserve_stock-in-0": {
                    "status": "UP", "state": "running", "lag": 18_233, "in-flight": 3, "since": up,
                },
                "charge-in-0": {
                    "status": "DOWN", "state": "starting", "in-flight": 3, "since": since, "reason": "waiting for rabbit",
                },
            },
        },
    });
    assert_eq!(response.body, expected.to_string());

    application.recover();
    let response = server.get("/actuator/health").await;
    assert_eq!(
        (response.status, response.json()["status"].as_str()),
        (200, Some("UP"))
    );
}

#[tokio::test]
async fn details_are_left_out_on_request() {
    let exposure = Exposure::health().with_details(false);
    let server = Server::start_with(&exposure, &application()).await;
    let response = server.get("/actuator/health").await;
    assert_eq!(
        response.body,
        r#"{"status":"DOWN","groups":["liveness","readiness"]}"#
    );
}

#[tokio::test]
async fn readiness_depends_on_brokers_and_liveness_does_not() {
    let application = application();
    let server = Server::start("", &application).await;
    let ready = || server.get("/actuator/health/readiness");
    let response = ready().await;
    assert_eq!(
        (response.status, response.body.as_str()),
        (503, r#"{"status":"OUT_OF_SERVICE"}"#)
    );
    let alive = server.get("/actuator/health/liveness").await;
    assert_eq!((alive.status, alive.body.as_str()), (200, r#"{"status":"UP"}"#));

    application.recover();
    assert_eq!(ready().await.status, 200);
    application.bindings.lock().unwrap()[0].state = "starting";
    assert_eq!(ready().await.status, 503);
    application.bindings.lock().unwrap()[0].state = "stopped";
    assert_eq!(ready().await.status, 200);
}

#[tokio::test]
async fn an_input_of_several_destinations_is_as_bad_as_the_worst() {
    let application = application();
    let mut second = application.bindings.lock().unwrap()[2].clone();
    second.name = "place-out-0".to_owned();
    application.bindings.lock().unwrap().push(second);
    let health = Server::start("", &application)
        .await
        .get("/actuator/health")
        .await
        .json();
    assert_eq!(health["components"]["bindings"]["place-out-0"]["status"], "DOWN");
}

#[tokio::test]
async fn only_health_is_exposed_unless_more_is_included() {
    let application = application();
    let server = Server::start("", &application).await;
    for path in ["/actuator/bindings", "/actuator/prometheus", "/actuator/env", "/"] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
    assert_eq!(
        server
            .post("/actuator/bindings/charge-in-0", r#"{"state":"STOPPED"}"#)
            .await
            .status,
        404
    );
    assert!(application.changes.lock().unwrap().is_empty());
    let links = server.get("/actuator").await.json();
    assert_eq!(
        links["_links"]["health"]["href"],
        "http://localhost/actuator/health"
    );
    assert!(links["_links"]["bindings"].is_null());

    let open = Server::start("*", &application).await;
    let links = open.get("/actuator").await.json();
    assert_eq!(links["_links"]["bindings-name"]["templated"], true);
    let metrics = open.get("/actuator/prometheus").await;
    assert!(
        metrics.head.contains("text/plain;version=0.0.4"),
        "{}",
        metrics.head
    );
    assert!(metrics.body.ends_with("stream_received_total 7\n"));
}
