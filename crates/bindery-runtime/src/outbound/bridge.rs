//! The stream bridge: publishing from anywhere, to an output binding or to a destination that no YAML names.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bindery_core::{BindingName, Codecs, Element, ListenerContext, Position, Result, States};

use super::{Copied, OutputBinding};

/// Makes the output binding of a destination that no YAML names, and starts to bind it.
pub(crate) type MakeOutput = Box<dyn Fn(&str) -> Result<Arc<OutputBinding>> + Send + Sync>;

/// The output bindings of an application, by name.
pub(crate) struct Directory {
    outputs: Mutex<HashMap<BindingName, Arc<OutputBinding>>>,
    /// By the names that programs gave, as they spelled them.
    given: RwLock<HashMap<Box<str>, Target>>,
    make: MakeOutput,
    codecs: Arc<dyn Codecs>,
}

/// An output binding, and what values for it are encoded with.
#[derive(Clone)]
struct Target {
    output: Arc<OutputBinding>,
    context: Arc<ListenerContext>,
}

impl Directory {
    pub(crate) fn new(make: MakeOutput, codecs: Arc<dyn Codecs>) -> Arc<Self> {
        Arc::new(Self {
            outputs: Mutex::new(HashMap::new()),
            given: RwLock::default(),
            make,
            codecs,
        })
    }

    pub(crate) fn insert(&self, output: Arc<OutputBinding>) {
        let mut outputs = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        outputs.insert(output.name.clone(), output);
    }

    /// Every output there is now.
    pub(crate) fn all(&self) -> Vec<Arc<OutputBinding>> {
        self.outputs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    /// What the given name stands for. Finding it again takes no more than one look.
    fn target(&self, name: &str) -> Result<Target> {
        let given = self.given.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(target) = given.get(name) {
            return Ok(target.clone());
        }
        drop(given);
        let output = self.find_or_make(name)?;
        let context = ListenerContext {
            binding: output.name.shared(),
            content_type: output.context.content_type.clone(),
            codec: output.context.codec.clone(),
            codecs: self.codecs.clone(),
            outputs: vec![output.context.clone()],
            states: Arc::new(States::default()),
        };
        let target = Target {
            output,
            context: Arc::new(context),
        };
        let mut given = self.given.write().unwrap_or_else(PoisonError::into_inner);
        given.insert(name.into(), target.clone());
        Ok(target)
    }

    /// The output of the given name; one that nobody knows is made.
    fn find_or_make(&self, name: &str) -> Result<Arc<OutputBinding>> {
        let mut outputs = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        let key = BindingName::new(name);
        if let Some(output) = outputs.get(&key) {
            return Ok(output.clone());
        }
        let output = (self.make)(name)?;
        outputs.insert(key, output.clone());
        Ok(output)
    }
}

/// Publishes values to output bindings from anywhere in the program. Cloning is cheap.
///
/// A name that is a binding's uses its properties; any other name is taken as a destination, whose output binding is
/// made when it is first used. Conversion, partitioning and confirmation are those of a listener's outputs.
#[derive(Clone)]
pub struct StreamBridge {
    directory: Arc<Directory>,
}

impl StreamBridge {
    pub(crate) fn new(directory: Arc<Directory>) -> Self {
        Self { directory }
    }

    /// Publishes `value` and returns when the broker has confirmed it.
    ///
    /// `value` is any `serde::Serialize` type, or a [`Message`](bindery_core::Message) of one. The content type is
    /// the binding's, also when the message has a header that says otherwise, as in Spring Cloud Stream. What a listener
    /// publishes to an output in this way has no order with what it returns for the same output.
    ///
    /// # Errors
    /// When the value can't be encoded, the binding can't be made, or the broker doesn't confirm the record in time.
    /// After a temporary error the record may have been published all the same.
    ///
    /// # Cancel safety
    /// A dropped call may have published the record.
    pub async fn send<T: Element>(&self, binding: &str, value: T) -> Result<Position> {
        let Target { output, context } = self.directory.target(binding)?;
        let mut encoded = value
            .encode(0, &context)
            .map_err(|error| bindery_core::Error::new(bindery_core::ErrorKind::Payload, error.to_string()))?;
        encoded.content_type = output.context.content_type.clone();
        encoded.headers.get_or_insert_default();
        output.placeable().await?;
        let record = output.record(encoded, None, &mut Copied::default())?;
        output.publish(record).await
    }
}

impl fmt::Debug for StreamBridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamBridge")
    }
}
