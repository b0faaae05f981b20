//! T12: the time of day jumps, an hour ahead and back and an hour behind.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

use crate::check::Order;
use crate::context::Context;
use crate::load::Load;
use crate::report::CaseReport;
use crate::scene::Scene;
use crate::work::Conduct;

const PATIENCE: Duration = Duration::from_secs(30);
const HOUR: i64 = 3_600;
const SHIM: &str = include_str!("clock.c");

/// T12: while messages flow and some are tried again, the clock of both processes jumps. Nobody notices.
pub(super) async fn jump(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "T12")?;
    scene.rules.order = Order::PerKey;
    // Nothing may be repeated because of it, so it is no fault to the checker.
    scene.rules.stall = Duration::from_secs(3);
    let clock = scene.folder().join("clock");
    set(&clock, 0)?;
    let shim = shim(scene.folder()).await?;
    for (name, path) in [("LD_PRELOAD", &shim), ("BENCH_CLOCK", &clock)] {
        let variable = (name.to_owned(), path.display().to_string());
        scene.launch.environment.push(variable);
    }
    let consumer = "stream.bindings.transfer-in-0.consumer";
    scene.argument(&format!("{consumer}.back-off-initial-interval"), 200);
    scene.start_all(&["a", "b"]).await?;
    let load = scene.load(
        Load {
            count: context.scaled(12_000, 120_000),
            per_second: 1_000,
            ..Load::default()
        },
        |work| {
            // Not before each process has its share: what is done behind a message that is tried again is repeated
            // when its partition moves.
            if work.id > 1_500 && work.id % 100 == 3 {
                work.conduct = Conduct::FailTimes(2);
            }
        },
    )?;
    for offset in [HOUR, 0, -HOUR, 0] {
        tokio::time::sleep(Duration::from_secs(context.scaled(2, 20))).await;
        set(&clock, offset)?;
    }
    load.finished().await?;
    scene.settle(PATIENCE).await?;
    let deaths = scene.deaths()?;
    let mut logs = String::new();
    for name in ["a", "b"] {
        logs += &std::fs::read_to_string(scene.instance(name)?.log())?;
    }
    let mut report = scene.conclude().await?;
    report.at_most("processes that died", &0, &deaths);
    report.at_most("repeated", &0, &report.findings.repeated());
    report.at_most(
        "handler starts of one message",
        &3,
        &report.findings.most_starts.clone(),
    );
    report.at_most("panics", &0, &logs.matches("panicked").count());
    // The log shows that the processes believed it.
    let hours: std::collections::BTreeSet<&str> = logs.lines().filter_map(|line| line.get(11..13)).collect();
    report.note(format!("hours in the logs: {hours:?}"));
    Ok(report)
}

fn set(clock: &Path, offset: i64) -> Result<()> {
    let new = clock.with_extension("new");
    std::fs::write(&new, offset.to_string())?;
    Ok(std::fs::rename(new, clock)?)
}

/// Compiles the library that lies about the time.
async fn shim(folder: &Path) -> Result<PathBuf> {
    let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
    std::fs::write(&source, SHIM)?;
    let mut compiler = Command::new("cc");
    compiler
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(&source)
        .arg("-ldl");
    let output = compiler
        .output()
        .await
        .context("cannot run the C compiler `cc`")?;
    ensure!(
        output.status.success(),
        "the C compiler refuses the shim: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(library)
}
