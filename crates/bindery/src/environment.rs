//! What surrounds an application by default: the binders, codecs and operations that the cargo features chose.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bindery_core::{BinderFactory, BindingName, Codecs, Operations, Result};
#[cfg(not(feature = "avro"))]
use bindery_core::{Error, ErrorKind};
use bindery_runtime::config::{Management, Model};
use bindery_runtime::{Environment, Server};

/// The binders, codecs and operations of the facade's cargo features.
#[derive(Debug)]
pub struct Batteries;

#[async_trait]
impl Environment for Batteries {
    fn factories() -> Vec<Arc<dyn BinderFactory>> {
        vec![
            #[cfg(feature = "memory")]
            Arc::new(bindery_memory::MemoryBinderFactory::default()),
            #[cfg(feature = "kafka")]
            Arc::new(bindery_kafka::KafkaBinderFactory),
            #[cfg(feature = "rabbit")]
            Arc::new(bindery_rabbit::RabbitBinderFactory),
        ]
    }

    #[cfg(feature = "log")]
    fn log() {
        use tracing_subscriber::EnvFilter;

        // The binder says in one line what lapin says in four; returned messages it logs with their payload.
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,lapin=off"));
        // A program that has a subscriber of its own keeps it.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .with_writer(std::io::stderr)
            .try_init();
    }

    fn codecs(model: &Model) -> Result<Arc<dyn Codecs>> {
        let inputs = model.inputs.iter().map(|input| (&input.name, &input.avro_schema));
        let outputs = model
            .outputs
            .iter()
            .map(|output| (&output.name, &output.avro_schema));
        codecs(
            inputs
                .chain(outputs)
                .filter_map(|(name, schema)| Some((name, schema.as_deref()?))),
        )
    }

    async fn serve(
        management: &Management,
        operations: Arc<dyn Operations>,
    ) -> Result<Option<Box<dyn Server>>> {
        match management.port {
            Some(port) => serve(management, port, operations).await.map(Some),
            None => Ok(None),
        }
    }
}

#[cfg(feature = "ops")]
async fn serve(
    management: &Management,
    port: u16,
    operations: Arc<dyn Operations>,
) -> Result<Box<dyn Server>> {
    use bindery_ops::{Exposure, OpsServer};
    use bindery_runtime::config::ShowDetails;

    struct Ops(OpsServer);

    #[async_trait]
    impl Server for Ops {
        fn address(&self) -> std::net::SocketAddr {
            self.0.local_addr()
        }

        async fn shutdown(self: Box<Self>) {
            self.0.shutdown().await;
        }
    }

    let exposure = Exposure::parse(&management.include.join(","))?
        .excluding(&management.exclude.join(","))?
        .with_details(management.show_details == ShowDetails::Always);
    for name in exposure.without_effect() {
        tracing::warn!(
            "`management.endpoints.web.exposure.include`: there is no endpoint `{name}` here; it has no effect"
        );
    }
    let server = OpsServer::bind((management.address, port).into(), &exposure, operations).await?;
    Ok(Box::new(Ops(server)))
}

#[cfg(not(feature = "ops"))]
async fn serve(
    _management: &Management,
    _port: u16,
    _operations: Arc<dyn Operations>,
) -> Result<Box<dyn Server>> {
    let text = "`management.server.port` is set, and this program is built without the feature `ops`";
    Err(bindery_core::Error::new(
        bindery_core::ErrorKind::Configuration,
        text,
    ))
}

#[cfg(feature = "avro")]
fn codecs<'m>(schemas: impl Iterator<Item = (&'m BindingName, &'m Path)>) -> Result<Arc<dyn Codecs>> {
    let mut content_types = bindery_codec::ContentTypes::new();
    for (binding, file) in schemas {
        let schema = bindery_codec::AvroCodec::from_schema_file(file)
            .map_err(|error| error.with("binding", binding))?;
        content_types = content_types.with_binding_schema(binding, schema);
    }
    Ok(Arc::new(content_types))
}

#[cfg(not(feature = "avro"))]
fn codecs<'m>(mut schemas: impl Iterator<Item = (&'m BindingName, &'m Path)>) -> Result<Arc<dyn Codecs>> {
    match schemas.next() {
        None => Ok(Arc::new(bindery_core::BuiltInCodecs)),
        Some((binding, _)) => {
            let text = "an Avro schema is configured, and this program is built without the feature `avro`";
            Err(Error::new(ErrorKind::Configuration, text).with("binding", binding))
        }
    }
}
