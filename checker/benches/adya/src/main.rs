//! Judges a history with the crate `adya`: its workload, and the path of a `history.edn`.
//! Prints the seconds that the judgement took, and the verdict.

use std::time::Instant;

use adya::{History, Opts, Workload, check};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let workload = match arguments.next().expect("a workload").as_str() {
        "list-append" => Workload::ListAppend,
        _ => Workload::RwRegister,
    };
    let text = std::fs::read_to_string(arguments.next().expect("a path")).expect("a file");
    let history = History::from_edn(&text).expect("a history");
    drop(text);
    let start = Instant::now();
    let report = check(&history, workload, &Opts::default());
    let seconds = start.elapsed().as_secs_f64();
    println!("{seconds} {:?} {}", report.valid, report.anomaly_types.join(","));
}
