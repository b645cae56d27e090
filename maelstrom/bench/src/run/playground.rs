//! The same run in the playground, the bench in a web page, for a program whose node it knows.
//!
//! `make playground-build` leaves a list of those nodes beside the programs: for
//! `target/release/echo` it is `target/playground/nodes`. So a run of any other program has no
//! link, and neither has one where the playground was never built.

#![expect(clippy::disallowed_methods, reason = "it reads the list, which is a file")]

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::json;

use super::{Clock, Test};

/// Where `make playground` serves it.
const ADDRESS: &str = "http://localhost:8090/";

/// The version of links that is written: see `playground/page/links.js`, which reads them.
const VERSION: &str = "1";

/// A longer link the page takes for none.
const CHARACTERS_MAX: usize = 20_000;

/// The address at which the playground shows this run, if it has a node for the program.
pub fn link(test: &Test<'_>) -> Option<String> {
    // There every node has a disk, and a run has a seed.
    let seed = test.clock.seed().filter(|_| test.has_data_dirs)?;
    let program = crate::child::resolve_program(&test.bin).ok()?;
    let name = program.file_name()?.to_str()?;
    let node = std::iter::once(name).chain(test.args.iter().map(|argument| &**argument));
    let node = node.collect::<Vec<_>>().join(" ");
    if !is_known(&program, &node) {
        return None;
    }
    let tape = match &test.clock {
        Clock::Tape(tape) => Some(tape.to_text()),
        Clock::Seed { .. } | Clock::Wall => None,
    };
    let asked = json!({
        "scene": node,
        "workload": test.workload.name(),
        "seed": seed.to_string(),
        "flags": test.options.flags(),
        "tape": tape,
    });
    let packed = packed(&asked.to_string()).ok()?;
    let link = format!("{ADDRESS}#{VERSION}.{packed}");
    (link.len() <= CHARACTERS_MAX).then_some(link)
}

/// Whether the playground that was built beside this program has this node.
fn is_known(program: &Path, node: &str) -> bool {
    let beside = program.parent().and_then(Path::parent);
    let list = beside.map(|target| std::fs::read_to_string(target.join("playground/nodes")));
    list.is_some_and(|list| list.is_ok_and(|list| list.lines().any(|line| line == node)))
}

/// As the page unpacks it: zlib in base64url.
fn packed(text: &str) -> anyhow::Result<String> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).context("memory can be written")?;
    Ok(URL_SAFE_NO_PAD.encode(encoder.finish().context("memory can be written")?))
}
