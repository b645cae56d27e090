//! `maelstrom serve`: the store in a browser.
//!
//! The table of runs, newest first; folders and files; a run as a zip; runs side by side.
//! It reads what runs leave on disk and nothing else, so it shows runs of the original as well,
//! and a run that is still going on.
//!
//! Three things are taken care of. Nothing outside of the store is ever sent: see [`files`]. And
//! what nodes wrote is never trusted: `maud` escapes it, and files are sent with a policy that
//! keeps whatever is in them from reaching this server's other pages. And nobody can keep it
//! busy for long: see `connections.rs`.
//!
//! Absent: changing anything. No request writes.

#![expect(clippy::disallowed_methods, reason = "a server reads files and the clock, and waits")]

mod compare;
mod connections;
mod files;
mod overlay;
mod pages;
mod runs;
mod samples;
mod table;
mod zip;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use axum::Router;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use clap::Args;

use tokio::sync::Semaphore;

pub use runs::Library;

/// How many archives are made at the same time. Each keeps a thread busy.
const ARCHIVES_MAX: usize = 4;

/// The flags of `maelstrom serve`.
#[derive(Args)]
pub struct ServeFlags {
    /// The port to listen on; 0 for any that is free.
    #[arg(short, long, default_value_t = 8080, value_name = "NUMBER")]
    pub port: u16,

    /// The address to listen on. The default is reachable from this machine only.
    #[arg(
        short = 'b',
        long,
        default_value = "127.0.0.1",
        value_name = "ADDRESS",
        value_parser = address
    )]
    pub host: IpAddr,

    /// The folder of all runs. The default is `store`, which need not exist yet.
    #[arg(long, value_name = "FOLDER")]
    pub store: Option<PathBuf>,
}

impl ServeFlags {
    /// The folder of all runs.
    pub fn folder(&self) -> &std::path::Path {
        self.store.as_deref().unwrap_or_else(|| crate::run::default_store())
    }
}

fn address(text: &str) -> Result<IpAddr, String> {
    let text = if text == "localhost" { "127.0.0.1" } else { text };
    text.parse().map_err(|_| "expected an IP address such as 0.0.0.0, or localhost".into())
}

/// What every request sees.
#[derive(Clone)]
struct Shared {
    library: Arc<Library>,
    /// How many more archives may be made at the same time.
    archives: Arc<Semaphore>,
}

/// Serves until the process is ended. `announce` hears the address once it can be visited.
///
/// # Errors
/// When the address cannot be listened on, or the folder that was named is none.
pub fn serve(flags: &ServeFlags, announce: impl FnOnce(&str)) -> anyhow::Result<()> {
    // Whoever names a folder that is not there has mistyped it; but the server may be started
    // before the first run.
    let store = flags.folder().to_owned();
    ensure!(
        flags.store.is_none() || store.is_dir(),
        "there is no folder {}; --store names the folder in which runs leave their files",
        store.display()
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let address = SocketAddr::new(flags.host, flags.port);
        let listener = tokio::net::TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen on {address}; try another --port, or --port 0 for a free one")
        })?;
        let address = listener.local_addr().context("no address")?;
        announce(&format!("http://{address}/"));
        connections::serve(listener, router(store, flags.host.is_loopback())).await
    })
}

/// The server's pages over this store. `local_only` refuses requests that a browser was tricked
/// into sending here under another name.
pub fn router(store: PathBuf, local_only: bool) -> Router {
    let library = Arc::new(Library::new(store));
    let shared = Shared { library, archives: Arc::new(Semaphore::new(ARCHIVES_MAX)) };
    let router = Router::new()
        .route("/", get(index))
        .route("/compare", get(compare_runs))
        .route("/files/", get(root_folder))
        .route("/files/{*path}", get(file))
        .route("/zip/{workload}/{run}", get(archive))
        .fallback(|| async { not_found() })
        .with_state(shared);
    if local_only { router.layer(from_fn(only_by_local_names)) } else { router }
}

/// A page elsewhere may let its own name point to this machine and then read what is here (DNS
/// rebinding); but the request says which name it was meant for.
async fn only_by_local_names(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let name = host.unwrap_or("localhost");
    let name = match name.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => name,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    if name == "localhost" || address.is_ok_and(|address| address.is_loopback()) {
        return next.run(request).await;
    }
    let page = pages::problem("This server answers only to the name localhost.");
    (StatusCode::FORBIDDEN, page).into_response()
}

fn not_found() -> Response {
    let page = pages::problem("There is nothing here. It may have been removed or replaced.");
    (StatusCode::NOT_FOUND, page).into_response()
}

/// Does what waits for the disk where it keeps no other request waiting.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("the work does not panic")
}

/// The values of a query, in order.
fn query_pairs(query: Option<String>) -> Vec<(String, String)> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect()
}

async fn index(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let query = table::Query::from_pairs(&query_pairs(query));
    blocking(move || table::page(&shared.library.runs(), &query)).await.into_response()
}

async fn compare_runs(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let pairs = query_pairs(query);
    let names: Vec<String> =
        pairs.into_iter().filter(|(key, _)| key == "run").map(|(_, name)| name).collect();
    blocking(move || compare::page(&shared.library, &names)).await.into_response()
}

async fn root_folder(State(shared): State<Shared>) -> Response {
    file(State(shared), Path(String::new())).await
}

async fn file(State(shared): State<Shared>, Path(path): Path<String>) -> Response {
    let store = shared.library.store().to_owned();
    let found = blocking(move || files::find(&store, &path)).await;
    match found {
        None => not_found(),
        Some(files::Found::Folder(page)) => page.into_response(),
        Some(files::Found::Elsewhere(path)) => {
            (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response()
        }
        Some(files::Found::File(path, file)) => files::send(&path, file),
    }
}

async fn archive(
    State(shared): State<Shared>,
    Path((workload, run)): Path<(String, String)>,
) -> Response {
    let Ok(permit) = shared.archives.clone().try_acquire_owned() else {
        let page = pages::problem("Other archives are being made. Try again when they are done.");
        return (StatusCode::SERVICE_UNAVAILABLE, page).into_response();
    };
    let store = shared.library.store().to_owned();
    let folder = blocking(move || {
        let folder = files::resolve_run(&store, &format!("{workload}/{run}"))?;
        Some((folder, format!("{workload}-{run}")))
    })
    .await;
    folder.map_or_else(not_found, |(folder, name)| zip::send(folder, &name, permit))
}

#[cfg(test)]
mod tests;
