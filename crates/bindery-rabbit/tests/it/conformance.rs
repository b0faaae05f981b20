//! The RabbitMQ binder passes the suite that every binder passes.

use std::sync::Arc;

use bindery_conformance::{Answers, DeadLetterFixture, Fixture, Relay};
use bindery_core::{BinderSpec, ConsumerSpec, Options};
use bindery_rabbit::RabbitBinderFactory;
use serde_json::json;

use crate::support::{DEADLINE, address, binder_with, manage, options, queue, unique, until};

fn fixture() -> Fixture {
    let dead_letters = json!({ "auto-bind-dlq": true });
    let mut native = options(dead_letters.clone());
    native.0.insert("republish-to-dlq".to_owned(), false.into());
    Fixture {
        factory: Arc::new(RabbitBinderFactory),
        binder: spec(&address()),
        deadline: DEADLINE,
        assigns_partitions: false,
        dead_letter: Some(DeadLetterFixture {
            options: options(dead_letters),
            input: dead_letter_input,
            refuse: Some(Arc::new(|queue| Box::pin(refuse_all_messages(queue)))),
        }),
        native_dead_letter: Some(native),
        unreachable: Some(binder_with("gone", json!({ "addresses": ["127.0.0.1:1"] }))),
        outage: Some(Arc::new(|| {
            let relay = Relay::start(&address(), Answers::Plain);
            let address = relay.address();
            relay.outage(spec(&address))
        })),
    }
}

fn spec(address: &str) -> BinderSpec {
    BinderSpec {
        name: "rabbit".into(),
        kind: "rabbit".into(),
        options: Options::default(),
        connection: options(json!({ "addresses": [address] })),
        consumers: 1,
    }
}

/// Dead letters are read from their queue, as it is.
fn dead_letter_input(failing: &ConsumerSpec, queue: &str) -> ConsumerSpec {
    ConsumerSpec {
        group: Some(queue.into()),
        options: options(json!({
            "queue-name-group-only": true,
            "declare-exchange": false,
            "bind-queue": false,
        })),
        ..failing.clone()
    }
}

/// Lets the queue refuse every message, by a policy of its own.
async fn refuse_all_messages(name: String) {
    let policy = unique("refuses");
    let refusing = json!({
        "pattern": format!("^{}$", name.replace('.', "\\.")),
        "apply-to": "queues",
        "definition": { "max-length": 0, "overflow": "reject-publish" },
    });
    manage("PUT", &format!("policies/%2F/{policy}"), Some(refusing)).await;
    until("the policy to have effect", || async {
        queue(&name).await.unwrap()["policy"] == json!(policy)
    })
    .await;
}

bindery_conformance::conformance_suite! {
    fixture: fixture(),
    not_applicable: [
        "ordering::every_partition_is_in_order",
        "groups::a_new_group_starts_with_the_oldest_message",
        "partitions::a_key_stays_in_its_partition",
        "partitions::a_source_that_moves_is_revoked_and_drained",
        "partitions::the_partitions_of_a_member_that_leaves_go_to_another",
        "back_pressure::pausing_one_source_leaves_the_others_running",
        "confirms::a_confirm_says_where_the_record_is",
        "provisioning::too_few_partitions_are_an_error_that_names_both_numbers",
    ],
}
