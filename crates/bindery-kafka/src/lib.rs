//! The Kafka binder, on rdkafka
