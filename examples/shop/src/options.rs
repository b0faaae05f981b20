//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Runs the shop: the order, inventory and payment services in one process, and a generator that places orders.
#[derive(Debug, Parser)]
#[command(
    name = "shop",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Arguments such as `--spring.kafka.bootstrap-servers=host:9092` or `--stream.bindings.charge-in-0.consumer.max-attempts=2` \
                  are properties of the services and go above their YAML.\n\
                  RUST_LOG=order_service=debug,inventory_service=debug,payment_service=debug logs each step of each order: \
                  look for its `order.id`."
)]
pub struct Arguments {
    /// What to do, if not to run the shop.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to run the shop.
    #[command(flatten)]
    pub options: Options,
}

/// What else there is to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Places orders at an order service that runs elsewhere
    Generate(Generate),
}

/// How to run the shop.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// What to place.
    #[command(flatten)]
    pub load: Load,
    /// Decides which payments fail
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,
    /// Where messages go: `kafka`, `rabbit` or `mixed`; without it, everything stays in memory
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Goes before every destination and group, so that two shops on one broker don't meet
    #[arg(long, value_name = "P", default_value = "")]
    pub prefix: String,
    /// The directory with the services' configuration
    #[arg(long, value_name = "DIR", default_value = "config")]
    pub config: PathBuf,
    /// Prints the summary as one JSON object, on the last line
    #[arg(long)]
    pub json: bool,
    /// Properties of the services: `--key=value` with a dot in the key.
    #[arg(skip)]
    pub properties: Vec<String>,
}

/// Which orders to place, and how fast.
#[derive(Clone, Debug, Args)]
pub struct Load {
    /// How many orders to place
    #[arg(long, value_name = "N", default_value_t = 15_000)]
    pub orders: usize,
    /// How many orders to place in a second; without it, as fast as they are taken
    #[arg(long, value_name = "R", value_parser = rate)]
    pub rate: Option<f64>,
    /// How many seconds to wait for the next order to end before giving up
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub patience: u64,
}

impl Load {
    /// How long to wait for the next order to end.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.patience)
    }
}

/// Where to place orders.
#[derive(Debug, Args)]
pub struct Generate {
    /// The order service, such as http://localhost:8080
    #[arg(long)]
    pub url: String,
    /// Leaves out so many orders, which an earlier run has placed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub skip: usize,
    /// What to place.
    #[command(flatten)]
    pub load: Load,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if rate > 0.0 && f64::is_finite(rate) => Ok(rate),
        _ => Err("the rate is a number above 0".to_owned()),
    }
}

impl Arguments {
    /// Reads the arguments of the program.
    pub fn read(arguments: impl IntoIterator<Item = String>) -> Self {
        let (properties, own): (Vec<_>, Vec<_>) =
            arguments.into_iter().partition(|argument| is_property(argument));
        let mut arguments = Self::parse_from(own);
        arguments.options.properties = properties;
        arguments
    }
}

/// Whether an argument is a property: `--name=value` with a dot in the name.
fn is_property(argument: &str) -> bool {
    let name = argument.strip_prefix("--").and_then(|rest| rest.split_once('='));
    name.is_some_and(|(name, _)| name.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &str) -> Arguments {
        Arguments::read(arguments.split(' ').map(str::to_owned))
    }

    #[test]
    fn defaults_place_the_whole_data_set_in_memory() {
        let options = read("shop").options;
        assert_eq!(
            (options.load.orders, options.load.rate, options.profile),
            (15_000, None, None)
        );
    }

    #[test]
    fn properties_are_left_to_the_services() {
        let options =
            read("shop --orders 7 --spring.kafka.bootstrap-servers=h:1 --stream.default-binder=rabbit")
                .options;
        assert_eq!((options.load.orders, options.properties.len()), (7, 2));
    }

    #[test]
    fn the_generator_is_a_command() {
        let arguments = read("shop generate --url http://localhost:8080 --orders 5 --rate 2.5");
        let Some(Command::Generate(generate)) = arguments.command else {
            panic!("no command")
        };
        assert_eq!((generate.load.orders, generate.load.rate), (5, Some(2.5)));
    }

    #[test]
    fn a_rate_is_above_zero() {
        assert!(rate("0").is_err() && rate("-1").is_err() && rate("nan").is_err() && rate("1e3").is_ok());
    }
}
