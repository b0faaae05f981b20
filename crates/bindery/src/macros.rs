//! The attributes and `listeners!`, with their documentation.

/// Makes an `async fn` a stream listener: called with each message of its input, publishing what it returns.
///
/// The function itself isn't changed: a unit test calls it like any other. Register it with
/// [`listeners!`](crate::listeners).
///
/// # Arguments
/// At most eight, in any order, of which at most one takes the payload:
///
/// | type | is |
/// | --- | --- |
/// | any `serde::Deserialize` | the payload |
/// | [`Message<T>`](crate::Message) | the payload with headers and key |
/// | [`Batch<T>`](crate::Batch) | several messages, in batch mode |
/// | [`Headers`](crate::Headers), [`Header<H>`](crate::Header) | the headers, one required header |
/// | [`Key`](crate::Key), [`Attempt`](crate::Attempt) | the message key, which delivery this is |
/// | [`State<T>`](crate::State) | a value of the application |
/// | [`Acknowledgment`](crate::Acknowledgment) | the duty to settle the message by hand |
///
/// # Results
/// Each of these, or a `Result` of it whose error is any `std::error::Error` or a
/// [`HandlerError`](crate::HandlerError), which also says whether to retry:
///
/// | type | publishes |
/// | --- | --- |
/// | `()` | nothing |
/// | any `serde::Serialize` | one message |
/// | [`Message<T>`](crate::Message) | one message, with these headers and this key |
/// | `Option<T>` | one message or none |
/// | `Vec<T>` | each element, in order |
/// | `(A, B)`, `(A, B, C)` | one message to each output; with `Option`s, one or none |
///
/// # Options
/// | option | is | default |
/// | --- | --- | --- |
/// | `name = "…"` | the name from which binding names follow | the function's name |
/// | `input = "…"` | the input binding | `<name>-in-0` |
/// | `output = "…"` | the output binding | `<name>-out-0` |
/// | `outputs = ["…", "…"]` | the output bindings of a tuple, in order | `<name>-out-<i>` |
///
/// What a binding is connected to is said in `application.yaml`.
///
/// # Examples
/// ```
/// use bindery::prelude::*;
///
/// #[stream_listener]
/// async fn shout(text: String) -> String {
///     text.to_uppercase()
/// }
///
/// #[stream_listener(input = "orders", outputs = ["accepted", "refused"])]
/// async fn sort(amount: i64, headers: Headers) -> (Option<i64>, Option<i64>) {
///     if headers.get("blocked").is_none() && amount > 0 { (Some(amount), None) } else { (None, Some(amount)) }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert_eq!(shout("hello".to_owned()).await, "HELLO");
/// # });
/// let sort = &listeners![shout, sort][1];
/// assert_eq!(sort.outputs[1].as_str(), "refused");
/// ```
///
/// What stands beside the function could be written by hand: a type and one call.
/// ```
/// use bindery::{ListenerDefinition, Registration, kinds};
///
/// async fn shout(text: String) -> String {
///     text.to_uppercase()
/// }
///
/// struct Shout;
///
/// impl Registration for Shout {
///     fn definition() -> ListenerDefinition {
///         ListenerDefinition::listener("shout", shout, kinds::One)
///     }
/// }
/// # assert_eq!(bindery::listeners![Shout][0].function, "shout");
/// ```
pub use bindery_macros::stream_listener;

/// Makes a function a stream supplier: what it returns is published, without an input.
///
/// An `async fn` is polled, at the interval that `application.yaml` says; one that has nothing to say returns `None`
/// or an empty `Vec`. A plain `fn` that returns a [`Stream`](futures_core::Stream) is called once, and each item is
/// published. Arguments and results are those of a [listener](macro@crate::stream_listener), without a payload; a
/// plain `fn` has at most three.
///
/// # Options
/// `name`, `output` and `outputs`, as for a listener.
///
/// # Examples
/// ```
/// use bindery::prelude::*;
/// use futures_util::{Stream, stream};
///
/// struct Meter(u32);
///
/// #[stream_supplier]
/// async fn read_meter(meter: State<Meter>) -> Option<u32> {
///     (meter.0 > 0).then_some(meter.0)
/// }
///
/// #[stream_supplier(output = "countdown")]
/// fn count_down() -> impl Stream<Item = u32> {
///     stream::iter([3, 2, 1])
/// }
///
/// assert_eq!(listeners![read_meter, count_down][1].outputs[0].as_str(), "countdown");
/// ```
pub use bindery_macros::stream_supplier;

/// Runs an `async fn main` on a multi-threaded runtime.
///
/// `main` returns nothing, or a `Result` whose error is printed for people to standard error. The program ends with
/// code 0, with 2 when the configuration can't be honoured, and with 1 after any other error.
///
/// # Examples
/// ```
/// #[bindery::main]
/// async fn main() -> Result<(), bindery::Error> {
///     Ok(())
/// }
/// ```
pub use bindery_macros::main;

/// The definitions of annotated functions, for `Application::listeners`.
///
/// An entry is the function's name or path; a function without `#[stream_listener]` or `#[stream_supplier]` is only a
/// function, which the compiler reports as `expected type, found function`.
///
/// # Examples
/// ```
/// use bindery::prelude::*;
///
/// mod payment {
///     #[bindery::stream_listener]
///     pub async fn charge(_amount: u32) {}
/// }
///
/// #[stream_listener]
/// async fn log(_text: String) {}
///
/// assert_eq!(listeners![log, payment::charge].len(), 2);
/// ```
#[macro_export]
macro_rules! listeners {
    ($($listener:path),* $(,)?) => {
        ::std::vec![$(<$listener as $crate::__private::Registration>::definition()),*]
    };
}
