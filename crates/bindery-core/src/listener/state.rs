//! The application's state: one value of each type, shared by every listener.

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The values given to `Application::state`, by type.
#[derive(Clone, Default)]
pub struct States {
    /// An application has a handful: looking through them is quicker than hashing.
    values: Vec<(TypeId, Entry)>,
}

/// One value: an `Arc<Shared<T>>` of which the type is not known, and what makes another outer one of it.
#[derive(Clone)]
struct Entry {
    value: Arc<dyn Any + Send + Sync>,
    unshared: fn(&Arc<dyn Any + Send + Sync>) -> Option<Arc<dyn Any + Send + Sync>>,
}

impl States {
    /// Adds a value, in place of an earlier one of its type.
    pub fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        let entry = Entry {
            value: Arc::new(Shared(Arc::new(value))),
            unshared: |value| {
                let shared = value.downcast_ref::<Shared<T>>()?;
                Some(Arc::new(Shared(shared.0.clone())))
            },
        };
        let id = TypeId::of::<T>();
        self.values.retain(|(known, _)| *known != id);
        self.values.push((id, entry));
    }

    /// The same values, under counts of their own: threads that take a value for each message would spend much of their
    /// time on handing one shared count to each other.
    pub(crate) fn unshared(&self) -> Self {
        let own = |(id, entry): &(TypeId, Entry)| {
            let mut entry = entry.clone();
            if let Some(value) = (entry.unshared)(&entry.value) {
                entry.value = value;
            }
            (*id, entry)
        };
        Self {
            values: self.values.iter().map(own).collect(),
        }
    }

    /// The value of a type.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<State<T>> {
        let id = TypeId::of::<T>();
        let (_, entry) = self.values.iter().find(|(known, _)| *known == id)?;
        entry.value.clone().downcast().ok().map(State)
    }
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "States({})", self.values.len())
    }
}

/// A shared value of the application, as an argument of a listener.
///
/// In a unit test make one with [`State::new`] and call the function with it.
pub struct State<T>(Arc<Shared<T>>);

/// A value that several counts lead to; see [`States::unshared`].
struct Shared<T>(Arc<T>);

impl<T> State<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(Arc::new(Shared(Arc::new(value))))
    }

    /// The sentence for an application that doesn't have this state.
    pub(crate) fn missing() -> String {
        format!(
            "no state of type `{0}`; add it with `Application::state({0} …)`",
            type_name::<T>()
        )
    }
}

impl<T> From<Arc<T>> for State<T> {
    fn from(value: Arc<T>) -> Self {
        Self(Arc::new(Shared(value)))
    }
}

impl<T> Clone for State<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.0
    }
}

impl<T: fmt::Debug> fmt::Debug for State<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.0.fmt(f)
    }
}
