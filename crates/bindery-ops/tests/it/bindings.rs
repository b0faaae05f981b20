//! The bindings, and changes of their state.

use bindery_core::StateChange;
use serde_json::json;

use crate::fixture::{Server, application};

#[tokio::test]
async fn bindings_have_the_fields_of_spring_in_their_order() {
    let application = application();
    let server = Server::start("health,bindings", &application).await;
    let all = server.get("/actuator/bindings").await;
    assert_eq!(all.json().as_array().map(Vec::len), Some(3));

    let expected = json!([{
        "bindingName": "charge-in-0", "name": "reservations", "group": "inventory", "pausable": true,
        "state": "starting", "paused": false, "input": true, "binderName": "rabbit", "binderType": "rabbit",
        "extendedInfo": { "bindingDestination": "reservations", "in-flight": 3, "lag": null },
        "error": "waiting for rabbit",
    }]);
    assert_eq!(
        server.get("/actuator/bindings/charge-in-0").await.body,
        expected.to_string()
    );
    let relaxed = server.get("/actuator/bindings/reserveStock-in-0").await.json();
    assert_eq!(relaxed[0]["bindingName"], "reserve_stock-in-0");
    let unknown = server.get("/actuator/bindings/nobody").await;
    assert_eq!((unknown.status, unknown.body.as_str()), (200, "[]"));
}

#[tokio::test]
async fn states_are_changed_by_post() {
    let application = application();
    let server = Server::start("bindings", &application).await;
    for state in ["STOPPED", "STARTED", "PAUSED", "resumed"] {
        let response = server
            .post(
                "/actuator/bindings/charge-in-0",
                &format!(r#"{{"state":"{state}"}}"#),
            )
            .await;
        assert_eq!((response.status, response.body.as_str()), (204, ""));
    }
    let expected = [
        StateChange::Stopped,
        StateChange::Started,
        StateChange::Paused,
        StateChange::Resumed,
    ];
    let changes = std::mem::take(&mut *application.changes.lock().unwrap());
    assert_eq!(changes, expected.map(|change| ("charge-in-0".to_owned(), change)));
}

#[tokio::test]
async fn a_change_that_is_impossible_is_explained() {
    let server = Server::start("bindings", &application()).await;
    let response = server
        .post("/actuator/bindings/place-out-0", r#"{"state":"PAUSED"}"#)
        .await;
    assert_eq!(response.status, 400);
    assert_eq!(response.json()["message"], "an output can't be paused");
    for body in ["", "{", "[]", "{}", r#"{"state":"ASLEEP"}"#, r#"{"state":1}"#] {
        let response = server.post("/actuator/bindings/charge-in-0", body).await;
        assert_eq!(response.status, 400, "{body}");
    }
}

#[tokio::test]
async fn a_page_in_a_browser_changes_nothing() {
    let application = application();
    let server = Server::start("*", &application).await;
    let json = "Content-Type: application/json";
    let refused = [
        (403, format!("Host: evil.example\r\n{json}")),
        (
            403,
            format!("Host: localhost\r\nOrigin: https://evil.example\r\n{json}"),
        ),
        (403, format!("Host: localhost\r\nOrigin: null\r\n{json}")),
        (415, "Host: localhost".to_owned()),
        (415, "Host: localhost\r\nContent-Type: text/plain".to_owned()),
    ];
    for (status, headers) in refused {
        let response = server
            .post_with(
                "/actuator/bindings/charge-in-0",
                &headers,
                r#"{"state":"STOPPED"}"#,
            )
            .await;
        assert_eq!(response.status, status, "{headers}");
    }
    assert!(application.changes.lock().unwrap().is_empty());
    let same = format!("Host: inventory:8081\r\nOrigin: http://inventory:8081\r\n{json};charset=UTF-8");
    assert_eq!(
        server
            .post_with("/actuator/bindings/charge-in-0", &same, r#"{"state":"STOPPED"}"#)
            .await
            .status,
        204
    );
}
