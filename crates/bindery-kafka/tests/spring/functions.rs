//! What functions make of messages: copied headers, content types, partitions and keys.

use crate::scene::Scene;

const UPPER: &str = include_str!("data/k03_upper_dlq.json");
const PASS: &str = include_str!("data/k05_pass.json");
const KEY_OF_FUNCTION: &str = include_str!("data/k13_key_fn.json");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_get_the_inputs_headers_and_a_partition() {
    let scene = Scene::open("k03", UPPER).await;
    scene.publish("k03in", Some("in"), "foo", &[("k", b"a")]).await;
    scene
        .publish("k03in", None, r#"{"a":1}"#, &[("k", b"b"), ("other", &[1, 0xff])])
        .await;
    let mut expected = scene.captured("out");
    for record in &mut expected {
        // On the JVM the hash of a raw header is that of the array's identity: any partition. Here it is its text's.
        let partition = if record.headers["k"] == "a" { 1 } else { 2 };
        record.partition = partition;
        record
            .headers
            .insert("scst_partition".to_owned(), partition.to_string());
    }
    assert_eq!(scene.read("k03out", expected.len()), expected);
    scene.publish("k03boom", Some("key1"), "bad1", &[]).await;
    scene
        .eventually("both attempts", || scene.calls.of("bad1") == 2)
        .await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pass_through_is_accepted_also_where_the_jvm_fails() {
    let scene = Scene::open("k05", PASS).await;
    let raw: &[(&str, &[u8])] = &[
        ("n", b"7"),
        ("foreign", b"raw"),
        ("contentType", b"text/plain"),
        ("spring_json_header_types", br#"{"n":"java.lang.Integer"}"#),
    ];
    scene.publish("k05in", Some("key"), "headers", raw).await;
    scene.publish("k05in", Some("key"), "noheaders", &[]).await;
    let mut records = scene.read("k05out", 2);
    let first = records.remove(0);
    assert_eq!(records, scene.captured("out"));
    assert_eq!((first.value.as_deref(), &first.key), (Some("headers"), &None));
    let expected = [
        ("contentType", "text/plain"),
        ("foreign", "raw"),
        ("n", "7"),
        (
            "spring_json_header_types",
            r#"{"contentType":"java.lang.String","n":"java.lang.Integer"}"#,
        ),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(first.headers, expected.into());
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_functions_key_expression_leaves_no_header_and_the_received_key_is_not_forwarded() {
    let scene = Scene::open("k13", KEY_OF_FUNCTION).await;
    scene
        .publish("k13in", Some("received"), "one", &[("kk", b"K1")])
        .await;
    scene.publish("k13in", Some("received"), "two", &[]).await;
    let expected = scene.captured("records");
    assert_eq!(scene.read("k13", expected.len()), expected);
    scene.close().await;
}
