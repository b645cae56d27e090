//! One browser for all visits, which follow each other. A small server gives it a page that asks
//! for the next visit, and opens the playground for it in a frame: that has the size of a window
//! or a phone, and a script behind it that acts as a visitor does and sends back what it saw.
//!
//! Nothing here has to be done within a certain time. Only who says nothing at all for ten minutes
//! hangs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use crate::devtools::Devtools;

const PATIENCE: Duration = Duration::from_secs(600);

/// How long a tab is in the background, once a visitor has asked for it at `/background`.
const BACKGROUND: Duration = Duration::from_millis(4500);

/// The page that opens frames.
const FRAMES: &str = "<!DOCTYPE html><body style='margin: 0'><script>(async () => {
    for (;;) {
      const { hash, size: [width, height] } = await (await fetch('/next')).json();
      const frame = document.createElement('iframe');
      Object.assign(frame, { width, height, style: 'border: 0', src: '/visit' + hash });
      const done = new Promise((resolve) => addEventListener('message', resolve, { once: true }));
      document.body.append(frame);
      await done;
      frame.remove();
    } })();</script>";

/// What visitors' scripts use.
const HANDS: &str = "
    const wait = (ms) => new Promise((r) => setTimeout(r, ms));
    const until = async (what, is) => { while (!is()) await wait(20); };
    const ready = () => until('a run', () => app.isReady);
    const key = (key) => document.body.dispatchEvent(
      new KeyboardEvent('keydown', { key, bubbles: true }));
    const press = (name) => [...document.querySelectorAll('button')]
      .find((b) => b.textContent === name).click();
    const text = (id) => document.getElementById(id).textContent;
    const leaders = () => app.run.what.nodes.filter((node) =>
      !app.run.faultsAt(app.time).down.has(node) &&
      app.run.stateAt(node, app.time)?.role === 'leader');
    const change = async (act) => { app.isReady = false; act(); await ready(); };
    // A busy machine is no reason to give up.
    app.patienceMs = 1e9; app.shrinkMs = 1e9;";

/// What a frame is to show.
struct Visit {
    hash: String,
    size: [u32; 2],
    page: String,
}

/// A browser, and what it serves.
pub struct Window {
    visits: Sender<Visit>,
    saw: Receiver<String>,
    log: std::path::PathBuf,
    /// As long as its standard input is open, the browser runs.
    _browser: Child,
}

impl Window {
    /// Opens the playground with this behind its address, in a window of this width and height,
    /// lets a visitor act, and gives what came of that: the script's last value.
    pub fn visit(page: &str, hash: &str, size: [u32; 2], script: &str) -> Option<String> {
        static WINDOW: OnceLock<Option<Mutex<Window>>> = OnceLock::new();
        let window = WINDOW.get_or_init(|| Some(Mutex::new(Window::open(browser()?))));
        // Who has waited in vain leaves it locked for good: nobody waits again.
        let window = window.as_ref()?.lock().expect("a visit before this one hung");
        let driver = format!(
            "<script>(async () => {{ {HANDS} let saw;\
             const say = async (saw) => {{\
               await fetch('/saw', {{ method: 'POST', body: saw }}); parent.postMessage(0); }};\
             addEventListener('error', (e) => say('ERROR ' + e.message));\
             try {{ await ready(); saw = await (async () => {{ {script} }})(); }}\
             catch (error) {{ saw = 'ERROR ' + error + ' ' + error.stack; }}\
             say(String(saw)); }})()</script></body>"
        );
        let page = page.replace("</body>", &driver);
        window.visits.send(Visit { hash: hash.into(), size, page }).expect("the server waits");
        let saw = window.saw.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            let log = std::fs::read_to_string(&window.log).unwrap_or_default();
            panic!("nothing was seen within {PATIENCE:?} behind {hash}: {log}")
        });
        drop(window);
        assert!(!saw.starts_with("ERROR"), "{saw}");
        Some(saw)
    }

    fn open(browser: &str) -> Window {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (visits, next) = mpsc::channel();
        let (sender, saw) = mpsc::channel();
        let folder = tempfile::tempdir().unwrap().keep();
        let log = folder.join("log");
        let pipes = ["in", "out"].map(|pipe| folder.join(pipe));
        assert!(Command::new("mkfifo").args(&pipes).status().unwrap().success());
        // The shell ends the browser as soon as this program has ended, however that comes about.
        let script = "\"$@\" 3< \"$0/in\" 4> \"$0/out\" & read -r _; kill $!; wait $!; \
                      rm -rf \"$0\"";
        let browser = Command::new("sh")
            .args(["-c", script])
            .arg(&folder)
            // The sandbox does not work for root, as which CI may run; the page is our own.
            .args([browser, "--headless", "--no-sandbox", "--disable-gpu"])
            .args(["--disable-dev-shm-usage", "--remote-debugging-pipe"])
            .args(["--window-size=1280,1000", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", folder.join("profile").display()))
            .arg(format!("http://{address}/"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let devtools = Arc::new(Mutex::new(Devtools::open(&folder).unwrap()));
        std::thread::spawn(move || serve(&listener, &sender, next, &devtools));
        Window { visits, saw, log, _browser: browser }
    }
}

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

/// Answers requests, each in a thread of its own.
fn serve(
    listener: &TcpListener,
    saw: &Sender<String>,
    next: Receiver<Visit>,
    devtools: &Arc<Mutex<Devtools>>,
) {
    let next = Arc::new(Mutex::new(next));
    let page = Arc::new(Mutex::new(String::new()));
    for stream in listener.incoming().flatten() {
        let (next, page, saw) = (Arc::clone(&next), Arc::clone(&page), saw.clone());
        let devtools = Arc::clone(devtools);
        // Whom nobody hears has gone away: the browser, or the test.
        std::thread::spawn(move || {
            // The answer comes before the tab goes to the background.
            if answer(stream, &next, &page, &saw).is_ok_and(|path| path == "/background") {
                devtools.lock().unwrap().freeze(BACKGROUND).unwrap();
            }
        });
    }
}

/// Gives the path that was asked for.
fn answer(
    mut stream: TcpStream,
    next: &Mutex<Receiver<Visit>>,
    page: &Mutex<String>,
    saw: &Sender<String>,
) -> std::io::Result<String> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut first)?;
    while reader.read_line(&mut line)? > 2 {
        let lower = line.to_lowercase();
        if let Some(number) = lower.strip_prefix("content-length:") {
            length = number.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let path = first.split(' ').nth(1).unwrap_or_default();
    let text = match path {
        "/" => FRAMES.to_owned(),
        "/visit" => page.lock().unwrap().clone(),
        "/saw" => {
            saw.send(String::from_utf8_lossy(&body).into_owned()).ok();
            String::new()
        }
        "/next" => {
            let Ok(visit) = next.lock().unwrap().recv() else { return Ok(String::new()) };
            *page.lock().unwrap() = visit.page;
            serde_json::json!({ "hash": visit.hash, "size": visit.size }).to_string()
        }
        _ => String::new(),
    };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{text}",
        text.len()
    )?;
    Ok(path.to_owned())
}

/// The page as `make playground-build` makes it, once for all tests.
pub fn page() -> Option<&'static str> {
    static PAGE: OnceLock<Option<String>> = OnceLock::new();
    PAGE.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let libraries = Command::new("rustc")
            .args(["--print", "target-libdir", "--target", "wasm32-unknown-unknown"])
            .output()
            .unwrap();
        let libraries = String::from_utf8(libraries.stdout).unwrap();
        if !Path::new(libraries.trim()).is_dir() {
            let sentence = "these tests need Rust's target for browsers: \
                            rustup target add wasm32-unknown-unknown";
            assert!(std::env::var_os("CI").is_none(), "{sentence}");
            println!("skipped: {sentence}");
            return None;
        }
        let make = Command::new("make").arg("playground-build").current_dir(&root).output();
        let make = make.unwrap();
        assert!(make.status.success(), "{}", String::from_utf8_lossy(&make.stderr));
        Some(std::fs::read_to_string(root.join("target/playground/index.html")).unwrap())
    })
    .as_deref()
}
