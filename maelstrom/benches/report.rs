//! How long the files of a report take, and how large they are, for many messages; and how
//! quickly the page answers.
//!
//! For the latter each page is opened in chromium without a window, if that is installed. The
//! page then draws itself thirty times with the view moved a little each time, as when it is
//! dragged: over the whole run, a tenth of it, a hundredth and a thousandth. What is timed is
//! the drawing, all three charts, by the browser's clock. A screen wants it within 16 ms.
//!
//! Each time it says the quickest, the median and the slowest: the first is what the work itself
//! takes, and the others grow with whatever else the machine does.
//!
//! `cargo bench -p maelstrom --bench report`; with `-- 1000000 5` only so many messages of so many
//! nodes.
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

/// A minute of broadcasts over so many nodes, each a request, a message to each other node with
/// its answer, and a reply. The node says how much it has by then.
fn run(messages: usize, nodes: usize) -> (History, Journal) {
    let operations = messages / (2 * nodes);
    let mut journal = Journal::new(usize::MAX);
    let mut history = String::new();
    let mut id = 0;
    for n in 0..operations {
        let start = n as u64 * 60_000_000 / operations as u64;
        journal.record_request(id, 2 * n);
        let node = n % nodes + 1;
        let state = format!(r#"{{"messages":{},"owes":[]}}"#, n / nodes);
        let name = format!("n{node}");
        journal.record_state(Time::from_nanos(start * 1000), &name.as_str().into(), &state);
        let mut send = |after: u64, src: String, dest: String, body: String| {
            let at = |micros| Time::from_nanos((start + micros) * 1000);
            let line = format!(r#"{{"src":"{src}","dest":"{dest}","body":{{{body}}}}}"#);
            let message = Message::parse(&line).expect("a message");
            journal.record_send(at(after), id, &message);
            journal.record_recv(at(after + 10), id, &message);
            id += 1;
        };
        let (me, client) = (format!("n{node}"), format!("c{}", 100 + n % nodes));
        let body = format!(r#""type":"broadcast","msg_id":{n},"message":{n}"#);
        send(0, client.clone(), me.clone(), body);
        for peer in (1..=nodes).filter(|&peer| peer != node) {
            let body = format!(r#""type":"gossip","msg_id":{n},"messages":[{n}]"#);
            send(20, me.clone(), format!("n{peer}"), body);
            let body = format!(r#""type":"gossip_ok","in_reply_to":{n}"#);
            send(40, format!("n{peer}"), me.clone(), body);
        }
        send(60, me, client, format!(r#""type":"broadcast_ok","in_reply_to":{n}"#));
        for (kind, index, micros) in [("invoke", 2 * n, 0), ("ok", 2 * n + 1, 70 + n as u64 % 97)] {
            let (process, time) = (n % nodes, (start + micros) * 1000);
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
    const { view, show, drawNow, drawn, model, reveal } = window.report, found = [];
    const whole = view.to - view.from, middle = (view.from + view.to) / 2;
    const drawnAt = performance.getEntriesByName('drawn')[0].startTime;
    found.push(`first drawn after ${drawnAt.toFixed(0)} ms, ready after ${performance.now().toFixed(0)} ms`);
    const timed = (act) => { const began = performance.now(); act(); return performance.now() - began; };
    for (const share of [1, .1, .01, .001]) {
      const times = [], span = whole * share;
      // What stands beside the page is loaded once; after that, drawing is all there is.
      show(middle - span / 2, middle + span * .8);
      drawNow();
      for (let n = 0; n < 400 && drawn().missing.some((m) => model.store.chunks[m].state === 'loading'); n++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        drawNow();
      }
      for (let n = 0; n < 70; n++) {
        const from = middle - span / 2 + span * .005 * n;
        show(from, from + span);
        const took = timed(drawNow);
        // The first ones are drawn before the browser has compiled the program.
        if (n >= 40) times.push(took);
      }
      times.sort((a, b) => a - b);
      const [least, median, most] = [0, 15, 29].map((place) => times[place].toFixed(1));
      found.push(`${share} of the run in ${least}, ${median}, ${most} ms`);
    }
    found.push(`select and zoom in ${timed(() => { reveal(5); drawNow(); }).toFixed(1)} ms`);
    console.log('MEASURED ' + found.join(', ') + ' END');
  })()</script></body>";

/// Measures in a browser how long the page in this folder takes to draw itself.
fn responsiveness(folder: &Path) -> String {
    let page = std::fs::read_to_string(folder.join("index.html")).expect("the page is there");
    let path = folder.join("measured.html");
    std::fs::write(&path, page.replace("</body>", MEASURE)).expect("the page is written");
    let profile = tempfile::tempdir().expect("a folder");
    measured(profile.path(), &path).unwrap_or_else(|| "no chromium: page not measured".into())
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
    let asked: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let sizes = match asked[..] {
        [messages, nodes] => vec![(messages, nodes)],
        _ => vec![(10_000, 5), (100_000, 5), (1_000_000, 5), (1_000_000, 25)],
    };
    for (messages, nodes) in sizes {
        let (history, journal) = run(messages, nodes);
        let activity = Activity::of(&history);
        let names = (1..=nodes).map(|node| format!("n{node}").as_str().into()).collect();
        let options = TestOptions { nodes: names, concurrency: nodes, ..TestOptions::default() };
        let results = Judgement::new(Validity::True, []);
        let recorded = Recorded {
            workload: "broadcast",
            options: &options,
            ran: &Ran::default(),
            playground: None,
            activity: &activity,
            history: &history,
            journal: &journal,
            results: &results,
            failure: None,
        };
        let started = Instant::now();
        let mut last = started;
        println!("{messages} messages, {nodes} nodes");
        let folder = std::env::temp_dir().join(format!("maelstrom-report-{messages}-{nodes}"));
        let (mut beside, mut beside_kilobytes) = (0, 0);
        report::write(&recorded, &mut |_| (), &mut |path, bytes| {
            let now = Instant::now();
            let (took, kilobytes) = ((now - last).as_secs_f64() * 1e3, bytes.len() / 1000);
            if path.starts_with("messages/") {
                beside += 1;
                beside_kilobytes += kilobytes;
            } else {
                println!("  {path:24} {took:8.0} ms {kilobytes:8} kB");
            }
            last = now;
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().expect("a folder"))?;
            Ok(std::fs::write(path, bytes)?)
        })
        .expect("a report");
        println!("  {:24} {:8.0} ms", "all", started.elapsed().as_secs_f64() * 1e3);
        println!("  {beside} files in messages/ with {beside_kilobytes} kB, {}", folder.display());
        println!("  {}", responsiveness(&folder));
    }
}
