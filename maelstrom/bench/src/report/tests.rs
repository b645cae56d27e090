//! Whole reports: of an empty run, of a hostile one, and of a large one.

use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine;
use gyre::{Message, Time};
use serde_json::Value;

use super::*;
use crate::checker::Validity;
use crate::history::History;
use crate::spool::tests::spool;
use crate::spool::{MakeSpool, Spool};

/// A run that is made up.
#[derive(Default)]
struct Made {
    options: TestOptions,
    history: History,
    journal: Option<Journal>,
}

fn results(valid: Validity) -> Judgement {
    Judgement::new(valid, [])
}

impl Made {
    fn files(&self, results: &Judgement) -> BTreeMap<String, Vec<u8>> {
        self.files_in(results, &mut || Ok(Spool::in_memory())).unwrap()
    }

    /// The files, when operations are kept in these spools.
    fn files_in(
        &self,
        results: &Judgement,
        make: &mut MakeSpool,
    ) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
        let mut activity = Activity::spooled(make)?;
        self.history.ops.iter().for_each(|op| activity.push(op));
        activity.finish();
        let nothing = Journal::new(0);
        let recorded = Recorded {
            workload: "broadcast",
            options: &self.options,
            ran: &Ran { seed: Some(7), ..Ran::default() },
            playground: None,
            activity: &activity,
            history: &self.history,
            journal: self.journal.as_ref().unwrap_or(&nothing),
            results,
            failure: None,
        };
        let mut files = BTreeMap::new();
        write(&recorded, &mut |_| (), &mut |path, bytes| {
            files.insert(path.to_owned(), bytes.to_vec());
            Ok(())
        })?;
        Ok(files)
    }
}

fn text<'a>(files: &'a BTreeMap<String, Vec<u8>>, path: &str) -> &'a str {
    std::str::from_utf8(&files[path]).unwrap()
}

/// What the page's program will unpack.
fn data_of(page: &str) -> Value {
    let (_, rest) = page.split_once("id=\"data\" type=\"application/gzip;base64\">").unwrap();
    unpacked(rest.split_once("</script>").unwrap().0)
}

fn unpacked(base64: &str) -> Value {
    let bytes = base64::engine::general_purpose::STANDARD.decode(base64).unwrap();
    let mut json = String::new();
    flate2::read::GzDecoder::new(&*bytes).read_to_string(&mut json).unwrap();
    serde_json::from_str(&json).unwrap()
}

/// The chunks of messages in a page, each with its number.
fn chunks_of(page: &str) -> BTreeMap<usize, Value> {
    let scripts = page.split("<script class=\"chunk\" data-number=\"").skip(1);
    let chunk = |script: &str| {
        let (number, rest) = script.split_once('"').unwrap();
        let (_, rest) = rest.split_once('>').unwrap();
        (number.parse().unwrap(), unpacked(rest.split_once("</script>").unwrap().0))
    };
    scripts.map(chunk).collect()
}

/// A run of this many broadcasts, each a request and its reply, a millisecond apart. Only in
/// so far as `body` says so do messages differ.
fn broadcasts(count: usize, body: impl Fn(usize) -> String) -> Made {
    broadcasts_in(Journal::new(usize::MAX), count, body)
}

fn broadcasts_in(mut journal: Journal, count: usize, body: impl Fn(usize) -> String) -> Made {
    let mut history = String::new();
    for n in 0..count {
        let (at, request, reply) = (Time::from_millis(n as u64), 2 * n as u64, 2 * n as u64 + 1);
        let line = |src: &str, dest: &str, key: &str| {
            let body = body(n);
            format!(
                r#"{{"src":"{src}","dest":"{dest}","body":{{"type":"x","{key}":{n},"b":"{body}"}}}}"#
            )
        };
        let messages = [line("c9", "n1", "msg_id"), line("n1", "c9", "in_reply_to")];
        journal.record_request(request, 2 * n);
        for (id, line) in [request, reply].into_iter().zip(messages) {
            let message = Message::parse(&line).unwrap();
            journal.record_send(at, id, &message);
            journal.record_recv(at, id, &message);
        }
        for (kind, index) in [("invoke", 2 * n), ("ok", 2 * n + 1)] {
            let (time, value) = (n * 1_000_000, serde_json::to_string(&body(n)).unwrap());
            history += &format!(
                "{{:process 0 :type :{kind} :f :broadcast :value {value} :index {index} :time {time}}}"
            );
        }
    }
    Made {
        history: History::parse(&history).unwrap(),
        journal: Some(journal),
        options: TestOptions::default(),
    }
}

/// One request waits for its node and is answered, another one never arrives.
#[test]
fn a_request_to_a_node_that_is_down_says_that_it_waited() {
    let mut made = broadcasts_in(Journal::new(0), 3, |_| "b".into());
    let mut journal = Journal::new(usize::MAX);
    for (number, wait_ms) in [(0, Some(0)), (1, Some(3000)), (2, None)] {
        let line = format!(r#"{{"src":"c9","dest":"n1","body":{{"type":"x","msg_id":{number}}}}}"#);
        let (message, at) = (Message::parse(&line).unwrap(), Time::from_millis(number));
        journal.record_request(number, 2 * number as usize);
        journal.record_send(at, number, &message);
        if let Some(wait_ms) = wait_ms {
            journal.record_recv(at + std::time::Duration::from_millis(wait_ms), number, &message);
        }
    }
    made.journal = Some(journal);
    let files = made.files(&results(Validity::True));
    let data = data_of(text(&files, "index.html"));
    let shown: Vec<&str> = data["operations"]["text"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t.as_str().unwrap())
        .collect();
    assert_eq!(shown[0], "\"b\"");
    assert!(shown[1].ends_with("[its request waited 3.00 s for n1, which was down]"), "{shown:?}");
    assert!(shown[2].contains("its request was lost: n1 was down to the end"), "{shown:?}");
}

/// n1 takes an element while it is cut off, and forgets it.
#[test]
fn a_lost_element_is_drawn_with_who_had_it_when_and_the_fault_to_blame() {
    let mut history = String::new();
    let mut line = |text: &str, ms: u64| {
        let index = history.lines().count();
        history += &format!("{{{text}, :index {index}, :time {}}}\n", ms * 1_000_000);
    };
    let mut op = |process: u64, f: &str, asked: &str, told: &str, ms: u64| {
        for (kind, value) in [("invoke", asked), ("ok", told)] {
            let text = format!(":process {process}, :type :{kind}, :f :{f}, :value {value}");
            line(&text, ms);
        }
    };
    op(0, "broadcast", "6", "6", 50);
    op(0, "broadcast", "7", "7", 100);
    op(0, "read", "nil", "[6 7]", 200);
    op(1, "read", "nil", "[6]", 300);
    op(0, "read", "nil", "[6]", 900);
    op(1, "read", "nil", "[6]", 950);
    let faults = "{:process :nemesis, :type :info, :f :kill, :value [\"n1\"], :time 400000000, \
                  :index 90} {:process :nemesis, :type :info, :f :start, :value [\"n1\"], :time \
                  600000000, :index 91}";
    let made = Made { history: History::parse(&(history + faults)).unwrap(), ..Made::default() };
    let judged = crate::checker::set_full::check(&made.history, "broadcast");
    let results = Judgement::of_parts([("workload", judged)]);
    let files = made.files(&results);
    let drawing = text(&files, "findings/lost/0.svg");
    assert!(drawing.contains("Who had 7 when") && drawing.contains("kill: n1"), "{drawing}");
    let page = text(&files, "index.html");
    for words in [
        "1 of 2 elements lost: 7; ",
        "It was added at n1 at 0.100 s. Reads at n1 showed it and then lacked it. Reads at n2 \
         never showed it. The fault to blame may be: kill: n1, from 0.400 s to 0.600 s.",
        "<strong>lost 7</strong>",
        "href=\"#ops-2,4,10\"",
        "process 0, at n1",
    ] {
        assert!(page.contains(words), "{words} is not on the page: {page}");
    }
}

/// A tape may lose one message, and no fault is in force.
#[test]
fn a_message_that_was_lost_without_a_fault_is_named() {
    let mut history = String::new();
    for (process, f, asked, told, ms) in [
        (0, "broadcast", "7", "7", 100),
        (0, "read", "nil", "[7]", 200),
        (1, "read", "nil", "[]", 900),
    ] {
        for (kind, value) in [("invoke", asked), ("ok", told)] {
            let index = history.lines().count();
            history += &format!(
                "{{:process {process}, :type :{kind}, :f :{f}, :value {value}, :index {index}, \
                 :time {ms}000000}}\n"
            );
        }
    }
    let mut made = Made { history: History::parse(&history).unwrap(), ..Made::default() };
    let judged = crate::checker::set_full::check(&made.history, "broadcast");
    let results = Judgement::of_parts([("workload", judged)]);
    let page = |made: &Made| text(&made.files(&results), "index.html").to_owned();
    let words = "No fault was in force meanwhile: look into the node.";
    assert!(page(&made).contains(words));

    let mut journal = Journal::new(10);
    journal.begin_main_phase(Time::ZERO);
    let message = |src: &str, dest: &str| {
        let line = format!(r#"{{"src":"{src}","dest":"{dest}","body":{{"type":"tell"}}}}"#);
        Message::parse(&line).unwrap()
    };
    // What a client was told belongs elsewhere.
    for (id, (src, dest)) in [("n1", "c4"), ("n1", "n2")].into_iter().enumerate() {
        journal.record_send(Time::from_nanos(150_000_000), id as u64, &message(src, dest));
    }
    made.journal = Some(journal);
    let words =
        "meanwhile, but the network did not deliver the tell that n1 sent to n2 at 0.150 s.";
    let page = page(&made);
    assert!(page.contains(words), "{page}");
}

#[test]
fn a_run_in_which_nothing_happened_has_every_file() {
    let files = Made::default().files(&results(Validity::Unknown));
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "index.html",
            "latency-quantiles.png",
            "latency-raw.png",
            "messages.svg",
            "rate.png",
            "timeline.html"
        ]
    );
    assert!(text(&files, "timeline.html").contains("There was no operation."));
    assert!(text(&files, "messages.svg").contains("No message was sent."));
    assert_eq!(data_of(text(&files, "index.html"))["operations"]["all"], 0);
    for plot in ["latency-raw.png", "latency-quantiles.png", "rate.png"] {
        let info = png::Decoder::new(std::io::Cursor::new(&files[plot])).read_info().unwrap();
        assert_eq!(info.info().size(), (900, 400), "{plot}");
    }
}

#[test]
fn what_nodes_say_cannot_become_part_of_a_page() {
    let attack = "</script></title></pre><script>alert(1)</script>";
    let made = broadcasts(3, |_| attack.into());
    let bad = Judgement::new(Validity::False, []).because(attack);
    let files = made.files(&bad);
    for path in ["index.html", "timeline.html", "messages.svg"] {
        assert!(!text(&files, path).contains("<script>alert"), "{path}");
    }
    let chunks = chunks_of(text(&files, "index.html"));
    assert!(chunks[&0]["body"][0].as_str().unwrap().contains(attack));
}

#[test]
fn everything_is_on_the_page_of_a_small_run() {
    let made = broadcasts(200, |n| n.to_string());
    let files = made.files(&results(Validity::True));
    let (data, chunks) =
        (data_of(text(&files, "index.html")), chunks_of(text(&files, "index.html")));
    let messages = &chunks[&0];
    assert_eq!(data["messages"]["all"], 400);
    assert!(files.keys().all(|path| !path.starts_with("messages/")));
    assert_eq!(messages["body"].as_array().unwrap().len(), 400);
    assert_eq!(data["operations"]["index_steps"].as_array().unwrap().len(), 200);
    // Request and reply of the second operation, whose invocation has index 2.
    let owners = messages["operation"].as_array().unwrap();
    assert_eq!((&owners[2], &owners[3]), (&Value::from(2), &Value::from(2)));
    let flows: u64 =
        data["flows"]["count"].as_array().unwrap().iter().filter_map(Value::as_u64).sum();
    assert_eq!(flows, 400);
}

#[test]
fn a_large_run_fits_and_what_it_leaves_out_is_beside_it() {
    // Bodies that do not compress.
    let noise = |n: usize| {
        let mut state = n as u64 + 1;
        let mut word = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            format!("{state:016x}")
        };
        (0..8).map(|_| word()).collect::<String>()
    };
    let files = broadcasts(15_000, noise).files(&results(Validity::True));
    let page = text(&files, "index.html");
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    let data = data_of(page);
    let sum = |list: &Value| list.as_array().unwrap().iter().filter_map(Value::as_u64).sum::<u64>();
    assert_eq!(sum(&data["slices"]["total"]), 30_000);
    let mut chunks = chunks_of(page);
    let bodies = |chunk: &Value| chunk["body"].as_array().unwrap().len();
    let shown: usize = chunks.values().map(bodies).sum();
    assert!((1000..30_000).contains(&shown), "{shown}");
    for (path, bytes) in files.iter().filter(|(path, _)| path.starts_with("messages/")) {
        let script = std::str::from_utf8(bytes).unwrap();
        let call = script.strip_prefix("receiveChunk(").unwrap().strip_suffix("\");\n").unwrap();
        let (number, base64) = call.split_once(",\"").unwrap();
        assert_eq!(*path, format!("messages/{number}.js"));
        assert!(chunks.insert(number.parse().unwrap(), unpacked(base64)).is_none());
    }
    // Nothing is missing: the page says of each chunk how many messages it has.
    let counts: Vec<usize> = chunks.values().map(bodies).collect();
    let expected: Vec<usize> = serde_json::from_value(data["messages"]["count"].clone()).unwrap();
    assert_eq!(counts, expected);
    assert_eq!(counts.iter().sum::<usize>(), 30_000);
}

/// What a page says that a node's fields were, from the changes that it has.
fn last_values(changes: &Value) -> BTreeMap<(u64, i64), String> {
    let list = |name: &str| changes[name].as_array().unwrap().clone();
    let (lanes, fields, values, texts) =
        (list("lane"), list("field"), list("value"), list("texts"));
    let mut last = BTreeMap::new();
    for ((lane, field), value) in lanes.iter().zip(&fields).zip(&values) {
        let text = &texts[value.as_u64().unwrap() as usize];
        let key = (lane.as_u64().unwrap(), field.as_i64().unwrap());
        last.insert(key, text.as_str().unwrap().to_owned());
    }
    last
}

#[test]
fn states_are_on_the_page_and_of_a_long_run_in_the_chunks_too() {
    for count in [100, 40_000] {
        let mut journal = Journal::new(usize::MAX);
        for n in 0..count {
            let (at, node) = (Time::from_millis(n), ["n1", "n2"][n as usize % 2]);
            let line = format!(r#"{{"src":"n1","dest":"n2","body":{{"type":"x","n":{n}}}}}"#);
            let role = if n == 7 { "leader" } else { "follower" };
            let state = format!(r#"{{"role":"{role}","commit":{n}}}"#);
            journal.record_state(at, &node.into(), &state);
            journal.record_send(at, n, &Message::parse(&line).unwrap());
        }
        let made = Made { journal: Some(journal), ..Made::default() };
        let files = made.files(&results(Validity::True));
        let page = text(&files, "index.html");
        let (data, chunks) = (data_of(page), chunks_of(page));
        let states = &data["states"];
        assert_eq!(states["fields"], serde_json::json!(["role", "commit"]));
        let texts = states["changes"]["texts"].as_array().unwrap();
        assert!(texts.contains(&"\"leader\"".into()), "a role that was short");
        assert_eq!(states["is_sampled"], count > 100);
        if count > 100 {
            assert!(texts.len() < 20_000, "{}", texts.len());
            let (number, chunk) = chunks.iter().next_back().unwrap();
            let last = last_values(&chunk["states"]);
            let end = (number + 1) as u64 * 4096;
            let greatest = last.values().filter_map(|text| text.parse::<u64>().ok()).max();
            assert_eq!(greatest, Some(end.min(count) - 1));
            assert_eq!(last.len(), 4, "both fields of both nodes");
        } else {
            assert!(chunks[&0]["states"].is_null(), "the page has all");
        }
    }
}

#[test]
fn operations_of_a_large_run_are_from_all_over_it() {
    let files = broadcasts(60_000, |_| String::new()).files(&results(Validity::True));
    let data = data_of(text(&files, "index.html"));
    let steps = data["operations"]["start_steps"].as_array().unwrap();
    assert!(steps.len() < 60_000, "too few to choose from");
    // A millisecond apart, in microseconds.
    let widest = steps.iter().filter_map(Value::as_i64).max().unwrap();
    let last: i64 = steps.iter().filter_map(Value::as_i64).sum();
    assert!(widest < 100_000, "nothing for {widest} microseconds");
    assert!(last > 59_900_000, "nothing after {last} microseconds");
}

#[test]
fn the_same_run_has_the_same_files() {
    let made = broadcasts(50, |n| n.to_string());
    assert_eq!(made.files(&results(Validity::True)), made.files(&results(Validity::True)));
}

#[test]
fn where_things_are_kept_makes_no_difference() {
    let body = |n: usize| "ü".repeat(n % 300);
    let expected = broadcasts(3000, body).files(&results(Validity::False));
    for memory_limit in [0, 100, 50_000] {
        let make = &mut || Ok(spool(memory_limit, usize::MAX));
        let made = broadcasts_in(Journal::spooled(usize::MAX, make).unwrap(), 3000, body);
        let files = made.files_in(&results(Validity::False), make).unwrap();
        assert!(files == expected, "with {memory_limit} bytes in memory");
    }
}

#[test]
fn a_report_of_what_could_not_be_kept_says_so() {
    let make = &mut || Ok(spool(100, 1000));
    let journal = Journal::spooled(usize::MAX, make).unwrap();
    let made = broadcasts_in(journal, 100, |n| n.to_string());
    let error = made.files_in(&results(Validity::True), make).unwrap_err().to_string();
    assert!(error.contains("is not complete"), "{error}");
}
