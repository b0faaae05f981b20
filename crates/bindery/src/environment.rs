//! What surrounds an application by default: the binders, codecs and operations that the cargo features chose.

use std::sync::Arc;

use bindery_core::BinderFactory;
use bindery_runtime::Environment;

/// The binders, codecs and operations of the facade's cargo features.
#[derive(Debug)]
pub struct Batteries;

impl Environment for Batteries {
    fn factories() -> Vec<Arc<dyn BinderFactory>> {
        vec![
            #[cfg(feature = "memory")]
            Arc::new(bindery_memory::MemoryBinderFactory::default()),
            #[cfg(feature = "kafka")]
            Arc::new(bindery_kafka::KafkaBinderFactory::default()),
            #[cfg(feature = "rabbit")]
            Arc::new(bindery_rabbit::RabbitBinderFactory::default()),
        ]
    }
}
