//! The command that the page shows, run as somebody runs it who has copied it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The history that a copied command leaves. The programs are those that were built beside this
/// test; without them this says so, and in CI it fails.
pub fn history_of(command: &str) -> Option<String> {
    let built = built();
    let program = command.split("--bin target/release/").nth(1).unwrap().split(' ').next().unwrap();
    let missing = ["maelstrom", program].into_iter().find(|name| !built.join(name).exists());
    if let Some(name) = missing {
        assert!(std::env::var_os("CI").is_none(), "{name} is not built: make test builds it");
        println!("skipped: {name} is not built: make test builds it");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("target")).unwrap();
    std::os::unix::fs::symlink(&built, folder.path().join("target/release")).unwrap();
    let output =
        Command::new("bash").args(["-c", command]).current_dir(folder.path()).output().unwrap();
    let history = std::fs::read_to_string(folder.path().join("store/latest/history.edn"));
    Some(history.unwrap_or_else(|error| panic!("{error} {command}: {output:?}")))
}

/// Where cargo puts programs, from where it put this test.
fn built() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).unwrap().to_owned()
}
