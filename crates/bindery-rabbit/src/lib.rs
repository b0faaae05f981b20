//! The RabbitMQ binder, on lapin
