//! The server's pages over stores that are made up: good, damaged and hostile ones.

use std::fs;

use axum::body::{Body, to_bytes};
use tower::ServiceExt;

use super::*;

const GOOD: &str = "{:stats {:valid? true, :count 20, :ok-count 19}, \
    :net {:all {:msgs-per-op 8.5}}, :valid? true}";

struct Store(tempfile::TempDir);

impl Store {
    fn new(files: &[(&str, &str)]) -> Store {
        let folder = tempfile::tempdir().unwrap();
        let store = Store(folder);
        for (path, contents) in files {
            let path = store.0.path().join("store").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }
        store
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("store")
    }

    fn request(&self, request: Request) -> (StatusCode, Vec<u8>) {
        let app = router(self.path(), true);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let response = app.oneshot(request).await.unwrap();
            let status = response.status();
            (status, to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec())
        })
    }

    fn get(&self, path: &str) -> (StatusCode, String) {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let (status, bytes) = self.request(request);
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }
}

const RUN: &str = "echo/20260131T235959.123Z";

fn in_run(file: &str) -> String {
    format!("{RUN}/{file}")
}

#[test]
fn the_table_shows_runs_newest_first() {
    let store = Store::new(&[
        (&in_run("results.edn"), GOOD),
        ("echo/20270131T235959.123Z/results.edn", "{:valid? false}"),
        ("broadcast/20250131T235959.123Z/results.edn", "{:valid? :unknown}"),
    ]);
    let (status, page) = store.get("/");
    assert_eq!(status, StatusCode::OK);
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text} in {page}"));
    assert!(place("✗ not valid") < place("✓ valid") && place("✓ valid") < place("? unknown"));
    assert!(page.contains("95.0%") && page.contains("8.5"));
    let (_, filtered) = store.get("/?verdict=invalid&workload=echo");
    assert!(filtered.contains("✗ not valid") && !filtered.contains("✓ valid"));
}

#[test]
fn a_store_without_runs_and_a_missing_store_are_pages_too() {
    assert!(Store::new(&[]).get("/").1.contains("No run is here."));
    assert_eq!(Store::new(&[]).get("/files/").0, StatusCode::NOT_FOUND);
}

#[test]
fn many_runs_are_paged() {
    let names: Vec<String> = (0..120).map(|n| format!("echo/seed-{n}/results.edn")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (&**name, GOOD)).collect();
    let store = Store::new(&files);
    let rows = |page: &str| store.get(page).1.matches("<tr class=").count();
    assert_eq!([rows("/"), rows("/?page=2"), rows("/?page=99")], [50, 20, 20]);
}

#[test]
fn a_damaged_run_shows_as_damaged() {
    let store = Store::new(&[
        ("echo/20260101T000000.000Z/results.edn", "{:valid? tr"),
        ("echo/20260102T000000.000Z/results.edn", "\u{0}"),
        ("echo/20260103T000000.000Z/results.edn", ""),
        ("echo/20260104T000000.000Z/results.edn", "[1 2]"),
        (&in_run("results.edn"), GOOD),
    ]);
    let (status, page) = store.get("/");
    assert_eq!(status, StatusCode::OK);
    assert_eq!(page.matches("! damaged").count(), 4, "{page}");
    assert!(page.contains("✓ valid"));
}

#[test]
fn a_run_that_goes_on_updates_itself_and_one_that_broke_off_does_not() {
    let store = Store::new(&[(&in_run("jepsen.log"), "a line\n")]);
    let (_, page) = store.get("/");
    assert!(page.contains("… running") && page.contains("http-equiv=\"refresh\""), "{page}");
    let log = fs::File::options().append(true).open(store.path().join(in_run("jepsen.log")));
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    log.unwrap().set_modified(long_ago).unwrap();
    let (_, page) = store.get("/");
    assert!(page.contains("– broke off") && !page.contains("http-equiv=\"refresh\""), "{page}");
}

#[test]
fn paths_cannot_leave_the_store() {
    let store = Store::new(&[(&in_run("results.edn"), GOOD)]);
    let secret = store.0.path().join("secret.txt");
    fs::write(&secret, "a secret").unwrap();
    std::os::unix::fs::symlink(&secret, store.path().join("link.txt")).unwrap();
    std::os::unix::fs::symlink(store.0.path(), store.path().join("up")).unwrap();
    for path in [
        "/files/../secret.txt",
        "/files/%2e%2e/secret.txt",
        "/files/..%2fsecret.txt",
        "/files/echo/../../secret.txt",
        "/files/echo/%2e%2e/%2e%2e/secret.txt",
        "/files/link.txt",
        "/files/up/secret.txt",
        "/files//etc/passwd",
        "/files/%2fetc/passwd",
        "/files/echo%00",
        "/zip/up/store",
        "/zip/..%2f../etc",
    ] {
        let (status, body) = store.get(path);
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(!body.contains("a secret") && !body.contains("root:"), "{path}");
    }
    // Links within the store are followed: store/latest is one.
    std::os::unix::fs::symlink(RUN, store.path().join("latest")).unwrap();
    assert_eq!(store.get("/files/latest/results.edn"), (StatusCode::OK, GOOD.into()));
}

#[test]
fn names_and_contents_are_escaped() {
    let attack = "<script>alert(1)<";
    let store = Store::new(&[
        (&format!("{attack}/20260101T000000.000Z/results.edn"), "{:valid? true}"),
        (&in_run(&format!("{attack}.txt")), "</pre><script>alert(1)</script>"),
    ]);
    for path in
        ["/", &format!("/files/{RUN}/"), "/files/", "/compare?run=%3Cscript%3Ealert(1)&run=b"]
    {
        let (_, page) = store.get(path);
        assert!(page.contains("&lt;script"), "{path}: {page}");
        assert!(!page.contains("<script"), "{path}: {page}");
    }
}

#[test]
fn a_file_keeps_its_scripts_to_itself() {
    let store = Store::new(&[(&in_run("index.html"), "<script>1</script>")]);
    let app = router(store.path(), true);
    let request =
        Request::builder().uri(format!("/files/{RUN}/index.html")).body(Body::empty()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let response = runtime.block_on(app.oneshot(request)).unwrap();
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("sandbox allow-scripts;"), "{policy}");
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
}

#[test]
fn another_name_for_this_machine_is_refused() {
    let store = Store::new(&[(&in_run("results.edn"), GOOD)]);
    for (host, expected) in [
        ("localhost:8080", StatusCode::OK),
        ("127.0.0.1:8080", StatusCode::OK),
        ("[::1]:8080", StatusCode::OK),
        ("evil.example:8080", StatusCode::FORBIDDEN),
        ("localhost.evil.example", StatusCode::FORBIDDEN),
    ] {
        let request = Request::builder().uri("/").header(header::HOST, host);
        let (status, _) = store.request(request.body(Body::empty()).unwrap());
        assert_eq!(status, expected, "{host}");
    }
}

#[test]
fn a_zip_has_every_file_but_no_link() {
    let store =
        Store::new(&[(&in_run("results.edn"), GOOD), (&in_run("node-logs/n1.log"), "a line\n")]);
    std::os::unix::fs::symlink("/etc", store.path().join(in_run("etc"))).unwrap();
    let request = Request::builder().uri(format!("/zip/{RUN}")).body(Body::empty()).unwrap();
    let (status, bytes) = store.request(request);
    assert_eq!(status, StatusCode::OK);
    let mut archive = ::zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert_eq!(names, ["node-logs/n1.log", "results.edn"]);
    let text = std::io::read_to_string(archive.by_name("results.edn").unwrap()).unwrap();
    assert_eq!(text, GOOD);
}

#[test]
fn two_runs_stand_side_by_side() {
    let op = |end: u64| {
        format!(
            "{{:process 0, :type :invoke, :f :echo, :value 1, :time 0}}\n\
             {{:process 0, :type :ok, :f :echo, :value 1, :time {end}}}\n"
        )
    };
    let store = Store::new(&[
        (&in_run("results.edn"), GOOD),
        (&in_run("history.edn"), &op(2_000_000)),
        ("echo/seed-1/results.edn", GOOD),
        ("echo/seed-1/history.edn", &op(5_000_000)),
    ]);
    let (status, page) = store.get(&format!("/compare?run={RUN}&run=echo/seed-1"));
    assert_eq!(status, StatusCode::OK);
    for text in ["echo, median", "2.00 ms", "5.00 ms", "2.50"] {
        assert!(page.contains(text), "no {text} in {page}");
    }
    // A long history is packed when its run is over.
    let folder = store.path().join("echo/seed-1");
    let packed = fs::File::create(folder.join("history.edn.gz")).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, op(5_000_000).as_bytes()).unwrap();
    encoder.finish().unwrap();
    fs::remove_file(folder.join("history.edn")).unwrap();
    let of_packed = store.get(&format!("/compare?run={RUN}&run=echo/seed-1")).1;
    assert_eq!(of_packed, page);
    fs::write(folder.join("history.edn"), "{:process 0, :type").unwrap();
    let damaged = store.get(&format!("/compare?run={RUN}&run=echo/seed-1")).1;
    assert!(damaged.contains("echo/seed-1: history.edn is damaged: "), "{damaged}");
    assert!(!damaged.contains(&*store.path().to_string_lossy()), "{damaged}");
    assert!(store.get("/compare?run=echo/none&run=x").1.contains("There is no run echo/none"));
    assert!(store.get(&format!("/compare?run={RUN}")).1.contains("Tick two runs"));
}

/// The results of a run of this program with this flag and seed.
fn results_of(program: &str, rate: &str, seed: &str) -> String {
    let run = format!(
        "{{:program \"target/{program}\", :arguments [\"--x\"], \
         :flags {{\"--rate\" \"{rate}\", \"--nemesis\" \"kill\"}}, :seed \"{seed}\", \
         :version \"7.7\", :again \"maelstrom test --seed {seed}\"}}"
    );
    format!("{}, :run {run}}}", GOOD.strip_suffix('}').unwrap())
}

#[test]
fn the_table_says_what_ran_also_of_a_run_that_broke_off() {
    let command = "{:name \"echo\", :argv [\"test\"], :run {:program \"a/broken\"}}";
    let store = Store::new(&[
        (&in_run("results.edn"), &results_of("one", "20", "5")),
        ("echo/20260101T000000.000Z/test.edn", command),
        ("echo/20260102T000000.000Z/results.edn", GOOD),
    ]);
    let (_, page) = store.get("/");
    // A line of flags ends between words only.
    let flags = ["--rate", "20", "--nemesis", "kill"];
    let flags = flags.map(|word| format!("<span class=\"word\">{word}</span> ")).concat();
    for text in [">one --x<", "seed 5", &flags, "version 7.7", ">broken<"] {
        assert!(page.contains(text), "no {text} in {page}");
    }
    assert!(page.contains("20260102T000000.000Z"), "of others the folder's name is known");
}

#[test]
fn three_runs_are_three_columns_and_what_differs_comes_first() {
    let op = |end: u64| {
        format!(
            "{{:process 0, :type :invoke, :f :echo, :value 1, :time 0}}\n\
             {{:process 0, :type :ok, :f :echo, :value 1, :time {end}}}\n"
        )
    };
    let runs = [("one", "20", "5"), ("two", "20", "5"), ("two", "30", "6")];
    let mut files = Vec::new();
    for (number, (program, rate, seed)) in runs.into_iter().enumerate() {
        files.push((format!("echo/r{number}/results.edn"), results_of(program, rate, seed)));
        files.push((format!("echo/r{number}/history.edn"), op(1_000_000 << number)));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (&**a, &**b)).collect();
    let store = Store::new(&files);
    let (_, page) = store.get("/compare?run=echo/r0&run=echo/r1&run=echo/r2");
    let (before, figures) = page.split_once("Figures").unwrap();
    let (differs, same) = before.split_once("The same in all: ").unwrap();
    for text in ["target/one", "target/two", "--rate", ">20<", ">30<", ">5<", ">6<"] {
        assert!(differs.contains(text), "no {text} in {differs}");
    }
    for text in ["workload echo", "arguments --x", "--nemesis kill", "version 7.7"] {
        assert!(same.contains(text) && !differs.contains(text), "{text} in {before}");
    }
    for text in ["4.00 ms", "× 2.00", "× 4.00"] {
        assert!(figures.contains(text), "no {text} in {figures}");
    }
    // One plot has the lines of all: a distribution, medians, and a rate.
    assert_eq!(figures.matches("<polyline").count(), 9, "{figures}");
    assert_eq!(figures.matches("no rate.png").count(), 3);
    let (_, page) = store.get("/compare?run=echo/r0&run=echo/r0");
    assert!(page.contains("nothing: the same was run"), "{page}");
}

#[test]
fn folders_show_what_is_in_them() {
    let store = Store::new(&[(&in_run("jepsen.log"), "first line\n")]);
    let (status, _) = store.get(&format!("/files/{RUN}"));
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (_, page) = store.get(&format!("/files/{RUN}/"));
    assert!(page.contains("first line") && page.contains("./jepsen.log"), "{page}");
    assert!(page.contains(&format!("/zip/{RUN}")));
}

/// A named pipe, to which nobody writes.
fn pipe(path: &std::path::Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

#[test]
fn only_regular_files_within_the_store_are_opened() {
    let store = Store::new(&[(&in_run("history.edn"), "{}"), ("../secret.txt", "a secret")]);
    let folder = store.path().join(RUN);
    std::os::unix::fs::symlink(store.0.path().join("secret.txt"), folder.join("x.txt")).unwrap();
    pipe(&folder.join("y.log"));
    pipe(&folder.join("results.edn"));
    let (status, page) = store.get(&format!("/files/{RUN}/"));
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("history.edn") && !page.contains("a secret"), "{page}");
    assert!(!page.contains("x.txt") && !page.contains("y.log"), "{page}");
    for file in ["x.txt", "y.log", "results.edn"] {
        assert_eq!(store.get(&format!("/files/{RUN}/{file}")).0, StatusCode::NOT_FOUND, "{file}");
    }
    assert!(store.get("/").1.contains("no regular file"), "the table says what is damaged");
    assert_eq!(store.get(&format!("/zip/{RUN}")).0, StatusCode::OK);
    assert_eq!(store.get(&format!("/compare?run={RUN}&run={RUN}")).0, StatusCode::OK);
}

/// Time passes at once while everybody waits, so this takes none.
#[test]
fn a_request_that_does_not_come_is_not_waited_for() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let store = Store::new(&[(&in_run("results.edn"), GOOD)]);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(connections::serve(listener, router(store.path(), true)));
        let mut silent = Vec::new();
        for _ in 0..300 {
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
            silent.push(stream);
        }
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    });
}
