//! Records in a form that compares and prints well, from captures and from the broker.

use std::collections::BTreeMap;

use serde_json::Value;

/// The header that names the types of the others; the order of its entries says nothing.
const TYPES: &str = "spring_json_header_types";

/// A record. Bytes that are UTF-8 are shown as text, others in hexadecimal digits after `0x`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Record {
    pub(crate) value: Option<String>,
    pub(crate) partition: i32,
    pub(crate) key: Option<String>,
    pub(crate) headers: BTreeMap<String, String>,
}

impl Record {
    pub(crate) fn new(
        partition: i32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        pairs: Vec<(String, Vec<u8>)>,
    ) -> Self {
        let mut headers = BTreeMap::new();
        for (name, bytes) in pairs {
            let text = if name == TYPES {
                sorted(&bytes)
            } else {
                shown(&bytes)
            };
            let twice = headers.insert(name.clone(), text);
            assert!(twice.is_none(), "header `{name}` is there twice");
        }
        Self {
            value: value.map(shown),
            partition,
            key: key.map(shown),
            headers,
        }
    }

    /// One record of a capture.
    fn captured(record: &Value) -> Self {
        let pairs = record["headers"].as_array().unwrap();
        let pairs = pairs
            .iter()
            .map(|pair| {
                let name = pair[0].as_str().unwrap();
                (name.to_owned(), bytes(&pair[1]).unwrap())
            })
            .collect();
        let partition = i32::try_from(record["partition"].as_i64().unwrap()).unwrap();
        Self::new(
            partition,
            bytes(&record["key"]).as_deref(),
            bytes(&record["value"]).as_deref(),
            pairs,
        )
    }

    /// All records of one list of a capture, in order.
    pub(crate) fn all(records: &Value) -> Vec<Self> {
        records.as_array().unwrap().iter().map(Self::captured).collect()
    }

    /// Takes out the headers whose names begin so.
    pub(crate) fn take(&mut self, prefix: &str) -> BTreeMap<String, String> {
        let taken = self
            .headers
            .iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        self.headers.retain(|name, _| !name.starts_with(prefix));
        taken
    }
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    if let Some(text) = value["text"].as_str() {
        return Some(text.as_bytes().to_vec());
    }
    let hex = value["hex"].as_str()?;
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    Some((0..hex.len()).step_by(2).map(byte).collect())
}

fn shown(bytes: &[u8]) -> String {
    let printable = |text: &&str| !text.chars().any(char::is_control);
    match std::str::from_utf8(bytes).ok().filter(printable) {
        Some(text) => text.to_owned(),
        None => bytes
            .iter()
            .fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}")),
    }
}

fn sorted(types: &[u8]) -> String {
    let types: BTreeMap<String, String> = serde_json::from_slice(types).unwrap();
    serde_json::to_string(&types).unwrap()
}
