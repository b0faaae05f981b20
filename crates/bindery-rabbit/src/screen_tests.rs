//! What the screen mends, and that it touches nothing else.

use std::pin::Pin;

use futures_io::AsyncRead;
use lapin::protocol::basic::parse_properties;
use proptest::prelude::*;

use super::*;
use crate::screened::Screened;

fn framed(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, 0, 1];
    bytes.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
    bytes.extend(payload);
    bytes.push(0xce);
    bytes
}

fn sized(content: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(content.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(content);
    bytes
}

fn short(text: &[u8]) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(text.len()).unwrap()];
    bytes.extend(text);
    bytes
}

fn text_value(text: &[u8]) -> Vec<u8> {
    [b"S".to_vec(), sized(text)].concat()
}

/// A content header with a content type and one header.
fn header(content_type: &[u8], name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut payload = vec![0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0xa0, 0];
    payload.extend(short(content_type));
    payload.extend(sized(&[short(name), value.to_vec()].concat()));
    framed(HEADER, &payload)
}

fn mended(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    assert_eq!(Screen::default().mend(&mut bytes), bytes.len());
    bytes
}

fn nested(depth: usize, kind: u8) -> Vec<u8> {
    (0..depth).fold(text_value(b"bottom"), |inner, _| {
        let content = match kind {
            b'F' => [short(b"n"), inner].concat(),
            _ => inner,
        };
        [vec![kind], sized(&content)].concat()
    })
}

fn deliver(routing_key: &[u8]) -> Vec<u8> {
    let mut payload = vec![0, 60, 0, 60];
    payload.extend(short(b"tag"));
    payload.extend([0, 0, 0, 0, 0, 0, 0, 1, 0]);
    payload.extend(short(b"exchange"));
    payload.extend(short(routing_key));
    framed(METHOD, &payload)
}

#[test]
fn ordinary_frames_are_as_they_were() {
    let frames = [
        deliver("schlüssel".as_bytes()),
        header(
            "text/plain; x=ü".as_bytes(),
            "größe".as_bytes(),
            &text_value(b"\xff"),
        ),
        framed(BODY, b"\xff\xff\xff\xff"),
        framed(HEARTBEAT, b""),
        header(b"t", b"n", &nested(MAX_DEPTH, b'F')),
        header(b"t", b"n", &nested(MAX_DEPTH, b'A')),
    ]
    .concat();
    assert_eq!(mended(&frames), frames);
}

#[test]
fn bytes_that_are_no_text_are_substituted_in_names_and_properties() {
    let expected = header(b"a\x1a\x1ab", b"\x1a\x1a", &text_value(b"\xff"));
    assert_eq!(
        mended(&header(b"a\xff\xfeb", b"\xc3\xc3", &text_value(b"\xff"))),
        expected
    );
    let table = [short(b"\xff"), text_value(b"v")].concat();
    let inner = [b"F".to_vec(), sized(&table)].concat();
    let mended_table = [short(b"\x1a"), text_value(b"v")].concat();
    let expected = header(b"t", b"n", &[b"F".to_vec(), sized(&mended_table)].concat());
    assert_eq!(mended(&header(b"t", b"n", &inner)), expected);
    assert_eq!(mended(&deliver(b"k\xff")), deliver(b"k\x1a"));
}

#[test]
fn tables_that_are_nested_too_deeply_are_bytes_at_the_bottom() {
    for kind in [b'F', b'A'] {
        let frame = mended(&header(b"t", b"deep", &nested(1_000, kind)));
        let payload = &frame[HEAD_BYTES + 12..frame.len() - 1];
        let (rest, properties) = parse_properties(payload).unwrap();
        assert!(rest.is_empty());
        assert!(properties.headers().as_ref().unwrap().contains_key("deep"));
    }
}

#[test]
fn what_is_no_amqp_goes_on() {
    assert_eq!(mended(b"AMQP\x00\x00\x09\x01"), b"AMQP\x00\x00\x09\x01");
    let mut refused = b"HTTP/1.1 400 Bad Request".to_vec();
    assert_eq!(Screen::default().mend(&mut refused), refused.len());
}

/// A stream that gives so many bytes at a time.
struct Pieces(Vec<u8>, usize);

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        into: &mut [u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        let count = self.1.min(into.len()).min(self.0.len());
        into[..count].copy_from_slice(&self.0[..count]);
        self.0.drain(..count);
        std::task::Poll::Ready(Ok(count))
    }
}

async fn read(stream: &mut Screened<Pieces>, most: usize) -> Vec<u8> {
    let mut all = Vec::new();
    let mut into = vec![0; most];
    loop {
        let reading = std::future::poll_fn(|context| Pin::new(&mut *stream).poll_read(context, &mut into));
        match reading.await.unwrap() {
            0 => return all,
            count => all.extend_from_slice(&into[..count]),
        }
    }
}

proptest! {
    #[test]
    fn the_pieces_in_which_bytes_come_and_go_do_not_matter(
        sizes in prop::collection::vec(0_usize..3_000, 1..12), piece in 1_usize..5_000, most in 1_usize..5_000,
    ) {
        let frames: Vec<u8> = sizes.iter().enumerate().flat_map(|(number, size)| match number % 3 {
            0 => deliver(b"k\xff"),
            1 => header(b"\xfe", b"name", &text_value(&vec![0xff; *size])),
            _ => framed(BODY, &vec![2; *size]),
        }).collect();
        let expected = mended(&frames);
        let mut stream = Screened::new(Pieces(frames, piece));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        prop_assert_eq!(runtime.block_on(read(&mut stream, most)), expected);
    }

    #[test]
    fn no_bytes_are_lost_or_make_the_screen_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), piece in 1_usize..50) {
        let count = bytes.len();
        let mut stream = Screened::new(Pieces(bytes, piece));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        prop_assert_eq!(runtime.block_on(read(&mut stream, 64)).len(), count);
    }

    #[test]
    fn what_a_broker_takes_can_be_read_afterwards(
        content_type in prop::collection::vec(any::<u8>(), 0..20), name in prop::collection::vec(any::<u8>(), 0..20),
        depth in 0_usize..200, kind in prop::sample::select(vec![b'F', b'A']),
    ) {
        let frame = mended(&header(&content_type, &name, &nested(depth, kind)));
        let payload = &frame[HEAD_BYTES + 12..frame.len() - 1];
        prop_assert!(parse_properties(payload).is_ok());
    }
}
