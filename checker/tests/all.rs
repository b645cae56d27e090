//! The tests of the judges, in one program: each file here is a module of it.
//!
//! A program for each would be linked with all of the judges again, fifteen times, and they would
//! run one after the other. `cargo test -p checker --test all elle` runs those of one file. `fuzz.rs`
//! alone is a program of its own, which `make fuzz` starts again and again.

mod adapters;
mod elle;
mod elle_serial;
mod elle_verdicts;
mod jepsen_faults;
mod jepsen_oracle;
mod jepsen_tables_oracle;
mod jepsen_verdicts;
mod linear_faults;
mod linear_limits;
mod linear_oracle;
mod linear_steps_oracle;
mod linear_verdicts;
mod models;
mod workload_faults;

// What several of them share.
mod faults;
mod oracle;
mod rules;
mod verdicts;

/// Cargo does not look for tests here: `Cargo.toml` names this program and `fuzz`.
#[test]
#[expect(clippy::disallowed_methods, reason = "the test lists a folder")]
fn no_file_is_left_out() {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests")).unwrap();
    let names = folder.map(|file| file.unwrap().file_name().into_string().unwrap());
    for name in names.filter(|name| name != "all.rs" && name != "fuzz.rs") {
        if let Some(module) = name.strip_suffix(".rs") {
            let line = format!("\nmod {module};\n");
            assert!(include_str!("all.rs").contains(&line), "tests/all.rs has no module {module}");
        }
    }
}
