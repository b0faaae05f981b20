//! A service with many bindings, as many as the harness says.

use bindery::Application;

use crate::listeners;

/// Binds one listener under as many names, each to a destination of its own: `<input>-0`, `<input>-1` and so on.
pub(crate) fn bindings(application: Application, count: usize, input: &str) -> Application {
    (0..count).fold(application, |application, number| {
        let binding = format!("part{number}-in-0");
        let mut defined = bindery::listeners![listeners::consume];
        for listener in &mut defined {
            // A team would write that many functions; the names of functions are static.
            listener.function = format!("part{number}").leak();
        }
        application
            .listeners(defined.into_iter().map(|listener| listener.with_input(&binding)))
            .property(
                format!("stream.bindings.{binding}.destination"),
                format!("{input}-{number}"),
            )
    })
}
