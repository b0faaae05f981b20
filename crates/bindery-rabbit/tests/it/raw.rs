//! A publisher that writes AMQP frames byte by byte, because no client library sends what hostile ones do.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{address, soon};

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;

fn short(text: impl AsRef<[u8]>) -> Vec<u8> {
    let text = text.as_ref();
    let mut bytes = vec![u8::try_from(text.len()).unwrap()];
    bytes.extend(text);
    bytes
}

fn long(content: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(content.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(content);
    bytes
}

fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(channel.to_be_bytes());
    bytes.extend(long(payload));
    bytes.push(0xce);
    bytes
}

fn method(class: u16, method: u16, arguments: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = class.to_be_bytes().to_vec();
    bytes.extend(method.to_be_bytes());
    arguments.iter().for_each(|argument| bytes.extend(argument));
    bytes
}

/// One entry of a header table: a name of any bytes and an encoded value with its type.
pub fn entry(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(name.len()).unwrap()];
    bytes.extend(name);
    bytes.extend(value);
    bytes
}

/// A text value.
pub fn text_value(text: &str) -> Vec<u8> {
    let mut bytes = vec![b'S'];
    bytes.extend(long(text.as_bytes()));
    bytes
}

/// A table in a table in a table.
pub fn nested_value(depth: usize) -> Vec<u8> {
    (0..depth).fold(text_value("bottom"), |inner, _| {
        let mut bytes = vec![b'F'];
        bytes.extend(long(&entry(b"n", &inner)));
        bytes
    })
}

async fn read_method(stream: &mut TcpStream) -> (u16, u16) {
    let mut head = [0; 7];
    stream.read_exact(&mut head).await.unwrap();
    let size = u32::from_be_bytes(head[3..7].try_into().unwrap());
    let mut payload = vec![0; usize::try_from(size).unwrap() + 1];
    stream.read_exact(&mut payload).await.unwrap();
    let number = |at: usize| u16::from_be_bytes(payload[at..at + 2].try_into().unwrap());
    (number(0), number(2))
}

/// Publishes a message with the given header entries, and waits until the broker has it.
pub async fn publish(exchange: &str, routing_key: &[u8], entries: &[Vec<u8>], body: &[u8]) {
    soon("a raw publication", async {
        let mut stream = TcpStream::connect(address()).await.unwrap();
        stream.write_all(b"AMQP\x00\x00\x09\x01").await.unwrap();
        assert_eq!(read_method(&mut stream).await, (10, 10));
        let response = long(b"\0guest\0guest");
        let start_ok = method(10, 11, &[long(b""), short("PLAIN"), response, short("en_US")]);
        stream.write_all(&frame(METHOD, 0, &start_ok)).await.unwrap();
        assert_eq!(read_method(&mut stream).await, (10, 30));
        let limits = [vec![7, 255], 131_072_u32.to_be_bytes().to_vec(), vec![0, 0]];
        stream
            .write_all(&frame(METHOD, 0, &method(10, 31, &limits)))
            .await
            .unwrap();
        let open = method(10, 40, &[short("/"), short(""), vec![0]]);
        stream.write_all(&frame(METHOD, 0, &open)).await.unwrap();
        assert_eq!(read_method(&mut stream).await, (10, 41));
        stream
            .write_all(&frame(METHOD, 1, &method(20, 10, &[short("")])))
            .await
            .unwrap();
        assert_eq!(read_method(&mut stream).await, (20, 11));
        let publish = method(
            60,
            40,
            &[vec![0, 0], short(exchange), short(routing_key), vec![0]],
        );
        stream.write_all(&frame(METHOD, 1, &publish)).await.unwrap();
        let mut header = vec![0, 60, 0, 0];
        header.extend(u64::try_from(body.len()).unwrap().to_be_bytes());
        header.extend(0x2000_u16.to_be_bytes());
        header.extend(long(&entries.concat()));
        stream.write_all(&frame(HEADER, 1, &header)).await.unwrap();
        stream.write_all(&frame(BODY, 1, body)).await.unwrap();
        let close = method(20, 40, &[vec![0, 200], short("OK"), vec![0, 0, 0, 0]]);
        stream.write_all(&frame(METHOD, 1, &close)).await.unwrap();
        assert_eq!(read_method(&mut stream).await, (20, 41));
    })
    .await;
}
