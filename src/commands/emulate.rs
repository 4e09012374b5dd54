//! `emulate`: both backends on loopback until Ctrl-C.

use std::path::Path;

use anyhow::Context;

use super::{Done, library::Library, output};
use crate::{
    calendar::Day,
    cli::EmulateArgs,
    diagnostics::SourceText,
    emulator::{Behaviour, Ledger, Purchase, Setup, parse_faults, start},
};

pub(super) fn run(args: &EmulateArgs, overlay: Option<&Path>) -> anyhow::Result<Done> {
    let setup = setup(args, overlay)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ledger = runtime.block_on(serve(setup, args.port))?;
    if let Some(path) = &args.ledger {
        let text = serde_json::to_string_pretty(&ledger)?;
        std::fs::write(path, text + "\n").with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    output::print(&sum(&ledger))?;
    Ok(Done::Fine)
}

/// Books, profiles and files as an emulator wants them.
fn setup(args: &EmulateArgs, overlay: Option<&Path>) -> anyhow::Result<Setup> {
    let library = Library::load(overlay)?;
    let day = args.on.unwrap_or_else(Day::today_utc);
    let mut setup = Setup::new(library.prices, library.tokens, day);
    setup.seed = args.seed;
    setup.latency = args.latency;
    if let Some(path) = &args.behaviour {
        setup.behaviour = Behaviour::parse(&SourceText::read(path)?)?;
    }
    if let Some(path) = &args.faults {
        setup.faults = parse_faults(&SourceText::read(path)?)?;
    }
    for (model, location, gsu) in &args.gsu {
        let model = setup.prices.resolve(model)?.id;
        let purchase = Purchase::of(&library.capacity, model, location.clone(), *gsu, day)?;
        setup.purchases.push(purchase);
    }
    Ok(setup)
}

async fn serve(setup: Setup, port: u16) -> anyhow::Result<Ledger> {
    let (seed, day) = (setup.seed, setup.day);
    let running = start(setup, port).await?;
    let (url, host) = (running.url(), running.address);
    output::print(&format!(
        "export GOOGLE_GEMINI_BASE_URL={url}\n\
         export GOOGLE_VERTEX_BASE_URL={url}\n\
         export GEMINI_API_KEY=emulated-key\n\
         export GOOGLE_CLOUD_PROJECT=emulated-project GOOGLE_CLOUD_LOCATION=global\n\
         export GCE_METADATA_HOST={host} GCE_METADATA_IP={host}"
    ))?;
    output::say(&format!(
        "the Gemini Developer API and Vertex AI as of {day}, seed {seed}; paste the lines above into another \
         shell\nwhat was billed: {url}/_burndown/ledger\nCtrl-C stops"
    ));
    stop_signal().await?;
    Ok(running.stop().await)
}

/// Returns when the user or the system asks for an end.
pub(super) async fn stop_signal() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut ended = signal(SignalKind::terminate())?;
        tokio::select! {
            asked = tokio::signal::ctrl_c() => asked?,
            _ = ended.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}

/// The ledger in a few lines.
fn sum(ledger: &Ledger) -> String {
    let bound = if ledger.complete { "" } else { "at least " };
    let plural = if ledger.requests == 1 { "" } else { "s" };
    let mut text = format!(
        "{} request{plural}, {} of them billed: {bound}${}\n",
        ledger.requests, ledger.billed, ledger.usd
    );
    if ledger.usd_undelivered.0 > rust_decimal::Decimal::ZERO {
        text += &format!("  of this for answers that did not arrive whole: ${}\n", ledger.usd_undelivered);
    }
    for row in &ledger.tokens {
        text += &format!("  {}: {} tokens, ${}\n", row.backend, row.tokens.total(), row.usd);
    }
    text + &format!("{} free counts, {} calls refused\n", ledger.counted, ledger.refused)
}
