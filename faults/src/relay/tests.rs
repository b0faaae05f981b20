//! Each mode before a server that sends everything back.

use std::io::ErrorKind;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use super::*;

const DEADLINE: Duration = Duration::from_secs(20);
/// How long nothing happens before a test believes that nothing will.
const QUIET: Duration = Duration::from_millis(150);

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A server that sends back what it gets, and a relay before it.
async fn echo() -> Relay {
    let listener = TcpListener::bind(loopback()).await.unwrap();
    let upstream = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await.ok();
                to.shutdown().await.ok();
            });
        }
    });
    Relay::open(loopback(), upstream).unwrap()
}

async fn connect(relay: &Relay) -> TcpStream {
    TcpStream::connect(relay.address()).await.unwrap()
}

async fn say(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

async fn hear(stream: &mut TcpStream, text: &str) {
    let mut bytes = vec![0; text.len()];
    timeout(DEADLINE, stream.read_exact(&mut bytes))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(bytes, text.as_bytes());
}

async fn hears_nothing(stream: &mut TcpStream) {
    let mut byte = [0];
    assert!(timeout(QUIET, stream.read(&mut byte)).await.is_err());
}

async fn no_connections(relay: &Relay) {
    let gone = async {
        while relay.connections() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, gone).await.unwrap();
}

#[tokio::test]
async fn bytes_pass_and_ends_are_passed_on() {
    let relay = echo().await;
    let mut stream = connect(&relay).await;
    say(&mut stream, "hello").await;
    hear(&mut stream, "hello").await;
    assert_eq!(relay.connections(), 1);
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    no_connections(&relay).await;
}

#[tokio::test]
async fn a_delay_holds_bytes_back_in_order() {
    let relay = echo().await;
    relay.set(Mode::Delay(Duration::from_millis(100)));
    let mut stream = connect(&relay).await;
    let from = Instant::now();
    say(&mut stream, "one").await;
    say(&mut stream, "two").await;
    hear(&mut stream, "onetwo").await;
    assert!(from.elapsed() >= Duration::from_millis(200), "there and back");
}

#[tokio::test]
async fn a_throttle_limits_the_rate() {
    let relay = echo().await;
    relay.set(Mode::Throttle {
        bytes_per_second: 10_000,
    });
    let mut stream = connect(&relay).await;
    let from = Instant::now();
    let text = "x".repeat(3_000);
    say(&mut stream, &text).await;
    hear(&mut stream, &text).await;
    assert!(from.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn a_blackhole_holds_one_way_and_lets_go() {
    let relay = echo().await;
    for held in [Direction::ToBroker, Direction::ToClient, Direction::Both] {
        let mut stream = connect(&relay).await;
        say(&mut stream, "before").await;
        hear(&mut stream, "before").await;
        relay.set(Mode::Blackhole(held));
        say(&mut stream, "during").await;
        hears_nothing(&mut stream).await;
        relay.set(Mode::Pass);
        hear(&mut stream, "during").await;
    }
}

#[tokio::test]
async fn a_connection_made_in_a_blackhole_works_once_it_is_over() {
    let relay = echo().await;
    relay.set(Mode::Blackhole(Direction::Both));
    let mut stream = connect(&relay).await;
    say(&mut stream, "late").await;
    hears_nothing(&mut stream).await;
    relay.set(Mode::Pass);
    hear(&mut stream, "late").await;
}

#[tokio::test]
async fn refusing_spares_open_connections_and_ends_with_the_mode() {
    let relay = echo().await;
    let mut stream = connect(&relay).await;
    say(&mut stream, "a").await;
    hear(&mut stream, "a").await;
    relay.set(Mode::Refuse);
    let refused = async {
        while !matches!(TcpStream::connect(relay.address()).await, Err(error) if error.kind() == ErrorKind::ConnectionRefused)
        {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, refused).await.unwrap();
    say(&mut stream, "b").await;
    hear(&mut stream, "b").await;
    relay.set(Mode::Pass);
    let accepted = async {
        while TcpStream::connect(relay.address()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, accepted).await.unwrap();
}

#[tokio::test]
async fn a_reset_reaches_every_connection() {
    let relay = echo().await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut stream = connect(&relay).await;
        say(&mut stream, "a").await;
        hear(&mut stream, "a").await;
        streams.push(stream);
    }
    assert_eq!(relay.reset_all(), 3);
    for mut stream in streams {
        let error = timeout(DEADLINE, stream.read(&mut [0]))
            .await
            .unwrap()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    no_connections(&relay).await;
    let mut stream = connect(&relay).await;
    say(&mut stream, "again").await;
    hear(&mut stream, "again").await;
}

#[tokio::test]
async fn a_connection_is_cut_after_its_bytes() {
    let relay = echo().await;
    let mut stream = connect(&relay).await;
    say(&mut stream, "0123456789").await;
    hear(&mut stream, "0123456789").await;
    // Ten bytes to the server, five of them back.
    relay.set(Mode::CutAfter(15));
    say(&mut stream, "0123456789").await;
    let mut received = Vec::new();
    let error = timeout(DEADLINE, stream.read_to_end(&mut received))
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(b"01234".starts_with(&received), "{received:?}");
}

#[tokio::test]
async fn a_server_that_is_away_resets_the_client() {
    let listener = TcpListener::bind(loopback()).await.unwrap();
    let upstream = listener.local_addr().unwrap();
    drop(listener);
    let relay = Relay::open(loopback(), upstream).unwrap();
    let mut stream = connect(&relay).await;
    let end = timeout(DEADLINE, stream.read(&mut [0])).await.unwrap();
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_dropped_relay_ends_its_connections() {
    let relay = echo().await;
    let mut stream = connect(&relay).await;
    say(&mut stream, "a").await;
    hear(&mut stream, "a").await;
    let address = relay.address();
    drop(relay);
    let end = timeout(DEADLINE, stream.read(&mut [0])).await.unwrap();
    assert!(matches!(end, Ok(0) | Err(_)));
    assert!(TcpStream::connect(address).await.is_err());
}
