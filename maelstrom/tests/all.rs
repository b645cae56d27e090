//! The tests of the command, in one program: each file here is a module of it.
//!
//! A program for each would be linked with all of the bench again, eighteen times, and they would
//! run one after the other, also while one only waits. `cargo test -p maelstrom --test all tape` runs
//! those of one file.

mod browser;
mod check;
mod children;
mod command_line;
mod disk;
mod drop_in;
mod elle_cli;
mod engine;
mod membership;
mod nemesis;
mod numbers;
mod shapes;
mod shrink;
mod statistics;
mod sweep;
mod tape;
mod threads;
mod wrong_replies;

/// Cargo does not look for tests here: `Cargo.toml` names this program.
#[test]
#[expect(clippy::disallowed_methods, reason = "the test lists a folder")]
fn no_file_is_left_out() {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests")).unwrap();
    let names = folder.map(|file| file.unwrap().file_name().into_string().unwrap());
    for name in names.filter(|name| name != "all.rs") {
        if let Some(module) = name.strip_suffix(".rs") {
            let line = format!("\nmod {module};\n");
            assert!(include_str!("all.rs").contains(&line), "tests/all.rs has no module {module}");
        }
    }
}
