//! What every program of the benches shares. A program is told what to do by variables (`Settings`), counts what it has
//! handled and checks the order (`Meter`), and prints lines that the harness reads (`line`).

pub mod line;
pub mod meter;
pub mod order;
pub mod settings;
pub mod stop;

pub use line::Line;
pub use meter::Meter;
pub use order::Order;
pub use settings::Settings;
pub use stop::Stop;
