//! The playground in a real browser: Debian's chromium, without a window. Without chromium, or
//! without Rust's target for browsers, these tests say so and pass; with `CI` in the environment
//! they fail. `make playground-build` makes the page, and [`window`] opens it.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "these tests build the page, serve it, and run a browser"
)]

#[path = "../common/command.rs"]
mod command;
mod devtools;
mod window;

use window::{Window, page};

const DESK: [u32; 2] = [1200, 900];
const PHONE: [u32; 2] = [390, 844];

/// Runs what `asked` asks for in this process, and gives the history.
fn natively(asked: &str) -> String {
    let mut history = String::new();
    playground::run(asked, |line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        if line[0] == "operation" {
            history += line[2].as_str().unwrap();
        }
    });
    history
}

/// Faults of every kind, and latencies of every kind.
fn asked(scene: &str, seed: u64) -> String {
    let distribution = ["constant", "uniform", "exponential"][seed as usize % 3];
    format!(
        r#"{{"scene":"{scene}","seed":"{seed}","flags":[["--time-limit","2"],["--rate","30"],
        ["--latency","20"],["--latency-dist","{distribution}"],["--nemesis-interval","0.5"],
        ["--nemesis","partition,kill,pause,loss,duplicate,one-way,skew"]]}}"#
    )
    .replace('\n', " ")
}

#[test]
fn a_browser_makes_the_same_history_byte_for_byte() {
    let Some(page) = page() else { return };
    // A thousand runs in all, where the native ones are fast.
    let usual = if cfg!(debug_assertions) { 20 } else { 200 };
    let seeds = std::env::var("SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let scenes = ["lin-kv", "broadcast", "g-counter-kv", "kafka", "txn-rw-register"];
    let all: Vec<String> =
        scenes.iter().flat_map(|scene| (0..seeds).map(|seed| asked(scene, seed))).collect();
    let script = format!(
        "const histories = [];\
         for (const asked of {all:?}) {{ const {{ told, trap }} = await ask('run', asked);\
         if (trap) throw trap; histories.push(told.map((line) => JSON.parse(line))\
         .filter(([word]) => word === 'operation').map(([, , line]) => line).join('')); }}\
         return JSON.stringify(histories);"
    );
    let Some(histories) = Window::visit(page, "#echo", DESK, &script) else { return };
    let histories: Vec<String> = serde_json::from_str(&histories).unwrap();
    assert_eq!(histories.len(), all.len());
    for (asked, history) in all.iter().zip(histories) {
        assert!(history.lines().count() > 20, "{asked}: {history}");
        assert_eq!(history, natively(asked), "{asked}");
    }
}

#[test]
fn every_scene_runs_and_is_judged() {
    let Some(page) = page() else { return };
    let script = "const said = []; for (const { name } of app.scenes) {\
           await change(() => open({ scene: name }));\
           app.seek(app.run.end);\
           said.push([name, app.final.verdict, app.run.panic !== null, app.run.failure,\
             app.run.pairs.length]); }\
         return JSON.stringify(said);";
    let Some(saw) = Window::visit(page, "", DESK, script) else { return };
    let saw: Vec<(String, String, bool, Option<String>, usize)> =
        serde_json::from_str(&saw).unwrap();
    let names: Vec<&str> = saw.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, playground::scene_names().collect::<Vec<_>>());
    // `scenes` says natively which verdict each has.
    for (name, verdict, has_panicked, failure, operations) in &saw {
        let is_judged = *has_panicked || ["true", "false"].contains(&verdict.as_str());
        assert!(is_judged && failure.is_none() && *operations > 0, "{name}: {verdict}");
    }
}

#[test]
fn a_wrong_run_is_shrunk_and_its_link_is_the_small_run() {
    let Some(page) = page() else { return };
    let script = "const before = app.run.pairs.length; app.seek(app.run.end);\
         const told = text('verdict'); press('shrink');\
         await until('a smaller run', () => app.asked.tape && app.isReady);\
         app.seek(app.run.end);\
         return JSON.stringify({ before, after: app.run.pairs.length, told, asked: app.text,\
           verdict: app.final.verdict, words: text('words'), command: text('command'),\
           hash: location.hash, history: app.run.history(Infinity) });";
    let Some(saw) = Window::visit(page, "#g-single", DESK, script) else { return };
    let saw: serde_json::Value = serde_json::from_str(&saw).unwrap();
    let at = |name: &str| saw[name].as_str().unwrap().to_owned();
    assert!(at("told").contains("G-single"), "{saw}");
    assert!(saw["after"].as_u64() < Some(10) && saw["before"].as_u64() > Some(100), "{saw}");
    assert_eq!(at("verdict"), "false");
    assert!(at("words").contains("G-single"), "{saw}");
    let (hash, command) = (at("hash"), at("command"));
    println!("the link of the small run has {} characters", hash.len());
    assert!(hash.starts_with("#2.") && hash.len() <= 200, "{} characters: {hash}", hash.len());
    assert!(command.contains("--tape") && command.contains("txn-read-skew"), "{command}");
    assert_eq!(natively(&at("asked")), at("history"));
    let again = Window::visit(page, &hash, PHONE, "return app.run.history(Infinity);");
    assert_eq!(again, Some(at("history")));
}

#[test]
fn a_leader_is_killed_and_another_is_elected() {
    let Some(page) = page() else { return };
    let Some(saw) = Window::visit(
        page,
        "#lin-kv",
        DESK,
        "app.seek(3e9); const [first] = leaders(); const before = app.run.history(app.run.entriesAt(3e9));\
         app.choose({ node: first }); await change(() => press('kill'));\
         const after = app.run.history(app.run.entriesAt(3e9 - 1));\
         const isDown = document.querySelector('.node.down .name').textContent === first;\
         app.seek(9e9); const [second] = leaders();\
         const isSame = before.startsWith(after) && after.length > 100;\
         const { hash } = location, command = text('command'), history = app.run.history(Infinity);\
         return JSON.stringify({ first, second, isDown, isSame, hash, command, history,\
           changes: text('changes'), edits: app.changes.text() });",
    ) else {
        return;
    };
    let saw: serde_json::Value = serde_json::from_str(&saw).unwrap();
    let at = |name: &str| saw[name].as_str().unwrap().to_owned();
    assert_ne!(at("first"), at("second"), "{saw}");
    assert_eq!((&saw["isDown"], &saw["isSame"]), (&true.into(), &true.into()));
    assert!(at("changes").contains("killed"), "{saw}");
    assert!(at("command").contains(":edits true") && at("command").contains("--bin"), "{saw}");
    let hash = at("hash");
    assert!(hash.starts_with("#2.") && hash.len() <= 200, "{} characters: {hash}", hash.len());
    // The link is the run.
    let script = "return app.run.history(Infinity);";
    assert_eq!(Window::visit(page, &hash, PHONE, script), Some(at("history")));
    // And so is what runs natively.
    let edits = serde_json::to_string(&at("edits")).unwrap();
    let asked = format!(r#"{{"scene":"lin-kv","seed":"1","edits":{edits}}}"#);
    assert_eq!(natively(&asked), at("history"));
    let by_command = command::history_of(&at("command"));
    assert!(by_command.is_none_or(|history| history == at("history")), "{}", at("command"));
}

/// While the rest is made, what is made of a run is shown: with each part of it, it is arranged as if
/// all of it had come at once, and no part is told twice.
#[test]
fn a_run_comes_in_parts() {
    let Some(page) = page() else { return };
    let script = "const { told } = await ask('run', app.text), heard = [];\
         const answer = await ask('run', app.text, { hear: (part) => heard.push(...part) });\
         const isWhole = heard.concat(answer.told).join() === told.join();\
         const run = new Run(); let differs = null;\
         const shape = (run) => JSON.stringify([run.end, run.flights, run.pairs, run.leaders, run.kinds,\
           run.faults, [...run.times], [...run.states]]);\
         for (let n = 0; n < told.length; n += 700) {\
           const until = n + 700, atOnce = new Run();\
           run.addLines(told.slice(n, until)); atOnce.addLines(told.slice(0, until));\
           if (shape(run) !== shape(atOnce)) differs ??= until; }\
         return JSON.stringify({ isWhole, differs, lines: told.length });";
    for scene in ["#lin-kv", "#split-vote"] {
        let Some(saw) = Window::visit(page, scene, DESK, script) else { return };
        let saw: serde_json::Value = serde_json::from_str(&saw).unwrap();
        assert_eq!((&saw["isWhole"], &saw["differs"]), (&true.into(), &().into()), "{saw}");
        assert!(saw["lines"].as_u64() > Some(700), "{saw}");
    }
}

/// The bench's page has links of version 1, with a program in the place of a scene.
#[test]
fn a_link_of_the_bench_is_its_run() {
    let Some(page) = page() else { return };
    let script = "const all = [app.asked.scene, text('words'), app.run.history(Infinity)];\
         await change(() => key('r')); return JSON.stringify([...all, app.run.what.seed]);";
    let link = "#1.eJw1ykEKgzAQQNG7_PUESl0UchXJIsSpBsdETMRF6d1LFy4fvA9vi3PDjyPOHbErwvNBkL973tRZ3n\
        JHGAhBaEmL4tG0VISmOuF5IfS4K76cZsJVj9VqnO74_QFPrB-Q";
    let Some(saw) = Window::visit(page, link, DESK, script) else { return };
    let (program, words, history, next): (String, String, String, String) =
        serde_json::from_str(&saw).unwrap();
    assert_eq!((&*program, &*next), ("echo", "8"));
    assert!(words.contains("A run of echo that the bench has made"), "{words}");
    let asked = r#"{"scene":"echo","workload":"echo","seed":"7",
        "flags":[["--rate","20"],["--time-limit","3"]]}"#;
    assert_eq!(natively(asked), history);
    let nodes = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/playground/nodes");
    let nodes = std::fs::read_to_string(nodes).unwrap();
    assert!(nodes.lines().count() > 60, "{nodes}");
    for node in nodes.lines() {
        let asked = serde_json::json!({ "scene": node, "workload": "no-such-workload" });
        playground::run(&asked.to_string(), |line| assert!(!line.contains("no node"), "{line}"));
    }
}

/// A state says only with which entry a log ends. The page knows the rest from who led.
#[test]
fn figure_7_is_drawn_as_in_the_paper() {
    let Some(page) = page() else { return };
    let script = "app.seek(app.run.leaders.find(({ term }) => term === 8).time - 1);\
         return app.run.what.nodes.map((node) => app.run.logAt(node, app.time, 20)\
           .map(([, term]) => term).join('')).join(' ');";
    let Some(logs) = Window::visit(page, "#figure-7", DESK, script) else { return };
    let paper = "1114455666 111445566 1114 11144556666 111445566677 1114444 11122233333";
    assert_eq!(logs, paper);
}

#[test]
fn a_tab_in_the_background_goes_on_where_it_was() {
    let Some(page) = page() else { return };
    let script = "document.getElementById('speed').value = '1';\
         key(' '); await until('time passes', () => app.time > 1e7);\
         const held = [], times = [];\
         worker.postMessage = (message) => held.push(message);\
         app.patienceMs = 4000; const answer = ask('scenes');\
         document.addEventListener('freeze', () => times.push(app.time));\
         document.addEventListener('resume', () => {\
           times.push(app.time); app.patienceMs = 1e9; delete worker.postMessage;\
           for (const message of held) worker.postMessage(message);\
           requestAnimationFrame(() => times.push(app.time)); });\
         await fetch('/background');\
         await until('somebody looks again', () => times.length > 2);\
         const { told, trap } = await answer;\
         return JSON.stringify([times, app.isPlaying, trap, told.length]);";
    let Some(saw) = Window::visit(page, "#lin-kv", DESK, script) else { return };
    let (times, is_playing, trap, told): (Vec<f64>, bool, Option<String>, usize) =
        serde_json::from_str(&saw).unwrap();
    let [frozen, resumed, next] = times[..] else { panic!("{saw}") };
    assert!(frozen == resumed && next > resumed && next - resumed <= 0.1e9, "{saw}");
    assert_eq!((is_playing, trap, told), (true, None, 1), "{saw}");
}

#[test]
fn messages_are_dropped_and_held_and_links_are_cut() {
    let Some(page) = page() else { return };
    let Some(saw) = Window::visit(
        page,
        "#broadcast",
        DESK,
        "const flying = () => app.run.flightsAt(app.time)[0];\
         app.seek(app.run.flights[40].time + 1); const dropped = flying();\
         app.choose({ flight: dropped }); await change(() => key('d'));\
         const isLost = app.run.sends[dropped.send.id].due.length === 0;\
         app.seek(app.time + 1e9); while (!flying()) app.seek(app.run.stepFrom(app.time, 1));\
         const held = flying();\
         app.choose({ flight: held }); await change(() => press('hold it 200 ms longer'));\
         const isHeld = app.run.sends[held.send.id].due[0] === held.due + 200e6;\
         app.choose({ link: ['n0', 'n1'] }); await change(() => press('cut'));\
         const isCut = document.querySelectorAll('.link.cut').length === 1;\
         app.choose({ node: 'n2' }); await change(() => key('p'));\
         const isPaused = document.querySelectorAll('.node.paused').length === 1;\
         await change(() => key('c')); const cuts = document.querySelectorAll('.link.cut').length;\
         const count = app.changes.lines.length; await change(() => press('undo all'));\
         return JSON.stringify([isLost, isHeld, isCut, isPaused, cuts, count, app.changes.lines.length]);",
    ) else {
        return;
    };
    assert_eq!(saw, "[true,true,true,true,5,5,0]");
}

#[test]
fn it_plays_and_steps_and_goes_back() {
    let Some(page) = page() else { return };
    let Some(saw) = Window::visit(
        page,
        "#lin-kv",
        PHONE,
        "key(' '); await until('time passes', () => app.time > 1e7); key(' ');\
         const stopped = app.time; await wait(200); const stays = app.time === stopped;\
         key('ArrowRight'); const next = app.time; key('ArrowLeft'); key('ArrowLeft');\
         const back = app.time < stopped || app.time === 0;\
         key('n'); const label = document.querySelector('.node.chosen').getAttribute('aria-label');\
         app.seek(2e9); await until('a verdict', () => text('verdict').includes('so far'));\
         const isWide = document.documentElement.scrollWidth > innerWidth;\
         return JSON.stringify([stays, next > stopped, back, label.startsWith('n0: up'), isWide]);",
    ) else {
        return;
    };
    assert_eq!(saw, "[true,true,true,true,false]");
}

#[test]
fn a_link_that_is_none_gets_a_sentence() {
    let Some(page) = page() else { return };
    let long = format!("#1.{}", "x".repeat(21_000));
    for (hash, sentence) in [
        ("#1.eNqabcd", "This link is damaged"),
        ("#1.", "This link is damaged"),
        ("#2.q1bKSM3JyVeyUkpMSVECAA", "This link is damaged"),
        ("#7.eNqabcd", "This link is of version 7, and this page reads versions 1 and 2"),
        ("#raft-on-mars", "There is no scene raft-on-mars"),
        (&long, "This link has 21002 characters"),
    ] {
        let Some(shown) = Window::visit(page, hash, DESK, "return text('trouble');") else {
            return;
        };
        assert!(shown.starts_with(sentence.trim_start_matches('#')), "{shown}");
    }
    let Some(saw) = Window::visit(
        page,
        "#echo",
        DESK,
        "const said = []; for (const [flag, value] of [['--node-count', '26'], ['--rate', 'x'],\
           ['--time-limit', '500'], ['seed', '-1'], ['--concurrency', '200']]) {\
           await change(() => open({ scene: 'echo' })); document.getElementById('form').elements[flag].value = value;\
           document.getElementById('form').requestSubmit();\
           await until('a sentence', () => !document.getElementById('trouble').hidden);\
           said.push(text('trouble')); } return said.join('\\n');",
    ) else {
        return;
    };
    for (line, part) in saw.lines().zip(["at most 25", "--rate", "at most 120", "seed -1", "200"]) {
        assert!(line.contains(part) && line.ends_with('.'), "{saw}");
    }
}

#[test]
fn a_node_that_panics_is_named_and_the_run_is_shown_so_far() {
    let Some(page) = page() else { return };
    // Two leaders of one term meet when the network heals, before a client has seen both.
    let script = "await change(() => open({ scene: 'lin-kv-forgets-its-vote',\
           flags: [['--time-limit', '4']] },\
           ['{:at 2280000000, :fault :partition, :starts false}']));\
         const before = text('verdict'); app.seek(app.run.end);\
         return JSON.stringify([text('trouble'), before, text('verdict'), text('command')]);";
    let Some(saw) = Window::visit(page, "#lin-kv-forgets-its-vote", DESK, script) else { return };
    let (trouble, before, verdict, command): (String, String, String, String) =
        serde_json::from_str(&saw).unwrap();
    let wrong = "both lead term 2: a vote was lost";
    assert!(trouble.starts_with("Node n") && trouble.contains("replication.rs:"), "{trouble}");
    assert!(trouble.contains("The command below runs the same"), "{trouble}");
    assert!(!before.contains(wrong), "{before}");
    assert!(verdict.contains("The run broke off"), "{verdict}");
    assert!(verdict.contains("an assertion failed: n") && verdict.contains(wrong), "{verdict}");
    assert!(command.contains("--tape"), "{command}");
}

#[test]
fn a_standstill_is_seen_when_it_has_lasted_too_long() {
    let Some(page) = page() else { return };
    let script = "const since = wrongAt(app.run, app.final);\
         app.seek(app.run.stepFrom(since, -1)); const before = text('verdict');\
         app.seek(since); return JSON.stringify([before, text('verdict')]);";
    let Some(saw) = Window::visit(page, "#lin-kv-leads-unheard", DESK, script) else { return };
    let (before, verdict): (String, String) = serde_json::from_str(&saw).unwrap();
    assert!(!before.contains("answered"), "{before}");
    assert!(verdict.contains("Too little was answered"), "{verdict}");
    assert!(verdict.contains("availability is false: nothing was answered for 5"), "{verdict}");
}
