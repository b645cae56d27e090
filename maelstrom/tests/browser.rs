//! Reports and the server in a real browser: Debian's chromium, without a window. Without
//! chromium these tests say so and pass; with `CI` in the environment they fail.
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
        // There it would pass for ever, and nobody would know that it does nothing.
        assert!(std::env::var_os("CI").is_none(), "this test needs chromium: install it");
        println!("skipped: this test needs chromium, which is not installed");
    }
    found
}

/// The page at this address as it stands once its scripts have run. With a picture's path, it
/// is drawn as well.
fn visit(browser: &str, address: &str) -> String {
    visit_in(browser, address, "1400,1200")
}

/// The same in a window of this size.
fn visit_in(browser: &str, address: &str, size: &str) -> String {
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new(browser);
    command
        // The sandbox does not work for root, as which CI may run; the pages are our own.
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args([&format!("--window-size={size}"), "--virtual-time-budget=20000"])
        .arg(format!("--user-data-dir={}", profile.path().display()));
    // For whoever wants to look: `SCREENSHOTS=/tmp cargo test -p maelstrom --test all browser`.
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
        let state = format!(r#"{{"messages":{},"owes":[]}}"#, n / 5 + 1);
        journal.record_state(Time::from_millis(start), &format!("n{node}").as_str().into(), &state);
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

/// More messages than the page has room for: each says something of its own.
fn long() -> Run {
    let mut journal = Journal::new(usize::MAX);
    let mut history = String::new();
    let mut noise = 1u64;
    let mut words = || -> String {
        let mut word = |_| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            format!("{noise:016x}")
        };
        (0..12).map(&mut word).collect()
    };
    for n in 0..10_000u64 {
        journal.record_request(2 * n, 2 * n as usize);
        for (id, src, dest, key) in
            [(2 * n, "c9", "n1", "msg_id"), (2 * n + 1, "n1", "c9", "in_reply_to")]
        {
            let body = format!(r#"{{"type":"echo","{key}":{n},"echo":"{}"}}"#, words());
            let line = format!(r#"{{"src":"{src}","dest":"{dest}","body":{body}}}"#);
            let message = Message::parse(&line).unwrap();
            journal.record_send(Time::from_millis(n), id, &message);
            journal.record_recv(Time::from_millis(n), id, &message);
        }
        for (kind, index) in [("invoke", 2 * n), ("ok", 2 * n + 1)] {
            let time = n * 1_000_000;
            history += &format!(
                "{{:process 0, :type :{kind}, :f :echo, :value 1, :index {index}, :time {time}}}\n"
            );
        }
    }
    Run { workload: "echo", history, journal }
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
        playground: None,
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
fn write_driven(store: &Path, workload: &str, name: &str, script: &str) {
    let folder = store.join(workload).join("seed-1");
    let page = std::fs::read_to_string(folder.join("index.html")).unwrap();
    let driver = format!(
        "<pre id=\"saw\"></pre><script>addEventListener('error', (e) => \
         document.getElementById('saw').textContent += 'ERROR ' + e.message);\
         (async () => {{ while (!window.report) await new Promise((r) => setTimeout(r, 20));\
         const saw = (name, value) => document.getElementById('saw').textContent += \
         name + '=' + value + ';'; {script} saw('done', true); }})()</script></body>"
    );
    let copy = folder.join(format!("{name}.html"));
    std::fs::write(copy, page.replace("</body>", &driver)).unwrap();
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

/// What scripts of visitors use: keys, a mouse, and waiting.
const HANDS: &str = "
    const { model, view, drawn, drawNow } = window.report, $ = (id) => document.getElementById(id);
    const space = $('space'), wait = (ms) => new Promise((r) => setTimeout(r, ms));
    const key = (key) => { document.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true })); drawNow(); };
    const mouse = (type, x, y) => { const box = space.getBoundingClientRect();
      space.setPointerCapture = () => {};
      space.dispatchEvent(new PointerEvent(type, { clientX: box.left + x, clientY: box.top + y, bubbles: true })); };
    const click = (x, y) => { mouse('pointerdown', x, y); mouse('pointerup', x, y); drawNow(); };
    const press = (name) => { [...document.querySelectorAll('button')].find((b) => b.textContent === name).click(); drawNow(); };
    const wheel = (options) => { const event = new WheelEvent('wheel', { deltaY: -1200, clientX: 700, bubbles: true, cancelable: true, ...options });
      space.dispatchEvent(event); drawNow(); return event.defaultPrevented; };
    const span = () => view.to - view.from;
    const search = async (text) => { $('find').value = text; await window.report.step(1); drawNow(); };
    const typeOf = (id) => { const { rows, i } = model.store.at(id); return model.types[rows.kind[i]]; };
    drawNow();
    const whole = span();
";

/// Finds the way about: over the whole run, near, and with filters.
const LOOK_ABOUT: &str = "
    const total = () => drawn().density ? drawn().density.count.reduce((a, b) => a + b, 0) : drawn().messages.length;
    saw('flows', drawn().flows);
    const all = total();
    press('gossip');
    saw('filtered in the overview', total() > 0 && total() < all / 2);
    press('gossip');
    saw('and back', Math.abs(total() - all) < 1);
    press('nodes only');
    saw('nodes only', drawn().places.filter((place) => place !== null).length);
    press('nodes only');
    saw('the wheel scrolls', !wheel({}) && span() === whole);
    saw('with ctrl it zooms', wheel({ ctrlKey: true }) && span() < whole / 10);
    key('0');
    saw('home', Math.abs(span() - whole) < 1);
    window.report.reveal(3); drawNow();
    saw('single', !drawn().flows && drawn().messages.length > 0);
    key('Escape');
    const bar = drawn().ops.find((op) => op.row === 3);
    mouse('pointermove', bar.x0 + 2, bar.y);
    saw('hint', /broadcast ok .*process 3, took/.test($('hint').textContent));
    click(bar.x0 + 2, bar.y);
    saw('caused', view.highlight.size);
    saw('listed', document.querySelectorAll('#selected li').length);
    press('gossip');
    saw('filtered', drawn().messages.length > 0 && drawn().messages.every(({ row }) => typeOf(row) !== 'gossip'));
    press('gossip');
    key('Escape');
    await search('200');
    saw('found an operation', model.ops.index[view.op]);
    key('Escape'); key('0');
    await search('\"messages\":[333]');
    const found = model.store.at(view.found);
    saw('found a message', found.rows.body[found.i].includes('[333]') && typeOf(view.found) === 'gossip');
    saw('told', $('selected').textContent.includes('[333]'));
    const first = view.found;
    await search('\"messages\":[333]');
    saw('and the next', view.found !== first && view.found !== null);
    await search('no such thing');
    saw('nothing', $('status').textContent.startsWith('Nothing matches'));
";

/// Looks into the nodes: a moment, step by step, playing, and order instead of time.
const LOOK_INSIDE: &str = "
    saw('bands', model.states.bands.size);
    window.report.show(2e6, 2.2e6); drawNow();
    saw('ticks', drawn().changes.length > 5);
    const tick = drawn().changes[0];
    mouse('pointermove', tick.x, tick.y);
    saw('tick', $('hint').textContent.includes('messages: ') && $('hint').textContent.includes(' → '));
    click(400, 8);
    saw('moment', !$('moment').hidden && document.querySelectorAll('#states tr').length);
    const before = view.moment, said = $('what').textContent;
    key('ArrowRight');
    saw('step', view.moment - before);
    saw('another event', $('what').textContent !== said);
    key('ArrowLeft');
    saw('and back', view.moment - before);
    for (let n = 0; n < 40 && !document.querySelector('#states .changed'); n++) key('ArrowRight');
    saw('changed', document.querySelector('#states .changed').textContent.includes(' → '));
    // What the page says a node holds is what it last said.
    const order = model.order(), change = order.changes[order.ref[view.moment]];
    const row = [...document.querySelectorAll('#states tr.now td')].map((cell) => cell.textContent);
    saw('the node', row[0] === model.lanes[change.lane].name);
    $('speed').value = 'events 50';
    const start = view.moment;
    $('play').click(); await wait(1500); $('play').click();
    saw('played', view.moment - start > 10);
    const stopped = view.moment; await wait(300);
    saw('paused', view.moment === stopped);
    press('order, not time');
    saw('order', model.axis().isOrder && $('status').textContent.startsWith('Events '));
    const steps = drawn().messages.map(({ line }) => line.x0);
    saw('apart', steps.length > 3 && new Set(steps).size === steps.length);
    // A cause comes before its effect, also at one instant.
    let wrong = 0;
    model.store.loaded().forEach(({ rows, first }) => rows.cause.forEach((cause, i) => {
      if (!cause) return;
      const cause_at = model.store.at(first + i - cause);
      if (cause_at.rows.endStep[cause_at.i] >= rows.sentStep[i]) wrong++;
    }));
    saw('effects before causes', wrong);
    key('o');
    saw('time', !model.axis().isOrder);
    key('Escape');
    saw('left', $('moment').hidden && view.moment === null);
";

/// On a phone: nothing is wider than the screen, and a finger scrolls the page.
const ON_A_PHONE: &str = "
    saw('narrow', innerWidth <= 500);
    saw('fits', document.documentElement.scrollWidth <= innerWidth);
    saw('a finger scrolls', getComputedStyle(space).touchAction === 'pan-y' && !wheel({ deltaY: 300 }));
    scrollTo(0, 400); await wait(50);
    saw('scrolled', scrollY > 0);
    const finger = (type, pointerId, x) => space.dispatchEvent(new PointerEvent(type, { pointerId, clientX: x, clientY: 50, pointerType: 'touch', bubbles: true }));
    space.setPointerCapture = () => {};
    finger('pointerdown', 1, 150); finger('pointerdown', 2, 250);
    finger('pointermove', 1, 100); finger('pointermove', 2, 300);
    finger('pointerup', 1, 100); finger('pointerup', 2, 300); drawNow();
    saw('pinched', span() < whole * .7);
    click(200, 8);
    saw('moment', !$('moment').hidden && $('moment').getBoundingClientRect().right <= innerWidth);
";

/// In a run that is too long for the page, what stands beside it is loaded where one looks.
const LOAD: &str = "
    const beside = model.store.chunks.filter((chunk) => !model.store.inside.has(chunk.number)), absent = beside[0];
    saw('some are beside the page', !!absent);
    const middle = (absent.start + absent.end) / 2;
    window.report.show(middle - 20000, middle + 20000); drawNow();
    for (let n = 0; n < 100 && !absent.rows; n++) await wait(50);
    drawNow();
    saw('loaded', !!absent.rows && !drawn().flows && drawn().messages.length > 10);
    key('0');
    const other = beside[beside.length - 1];
    await search(`\"msg_id\":${other.first / 2 + 7},`);
    saw('found', Math.floor(view.found / model.store.size) === other.number);
    key('0');
    const times = [];
    for (let n = 0; n < 9; n++) { const began = performance.now(); drawNow(); times.push(performance.now() - began); }
    saw('status', $('status').textContent.includes('density'));
";

#[test]
fn a_visitor_finds_the_way_from_the_table_to_an_anomaly() {
    let Some(browser) = browser() else { return };
    let store = tempfile::tempdir().unwrap();
    for run in [broadcast(), lin_kv(), g_single(), g_single_of_registers()] {
        write(store.path(), &run);
    }
    let visits = [("about", LOOK_ABOUT), ("inside", LOOK_INSIDE), ("phone", ON_A_PHONE)];
    for (name, script) in visits {
        write_driven(store.path(), "broadcast", name, &[HANDS, script].concat());
    }
    let jump = "document.querySelector('#drawings a.op').click();
        await new Promise((r) => setTimeout(r, 200));
        saw('jumped', location.hash.startsWith('#ops-') && window.report.view.op !== null);
        const numbers = location.hash.slice(5).split(',').map(Number);
        const meant = numbers.map((number) => window.report.model.opAt(number));
        const seen = (row) => window.report.view.from <= window.report.model.ops.start[row]
            && window.report.model.ops.start[row] <= window.report.view.to;
        saw('all in view', meant.length > 1 && meant.every(seen));
        const table = document.querySelector('#drawings table.operations');
        saw('one number each', numbers.every((n) => table.querySelector(`a[href=\"#op-${n}\"]`)));
        const box = document.querySelector('#drawings .drawing');
        box.style.width = '200px';
        box.scrollLeft = 50;
        // A browser tells of it when it draws next, and one without a screen may never draw.
        box.dispatchEvent(new Event('scroll'));
        const names = box.querySelector('.sticky');
        const place = `translate(${box.scrollLeft} 0)`;
        saw('names stay', box.scrollLeft > 0 && (!names || names.getAttribute('transform') === place));
        box.style.width = '';";
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
        const run = document.getElementById('run').getBoundingClientRect();
        saw('in view', run.top > -1 && run.top < innerHeight / 2);";
    for workload in ["lin-kv", "txn-list-append", "txn-rw-register"] {
        write_driven(store.path(), workload, "driven", &[jump, click].concat());
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
    let about = saw(&visit("/files/broadcast/seed-1/about.html"));
    assert_eq!(
        about,
        "flows=true;filtered in the overview=true;and back=true;nodes only=5;\
         the wheel scrolls=true;with ctrl it zooms=true;home=true;single=true;hint=true;caused=6;\
         listed=6;filtered=true;found an operation=200;found a message=true;told=true;\
         and the next=true;nothing=true;done=true;"
    );
    let inside = saw(&visit("/files/broadcast/seed-1/inside.html"));
    assert_eq!(
        inside,
        "bands=5;ticks=true;tick=true;moment=6;step=1;another event=true;and back=0;changed=true;\
         the node=true;played=true;paused=true;order=true;apart=true;effects before causes=0;\
         time=true;left=true;done=true;"
    );
    let phone = visit_in(
        browser,
        &format!("{}/files/broadcast/seed-1/phone.html", server.address),
        "390,844",
    );
    assert_eq!(
        saw(&phone),
        "narrow=true;fits=true;a finger scrolls=true;scrolled=true;pinched=true;moment=true;done=true;"
    );
    for workload in ["lin-kv", "txn-list-append", "txn-rw-register"] {
        // From the table by its link.
        let link = format!("/files/{workload}/seed-1/index.html");
        assert!(table.contains(&format!("href=\"{link}\"")), "{table}");
        let page = visit(&link.replace("index.html", "driven.html"));
        let expected = "jumped=true;all in view=true;one number each=true;names stay=true;drawing=true;there=true;in view=true;done=true;";
        assert_eq!(saw(&page), expected, "{workload}");
        let is_single = page.contains("<strong>G-single-item</strong>");
        assert_eq!(is_single, workload != "lin-kv", "{workload}: {page}");
    }
}

#[test]
fn a_page_from_a_disk_loads_what_stands_beside_it() {
    let Some(browser) = browser() else { return };
    let store = tempfile::tempdir().unwrap();
    write(store.path(), &long());
    write_driven(store.path(), "echo", "load", &[HANDS, LOAD].concat());
    let folder = store.path().join("echo/seed-1");
    let page = std::fs::metadata(folder.join("index.html")).unwrap().len();
    assert!(page < 2_000_000, "{page} bytes");
    let expected = "some are beside the page=true;loaded=true;found=true;status=true;done=true;";
    let address = format!("file://{}", folder.join("load.html").display());
    assert_eq!(saw(&visit(browser, &address)), expected);
    // And through the server, which lets a page load nothing else.
    let server = Server::start(store.path());
    let address = format!("{}/files/echo/seed-1/load.html", server.address);
    assert_eq!(saw(&visit(browser, &address)), expected);
}
