//! Publishes to Kafka what no client library would: names of headers in any bytes, the same header twice, no payload.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::brokers::Kafka;

/// A record byte by byte.
#[derive(Clone, Debug, Default)]
pub struct Raw {
    /// The key, or none.
    pub key: Option<Vec<u8>>,
    /// The payload, or none.
    pub value: Option<Vec<u8>>,
    /// Names and values in any bytes, in this order.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Writes records to the partitions that they are given with, in order, by speaking the protocol.
///
/// # Errors
/// When the broker is away or refuses one of them.
pub async fn publish(kafka: &Kafka, topic: &str, records: Vec<(i32, Raw)>) -> Result<()> {
    let mut partitions: BTreeMap<i32, Vec<Raw>> = BTreeMap::new();
    for (partition, record) in records {
        partitions.entry(partition).or_default().push(record);
    }
    let first = kafka.address().split(',').next().unwrap_or_default();
    let mut stream = TcpStream::connect(first)
        .await
        .context("no connection to Kafka")?;
    for (partition, records) in partitions {
        // One at a time: a refused record takes no other with it.
        for record in records {
            produce(&mut stream, topic, partition, &record).await?;
        }
    }
    Ok(())
}

async fn produce(stream: &mut TcpStream, topic: &str, partition: i32, record: &Raw) -> Result<()> {
    let batch = record_batch(record)?;
    let mut body = Vec::new();
    body.extend(0_i16.to_be_bytes()); // the call: produce
    body.extend(3_i16.to_be_bytes()); // its version
    body.extend(1_i32.to_be_bytes()); // the number of the call
    string(&mut body, "bench")?;
    body.extend((-1_i16).to_be_bytes()); // no transaction
    body.extend((-1_i16).to_be_bytes()); // acknowledged by all replicas
    body.extend(30_000_i32.to_be_bytes());
    body.extend(1_i32.to_be_bytes()); // topics
    string(&mut body, topic)?;
    body.extend(1_i32.to_be_bytes()); // partitions
    body.extend(partition.to_be_bytes());
    body.extend(i32::try_from(batch.len())?.to_be_bytes());
    body.extend(batch);
    stream
        .write_all(&i32::try_from(body.len())?.to_be_bytes())
        .await?;
    stream.write_all(&body).await?;
    let length = usize::try_from(stream.read_i32().await?)?;
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await?;
    // The number of the call, one topic, its name, one partition, its number.
    let at = 4 + 4 + 2 + topic.len() + 4 + 4;
    let code = answer.get(at..at + 2).context("the answer is too short")?;
    match i16::from_be_bytes([code[0], code[1]]) {
        0 => Ok(()),
        code => bail!("Kafka refuses a raw record for `{topic}` with error {code}"),
    }
}

fn record_batch(raw: &Raw) -> Result<Vec<u8>> {
    let mut record = vec![0]; // attributes
    varint(&mut record, 0); // time since the first
    varint(&mut record, 0); // offset since the first
    optional(&mut record, raw.key.as_deref())?;
    optional(&mut record, raw.value.as_deref())?;
    varint(&mut record, i64::try_from(raw.headers.len())?);
    for (name, value) in &raw.headers {
        optional(&mut record, Some(name))?;
        optional(&mut record, Some(value))?;
    }
    let now = i64::try_from(crate::ledger::Moment::now().0 / 1_000)?;
    let mut checked = Vec::new();
    checked.extend(0_i16.to_be_bytes()); // attributes
    checked.extend(0_i32.to_be_bytes()); // last offset since the first
    checked.extend(now.to_be_bytes());
    checked.extend(now.to_be_bytes());
    checked.extend((-1_i64).to_be_bytes()); // no idempotent producer
    checked.extend((-1_i16).to_be_bytes());
    checked.extend((-1_i32).to_be_bytes());
    checked.extend(1_i32.to_be_bytes()); // records
    optional(&mut checked, Some(&record))?;
    let mut batch = Vec::new();
    batch.extend(0_i64.to_be_bytes()); // first offset
    batch.extend(i32::try_from(checked.len() + 9)?.to_be_bytes());
    batch.extend((-1_i32).to_be_bytes()); // leader epoch
    batch.push(2); // the format's version
    batch.extend(crc32c(&checked).to_be_bytes());
    batch.extend(checked);
    Ok(batch)
}

fn string(into: &mut Vec<u8>, text: &str) -> Result<()> {
    into.extend(i16::try_from(text.len())?.to_be_bytes());
    into.extend(text.as_bytes());
    Ok(())
}

fn optional(into: &mut Vec<u8>, bytes: Option<&[u8]>) -> Result<()> {
    match bytes {
        Some(bytes) => {
            varint(into, i64::try_from(bytes.len())?);
            into.extend(bytes);
        }
        None => varint(into, -1),
    }
    Ok(())
}

fn varint(into: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        into.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    into.push(rest.to_le_bytes()[0]);
}

fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0x82f6_3b78
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_of_the_format() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }
}
