//! Makes each node's own file, and each exhibit's of the museum, one that can stand inside of a
//! module, so that the playground can reach what is private there. Rust's `include!` would do it,
//! but it takes no documentation of a module: those lines become comments. Tests are left out; all
//! other lines stay what and where they are.
//!
//! It also lists the exhibits, with the words at the beginning of each file.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a build script reads and writes files, and speaks to cargo"
)]

use std::path::Path;
use std::{env, fs};

/// Where nodes are, and where exhibits are, from here.
const NODES: &str = "../src/bin";
const EXHIBITS: &str = "../bugs/src/bin";
const RUNS: &str = "../bugs/runs";

fn main() {
    let out = env::var("OUT_DIR").expect("cargo says where to");
    let out = Path::new(&out);
    for (name, text) in files(NODES) {
        write(&out.join(format!("{name}.rs")), &fit_for_a_module(&text));
    }
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo says where from");
    println!("cargo::rerun-if-changed={RUNS}");
    let mut list = String::new();
    for (name, text) in files(EXHIBITS) {
        write(&out.join(format!("{name}.rs")), &fit_for_a_module(&text));
        let words: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).collect();
        let words = words.join("\n");
        let module = name.replace('-', "_");
        list += &format!(
            "exhibit!({module}, \"{name}\", \"{}\", r##\"{words}\"##, \"{here}/{RUNS}/{name}.edn\");\n",
            out.join(format!("{name}.rs")).display(),
        );
    }
    let modules: Vec<String> =
        files(EXHIBITS).map(|(name, _)| format!("{}::EXHIBIT", name.replace('-', "_"))).collect();
    list += &format!("pub const ALL: &[Exhibit] = &[{}];\n", modules.join(", "));
    write(&out.join("exhibits.rs"), &list);
}

/// The Rust files in a folder, by name without ending, and their texts.
fn files(folder: &str) -> impl Iterator<Item = (String, String)> {
    println!("cargo::rerun-if-changed={folder}");
    let entries = fs::read_dir(folder).expect(folder);
    let mut paths: Vec<_> = entries.map(|entry| entry.expect(folder).path()).collect();
    paths.sort();
    paths.into_iter().map(|path| {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("names are plain");
        (name.to_owned(), fs::read_to_string(&path).expect("sources are text"))
    })
}

/// The tests of a node are part of `tests/nodes.rs`, and those of an exhibit of the museum.
fn fit_for_a_module(text: &str) -> String {
    let lines = text.split_inclusive('\n').map(|line| line.replacen("//!", "//", 1));
    lines.collect::<String>().replace("#[cfg(test)]", "#[cfg(any())]")
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("cargo's own folder can be written");
}
