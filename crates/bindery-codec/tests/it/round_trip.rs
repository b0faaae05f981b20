//! Whatever fits a schema comes back as it was.

use bindery_codec::AvroCodec;
use bindery_core::ExternalCodec;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A schema with a value of it. Each named type has its own name, by `number`.
fn typed(depth: u32) -> BoxedStrategy<(Value, Value)> {
    let scalar = prop_oneof![
        Just((json!("null"), Value::Null)),
        any::<bool>().prop_map(|value| (json!("boolean"), json!(value))),
        any::<i32>().prop_map(|value| (json!("int"), json!(value))),
        any::<i64>().prop_map(|value| (json!("long"), json!(value))),
        any::<i64>().prop_map(|value| (
            json!({"type": "long", "logicalType": "timestamp-micros"}),
            json!(value)
        )),
        (-1e9_f32..1e9).prop_map(|value| (json!("float"), json!(f64::from(value)))),
        (-1e300_f64..1e300).prop_map(|value| (json!("double"), json!(value))),
        ".{0,20}".prop_map(|value| (json!("string"), json!(value))),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(|value| (json!("bytes"), json!(value))),
    ];
    if depth == 0 {
        return scalar.boxed();
    }
    let list = (typed(depth - 1), 0_usize..4).prop_map(|((schema, value), count)| {
        (
            json!({"type": "array", "items": schema}),
            json!(vec![value; count]),
        )
    });
    let map = (
        typed(depth - 1),
        proptest::collection::btree_set("[a-z]{1,5}", 0..4),
    )
        .prop_map(|((schema, value), keys)| {
            let entries: serde_json::Map<_, _> = keys.into_iter().map(|key| (key, value.clone())).collect();
            (json!({"type": "map", "values": schema}), Value::Object(entries))
        });
    let record = proptest::collection::vec((typed(depth - 1), any::<u64>()), 0..4).prop_map(|parts| {
        let name = format!(
            "R{}",
            parts.iter().fold(7_u64, |sum, (_, number)| sum
                .wrapping_mul(31)
                .wrapping_add(*number))
        );
        let field = |index: usize| format!("f{index}");
        let fields: Vec<Value> = parts
            .iter()
            .enumerate()
            .map(|(index, ((schema, _), _))| json!({"name": field(index), "type": schema}))
            .collect();
        let values: serde_json::Map<_, _> = parts
            .iter()
            .enumerate()
            .map(|(index, ((_, value), _))| (field(index), value.clone()))
            .collect();
        (
            json!({"type": "record", "name": name, "fields": fields}),
            Value::Object(values),
        )
    });
    let nullable = (typed(depth - 1), any::<bool>()).prop_filter_map(
        "no union in a union, one null",
        |((schema, value), given)| {
            let alone = schema != json!("null") && !schema.is_array();
            alone.then(|| (json!(["null", schema]), if given { value } else { Value::Null }))
        },
    );
    prop_oneof![scalar, list, map, record, nullable].boxed()
}

fn has_duplicate_names(schema: &Value, seen: &mut Vec<String>) -> bool {
    match schema {
        Value::Array(items) => items.iter().any(|item| has_duplicate_names(item, seen)),
        Value::Object(object) => {
            if object.get("type") == Some(&json!("record")) {
                let name = object["name"].to_string();
                if seen.contains(&name) {
                    return true;
                }
                seen.push(name);
            }
            object.values().any(|value| has_duplicate_names(value, seen))
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn what_fits_comes_back((schema, value) in typed(3)) {
        prop_assume!(!has_duplicate_names(&schema, &mut Vec::new()));
        let codec = AvroCodec::from_schema_str(&schema.to_string()).unwrap();
        let bytes = codec.encode(&value).unwrap();
        prop_assert_eq!(codec.decode(&bytes).unwrap(), value);
    }
}
