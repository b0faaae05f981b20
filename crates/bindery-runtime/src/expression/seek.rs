//! A way into JSON text, followed without building what lies beside it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// The value that `names` lead to in `json`, or null; the same as [`Path::find`](super::path::Path::find) finds in the
/// whole value.
pub(super) fn seek(names: &[String], json: &[u8]) -> Value {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let found = Seek(names).deserialize(&mut reader);
    // What is no JSON as a whole has no values.
    match (found, reader.end()) {
        (Ok(value), Ok(())) => value,
        _ => Value::Null,
    }
}

/// The names that are still to be followed.
struct Seek<'a>(&'a [String]);

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.0.is_empty() {
            return serde::Deserialize::deserialize(deserializer);
        }
        deserializer.deserialize_any(self)
    }
}

/// What is no table and no list has nothing inside.
macro_rules! nothing_inside {
    ($($visit:ident: $type:ty),* $(,)?) => {
        $(fn $visit<E>(self, _value: $type) -> Result<Value, E> {
            Ok(Value::Null)
        })*
    };
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    nothing_inside!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let Some((first, rest)) = self.0.split_first() else {
            return Ok(Value::Null);
        };
        let mut found = Value::Null;
        while let Some(is_it) = entries.next_key_seed(Is(first))? {
            if is_it {
                // Of a name that comes again the last one counts.
                found = entries.next_value_seed(Seek(rest))?;
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let Some((first, rest)) = self.0.split_first() else {
            return Ok(Value::Null);
        };
        let mut left = first.parse::<usize>().ok();
        let mut found = Value::Null;
        loop {
            let more = if left == Some(0) {
                values.next_element_seed(Seek(rest))?.map(|value| found = value)
            } else {
                values.next_element::<IgnoredAny>()?.map(drop)
            };
            if more.is_none() {
                return Ok(found);
            }
            left = left.and_then(|left| left.checked_sub(1));
        }
    }
}

/// Whether a name is this one, without making a text of it.
struct Is<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::expression::path::Path;

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[ab\"\\\\é]{0,3}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[ab01é]{0,2}", inner), 0..4)
                    .prop_map(|entries| entries.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn seeking_finds_what_looking_into_the_whole_value_finds(
            value in json(),
            names in prop::collection::vec("[ab01é]{0,2}", 1..4),
        ) {
            // A text that holds JSON is looked into by whoever has the whole value.
            prop_assume!(!value.is_string());
            let text = value.to_string();
            prop_assert_eq!(seek(&names, text.as_bytes()), Path::new(names).find(value));
        }
    }

    #[test]
    fn what_is_no_json_has_no_values() {
        for text in ["", "{\"a\":1", "{\"a\":1}}", "{\"a\":1,\"b\":}"] {
            assert_eq!(seek(&["a".to_owned()], text.as_bytes()), Value::Null, "{text}");
        }
    }

    #[test]
    fn of_a_name_that_comes_again_the_last_one_counts() {
        assert_eq!(seek(&["a".to_owned()], br#"{"a":1,"b":0,"a":2}"#), Value::from(2));
    }
}
