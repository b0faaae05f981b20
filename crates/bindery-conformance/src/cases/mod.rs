//! The cases, one module an area. `table.rs` lists them with what they need.

pub mod attempts;
pub mod back_pressure;
pub mod batch;
pub mod concurrency;
pub mod confirms;
pub mod dead_letter;
pub mod delivery;
pub mod groups;
pub mod headers;
pub mod lifecycle;
pub mod observation;
pub mod ordering;
pub mod outage;
pub mod partitions;
pub mod provisioning;
pub mod recovery;
pub mod services;
pub mod settlement;

use std::marker::PhantomData;

use bindery_core::kinds::{Fallible, Nothing};
use bindery_core::{Batch, HandlerError, ListenerDefinition, ViaMessage};

use crate::service::{LISTENER, Ledger};

/// A listener that takes batches: one that has a message `never passes` fails as a whole, the messages of others are
/// noted.
fn batched(ledger: &Ledger) -> ListenerDefinition {
    let noted = ledger.clone();
    let listener = move |batch: Batch<String>| {
        let noted = noted.clone();
        async move {
            let texts: Vec<String> = batch.payloads().collect();
            if texts.iter().any(|text| text == "never passes") {
                return Err(HandlerError::permanent("no such part"));
            }
            texts.iter().for_each(|text| noted.note(text, 1));
            Ok(())
        }
    };
    let kind = Fallible(PhantomData::<Nothing>);
    ListenerDefinition::listener::<_, ((ViaMessage, Batch<String>),), _>(LISTENER, listener, kind)
}

/// `<prefix>0`, `<prefix>1`, … of `count` texts.
fn numbered(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}{number}")).collect()
}

/// The texts that begin with `prefix`, in their order.
fn beginning_with<'a>(texts: &'a [String], prefix: &str) -> Vec<&'a String> {
    texts.iter().filter(|text| text.starts_with(prefix)).collect()
}

/// The same texts in the order of the alphabet.
fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}
