//! Everything that a running application shows of itself besides its log, to be searched for secrets.

use std::fmt::Write;

use bindery_runtime::Running;
use bindery_runtime::config::report;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ENDPOINTS: [&str; 6] = [
    "/actuator",
    "/actuator/health",
    "/actuator/health/readiness",
    "/actuator/bindings",
    "/actuator/prometheus",
    "/actuator/env",
];

/// The application's endpoints, its report at startup, and the `Debug` of all that it gives out.
///
/// # Panics
/// When the endpoints aren't served: set `management.server.port` to 0 and expose them all.
pub async fn everything_shown(running: &Running) -> String {
    let model = running.model();
    let mut shown = format!(
        "{running:?}\n{model:#?}\n{:#?}\n{:#?}\n{:#?}\n{:#?}\n{:#?}\n{}\n{}\n",
        model.binders,
        model.inputs,
        model.outputs,
        model.warnings,
        model.properties,
        report::banner(model),
        report::table(model, &[]),
    );
    for handle in running.bindings().all() {
        writeln!(shown, "{handle:#?} {:?}", handle.health()).unwrap();
    }
    writeln!(shown, "{:#?}", running.operations().health()).unwrap();
    let address = running.management_address().unwrap();
    for endpoint in ENDPOINTS {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {endpoint} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.read_to_string(&mut shown).await.unwrap();
    }
    shown
}
