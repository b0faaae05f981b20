//! The lag of a consumer, out of librdkafka's statistics.

use serde_json::Value;

/// How many messages of the assigned partitions wait; `None` while the library doesn't know.
pub(crate) fn lag(document: &Value, topic: &str, assigned: &[i32]) -> Option<u64> {
    let partitions = document.get("topics")?.get(topic)?.get("partitions")?;
    let mut total = 0_u64;
    for partition in assigned {
        let lag = partitions
            .get(partition.to_string())?
            .get("consumer_lag")?
            .as_i64()?;
        // A negative lag stands for one that isn't known yet.
        total = total.checked_add(u64::try_from(lag).ok()?)?;
    }
    Some(total)
}

/// How many partitions the topic has, as far as the library knows.
pub(crate) fn partitions(document: &Value, topic: &str) -> Option<i32> {
    let partitions = document
        .get("topics")?
        .get(topic)?
        .get("partitions")?
        .as_object()?;
    // The library keeps a place of its own for what has no partition.
    let count = partitions
        .keys()
        .filter(|number| !number.starts_with('-'))
        .count();
    i32::try_from(count).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_lag_is_that_of_the_assigned_partitions() {
        let document = json!({"topics": {"t": {"partitions": {
            "0": {"consumer_lag": 3}, "1": {"consumer_lag": 4}, "2": {"consumer_lag": -1}, "-1": {},
        }}}});
        assert_eq!(lag(&document, "t", &[0, 1]), Some(7));
        assert_eq!(lag(&document, "t", &[0, 2]), None);
        assert_eq!(lag(&document, "t", &[]), Some(0));
        assert_eq!(lag(&json!({"topics": 5}), "t", &[0]), None);
        assert_eq!(partitions(&document, "t"), Some(3));
    }
}
