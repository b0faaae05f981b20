//! Throwaway.
#![allow(missing_docs)]
use std::sync::Arc;

use bindery_core::{BinderFactory, ListenerDefinition, kinds};
use bindery_runtime::config::{ConfigLoader, report, resolve};
async fn consume(_: Vec<u8>) {}
async fn apply(value: Vec<u8>) -> Vec<u8> { value }
fn main() {
    let f: Vec<Arc<dyn BinderFactory>> = vec![Arc::new(bindery_memory::MemoryBinderFactory::default()), Arc::new(bindery_kafka::KafkaBinderFactory), Arc::new(bindery_rabbit::RabbitBinderFactory)];
    let l = || vec![
        ListenerDefinition::listener("upper", apply, kinds::One), ListenerDefinition::listener("pass", apply, kinds::One),
        ListenerDefinition::listener("order", apply, kinds::One), ListenerDefinition::listener("boom", consume, kinds::Nothing),
        ListenerDefinition::listener("typed", consume, kinds::Nothing), ListenerDefinition::listener("sink", consume, kinds::Nothing)];
    for file in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&file).unwrap();
        let r = ConfigLoader::new().directory("/nonexistent").environment([]).yaml("application.yaml", text).load().and_then(|p| resolve(p, &l(), &f));
        match r { Ok(m) => { println!("OK {file}\n{}", report::table(&m, &f)); for w in &m.warnings { println!("! {w}"); } }, Err(p) => println!("ERR {file}\n{p}") }
    }
}
