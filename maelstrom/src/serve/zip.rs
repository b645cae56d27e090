//! A run's folder as a zip, made while it is sent: no copy of it exists, in memory or on disk.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::io::{ReaderStream, SyncIoBridge};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::files::open_regular;

/// How much is made ahead of what the browser has taken.
const BUFFER_BYTES: usize = 256 * 1024;

/// Sends a folder; `name` is what the file is to be called. The permit is held until it is made.
pub fn send(folder: PathBuf, name: &str, permit: OwnedSemaphorePermit) -> Response {
    let (reader, writer) = tokio::io::duplex(BUFFER_BYTES);
    let writer = SyncIoBridge::new(writer);
    tokio::task::spawn_blocking(move || {
        // Whoever no longer wants the rest has gone; there is nobody to tell.
        write_zip(writer, &folder).ok();
        drop(permit);
    });
    let name: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '_' })
        .collect();
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.zip\"")),
    ];
    (headers, Body::from_stream(ReaderStream::new(reader))).into_response()
}

/// Writes a folder as a zip, files in the order of their names. Links are left out, for they
/// may lead anywhere; and so is a file that vanishes meanwhile.
pub fn write_zip(out: impl Write, folder: &Path) -> io::Result<()> {
    let mut zip = ZipWriter::new_stream(out);
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        if metadata.is_dir() {
            let Ok(entries) = fs::read_dir(&path) else { continue };
            let mut inside: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
            inside.sort_unstable_by(|a, b| b.cmp(a));
            waiting.extend(inside);
        } else if metadata.is_file()
            && let (Ok(mut file), Ok(name)) =
                (open_regular(folder, &path), path.strip_prefix(folder))
        {
            let options = SimpleFileOptions::default()
                .compression_method(CompressionMethod::Deflated)
                .large_file(metadata.len() > u64::from(u32::MAX) / 2);
            zip.start_file(name.to_string_lossy(), options)?;
            io::copy(&mut file, &mut zip)?;
        }
    }
    zip.finish()?.into_inner().flush()
}
