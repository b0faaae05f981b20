//! Messages that no honest client sends, each with a mark by which its dead letter is known.

use std::io::Write;
use std::sync::LazyLock;

use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;
use rand::Rng;

use crate::context::{Broker, Context};
use crate::ledger::{Moment, Outcome, Record, Writer};
use crate::load::{raw_kafka, raw_rabbit};
use crate::verify::MARK;
use crate::work::{Conduct, Work};

/// Ids and keys from here on belong to hostile messages.
pub const FROM: u64 = 10_000_000;

const JSON: &[u8] = b"application/json";

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The payload is cut off JSON.
    BrokenJson,
    /// The payload is JSON of another shape.
    OtherShape,
    /// The payload is JSON with text that is no UTF-8.
    JsonNotUtf8,
    /// The payload is a hundred thousand lists in each other.
    NestedJson,
    /// The payload has no bytes.
    Empty,
    /// There is no payload (Kafka).
    Tombstone,
    /// Nobody knows the content type.
    OtherContentType,
    /// The content type is no UTF-8.
    ContentTypeNotUtf8,
    /// A header's name is no UTF-8.
    HeaderNameNotUtf8,
    /// A header's value has 64 KiB; the handler refuses the message.
    LargeHeader,
    /// There are a thousand headers; the handler refuses the message.
    ManyHeaders,
    /// The same header comes again and again; the handler refuses the message.
    SameHeader,
    /// The header that tells the types of the others is broken (Kafka); the handler refuses the message.
    BrokenTypes,
    /// Headers are nested a thousand levels deep (RabbitMQ).
    NestedHeaders,
    /// The payload says that it is gzip and is not (RabbitMQ).
    BrokenGzip,
    /// The payload is 100 MB of spaces in gzip (RabbitMQ).
    GzipBomb,
    /// The handler panics each time.
    Panic,
    /// The handler fails each time.
    FailAlways,
}

impl Kind {
    /// The kinds that can be said to a broker.
    pub fn of(broker: Broker) -> Vec<Self> {
        let mut kinds = vec![
            Self::BrokenJson,
            Self::OtherShape,
            Self::JsonNotUtf8,
            Self::NestedJson,
            Self::Empty,
            Self::OtherContentType,
            Self::ContentTypeNotUtf8,
            Self::HeaderNameNotUtf8,
            Self::LargeHeader,
            Self::ManyHeaders,
            Self::SameHeader,
            Self::Panic,
            Self::FailAlways,
        ];
        match broker {
            Broker::Kafka => kinds.extend([Self::Tombstone, Self::BrokenTypes]),
            Broker::Rabbit => kinds.extend([Self::NestedHeaders, Self::BrokenGzip, Self::GzipBomb]),
            Broker::Memory => {}
        }
        kinds
    }

    /// What the handler does, where the message reaches it.
    fn conduct(self) -> Option<Conduct> {
        match self {
            Self::LargeHeader | Self::ManyHeaders | Self::SameHeader | Self::BrokenTypes => {
                Some(Conduct::Refuse)
            }
            Self::Panic => Some(Conduct::Panic),
            Self::FailAlways => Some(Conduct::FailAlways),
            _ => None,
        }
    }

    /// Whether the payload itself is what a handler could read.
    fn has_work(self) -> bool {
        self.conduct().is_some()
            || matches!(
                self,
                Self::HeaderNameNotUtf8
                    | Self::ContentTypeNotUtf8
                    | Self::OtherContentType
                    | Self::NestedHeaders
            )
    }
}

/// One hostile message.
#[derive(Clone, Debug)]
pub struct Hostile {
    /// What is wrong with it.
    pub kind: Kind,
    /// By what its dead letter is known.
    pub mark: String,
    /// What its payload says, where it says something.
    pub work: Option<Work>,
}

impl Hostile {
    /// The `number`th hostile message of a run.
    pub fn new(kind: Kind, number: u64) -> Self {
        let work = kind.has_work().then(|| Work {
            id: FROM + number,
            key: u32::try_from(FROM + number).unwrap_or(u32::MAX),
            conduct: kind.conduct().unwrap_or_default(),
            ..Work::default()
        });
        Self {
            kind,
            mark: format!("{kind:?}-{number}"),
            work,
        }
    }

    /// `count` messages of all kinds that can be said to a broker.
    pub fn some(broker: Broker, count: u64) -> Vec<Self> {
        let kinds = Kind::of(broker);
        (0..count)
            .zip(kinds.into_iter().cycle())
            .map(|(number, kind)| Self::new(kind, number))
            .collect()
    }

    fn payload(&self) -> Option<Vec<u8>> {
        if let Some(work) = &self.work {
            return serde_json::to_vec(work).ok();
        }
        Some(match self.kind {
            Kind::Tombstone => return None,
            Kind::Empty => Vec::new(),
            Kind::OtherShape => br#"{"id":"seven","key":[]}"#.to_vec(),
            Kind::JsonNotUtf8 => b"{\"key\":1,\"seq\":0,\"pad\":\"\xff\xfe\"}".to_vec(),
            Kind::NestedJson => b"[".repeat(100_000),
            Kind::BrokenGzip => b"\x1f\x8b\x08 this is no gzip".to_vec(),
            Kind::GzipBomb => BOMB.clone(),
            _ => br#"{"seq":1,"key":"#.to_vec(),
        })
    }

    fn content_type(&self) -> Vec<u8> {
        match self.kind {
            Kind::OtherContentType => b"application/x-never-heard-of".to_vec(),
            Kind::ContentTypeNotUtf8 => b"application/\xff\xfe".to_vec(),
            _ => JSON.to_vec(),
        }
    }

    /// The headers that are wrong, as names and texts.
    fn headers(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let text = |name: &[u8], value: &[u8]| (name.to_vec(), value.to_vec());
        match self.kind {
            Kind::HeaderNameNotUtf8 => vec![text(b"\xff\xfe-name", b"v")],
            Kind::LargeHeader => vec![text(b"large", &b"x".repeat(65_536))],
            Kind::ManyHeaders => (0..1_000)
                .map(|number| text(format!("header-{number}").as_bytes(), b"v"))
                .collect(),
            Kind::SameHeader => (0..50)
                .map(|number| text(b"again", number.to_string().as_bytes()))
                .collect(),
            Kind::BrokenTypes => vec![
                text(b"spring_json_header_types", &b"{\"n\":".repeat(5_000)),
                text(b"n", b"\xff"),
            ],
            _ => Vec::new(),
        }
    }

    fn for_kafka(&self) -> raw_kafka::Raw {
        let mut headers = vec![
            (MARK.into(), self.mark.clone().into()),
            (b"contentType".to_vec(), self.content_type()),
        ];
        headers.extend(self.headers());
        raw_kafka::Raw {
            key: Some(self.mark.clone().into()),
            value: self.payload(),
            headers,
        }
    }

    fn for_rabbit(&self) -> raw_rabbit::Raw {
        let mut headers = vec![(MARK.into(), self.mark.clone().into())];
        headers.extend(self.headers());
        let mut headers: Vec<Vec<u8>> = headers
            .into_iter()
            .map(|(name, value): (Vec<u8>, Vec<u8>)| {
                raw_rabbit::entry(&name, &raw_rabbit::text_value(&value))
            })
            .collect();
        if self.kind == Kind::NestedHeaders {
            headers.push(raw_rabbit::entry(b"deep", &raw_rabbit::nested_value(1_000)));
        }
        let is_gzip = matches!(self.kind, Kind::BrokenGzip | Kind::GzipBomb);
        raw_rabbit::Raw {
            headers,
            content_type: Some(self.content_type()),
            content_encoding: is_gzip.then(|| b"gzip".to_vec()),
            body: self.payload().unwrap_or_default(),
        }
    }

    /// Publishes the message to one of the inputs, and writes it down where it says who it is.
    ///
    /// # Errors
    /// When the broker refuses it, or the ledger can't be written.
    pub async fn publish(
        &self,
        context: &Context,
        inputs: &[String],
        ledger: &Writer,
        random: &mut impl Rng,
    ) -> Result<()> {
        if let Some(Work { id, key, seq, .. }) = self.work {
            let at = Moment::now();
            ledger.append(&Record::Intent { id, key, seq, at })?;
        }
        let input = &inputs[random.random_range(0..inputs.len())];
        match context.broker {
            Broker::Rabbit => {
                raw_rabbit::publish(&context.rabbit, input, input, &[self.for_rabbit()]).await?;
            }
            Broker::Kafka | Broker::Memory => {
                let partitions = context.kafka.ends(input).await?.len().max(1);
                let partition = i32::try_from(random.random_range(0..partitions))?;
                raw_kafka::publish(&context.kafka, input, vec![(partition, self.for_kafka())]).await?;
            }
        }
        if let Some(Work { id, .. }) = self.work {
            let (outcome, at) = (Outcome::Ok, Moment::now());
            ledger.append(&Record::Answer { id, outcome, at })?;
        }
        Ok(())
    }
}

static BOMB: LazyLock<Vec<u8>> = LazyLock::new(bomb);

fn bomb() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let chunk = vec![b' '; 1 << 20];
    for _ in 0..100 {
        encoder.write_all(&chunk).expect("memory takes every byte");
    }
    encoder.finish().expect("memory takes every byte")
}
