//! Queues, exchanges, bindings and arguments are those that the JVM declared.

use bindery::ErrorKind;

use crate::management;
use crate::scene::{Scene, prepare};

const TOPOLOGY: &str = include_str!("../data/r03_topology.json");
const ANONYMOUS: &str = include_str!("../data/r10_anonymous.json");
const PARTITIONED: &str = include_str!("../data/r12_partitioned_default_groups.json");
const UNREACHABLE: &str = include_str!("../data/r14_required_partition_dlq.json");

async fn assert_topology(stem: &str, capture: &str) {
    let scene = Scene::open(stem, capture).await;
    scene.assert_state().await;
    scene.close().await;
}

#[tokio::test]
async fn queues_with_many_arguments_are_declared_as_on_the_jvm() {
    assert_topology("r03", TOPOLOGY).await;
}

#[tokio::test]
async fn an_anonymous_group_has_a_queue_of_its_own() {
    assert_topology("r10", ANONYMOUS).await;
}

#[tokio::test]
async fn a_partitioned_consumer_has_its_partitions_queue_and_shares_the_dead_letters() {
    assert_topology("r12", PARTITIONED).await;
}

#[tokio::test]
async fn an_output_whose_messages_the_jvm_loses_is_refused_before_anything_is_declared() {
    let prepared = prepare("r14", UNREACHABLE, &[]);
    let error = prepared.application.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let text = error.to_string();
    for part in [
        "application.yaml:",
        "probe-out-0",
        "`routing-key-expression` on a partitioned output with `required-groups` loses messages",
    ] {
        assert!(text.contains(part), "`{part}` is missing: {text}");
    }
    let nothing = serde_json::json!({ "queues": [], "exchanges": [], "bindings": [] });
    assert_eq!(management::state(&prepared.run).await, nothing);
}
