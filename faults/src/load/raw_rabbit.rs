//! Publishes to RabbitMQ what no client library would, by writing AMQP frames: names of headers in any bytes, tables in
//! tables, the same header twice.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::brokers::Rabbit;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const FRAME_BYTES: usize = 131_072;
const PATIENCE: Duration = Duration::from_secs(30);

/// A message byte by byte.
#[derive(Clone, Debug, Default)]
pub struct Raw {
    /// Header entries as [`entry`] encodes them.
    pub headers: Vec<Vec<u8>>,
    /// The content type in any bytes, or none.
    pub content_type: Option<Vec<u8>>,
    /// The content encoding in any bytes, or none.
    pub content_encoding: Option<Vec<u8>>,
    /// The payload.
    pub body: Vec<u8>,
}

/// One entry of a header table: a name of any bytes (255 at most) and an encoded value.
pub fn entry(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = short(name);
    bytes.extend(value);
    bytes
}

/// A text value, in any bytes.
pub fn text_value(text: &[u8]) -> Vec<u8> {
    let mut bytes = vec![b'S'];
    bytes.extend(long(text));
    bytes
}

/// A table in a table in a table.
pub fn nested_value(depth: usize) -> Vec<u8> {
    (0..depth).fold(text_value(b"bottom"), |inner, _| {
        let mut bytes = vec![b'F'];
        bytes.extend(long(&entry(b"n", &inner)));
        bytes
    })
}

/// Publishes messages to an exchange over one channel, persistently, and waits until the broker has them.
///
/// # Errors
/// When the broker is away or refuses one of them.
pub async fn publish(rabbit: &Rabbit, exchange: &str, routing_key: &str, messages: &[Raw]) -> Result<()> {
    let publishing = async {
        let mut stream = open(rabbit).await?;
        for message in messages {
            send(&mut stream, exchange, routing_key, message).await?;
        }
        let close = method(20, 40, &[vec![0, 200], short(b"OK"), vec![0, 0, 0, 0]]);
        write(&mut stream, METHOD, 1, &close).await?;
        expect(&mut stream, (20, 41)).await
    };
    tokio::time::timeout(PATIENCE, publishing)
        .await
        .context("a raw publication was not finished in time")?
        .with_context(|| format!("a raw publication to `{exchange}`"))
}

async fn open(rabbit: &Rabbit) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(rabbit.address()).await?;
    stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
    expect(&mut stream, (10, 10)).await?;
    let response = long(b"\0guest\0guest");
    let start_ok = method(10, 11, &[long(b""), short(b"PLAIN"), response, short(b"en_US")]);
    write(&mut stream, METHOD, 0, &start_ok).await?;
    expect(&mut stream, (10, 30)).await?;
    let frame_bytes = u32::try_from(FRAME_BYTES)?.to_be_bytes().to_vec();
    let tune_ok = method(10, 31, &[vec![7, 255], frame_bytes, vec![0, 0]]);
    write(&mut stream, METHOD, 0, &tune_ok).await?;
    let host = method(10, 40, &[short(b"/"), short(b""), vec![0]]);
    write(&mut stream, METHOD, 0, &host).await?;
    expect(&mut stream, (10, 41)).await?;
    write(&mut stream, METHOD, 1, &method(20, 10, &[short(b"")])).await?;
    expect(&mut stream, (20, 11)).await?;
    Ok(stream)
}

async fn send(stream: &mut TcpStream, exchange: &str, routing_key: &str, message: &Raw) -> Result<()> {
    let target = [
        vec![0, 0],
        short(exchange.as_bytes()),
        short(routing_key.as_bytes()),
        vec![0],
    ];
    write(stream, METHOD, 1, &method(60, 40, &target)).await?;
    let mut header = vec![0, 60, 0, 0];
    header.extend(u64::try_from(message.body.len())?.to_be_bytes());
    // Flags for content type and encoding, the headers and the delivery mode, in the order in which they follow.
    let flags = 0x3000
        | if message.content_type.is_some() {
            0x8000_u16
        } else {
            0
        };
    header.extend(flags.to_be_bytes());
    if let Some(content_type) = &message.content_type {
        header.extend(short(content_type));
    }
    header.extend(long(&message.headers.concat()));
    header.push(2);
    write(stream, HEADER, 1, &header).await?;
    for chunk in message.body.chunks(FRAME_BYTES - 8) {
        write(stream, BODY, 1, chunk).await?;
    }
    Ok(())
}

fn short(text: &[u8]) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
    let mut bytes = vec![length];
    bytes.extend(&text[..usize::from(length)]);
    bytes
}

fn long(content: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(content.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes()
        .to_vec();
    bytes.extend(content);
    bytes
}

fn method(class: u16, method: u16, arguments: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = class.to_be_bytes().to_vec();
    bytes.extend(method.to_be_bytes());
    bytes.extend(arguments.concat());
    bytes
}

async fn write(stream: &mut TcpStream, kind: u8, channel: u16, payload: &[u8]) -> Result<()> {
    let mut bytes = vec![kind];
    bytes.extend(channel.to_be_bytes());
    bytes.extend(long(payload));
    bytes.push(0xce);
    Ok(stream.write_all(&bytes).await?)
}

/// Reads frames until the broker says this; heartbeats don't count.
async fn expect(stream: &mut TcpStream, wanted: (u16, u16)) -> Result<()> {
    loop {
        let mut head = [0; 7];
        stream.read_exact(&mut head).await?;
        let size = usize::try_from(u32::from_be_bytes([head[3], head[4], head[5], head[6]]))?;
        let mut payload = vec![0; size + 1];
        stream.read_exact(&mut payload).await?;
        if head[0] != METHOD || payload.len() < 5 {
            continue;
        }
        let said = (
            u16::from_be_bytes([payload[0], payload[1]]),
            u16::from_be_bytes([payload[2], payload[3]]),
        );
        if said != wanted {
            bail!(
                "the broker said {said:?} instead of {wanted:?}: {}",
                String::from_utf8_lossy(&payload)
            );
        }
        return Ok(());
    }
}
