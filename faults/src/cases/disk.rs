//! T8: the handler's own disk is full for a while.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::check::Order;
use crate::context::Context;
use crate::load::Load;
use crate::report::CaseReport;
use crate::scene::Scene;

const PATIENCE: Duration = Duration::from_secs(40);

/// T8: for some seconds each write to the store fails for want of room. Nothing is settled that isn't stored.
pub(super) async fn full(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "T8")?;
    scene.rules.order = Order::PerKey;
    scene.rules.recovery = Duration::from_secs(5);
    let folder = scene.folder().to_owned();
    let (store, link) = (folder.join("store"), folder.join("store.link"));
    std::fs::write(&store, b"")?;
    point(&link, &store)?;
    let told = link.display().to_string();
    scene.launch.environment.push(("BENCH_STORE".to_owned(), told));
    // A full disk is nothing to give a message up for.
    let consumer = "stream.bindings.transfer-in-0.consumer";
    scene.argument(&format!("{consumer}.max-attempts"), 100_000);
    scene.argument(&format!("{consumer}.back-off-max-interval"), 500);
    scene.start_all(&["a", "b"]).await?;
    let load = scene.load(
        Load {
            count: context.scaled(10_000, 120_000),
            per_second: 1_500,
            ..Load::default()
        },
        |_| {},
    )?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let span = Duration::from_secs(context.scaled(3, 15));
    let filling = async {
        point(&link, Path::new("/dev/full"))?;
        tokio::time::sleep(span).await;
        point(&link, &store)
    };
    scene.fault("fill", "disk", filling).await?;
    load.finished().await?;
    scene.settle(PATIENCE).await?;
    let deaths = scene.deaths()?;
    let mut report = scene.conclude().await?;
    report.at_most("processes that died", &0, &deaths);
    let text = std::fs::read_to_string(&store)?;
    let stored: Result<BTreeSet<u64>, _> = text.lines().map(str::parse).collect();
    let stored = stored.context("the store has a line that is no id")?;
    let missing = report
        .findings
        .effects
        .saturating_sub(u64::try_from(stored.len())?);
    report.at_most("effects that are not in the store", &0, &missing);
    Ok(report)
}

/// Makes `link` lead to `target`, at once.
fn point(link: &Path, target: &Path) -> Result<()> {
    let new = link.with_extension("new");
    symlink(target, &new)?;
    Ok(std::fs::rename(&new, link)?)
}
