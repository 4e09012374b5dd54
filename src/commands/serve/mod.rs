//! `serve`: the report as a live page on loopback until Ctrl-C.

mod door;
mod files;
mod server;

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use tokio::net::TcpListener;

use super::{Done, emulate::stop_signal, library::Library, output, plan::read_outside};
use crate::{
    calendar::Day,
    cli::ServeArgs,
    diagnostics::SourceText,
    serve::{Books, resolve},
    workload::WorkloadFile,
};

/// The port that is tried where none is asked for; a free one follows.
const PORT: u16 = 8765;

/// How long a computation may hold the program up after Ctrl-C.
const PATIENCE: Duration = Duration::from_millis(200);

pub(super) fn run(args: &ServeArgs, overlay: Option<&Path>) -> anyhow::Result<Done> {
    let desk = Desk::open(args, overlay)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let end = runtime.block_on(serve(desk, args.port));
    runtime.shutdown_timeout(PATIENCE);
    end?;
    Ok(Done::Fine)
}

/// What every answer needs; nothing in it changes.
pub(super) struct Desk {
    library: Library,
    today: Day,
    /// As the command line has it.
    workload: String,
    overlay: Option<PathBuf>,
    /// The text, where it cannot be read again.
    kept: Option<SourceText>,
    /// What complaints call it.
    name: String,
    /// Where its own paths begin, and the only place that is written to.
    folder: PathBuf,
}

impl Desk {
    fn open(args: &ServeArgs, overlay: Option<&Path>) -> anyhow::Result<Desk> {
        let library = Library::load(overlay)?;
        let (source, folder) = Library::workload(&args.workload, overlay)?;
        let desk = Desk {
            library,
            today: args.on.unwrap_or_else(Day::today_utc),
            workload: args.workload.clone(),
            overlay: overlay.map(Path::to_path_buf),
            name: source.name.clone(),
            folder: folder.canonicalize().with_context(|| format!("no folder `{}`", folder.display()))?,
            kept: (args.workload == "-").then(|| source.clone()),
        };
        desk.with_books(|books| resolve(books, &source.text)).map_err(anyhow::Error::msg)?;
        Ok(desk)
    }

    /// The text as it stands in the file now.
    fn text(&self) -> anyhow::Result<String> {
        match &self.kept {
            Some(source) => Ok(source.text.clone()),
            None => Ok(Library::workload(&self.workload, self.overlay.as_deref())?.0.text),
        }
    }

    /// Its name without the way there: `company.toml`.
    fn file_name(&self) -> String {
        let name = self.name.trim_end_matches(" (built in)");
        let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
        if self.kept.is_some() { "workload.toml".to_string() } else { name.to_string() }
    }

    fn with_books<T>(&self, ask: impl FnOnce(&Books<'_>) -> T) -> T {
        let outside = |file: &WorkloadFile| read_outside(file, &self.folder);
        ask(&Books {
            prices: &self.library.prices,
            capacity: &self.library.capacity,
            tokens: &self.library.tokens,
            today: self.today,
            name: &self.name,
            outside: &outside,
        })
    }
}

async fn serve(desk: Desk, port: Option<u16>) -> anyhow::Result<()> {
    let listener = listen(port).await?;
    let address = listener.local_addr()?;
    let key = key()?;
    let (name, day, folder) = (desk.file_name(), desk.today, desk.folder.display().to_string());
    let app = server::app(desk, address.port(), &key);
    let mut tasks = vec![tokio::spawn(axum::serve(listener, app.clone()).into_future())];
    // `localhost` may mean ::1 first; where that cannot be had, 127.0.0.1 is enough.
    if let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, address.port())).await {
        tasks.push(tokio::spawn(axum::serve(listener, app).into_future()));
    }
    output::print(&format!("http://{address}/{key}/"))?;
    output::say(&format!(
        "{name} as of {day}: open the address above in a browser; \"save as\" writes into {folder}\n\
         Ctrl-C stops"
    ));
    let end = stop_signal().await;
    for task in tasks {
        task.abort();
    }
    end
}

/// A listener on 127.0.0.1, where nobody else's machine comes.
async fn listen(port: Option<u16>) -> anyhow::Result<TcpListener> {
    let bind = async |port| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await;
    match port {
        Some(port) => bind(port).await.with_context(|| format!("cannot listen on port {port} of 127.0.0.1")),
        None => match bind(PORT).await {
            Ok(listener) => Ok(listener),
            Err(_) => bind(0).await.context("cannot listen on 127.0.0.1"),
        },
    }
}

/// A word that other users of this machine cannot guess, in the address.
fn key() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    let random = rustls::crypto::ring::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
