//! The museum's exhibits: nodes with one planted bug each, `bugs/src/bin/<name>.rs`, with the
//! smallest run that shows it, `bugs/runs/<name>.edn`. `build.rs` lists them.

use crate::museum::Exhibit;

macro_rules! exhibit {
    ($module:ident, $name:literal, $file:literal, $header:literal, $run:literal) => {
        mod $module {
            use crate::museum as bugs;

            const HEADER: &str = $header;
            const RUN: &str = include_str!($run);

            include!($file);
        }
    };
}

include!(concat!(env!("OUT_DIR"), "/exhibits.rs"));
