//! The application: a value that is built, then started.

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bindery_core::{
    BinderFactory, BuiltInCodecs, Codecs, Error, ErrorKind, Listener, ListenerDefinition, ListenerKind,
    Operations, Result, States,
};
use tower_layer::Layer;

use crate::config::{ConfigLoader, Management, Model, resolve};
use crate::running::Running;
use crate::{assembly, signals};

/// What surrounds applications of one kind: the binders they know, and who serves their operations.
///
/// The facade implements it by its cargo features; the runtime itself names no broker and no HTTP library.
#[async_trait]
pub trait Environment: Send + Sync + 'static {
    /// The binders that every application knows.
    fn factories() -> Vec<Arc<dyn BinderFactory>>;

    /// Makes the log visible, unless the program has seen to that: called by [`Application::run`].
    fn log() {}

    /// The codecs of an application with the given configuration.
    ///
    /// # Errors
    /// When the configuration names a schema that can't be read.
    fn codecs(_model: &Model) -> Result<Arc<dyn Codecs>> {
        Ok(Arc::new(BuiltInCodecs))
    }

    /// Serves operations over HTTP, when the configuration asks for it.
    ///
    /// # Errors
    /// When the address can't be bound.
    async fn serve(
        _management: &Management,
        _operations: Arc<dyn Operations>,
    ) -> Result<Option<Box<dyn Server>>> {
        Ok(None)
    }
}

/// A server of operations that runs beside an application.
#[async_trait]
pub trait Server: Send + Sync {
    /// The address it listens at.
    fn address(&self) -> std::net::SocketAddr;

    /// Ends it.
    async fn shutdown(self: Box<Self>);
}

/// No binders, no server.
#[derive(Debug)]
pub struct Bare;

impl Environment for Bare {
    fn factories() -> Vec<Arc<dyn BinderFactory>> {
        Vec::new()
    }
}

/// Wraps a listener in a layer.
type Wrap = Box<dyn Fn(Arc<dyn Listener>) -> Arc<dyn Listener> + Send + Sync>;

/// A message-driven service: listeners, state, and where the configuration comes from.
///
/// An application is a value; several can live in one process. [`Application::run`] runs it until a signal ends it,
/// [`Application::start`] returns a handle.
pub struct Application<E = Bare> {
    loader: ConfigLoader,
    factories: Vec<Arc<dyn BinderFactory>>,
    codecs: Option<Arc<dyn Codecs>>,
    states: States,
    listeners: Vec<ListenerDefinition>,
    layers: Vec<Wrap>,
    banner: bool,
    environment: PhantomData<fn() -> E>,
}

impl<E: Environment> Default for Application<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Environment> Application<E> {
    /// An application that reads `application.yaml` from the working directory and `config/`, the environment, and the
    /// program's arguments.
    pub fn new() -> Self {
        let arguments = std::env::args_os()
            .skip(1)
            .filter_map(|argument| argument.into_string().ok());
        Self {
            loader: ConfigLoader::new().arguments(arguments),
            factories: E::factories(),
            codecs: None,
            states: States::default(),
            listeners: Vec::new(),
            layers: Vec::new(),
            banner: true,
            environment: PhantomData,
        }
    }

    /// Reads configuration files from this directory and its `config/`, in place of the working directory.
    #[must_use]
    pub fn config_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.loader = self.loader.directory(directory.into());
        self
    }

    /// Takes these arguments in place of the program's; only `--key=value` is read.
    #[must_use]
    pub fn arguments<A: Into<String>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.loader = self.loader.arguments(arguments.into_iter().map(Into::into));
        self
    }

    /// Takes these variables in place of the process's environment.
    #[must_use]
    pub fn environment<K: Into<String>, V: Into<String>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.loader = self.loader.environment(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into())),
        );
        self
    }

    /// Activates a profile, beside those that the configuration activates.
    #[must_use]
    pub fn profile(mut self, profile: impl Into<String>) -> Self {
        self.loader = self.loader.profile(profile);
        self
    }

    /// Adds configuration text, above the files and below the environment. `name` stands for a file name in messages.
    #[must_use]
    pub fn yaml(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.loader = self.loader.yaml(name, text);
        self
    }

    /// Sets one property, above everything else.
    #[must_use]
    pub fn property(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.loader = self.loader.property(key, value);
        self
    }

    /// Adds a kind of binder, in place of a known one of the same kind.
    #[must_use]
    pub fn binder(mut self, factory: Arc<dyn BinderFactory>) -> Self {
        self.factories.retain(|known| known.kind() != factory.kind());
        self.factories.push(factory);
        self
    }

    /// Takes these codecs in place of the built-in ones.
    #[must_use]
    pub fn codecs(mut self, codecs: Arc<dyn Codecs>) -> Self {
        self.codecs = Some(codecs);
        self
    }

    /// Adds a value that listeners take as `State<T>`.
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states.insert(value);
        self
    }

    /// Adds listeners and suppliers: `listeners![reserve_stock, release_stock]`.
    #[must_use]
    pub fn listeners(mut self, listeners: impl IntoIterator<Item = ListenerDefinition>) -> Self {
        self.listeners.extend(listeners);
        self
    }

    /// Wraps every listener and polled supplier in a layer, which runs around each of their calls. The layer that is
    /// added last is the outermost.
    ///
    /// A layer is a [`tower_layer::Layer`] over [`Listener`]s: composed once at startup, it sees the message before the
    /// handler and the outcome after it, and never the receipt.
    #[must_use]
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Arc<dyn Listener>> + Send + Sync + 'static,
        L::Service: Listener + 'static,
    {
        self.layers
            .push(Box::new(move |inner| Arc::new(layer.layer(inner))));
        self
    }

    /// Leaves the table at startup out.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.banner = false;
        self
    }

    /// Reads and checks the configuration, without connecting to anything.
    ///
    /// # Errors
    /// Every problem of the configuration at once, as one error of kind [`ErrorKind::Configuration`].
    pub fn check(&self) -> Result<Model> {
        let problem = |problems: crate::config::Problems| {
            let text = problems.to_string();
            // Whoever prints an error says that it is one.
            Error::new(
                ErrorKind::Configuration,
                text.strip_prefix("error: ").unwrap_or(&text),
            )
        };
        let properties = self.loader.clone().load().map_err(problem)?;
        let model = resolve(properties, &self.listeners, &self.factories).map_err(problem)?;
        for listener in &self.listeners {
            listener.check(&self.states)?;
        }
        Ok(model)
    }

    /// Starts the application and returns when its bindings are being bound; a broker that is away is waited for in
    /// the background, see [`Running::wait_ready`].
    ///
    /// # Errors
    /// When the configuration has problems, or the management address can't be bound. Nothing was started then.
    ///
    /// # Cancel safety
    /// A dropped call ends what it had started.
    pub async fn start(mut self) -> Result<Running> {
        bindery_core::fail_points::arm();
        let started = tokio::time::Instant::now();
        let model = self.check()?;
        for listener in &mut self.listeners {
            if let ListenerKind::Listener(function) | ListenerKind::Supplier(function) = &mut listener.kind {
                *function = self
                    .layers
                    .iter()
                    .fold(function.clone(), |inner, wrap| wrap(inner));
            }
        }
        let codecs = match self.codecs {
            Some(codecs) => codecs,
            None => E::codecs(&model)?,
        };
        if self.banner {
            let report = crate::config::report::table(&model, &self.factories);
            println!("{}\n\n{report}", crate::config::report::banner(&model));
        }
        for warning in &model.warnings {
            tracing::warn!("{warning}");
            if self.banner {
                // A service without a subscriber for its log must be told as well.
                eprintln!("warning: {warning}");
            }
        }
        let management = model.management.clone();
        let mut running = assembly::assemble(
            model,
            &self.listeners,
            &self.factories,
            codecs,
            &Arc::new(self.states),
        )?;
        match E::serve(&management, running.operations()).await {
            Ok(server) => running.serve(server),
            Err(error) => {
                running.shutdown().await?;
                return Err(error);
            }
        }
        running.announce_readiness(started, self.banner);
        Ok(running)
    }

    /// Runs the application until SIGINT or SIGTERM, then stops it in order. A second signal ends the process at once.
    ///
    /// # Errors
    /// As [`Application::start`], or when stopping took longer than its deadline.
    pub async fn run(self) -> Result<()> {
        E::log();
        let running = self.start().await?;
        signals::terminated().await;
        tracing::info!("stopping; a second signal ends the process at once");
        tokio::spawn(async {
            signals::terminated().await;
            std::process::exit(130);
        });
        running.shutdown().await
    }
}

impl<E> fmt::Debug for Application<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application")
            .field("listeners", &self.listeners)
            .finish_non_exhaustive()
    }
}
