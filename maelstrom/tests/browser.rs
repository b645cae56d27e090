//! Reports and the server in a real browser: Debian's chromium, without a window. Without
//! chromium these tests say so and pass.
//!
//! The runs are made up: a broadcast with a partition, a register that is not linearizable,
//! and transactions that show G-single, over lists and over registers. What a visitor does is done by a script that is added
//! to a copy of the page; what came of it is read from the page.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::print_stdout,
    reason = "these tests run the bench's own program, and a browser"
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use gyre::{Message, Time};
use maelstrom::checker;
use maelstrom::history::History;
use maelstrom::journal::Journal;
use maelstrom::options::TestOptions;
use maelstrom::ran::Ran;
use maelstrom::report::{self, Activity, Recorded};

fn browser() -> Option<&'static str> {
    let is_there = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(is_there);
    if found.is_none() {
        println!("skipped: this test needs chromium, which is not installed");
    }
    found
}

/// The page at this address as it stands once its scripts have run. With a picture's path, it
/// is drawn as well.
fn visit(browser: &str, address: &str) -> String {
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new(browser);
    command
        // The sandbox does not work for root, as which CI may run; the pages are our own.
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--window-size=1400,1200", "--virtual-time-budget=20000"])
        .arg(format!("--user-data-dir={}", profile.path().display()));
    // For whoever wants to look: `SCREENSHOTS=/tmp cargo test --test browser`.
    if let Ok(folder) = std::env::var("SCREENSHOTS") {
        let name: String =
            address.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let name = name.split("files-").last().unwrap().to_owned();
        let picture = format!("--screenshot={folder}/{name}.png");
        command.arg("--hide-scrollbars").arg(picture);
    }
    let output = command.arg("--dump-dom").arg(address).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

struct Run {
    workload: &'static str,
    history: String,
    journal: Journal,
}

/// Five nodes pass on what they hear; for a while, n1 and n2 are cut off from the others.
fn broadcast() -> Run {
    let mut journal = Journal::new(usize::MAX);
    let mut history = String::new();
    let (mut id, mut index) = (0, 0);
    let mut line = |text: String| {
        history += &format!("{{{text}, :index {index}}}\n");
        index += 1;
        index - 1
    };
    for n in 0..400u64 {
        let start = n * 25;
        if n == 120 || n == 280 {
            let (f, value) = if n == 120 {
                ("start", "[:isolated {\"n1\" #{\"n3\"}}]")
            } else {
                ("stop", "nil")
            };
            line(format!(
                ":process :nemesis, :type :info, :f :{f}-partition, :value {value}, :time {}",
                start * 1_000_000
            ));
        }
        let is_cut = (120..280).contains(&n);
        let node = n % 5 + 1;
        let (process, lost) = (n % 5, n == 200);
        let op = |kind: &str, at: u64| {
            let time = at * 1_000_000;
            format!(":process {process}, :type :{kind}, :f :broadcast, :value {n}, :time {time}")
        };
        let invocation = line(op("invoke", start));
        journal.record_request(id, invocation);
        let mut send = |at: u64, took: Option<u64>, src: String, dest: String, body: String| {
            let text = format!(r#"{{"src":"{src}","dest":"{dest}","body":{{{body}}}}}"#);
            let message = Message::parse(&text).unwrap();
            journal.record_send(Time::from_millis(at), id, &message);
            if let Some(took) = took {
                journal.record_recv(Time::from_millis(at + took), id, &message);
            }
            id += 1;
        };
        let (me, client) = (format!("n{node}"), format!("c{}", 10 + process));
        let body = format!(r#""type":"broadcast","message":{n},"msg_id":{n}"#);
        send(start, Some(0), client.clone(), me.clone(), body);
        for peer in (1..=5).filter(|&peer| peer != node) {
            let arrives = !(is_cut && (peer <= 2) != (node <= 2));
            let body = format!(r#""type":"gossip","messages":[{n}]"#);
            send(start, arrives.then_some(8 + peer), me.clone(), format!("n{peer}"), body);
        }
        if !lost {
            let body = format!(r#""type":"broadcast_ok","in_reply_to":{n}"#);
            send(start, Some(0), me, client, body);
        }
        line(op(if lost { "info" } else { "ok" }, start + 1));
    }
    Run { workload: "broadcast", history, journal }
}

fn lin_kv() -> Run {
    let mut history = String::new();
    let ops = [
        (0, "invoke", "write", "1", 0),
        (1, "invoke", "read", "nil", 1),
        (0, "ok", "write", "1", 3),
        (1, "ok", "read", "1", 4),
        (2, "invoke", "cas", "[1 3]", 5),
        (0, "invoke", "write", "2", 6),
        (0, "ok", "write", "2", 8),
        (1, "invoke", "read", "nil", 9),
        (1, "ok", "read", "1", 12),
        (3, "invoke", "read", "nil", 13),
        (3, "ok", "read", "2", 15),
    ];
    for (index, (process, kind, f, value, millis)) in ops.iter().enumerate() {
        let time = millis * 1_000_000;
        history += &format!(
            "{{:process {process}, :type :{kind}, :f :{f}, :value [7 {value}], :index {index}, \
             :time {time}}}\n"
        );
    }
    Run { workload: "lin-kv", history, journal: Journal::new(0) }
}

/// One transaction reads a key before another wrote it, and a second key after.
fn g_single() -> Run {
    let mut history = String::new();
    let txns = [
        (0, "[[:append 1 1] [:append 2 1]]", "[[:append 1 1] [:append 2 1]]"),
        (1, "[[:r 1 nil] [:r 2 nil]]", "[[:r 1 nil] [:r 2 [1]]]"),
        (0, "[[:r 1 nil] [:r 2 nil]]", "[[:r 1 [1]] [:r 2 [1]]]"),
    ];
    for (n, (process, asked, told)) in txns.iter().enumerate() {
        for (half, (kind, value)) in [("invoke", asked), ("ok", told)].into_iter().enumerate() {
            let index = 2 * n + half;
            history += &format!(
                "{{:process {process}, :type :{kind}, :f :txn, :value {value}, :index {index}, \
                 :time {}}}\n",
                index * 2_000_000
            );
        }
    }
    Run { workload: "txn-list-append", history, journal: Journal::new(0) }
}

/// The same over registers: the second transaction misses the first one's write to key 1, but
/// sees its write to key 2. The third, which reads and writes each key, shows their order.
fn g_single_of_registers() -> Run {
    let mut history = String::new();
    let txns = [
        (
            0,
            "[[:r 1 nil] [:w 1 1] [:r 2 nil] [:w 2 1]]",
            "[[:r 1 nil] [:w 1 1] [:r 2 nil] [:w 2 1]]",
        ),
        (1, "[[:r 1 nil] [:r 2 nil]]", "[[:r 1 nil] [:r 2 1]]"),
    ];
    for (n, (process, asked, told)) in txns.iter().enumerate() {
        for (half, (kind, value)) in [("invoke", asked), ("ok", told)].into_iter().enumerate() {
            let index = 2 * n + half;
            history += &format!(
                "{{:process {process}, :type :{kind}, :f :txn, :value {value}, :index {index}, \
                 :time {}}}\n",
                index * 2_000_000
            );
        }
    }
    Run { workload: "txn-rw-register", history, journal: Journal::new(0) }
}

fn what_ran() -> Ran {
    Ran { seed: Some(1), ..Ran::new("target/release/a-node", &TestOptions::default()) }
}

/// Judges a run and writes its report, as a test of the bench would.
fn write(store: &Path, run: &Run) {
    let folder = store.join(run.workload).join("seed-1");
    let history = History::parse(&run.history).unwrap();
    let activity = Activity::of(&history);
    let judged = history.judge(run.workload.parse::<checker::Workload>().unwrap());
    let results = checker::Judgement::of_parts([
        ("stats", checker::stats::check(&history)),
        ("net", maelstrom::results::traffic::check(run.journal.stats(), activity.count() as u64)),
        ("workload", judged),
    ]);
    let recorded = Recorded {
        workload: run.workload,
        options: &TestOptions::default(),
        ran: &what_ran(),
        activity: &activity,
        history: &history,
        journal: &run.journal,
        results: &results,
        failure: None,
    };
    let file = |path: &str, bytes: &[u8]| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap())?;
        Ok(std::fs::write(path, bytes)?)
    };
    report::write(&recorded, &mut |_| (), &mut |path, bytes| file(path, bytes)).unwrap();
    file("results.edn", results.to_edn().to_string().as_bytes()).unwrap();
    file("history.edn", run.history.as_bytes()).unwrap();
}

/// Adds a script to a copy of the page: it acts as a visitor does, and leaves what it saw.
fn write_driven(store: &Path, workload: &str, script: &str) {
    let folder = store.join(workload).join("seed-1");
    let page = std::fs::read_to_string(folder.join("index.html")).unwrap();
    let driver = format!(
        "<pre id=\"saw\"></pre><script>addEventListener('error', (e) => \
         document.getElementById('saw').textContent += 'ERROR ' + e.message);\
         (async () => {{ while (!window.report) await new Promise((r) => setTimeout(r, 20));\
         const saw = (name, value) => document.getElementById('saw').textContent += \
         name + '=' + value + ';'; {script} saw('done', true); }})()</script></body>"
    );
    std::fs::write(folder.join("driven.html"), page.replace("</body>", &driver)).unwrap();
}

/// What a driven page saw.
fn saw(dom: &str) -> String {
    let (_, rest) = dom.split_once("<pre id=\"saw\">").unwrap_or_else(|| panic!("{dom}"));
    rest.split_once("</pre>").unwrap().0.to_owned()
}

struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(store: &Path) -> Server {
        let mut process = Command::new(env!("CARGO_BIN_EXE_maelstrom"))
            .args(["serve", "--port", "0", "--store"])
            .arg(store)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit(' ').next().unwrap().trim_end_matches('/').to_owned();
        Server { process, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

const ACT: &str = "
    const { model, view, drawn } = window.report, space = document.getElementById('space');
    const key = (key) => document.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    const mouse = (type, x, y) => { const box = space.getBoundingClientRect();
      space.setPointerCapture = () => {};
      space.dispatchEvent(new PointerEvent(type, { clientX: box.left + x, clientY: box.top + y, bubbles: true })); };
    window.report.drawNow();
    const whole = view.to - view.from;
    saw('flows', drawn().flows);
    space.dispatchEvent(new WheelEvent('wheel', { deltaY: -1200, clientX: 700, bubbles: true, cancelable: true }));
    window.report.drawNow();
    saw('wheel', view.to - view.from < whole / 10);
    key('0'); window.report.drawNow();
    saw('home', Math.abs(view.to - view.from - whole) < 1);
    window.report.reveal(3); window.report.drawNow();
    saw('single', !drawn().flows && drawn().messages.length > 0);
    key('Escape'); window.report.drawNow();
    const bar = drawn().ops.find((op) => op.row === 3);
    mouse('pointermove', bar.x0 + 2, bar.y);
    saw('hint', document.getElementById('hint').textContent.includes('broadcast ok'));
    mouse('pointerdown', bar.x0 + 2, bar.y); mouse('pointerup', bar.x0 + 2, bar.y);
    window.report.drawNow();
    saw('caused', view.highlight.size);
    saw('listed', document.querySelectorAll('#selected li').length);
    [...document.querySelectorAll('#types button')].find((b) => b.textContent === 'gossip').click();
    window.report.drawNow();
    saw('filtered', drawn().messages.every(({ row }) => model.types[model.messages.kind[row]] !== 'gossip'));
    document.getElementById('find').value = '200'; key('n'); window.report.drawNow();
    saw('found', view.op !== null);
";

#[test]
fn a_visitor_finds_the_way_from_the_table_to_an_anomaly() {
    let Some(browser) = browser() else { return };
    let store = tempfile::tempdir().unwrap();
    for run in [broadcast(), lin_kv(), g_single(), g_single_of_registers()] {
        write(store.path(), &run);
    }
    write_driven(store.path(), "broadcast", ACT);
    let jump = "document.querySelector('#drawings a.op').click();
        await new Promise((r) => setTimeout(r, 200));
        saw('jumped', location.hash.startsWith('#op-') && window.report.view.op !== null);";
    // What is in the drawing is a link as well: to another operation than that of the first.
    let click = "const { view, model } = window.report, first = view.op;
        const svg = document.querySelector('#drawings svg');
        saw('drawing', svg.getBoundingClientRect().width > 100);
        const there = (link) => model.opAt(Number(link.getAttribute('href').slice(4)));
        const other = [...svg.querySelectorAll('a')].find((link) => there(link) !== first);
        other.querySelector('rect').dispatchEvent(new MouseEvent('click', { bubbles: true }));
        await new Promise((r) => setTimeout(r, 200));
        const start = model.ops.start[there(other)];
        saw('there', view.op === there(other) && view.from <= start && start <= view.to);
        const box = document.getElementById('run').getBoundingClientRect();
        saw('in view', box.top >= 0 && box.top < innerHeight / 2);";
    for workload in ["lin-kv", "txn-list-append", "txn-rw-register"] {
        write_driven(store.path(), workload, &[jump, click].concat());
    }
    let server = Server::start(store.path());
    let visit = |path: &str| visit(browser, &format!("{}{path}", server.address));

    let table = visit("/");
    assert_eq!(table.matches("<tr class=").count(), 4, "{table}");
    let filtered = visit("/?verdict=invalid&workload=lin-kv");
    assert!(filtered.contains("not valid") && !filtered.contains("seed-1/\">broadcast"));
    assert!(visit("/files/lin-kv/seed-1/").contains("independent/"));

    // As the server sends it, with its policy, the page draws itself.
    let page = visit("/files/broadcast/seed-1/index.html");
    assert!(page.contains("data-ready=\"yes\""), "{page}");
    let acted = saw(&visit("/files/broadcast/seed-1/driven.html"));
    assert_eq!(
        acted,
        "flows=true;wheel=true;home=true;single=true;hint=true;caused=6;listed=6;\
         filtered=true;found=true;done=true;"
    );
    for workload in ["lin-kv", "txn-list-append", "txn-rw-register"] {
        // From the table by its link.
        let link = format!("/files/{workload}/seed-1/index.html");
        assert!(table.contains(&format!("href=\"{link}\"")), "{table}");
        let page = visit(&link.replace("index.html", "driven.html"));
        let expected = "jumped=true;drawing=true;there=true;in view=true;done=true;";
        assert_eq!(saw(&page), expected, "{workload}");
        let is_single = page.contains("<strong>G-single-item</strong>");
        assert_eq!(is_single, workload != "lin-kv", "{workload}: {page}");
    }
}
