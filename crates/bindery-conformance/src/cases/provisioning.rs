//! Destinations are made when they are missing, and never altered.

use bindery_core::ErrorKind;

use crate::Suite;
use crate::suite::record_to;

pub async fn binding_again_changes_nothing(suite: &Suite) {
    let destination = suite.destination("orders");
    let input = suite.input(&destination, "g");
    suite.register(&input).await;
    let publisher = suite.publisher(&destination).await;
    publisher.publish_texts(["a", "b"]).await;
    let elsewhere = suite.another_binder();
    let spec = suite.output(&destination);
    let another = elsewhere.bind_producer(&spec);
    let another = suite.within("an output to be bound again", another).await;
    assert!(another.is_ok());
    let mut member = suite.bind_on(&elsewhere, &input).await;
    assert_eq!(member.take_texts(2).await, ["a", "b"]);
    member.close().await;
    suite.within("a binder to close", elsewhere.close()).await;
}

pub async fn inputs_and_outputs_can_be_bound_in_any_order(suite: &Suite) {
    let first_in = suite.destination("in-first");
    let mut member = suite.bind(&suite.input(&first_in, "g")).await;
    suite.publisher(&first_in).await.publish_texts(["a"]).await;
    assert_eq!(member.take_texts(1).await, ["a"]);
    member.close().await;

    let first_out = suite.destination("out-first");
    let publisher = suite.publisher(&first_out).await;
    let mut member = suite.bind(&suite.input(&first_out, "g")).await;
    publisher.publish_texts(["b"]).await;
    assert_eq!(member.take_texts(1).await, ["b"]);
    member.close().await;
}

pub async fn too_few_partitions_are_an_error_that_names_both_numbers(suite: &Suite) {
    let destination = suite.destination("orders");
    let publisher = suite
        .publisher_of(&suite.partitioned_output(&destination, 2))
        .await;
    publisher.publish([record_to(1, "a")]).await;
    let wanting = suite.partitioned_output(&destination, 5);
    let refused = suite.within("the bind to fail", suite.binder().bind_producer(&wanting));
    let error = refused.await.expect_err("2 partitions are fewer than 5");
    assert_eq!(error.kind(), ErrorKind::Topology, "{error:?}");
    assert!(!error.is_temporary(), "{error:?}");
    let report = error.report();
    assert!(report.contains('2') && report.contains('5'), "{report}");
    publisher.publish([record_to(0, "b")]).await;
}

pub async fn a_destination_without_a_name_is_an_error(suite: &Suite) {
    let input = suite.input(&"".into(), "g");
    let refused = suite.within("the bind to fail", suite.binder().bind_consumer(&input));
    let error = refused.await.expect_err("a destination has a name");
    assert!(!error.is_temporary(), "{error:?}");
}
