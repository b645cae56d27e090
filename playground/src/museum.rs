//! What the museum's exhibits use of their package, `bugs`, which also has what meets the machine;
//! and what an exhibit is here.

use maelstrom::options::TestOptions;

use crate::cluster::MakeCluster;

#[path = "../../bugs/src/lin_kv.rs"]
pub mod lin_kv;
#[path = "../../bugs/src/quorum.rs"]
pub mod quorum;

/// A node with a bug.
#[derive(Clone, Copy)]
pub struct Exhibit {
    /// The name of its program.
    pub name: &'static str,
    /// What its file says of it, in Markdown.
    pub header: &'static str,
    /// The smallest run that shows it: a tape, behind a line of JSON.
    pub run: &'static str,
    /// The options of its simulated test.
    pub options: fn() -> TestOptions,
    /// Makes a cluster of its programs.
    pub make: MakeCluster,
}

/// Whether the nodes have their bugs: here they do.
pub fn planted() -> bool {
    true
}

/// What makes a file an exhibit. In its own package this is the file's `main`.
macro_rules! exhibit {
    ($name:literal, $check:expr, $make:expr) => {
        pub const EXHIBIT: crate::museum::Exhibit = crate::museum::Exhibit {
            name: $name,
            header: HEADER,
            run: RUN,
            options: || $check().options_for(0),
            make: |names| crate::cluster::cluster(names, $make),
        };
    };
}
pub(crate) use exhibit;
