//! How long the files of a report take, and how large they are, for many messages.
//!
//! `cargo bench -p maelstrom --bench report`
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a benchmark times and prints")]

use std::time::Instant;

use gyre::{Message, Time};
use maelstrom::checker::{CheckResult, Validity};
use maelstrom::history::History;
use maelstrom::journal::Journal;
use maelstrom::options::TestOptions;
use maelstrom::report::{self, Recorded};

/// A minute of broadcasts over five nodes, each a request, four messages between nodes with
/// their answers, and a reply.
fn run(messages: usize) -> (History, Journal) {
    let operations = messages / 10;
    let mut journal = Journal::new(usize::MAX);
    let mut history = String::new();
    let mut id = 0;
    for n in 0..operations {
        let start = n as u64 * 60_000_000 / operations as u64;
        journal.record_request(id, 2 * n);
        let node = n % 5 + 1;
        let mut send = |after: u64, src: String, dest: String, body: String| {
            let at = |micros| Time::from_nanos((start + micros) * 1000);
            let line = format!(r#"{{"src":"{src}","dest":"{dest}","body":{{{body}}}}}"#);
            let message = Message::parse(&line).expect("a message");
            journal.record_send(at(after), id, &message);
            journal.record_recv(at(after + 10), id, &message);
            id += 1;
        };
        let (me, client) = (format!("n{node}"), format!("c{}", 10 + n % 5));
        let body = format!(r#""type":"broadcast","msg_id":{n},"message":{n}"#);
        send(0, client.clone(), me.clone(), body);
        for peer in (1..=5).filter(|&peer| peer != node) {
            let body = format!(r#""type":"gossip","msg_id":{n},"messages":[{n}]"#);
            send(20, me.clone(), format!("n{peer}"), body);
            let body = format!(r#""type":"gossip_ok","in_reply_to":{n}"#);
            send(40, format!("n{peer}"), me.clone(), body);
        }
        send(60, me, client, format!(r#""type":"broadcast_ok","in_reply_to":{n}"#));
        for (kind, index, micros) in [("invoke", 2 * n, 0), ("ok", 2 * n + 1, 70 + n as u64 % 97)] {
            let (process, time) = (n % 5, (start + micros) * 1000);
            history += &format!(
                "{{:process {process} :type :{kind} :f :broadcast :value {n} :index {index} \
                 :time {time}}}\n"
            );
        }
    }
    (History::parse(&history).expect("a history"), journal)
}

fn main() {
    for messages in [10_000, 100_000, 1_000_000] {
        let (history, journal) = run(messages);
        let options = TestOptions::default();
        let results = CheckResult::new(Validity::True, []);
        let recorded = Recorded {
            workload: "broadcast",
            options: &options,
            seed: None,
            history: &history,
            journal: &journal,
            results: &results,
            failure: None,
        };
        let started = Instant::now();
        let mut last = started;
        println!("{messages} messages");
        let mut page = None;
        report::write(&recorded, &mut |_| (), &mut |path, bytes| {
            let now = Instant::now();
            let (took, kilobytes) = ((now - last).as_secs_f64() * 1e3, bytes.len() / 1000);
            println!("  {path:24} {took:8.0} ms {kilobytes:8} kB");
            last = now;
            if path == "index.html" {
                page = Some(bytes.to_vec());
            }
            Ok(())
        })
        .expect("a report");
        println!("  {:24} {:8.0} ms", "all", started.elapsed().as_secs_f64() * 1e3);
        let path = std::env::temp_dir().join(format!("maelstrom-report-{messages}.html"));
        std::fs::write(&path, page.expect("a page")).expect("the page is written");
        println!("  {}", path.display());
    }
}
