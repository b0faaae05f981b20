//! A RabbitMQ client of its own: it publishes what the JVM's program was given, and reads what came of it.

use std::time::Duration;

use lapin::message::Delivery;
use lapin::options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

use crate::scene::{DEADLINE, variable};

/// A connection with a channel.
pub(crate) struct Raw {
    _connection: Connection,
    channel: Channel,
}

impl Raw {
    pub(crate) async fn connect() -> Self {
        let address = format!("amqp://guest:guest@{}/%2f", variable("RABBITMQ_ADDRESSES"));
        let connection = Connection::connect(&address, ConnectionProperties::default())
            .await
            .unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .unwrap();
        Self {
            _connection: connection,
            channel,
        }
    }

    /// Publishes with the exchange's name as routing key, and waits for the confirmation.
    pub(crate) async fn publish(&self, exchange: &str, body: &str, properties: BasicProperties) {
        let options = BasicPublishOptions::default();
        let publishing = self.channel.basic_publish(
            exchange.into(),
            exchange.into(),
            options,
            body.as_bytes(),
            properties,
        );
        publishing.await.unwrap().await.unwrap();
    }

    /// Takes one message from a queue for good, if there is one.
    pub(crate) async fn get(&self, queue: &str) -> Option<Delivery> {
        let options = BasicGetOptions { no_ack: true };
        let message = self.channel.basic_get(queue.into(), options).await.unwrap();
        message.map(|message| message.delivery)
    }

    /// Takes the next message from a queue for good.
    pub(crate) async fn take(&self, queue: &str) -> Delivery {
        let taking = async {
            loop {
                if let Some(message) = self.get(queue).await {
                    return message;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(DEADLINE, taking)
            .await
            .unwrap_or_else(|_| panic!("no message came to `{queue}`"))
    }
}
