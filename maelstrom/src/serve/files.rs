//! Folders and files of the store, and nothing outside of it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use rustix::fs::OFlags;
use tokio_util::io::ReaderStream;

use super::pages::{self, encode};

/// How many entries of a folder have a preview, and how much of a text it shows.
const PREVIEWS: usize = 40;
const PREVIEW_BYTES: u64 = 800;

/// Scripts and styles within the file and images beside it, nothing else; and no access to
/// this server's other pages: what is in a file may be from a node that nobody trusts.
const POLICY: &str = "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'self'; \
    style-src 'unsafe-inline'; img-src 'self' data:";

/// What a path leads to.
pub enum Found {
    /// A folder's page.
    Folder(Markup),
    /// A file, open.
    File(PathBuf, File),
    /// The path to go to instead.
    Elsewhere(String),
}

/// Where a path leads, if to something in the store.
///
/// Only plain names are followed, and what they lead to, through links too, must lie in the
/// store.
pub fn resolve(store: &Path, path: &str) -> Option<PathBuf> {
    let relative = Path::new(path);
    let is_plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
    if !is_plain || path.contains('\0') {
        return None;
    }
    let store = store.canonicalize().ok()?;
    let found = store.join(relative).canonicalize().ok()?;
    found.starts_with(&store).then_some(found)
}

/// The folder of a run, which lies two deep in the store, whatever link led to it.
pub fn resolve_run(store: &Path, path: &str) -> Option<PathBuf> {
    let folder = resolve(store, path)?;
    let store = store.canonicalize().ok()?;
    let depth = folder.strip_prefix(store).ok()?.components().count();
    (depth == 2 && folder.is_dir()).then_some(folder)
}

/// Opens a regular file of the store. Whatever else has a file's name is refused: a pipe, say,
/// which would keep its reader waiting for ever.
///
/// # Errors
/// When it is no regular file, lies outside of the store, or cannot be opened.
pub fn open_regular(store: &Path, path: &Path) -> io::Result<File> {
    let refused = |why: &str| io::Error::new(io::ErrorKind::InvalidInput, why.to_owned());
    let real = path.canonicalize()?;
    if !real.starts_with(store.canonicalize()?) {
        return Err(refused("it lies outside of the store"));
    }
    // Without waiting: to open a pipe would wait for somebody who writes.
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(real)?;
    if !file.metadata()?.is_file() {
        return Err(refused("it is no regular file"));
    }
    Ok(file)
}

/// Finds what a path of the address bar means.
pub fn find(store: &Path, path: &str) -> Option<Found> {
    let found = resolve(store, path)?;
    if !found.is_dir() {
        let file = open_regular(store, &found).ok()?;
        return Some(Found::File(found, file));
    }
    // Links within the folder's page are relative to it.
    if !path.is_empty() && !path.ends_with('/') {
        return Some(Found::Elsewhere(format!("/files/{}/", encode(path))));
    }
    Some(Found::Folder(folder_page(store, path.trim_end_matches('/'), &found)))
}

/// Sends an open file piece by piece. `path` says what kind it is.
pub fn send(path: &Path, file: File) -> Response {
    let file = tokio::fs::File::from_std(file);
    let headers = [
        (header::CONTENT_TYPE, content_type(path)),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, Body::from_stream(ReaderStream::new(file))).into_response()
}

fn content_type(path: &Path) -> &'static str {
    match extension(path) {
        "html" => "text/html; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "edn" | "txt" | "log" | "dot" | "" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or("")
}

struct Entry {
    name: String,
    is_folder: bool,
    bytes: u64,
}

/// What of a folder can be shown: folders and regular files, by name. A link counts as what it
/// leads to, if that is in the store.
fn entries(store: &Path, folder: &Path) -> Vec<Entry> {
    let Ok(store) = store.canonicalize() else { return Vec::new() };
    let Ok(found) = fs::read_dir(folder) else { return Vec::new() };
    let mut entries: Vec<Entry> = found
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let real = entry.path().canonicalize().ok().filter(|path| path.starts_with(&store))?;
            let metadata = fs::metadata(real).ok()?;
            let is_shown = metadata.is_dir() || metadata.is_file();
            is_shown.then(|| Entry { name, is_folder: metadata.is_dir(), bytes: metadata.len() })
        })
        .filter(|entry| !entry.name.starts_with('.'))
        .collect();
    entries.sort_by(|a, b| b.is_folder.cmp(&a.is_folder).then_with(|| a.name.cmp(&b.name)));
    entries
}

fn folder_page(store: &Path, path: &str, folder: &Path) -> Markup {
    let entries = entries(store, folder);
    let title = if path.is_empty() { "store" } else { path };
    let content = html! {
        h1 { (breadcrumbs(path)) }
        @if path.split('/').count() == 2 {
            p { a href={ "/zip/" (encode(path)) } { "download as zip" } }
        }
        @if entries.is_empty() { p.quiet { "This folder is empty." } }
        @if entries.iter().any(|entry| entry.is_folder) {
            p.folders {
                @for entry in entries.iter().filter(|entry| entry.is_folder) {
                    a href={ "./" (encode(&entry.name)) "/" } { (entry.name) "/" }
                }
            }
        }
        div.files {
            @for (number, entry) in entries.iter().filter(|entry| !entry.is_folder).enumerate() {
                @let link = encode(&entry.name);
                div.file {
                    a href={ "./" (link) } { (entry.name) } " " span.quiet { (size(entry.bytes)) }
                    @if number < PREVIEWS { (preview(store, &folder.join(&entry.name), &link)) }
                }
            }
        }
    };
    pages::page(title, &content)
}

fn breadcrumbs(path: &str) -> Markup {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    html! {
        a href="/" { "runs" } " / " a href="/files/" { "store" }
        @for (number, part) in parts.iter().enumerate() {
            " / " a href={ "/files/" (encode(&parts[..=number].join("/"))) "/" } { (part) }
        }
    }
}

fn preview(store: &Path, path: &Path, link: &str) -> Markup {
    match extension(path) {
        "png" | "svg" => html! {
            a href={ "./" (link) } { img.preview loading="lazy" alt="" src={ "./" (link) }; }
        },
        "edn" | "txt" | "log" => html! { pre.preview { (first_lines(store, path)) } },
        _ => html! { @if let Some(words) = purpose(path) { p.quiet { (words) } } },
    }
}

/// What a file without a preview is for.
fn purpose(path: &Path) -> Option<&'static str> {
    match path.file_name()?.to_str()? {
        "index.html" => Some("The whole run on one page: what was found, and every message."),
        "timeline.html" => Some("The operations, a column for each process."),
        _ => None,
    }
}

fn first_lines(store: &Path, path: &Path) -> String {
    use std::io::Read;
    let mut start = Vec::new();
    if let Ok(file) = open_regular(store, path) {
        // What cannot be read has no preview.
        file.take(PREVIEW_BYTES).read_to_end(&mut start).ok();
    }
    let text = String::from_utf8_lossy(&start);
    text.lines().take(8).map(|line| format!("{line}\n")).collect()
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} kB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MB", bytes as f64 / 1_048_576.0),
    }
}
