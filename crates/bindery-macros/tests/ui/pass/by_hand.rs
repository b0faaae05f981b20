//! The attribute is sugar: the same by hand.
#![deny(warnings)]
use bindery::{ListenerDefinition, Registration, kinds, listeners};

async fn shout(text: String) -> Option<String> {
    Some(text.to_uppercase())
}

struct Shout;

impl Registration for Shout {
    fn definition() -> ListenerDefinition {
        ListenerDefinition::listener("shout", shout, kinds::Filter).with_input("quiet")
    }
}

fn main() {
    assert_eq!(listeners![Shout][0].input.as_ref().map(ToString::to_string).as_deref(), Some("quiet"));
}
