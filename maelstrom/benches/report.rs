//! How long the files of a report take, and how large they are, for many messages; and how
//! quickly the page answers.
//!
//! For the latter each page is opened in chromium without a window, if that is installed. The
//! page then draws itself thirty times with the view moved a little each time, as when it is
//! dragged: over the whole run, a tenth of it, a hundredth and a thousandth. What is timed is
//! the drawing, all three charts, by the browser's clock. A screen wants it within 16 ms.
//!
//! `cargo bench -p maelstrom --bench report`
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a benchmark times and prints")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use gyre::{Message, Time};
use maelstrom::checker::{Judgement, Validity};
use maelstrom::history::History;
use maelstrom::journal::Journal;
use maelstrom::options::TestOptions;
use maelstrom::ran::Ran;
use maelstrom::report::{self, Activity, Recorded};

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

const MEASURE: &str = "<script>(async () => {
    while (!window.report) await new Promise((resolve) => setTimeout(resolve, 5));
    const { view, show, drawNow, reveal } = window.report, found = [];
    const whole = view.to - view.from, middle = (view.from + view.to) / 2;
    found.push(`ready after ${performance.now().toFixed(0)} ms`);
    const timed = (act) => { const began = performance.now(); act(); return performance.now() - began; };
    for (const share of [1, .1, .01, .001]) {
      const times = [], span = whole * share;
      for (let n = 0; n < 30; n++) {
        const from = middle - span / 2 + span * .01 * n;
        show(from, from + span);
        times.push(timed(drawNow));
      }
      times.sort((a, b) => a - b);
      found.push(`${share} of the run in ${times[15].toFixed(1)} (at worst ${times[29].toFixed(1)}) ms`);
    }
    found.push(`select and zoom in ${timed(() => { reveal(5); drawNow(); }).toFixed(1)} ms`);
    console.log('MEASURED ' + found.join(', ') + ' END');
  })()</script></body>";

/// Measures in a browser how long the page takes to draw itself.
fn responsiveness(page: &[u8]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("page.html");
    let page = String::from_utf8_lossy(page).replace("</body>", MEASURE);
    std::fs::write(&path, page).expect("the page is written");
    measured(folder.path(), &path).unwrap_or_else(|| "no chromium: page not measured".into())
}

fn measured(profile: &Path, page: &Path) -> Option<String> {
    let mut browser = Command::new("timeout")
        .args(["60", "chromium", "--headless", "--no-sandbox", "--disable-gpu"])
        .args(["--enable-logging=stderr", "--remote-debugging-port=0", "--window-size=1400,1200"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", page.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let lines = BufReader::new(browser.stderr.take()?).lines();
    let line = lines.map_while(Result::ok).find(|line| line.contains("MEASURED "));
    // `timeout` passes this on to the browser.
    Command::new("kill").arg(browser.id().to_string()).status().ok();
    browser.wait().ok();
    let line = line?;
    let (_, found) = line.split_once("MEASURED ")?;
    Some(format!("drawn: {}", found.split(" END").next().unwrap_or(found)))
}

fn main() {
    for messages in [10_000, 100_000, 1_000_000] {
        let (history, journal) = run(messages);
        let activity = Activity::of(&history);
        let options = TestOptions::default();
        let results = Judgement::new(Validity::True, []);
        let recorded = Recorded {
            workload: "broadcast",
            options: &options,
            ran: &Ran::default(),
            activity: &activity,
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
        let page = page.expect("a page");
        std::fs::write(&path, &page).expect("the page is written");
        println!("  {}", path.display());
        println!("  {}", responsiveness(&page));
    }
}
