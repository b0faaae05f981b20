//! Configuration: from text to raw properties to a resolved [`Model`], once.
//!
//! [`ConfigLoader`] finds and layers the sources; [`resolve`] checks every key of our tree against the tables of the
//! core and of the binders, applies inheritance and gives the model. `spring.cloud.stream` and `stream` are one tree.
//! Names are compared relaxed, keys in maps such as `configuration` are kept as given. Keys of other trees are left
//! alone and can be read with [`Model::get`] and [`Properties::bind`].
//!
//! | file | what it knows |
//! | --- | --- |
//! | `yaml`, `environment`, `arguments` | one kind of source each: text to properties with their places |
//! | `loader`, `profiles`, `layers` | which sources count, and which wins |
//! | `placeholder` | `${key:default}` |
//! | `core_properties`, `schema` | which keys exist |
//! | `validate`, `value` | whether a key and its value are right |
//! | `resolve` | the model |
//! | `report` | the table at startup |
//!
//! An Avro schema is named by `stream.avro.schemas.<binding>: <file>`; the file is looked for in the directory of the
//! configuration.

mod arguments;
mod core_properties;
mod environment;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod key;
mod layers;
mod loader;
mod model;
mod nearest;
mod placeholder;
mod problem;
mod profiles;
mod properties;
mod property;
pub mod report;
mod resolve;
pub mod retry;
mod schema;
mod secrets;
mod settings;
mod validate;
mod value;
mod yaml;

pub use loader::ConfigLoader;
pub use model::{InputSpec, Management, Model, OnExhausted, Ordering, OutputSpec, Poller, ShowDetails};
pub use problem::{Origin, Problem, Problems, Warning};
pub use properties::Properties;
pub use resolve::resolve;
pub use retry::{Jitter, NextAttempt, RetryPolicy, RetryStrategy};
