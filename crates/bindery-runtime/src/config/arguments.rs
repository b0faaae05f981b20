//! Command line arguments as a source of properties: `--key=value`.

use super::key::Key;
use super::property::{Layer, Property};
use super::{Origin, Problem};

/// Reads the arguments of the form `--key=value`; others belong to the program. A key is one that has a dot: options
/// such as `--orders=5` are the program's own.
pub(crate) fn layer(arguments: &[String], problems: &mut Vec<Problem>) -> Layer {
    let mut properties: Vec<Property> = Vec::new();
    for argument in arguments {
        let Some((name, value)) = argument.strip_prefix("--").and_then(|rest| rest.split_once('=')) else {
            continue;
        };
        if !name.contains('.') {
            continue;
        }
        let origin = Origin::Argument(format!("--{name}").into());
        match Key::parse(name) {
            Ok(key) => {
                let canonical = key.canonical();
                properties.retain(|known| known.key.canonical() != canonical);
                properties.push(Property::text(key, value, origin));
            }
            Err(message) => problems.push(Problem::new(origin, "", message)),
        }
    }
    Layer::new("arguments", properties)
}
