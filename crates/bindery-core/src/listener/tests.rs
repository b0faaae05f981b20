//! Every shape of result finds its kind, and a listener turns a message into outputs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::*;
use crate::{Batch, FailureClass, Message, Origin};

#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct Order {
    id: u32,
}

macro_rules! kind {
    ($type:ty) => {
        (&&&&&Probe::<$type>::new()).kind()
    };
}

fn message(text: &'static str) -> RawMessage {
    RawMessage {
        payload: Some(text.into()),
        key: None,
        headers: Headers::new(),
        origin: Origin::default(),
    }
}

async fn call(definition: ListenerDefinition, text: &'static str) -> Outcome {
    let ListenerKind::Listener(listener) = definition.kind else {
        panic!("not a listener")
    };
    let context = Arc::new(ListenerContext::json(
        "test-in-0",
        definition.outputs.len(),
        Arc::default(),
    ));
    let invocation = Invocation {
        input: Input::One(message(text).into()),
        attempt: 1,
        acknowledgment: None,
        context,
    };
    let mut call = Call::new(std::future::pending());
    listener.call(&invocation, &mut call);
    call.get_pin().await
}

fn texts(outcome: Outcome) -> Vec<(usize, String)> {
    let Outcome::Done(outputs) = outcome else {
        panic!("{outcome:?}")
    };
    let text = |output: &Output| {
        String::from_utf8_lossy(output.payload.bytes.as_deref().unwrap_or_default()).into_owned()
    };
    outputs
        .into_iter()
        .map(|output| (output.index, text(&output)))
        .collect()
}

type Failing<T> = Result<T, std::num::ParseIntError>;

#[tokio::test]
async fn every_shape_of_result_becomes_its_outputs() {
    async fn plain(order: Order) -> Order {
        order
    }
    async fn filter(_order: Order) -> Option<Order> {
        None
    }
    async fn split(order: Order) -> Failing<Vec<Order>> {
        Ok(vec![Order { id: 1 }, order])
    }
    async fn bytes(_order: Order) -> Vec<u8> {
        b"raw".to_vec()
    }
    async fn pair(order: Order) -> Failing<(Order, String)> {
        Ok((order, "text".into()))
    }
    async fn route(order: Order) -> (Option<Order>, Option<String>) {
        (Some(order), None)
    }
    async fn wrapped(order: Order) -> Failing<Message<Order>> {
        Ok(Message::new(order).header("h", 1))
    }
    async fn nothing(_order: Order) -> Failing<()> {
        Ok(())
    }
    let seven = |index| (index, r#"{"id":7}"#.to_owned());
    let input = r#"{"id":7}"#;
    let run = |definition| async move { texts(call(definition, input).await) };
    assert_eq!(
        run(ListenerDefinition::listener("f", plain, kind!(Order))).await,
        [seven(0)]
    );
    assert_eq!(
        run(ListenerDefinition::listener("f", filter, kind!(Option<Order>))).await,
        []
    );
    let split = run(ListenerDefinition::listener(
        "f",
        split,
        kind!(Failing<Vec<Order>>),
    ))
    .await;
    assert_eq!(split, [(0, r#"{"id":1}"#.to_owned()), seven(0)]);
    assert_eq!(
        run(ListenerDefinition::listener("f", bytes, kind!(Vec<u8>))).await,
        [(0, "raw".to_owned())]
    );
    let pair = run(ListenerDefinition::listener(
        "f",
        pair,
        kind!(Failing<(Order, String)>),
    ))
    .await;
    assert_eq!(pair, [seven(0), (1, "text".to_owned())]);
    assert_eq!(
        run(ListenerDefinition::listener(
            "f",
            route,
            kind!((Option<Order>, Option<String>))
        ))
        .await,
        [seven(0)]
    );
    assert_eq!(
        run(ListenerDefinition::listener(
            "f",
            wrapped,
            kind!(Failing<Message<Order>>)
        ))
        .await,
        [seven(0)]
    );
    assert_eq!(
        run(ListenerDefinition::listener("f", nothing, kind!(Failing<()>))).await,
        []
    );
}

#[tokio::test]
async fn an_undecodable_payload_is_a_failure_that_is_not_retried() {
    async fn listen(_order: Order) {}
    let outcome = call(ListenerDefinition::listener("f", listen, kind!(())), "{").await;
    assert!(matches!(outcome, Outcome::Failed(error) if error.class() == FailureClass::Undecodable));
}

#[test]
fn definitions_know_their_bindings() {
    async fn listen(_orders: Batch<Order>, _acknowledgment: Acknowledgment) -> (u8, u8) {
        (1, 2)
    }
    let definition = ListenerDefinition::listener("listen", listen, kind!((u8, u8)));
    assert_eq!(definition.input, Some(crate::BindingName::new("listen-in-0")));
    assert_eq!(definition.outputs.len(), 2);
    assert!(definition.manual && definition.input_type == InputType::Batch);
}

#[test]
fn a_missing_state_is_found_at_startup() {
    async fn listen(_order: Order, _state: State<String>) {}
    let definition = ListenerDefinition::listener("listen", listen, kind!(()));
    let mut states = States::default();
    assert!(definition.check(&states).is_err());
    states.insert("here".to_owned());
    assert!(definition.check(&states).is_ok());
}

#[tokio::test]
async fn a_listener_can_ask_where_its_message_came_from() {
    async fn partition(_order: Order, origin: Origin) -> String {
        format!("{}/{:?}", origin.destination, origin.partition)
    }
    let definition = ListenerDefinition::listener("partition", partition, kind!(String));
    assert_eq!(
        texts(call(definition, "{\"id\":1}").await),
        [(0, "/None".to_owned())]
    );
}

#[test]
fn a_message_that_can_not_be_read_for_its_headers_is_undecodable() {
    let context = ListenerContext::json("test-in-0", 0, Arc::default());
    let mut readable = message("{}");
    readable.headers.insert(CONTENT_TYPE, "application/json");
    assert!(context.codec_for(&readable).is_ok());
    let unreadable: [(&str, HeaderValue); 2] = [
        (UNREADABLE_HEADERS, true.into()),
        (
            CONTENT_TYPE,
            HeaderValue::Bytes(bytes::Bytes::from_static(b"application/\xff")),
        ),
    ];
    for (name, value) in unreadable {
        let mut message = message("{}");
        message.headers.insert(name, value);
        let error = context.codec_for(&message).unwrap_err();
        assert_eq!(error.class(), FailureClass::Undecodable, "{error}");
    }
}
