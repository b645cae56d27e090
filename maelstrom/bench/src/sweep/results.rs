//! The files that a merge leaves beside the shards.
#![expect(clippy::disallowed_methods, reason = "results are files in a folder")]

use std::path::Path;

use super::merge::Merged;
use super::page::page;
use super::shard::unwritable;
use super::text::report;

/// Writes the merged result, its page and its text into the folder.
///
/// # Errors
/// A sentence, when one of them cannot be written.
pub fn write(merged: &Merged, folder: &Path) -> Result<(), String> {
    let files = [
        ("merged.json", merged.to_json()),
        ("index.html", page(merged)),
        ("report.txt", report(merged)),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| unwritable(&path, &error))?;
    }
    Ok(())
}
