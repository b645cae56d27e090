// Brings it all together: asks the worker for runs and judgements, plays, and hears what the reader
// wants.

const KIND_COLOURS = 8;

const app = {
  run: null, time: 0, isPlaying: false, chosen: {}, changes: new Changes(), asked: null,
  final: null, soFar: null, isWrong: false, judged: -1,
  // A node that never returns would hold the worker for ever.
  patienceMs: 30000, shrinkMs: 20000,
};
window.playground = app;

// ---- the worker --------------------------------------------------------------------------------

let worker = null, calls = 0;
const waiting = new Map();

function startWorker() {
  const source = new Blob([byId("worker").textContent], { type: "text/javascript" });
  worker = new Worker(URL.createObjectURL(source));
  worker.onmessage = ({ data }) => {
    const { answer, hear } = waiting.get(data.number) ?? {};
    if (data.said !== undefined) { hear?.(data.said); return; }
    answer?.(data);
    waiting.delete(data.number);
  };
  return ask(undefined, undefined, { module: byId("module").textContent.trim() });
}

// The answer comes later. `hear` gets the lines that are told before that, and the answer the others.
function ask(name, text, { argument, module, hear } = {}) {
  const number = calls += 1;
  worker.postMessage({ number, name, text, argument, module, isHeard: hear !== undefined });
  return new Promise((resolve) => {
    // Second by second: while a tab in the background is frozen, so is the worker, and no time counts.
    let waitedMs = 0;
    const patience = setInterval(() => {
      waitedMs += 1000;
      if (waitedMs < app.patienceMs) return;
      clearInterval(patience);
      waiting.delete(number);
      worker.terminate();
      startWorker();
      resolve({ told: [], trap: `nothing came back within ${app.patienceMs / 1000} s, so it was ended` });
    }, 1000);
    waiting.set(number, { hear, answer: (data) => { clearInterval(patience); resolve(data); } });
  });
}

// ---- runs --------------------------------------------------------------------------------------

let asking = 0;

// Asks for the run, and shows it at this time. From its start it is shown as far as it is made.
async function makeRun(time = 0) {
  const number = asking += 1, run = new Run();
  const { scene, workload, seed, flags, tape } = app.asked;
  const text = JSON.stringify({ scene, workload, seed, flags, tape, edits: app.changes.text() });
  const hear = (told) => {
    run.addLines(told);
    if (number !== asking || run.what === null) return;
    trouble(null);
    showRun(run, text, time);
  };
  const { told, trap, took } = await ask("run", text, { hear: time === 0 ? hear : undefined });
  if (number !== asking) return;
  run.addLines(told);
  if (run.refused !== null || run.what === null) {
    trouble(run.refused ?? `The run could not be made: ${trap}.`);
    return;
  }
  run.isWhole = true;
  trouble(run.panic ? panicWords(run) : trap ? `The run ended early: ${trap}.` :
    run.failure ? `The run broke off: ${run.failure}.` : null);
  byId("figures").textContent = `${(run.atOf(run.end) / SECOND).toFixed(1)} s of virtual time and ${run.sends.length.toLocaleString("en")} messages took ${took.toFixed(0)} ms.`;
  showRun(run, text, time);
  const linked = updateLink();
  const { told: [judgement] } = await ask("judge", `${text}\n${run.history(Infinity)}`,
    { argument: run.operations.length });
  await linked;
  if (number !== asking) return;
  app.final = judgement ? JSON.parse(judgement) : { verdict: "unknown", words: "The checker broke off." };
  if (run.panic && app.final.verdict !== "false")
    app.final = { verdict: "false", part: "run", words: run.panic.sentence, findings: [] };
  drawStrip(run, app.final);
  app.isReady = true;
  show();
}

// Shows it at this time, or, if only more of it has been made, where it is.
function showRun(run, text, time) {
  const isNew = run !== app.run;
  Object.assign(app, { run, final: null, soFar: null, judged: -1, isWrong: false, text });
  openStage();
  if (isNew) {
    showSettings();
    byId("command").textContent = run.what.command;
    app.chosen = app.chosen.node && run.states.has(app.chosen.node) ? app.chosen : {};
  }
  seek(Math.min(isNew ? time : app.time, run.end));
}

// What is wrong stands with the verdict, once it is seen.
function panicWords(run) {
  const { node, place } = run.panic;
  const who = node === null ? "The bench" : `Node ${node}`;
  const where = `${seconds(run.atOf(run.end))}, in ${String(place).replace(/^.*\.\.\//, "")}`;
  return `${who} breaks the run off at ${where}. The command below runs the same.`;
}

function trouble(words) {
  byId("trouble").hidden = words === null;
  byId("trouble").textContent = words ?? "";
}

function openStage() {
  app.isNarrow = innerWidth <= 560;
  app.stage.open(app.run, app.isNarrow);
  drawStrip(app.run, app.final);
  byId("time").max = app.run.end;
  const square = (style, words) => {
    const box = made("i", { className: "square" });
    box.style.background = style;
    return made("span", {}, box, words);
  };
  const hasLog = [...app.run.states.values()].some((states) => states.some(({ state }) => state.last?.index !== undefined));
  byId("kinds").replaceChildren(...app.run.kinds.map((kind) => made("span", {}, dotOf(kind), kind)), ...(hasLog ? [square("var(--bg)", "log entry, with its term"), square("var(--waiting)", "committed"),
    square("var(--quiet)", "applied")] : []));
}

function kindColour(kind) {
  const colours = [...new Set(app.run.kinds.map(askedBy))];
  return `var(--k${colours.indexOf(askedBy(kind)) % KIND_COLOURS})`;
}

// A dot in the colour of a type of messages.
function dotOf(kind) {
  const dot = made("i", { className: isReply(kind) ? "reply" : "" });
  dot.style.background = dot.style.borderColor = kindColour(kind);
  return dot;
}

// ---- showing a moment --------------------------------------------------------------------------

let judging = false;

// The verdict on what is seen so far. While one is made, no other is asked for.
async function judgeSoFar() {
  const { run, text } = app, entries = run.entriesAt(app.time);
  if (judging || !app.final || app.judged === entries || app.isWrong) return;
  judging = true;
  app.judged = entries;
  const { told: [judgement] } = await ask("judge", `${text}\n${run.history(entries)}`,
    { argument: entries });
  judging = false;
  if (run !== app.run) return;
  app.soFar = judgement ? JSON.parse(judgement) : null;
  show();
}

const PANELS_MS = 100;
let panelsAt = 0;

const isStill = matchMedia("(prefers-reduced-motion: reduce)");

function show() {
  const { run, time } = app;
  if (!run) return;
  app.stage.draw(time, app.chosen, kindColour, isStill.matches);
  const wasWrong = app.isWrong;
  app.isWrong = showVerdict(app);
  if (app.isWrong && !wasWrong && app.isPlaying) pause();
  // While it plays, what stands beside the stage is read, and the stage is watched.
  const isDue = !app.isPlaying || performance.now() - panelsAt >= PANELS_MS;
  if (isDue) {
    panelsAt = performance.now();
    showChosen(app);
    showFlying(app);
    showChanges(app);
    showOperations(app);
  }
  byId("time").value = time;
  byId("time").setAttribute("aria-valuetext", seconds(run.atOf(time)));
  const at = run.atOf(time), steps = Math.floor(time / STEP);
  write(byId("now"), run.isStepwise ? `step ${steps} of ${run.steps}, at ${seconds(at)}` :
    `${seconds(time)} of ${seconds(run.end)}`);
  const caption = app.changes.lines.length === 0 &&
    app.scene().moments.findLast(([second]) => second * SECOND <= at);
  byId("caption").hidden = !caption;
  write(byId("caption"), caption ? caption[1] : "");
  judgeSoFar();
}

function seek(time) {
  app.time = Math.min(Math.max(time, 0), app.run.end);
  // A message that has arrived, or is not sent yet, is none to look at.
  const { flight } = app.chosen;
  if (flight && !(flight.time <= app.time && app.time < flight.until)) app.chosen = {};
  show();
}

let last = 0;
const FRAME_MS_MAX = 100, STILL_MS = 500;

function frame(now) {
  if (!app.isPlaying) return;
  requestAnimationFrame(frame);
  if (isStill.matches && now - last < STILL_MS) return;
  // A page that was in the background for an hour goes on where it was.
  const passed = Math.min(now - last, isStill.matches ? STILL_MS : FRAME_MS_MAX);
  last = now;
  const before = app.isWrong, to = app.time + passed * 1e6 * Number(byId("speed").value);
  const wrong = wrongAt(app.run, app.final);
  // It stops where the verdict turns.
  seek(!before && app.time < wrong && to >= wrong ? wrong : to);
  // More of it may be about to come.
  if (app.time >= app.run.end && app.run.isWhole) pause();
}

function play() {
  if (!app.run) return;
  if (app.time >= app.run.end) seek(0);
  app.isPlaying = true;
  byId("play").textContent = "❚❚ stop";
  last = performance.now();
  requestAnimationFrame(frame);
}

function pause() {
  const wasPlaying = app.isPlaying;
  app.isPlaying = false;
  byId("play").textContent = "▶ play";
  if (wasPlaying) show();
}

function step(direction) { pause(); seek(app.run.stepFrom(app.time, direction)); }

// ---- what the reader changes -------------------------------------------------------------------

// Faults strike in the main phase alone.
app.canStrike = () => {
  const limit = Number(app.run.flag("--time-limit") ?? 60) * SECOND;
  const at = app.run.atOf(app.time);
  return at >= app.run.mainStart && at < app.run.mainStart + limit;
};

function rerun() { app.isReady = false; return makeRun(app.time); }

app.toggle = (what) => {
  const { run, time, chosen: { node } } = app;
  if (!node || !app.canStrike()) return;
  const faults = run.faultsAt(time), others = run.what.nodes.filter((other) => other !== node);
  if (what === "kill") app.changes.nodes(run, time, "kill", !faults.down.has(node), [node]);
  if (what === "pause") {
    if (faults.down.has(node)) return;
    app.changes.nodes(run, time, "pause", !faults.paused.has(node), [node]);
  }
  if (what === "cut") {
    if (others.length === 0) return;
    const isCut = others.every((other) => faults.cut.has(`${node}>${other}`));
    app.changes.links(run, time, !isCut, bothWays(node, others));
  }
  rerun();
};
app.cutLink = (links, isCut) => { app.changes.links(app.run, app.time, isCut, links); rerun(); };
app.fate = ({ send }, after) => { app.changes.add(app.run.fateEdit(send, after)); rerun(); };
app.hold = ({ send, due }, longer) => {
  app.changes.add(app.run.fateEdit(send, due - send.at + longer));
  rerun();
};
// Asks for the smallest run that fails as this one does, and shows it.
app.shrink = async () => {
  pause();
  app.isShrinking = true;
  app.hear("");
  const { run } = app, { told, trap } = await ask("shrink", app.text,
    { argument: app.shrinkMs, hear: (told) => app.hear(JSON.parse(told.at(-1))[1]) });
  app.isShrinking = false;
  if (run !== app.run) return;
  const [word, found] = told.length ? JSON.parse(told.at(-1)) : [];
  if (word !== "shrunk") {
    trouble(`This run could not be made smaller: ${word === "refused" ? found : trap}.`);
    show();
    return;
  }
  const { flags, tape, seed, words } = found;
  const others = app.asked.flags.filter(([flag]) => flag !== "--node-count" && !flags.some(([name]) => name === flag));
  await open({ ...app.asked, seed, flags: [...others, ...flags], tape });
  byId("words").textContent = `Made small, with the same failure: ${found.kind}. ${words}`;
};
app.hear = (words) => { app.left = words; show(); };
app.undo = (place) => { app.changes.remove(place); rerun(); };
app.undoAll = () => { app.changes = new Changes(); rerun(); };
app.seek = (time) => { pause(); seek(time); };
app.choose = (chosen) => { pause(); app.chosen = chosen; show(); };
app.dotOf = dotOf;

// ---- scenes and settings -----------------------------------------------------------------------

const valueOf = (flag) => app.run.flag(flag);

function showSettings() {
  const { elements } = byId("form"), { run, asked } = app;
  byId("scene").value = asked.workload ? "" : asked.scene;
  const { words, isTape } = app.scene();
  byId("words").textContent = words;
  // On a tape chance decides nothing, so another seed is no other run.
  byId("again").disabled = isTape || asked.tape !== undefined;
  elements.seed.value = run.what.seed;
  elements["--node-count"].value = run.what.nodes.length;
  elements["--concurrency"].value = valueOf("--concurrency") ?? "1n";
  elements["--rate"].value = valueOf("--rate") ?? 5;
  elements["--time-limit"].value = valueOf("--time-limit") ?? 60;
  elements["--latency"].value = valueOf("--latency") ?? 0;
  elements["--latency-dist"].value = valueOf("--latency-dist") ?? "constant";
  elements["--nemesis-interval"].value = valueOf("--nemesis-interval") ?? 10;
  const faults = (valueOf("--nemesis") ?? "").split(",");
  for (const box of elements.fault) box.checked = faults.includes(box.value);
}

const sceneOf = (name) => app.scenes.find((scene) => scene.name === name);

// What is shown: a scene of the list, or a run that the bench has made.
app.scene = () => {
  const { scene, workload } = app.asked;
  return workload === undefined ? sceneOf(scene) : { moments: [], flags: [], words:
    `A run of ${scene} that the bench has made, of the workload ${workload}.` };
};

function readSettings() {
  const { elements } = byId("form"), names = ["--node-count", "--concurrency", "--rate",
    "--time-limit", "--latency", "--latency-dist", "--nemesis-interval"];
  const usual = new Map(app.scene().flags);
  const nodes = elements["--node-count"].value.trim();
  const flags = names.map((name) => [name, elements[name].value.trim()]).filter(([name, value]) =>
    value !== (usual.get(name) ?? (name === "--concurrency" ? "1n" : undefined)));
  // With another number of nodes, the number of clients is said again.
  if (usual.get("--node-count") !== nodes && !flags.some(([name]) => name === "--concurrency"))
    flags.push(["--concurrency", elements["--concurrency"].value.trim()]);
  const faults = [...elements.fault].filter((box) => box.checked).map((box) => box.value);
  if (faults.length) flags.push(["--nemesis", faults.join(",")]);
  // What stands in no field stays as it is; but names of nodes are so many as there were nodes.
  const shown = [...names, "--nemesis", "--nodes"];
  flags.push(...app.asked.flags.filter(([name]) => !shown.includes(name)));
  return { ...app.asked, seed: elements.seed.value.trim(), flags };
}

function open(asked, edits = []) {
  pause();
  app.isReady = false;
  app.asked = { seed: sceneOf(asked.scene)?.seed ?? "1", flags: [], ...asked };
  app.changes = new Changes(edits);
  app.chosen = {};
  return makeRun(0);
}

async function updateLink() {
  const { scene, workload, seed, flags, tape } = app.asked, edits = app.changes.lines;
  const isPlain = seed === app.scene().seed && flags.length === 0 && edits.length === 0 && !tape;
  const hash = isPlain ? `#${scene}` :
    await packLink({ scene, workload, seed, flags, tape, edits });
  app.link = hash;
  const isTooLong = hash.length > LINK_CHARACTERS;
  byId("link").disabled = isTooLong;
  byId("link").title = isTooLong ?
    `With all changes the link has ${hash.length} characters, and ${LINK_CHARACTERS} are the most: undo some, or copy the command.` :
    "copy a link to this run";
  if (!isTooLong) history.replaceState(null, "", hash);
}

async function openLink() {
  try {
    const { edits, ...asked } = await readLink(location.hash, app.scenes);
    await open(asked, edits);
  } catch (sentence) {
    trouble(String(sentence));
  }
  if (app.run) return;
  // There is always something to look at.
  const words = byId("trouble").textContent;
  await open({ scene: app.scenes[0].name });
  trouble(words);
}

async function copy(target, text) {
  const words = target.textContent;
  try { await navigator.clipboard.writeText(text); target.textContent = "copied"; }
  catch { target.textContent = "select it, and copy"; }
  setTimeout(() => { target.textContent = words; }, 1500);
}

// ---- hands -------------------------------------------------------------------------------------

const nextOf = (items, is) => items[(items.findIndex(is) + 1) % items.length];

const KEYS = {
  " ": () => (app.isPlaying ? pause() : play()),
  ArrowLeft: () => step(-1), ArrowRight: () => step(1), Home: () => app.seek(0),
  End: () => app.seek(app.run.end), Escape: () => app.choose({}),
  k: () => app.toggle("kill"), p: () => app.toggle("pause"), c: () => app.toggle("cut"),
  n: () => app.choose({ node: nextOf(app.run.what.nodes, (node) => node === app.chosen.node) }),
  m: () => {
    const flights = app.run.flightsAt(app.time).sort((a, b) => a.until - b.until);
    if (flights.length) app.choose({ flight: nextOf(flights, (flight) => flight.send.id === app.chosen.flight?.send.id) });
  },
  d: () => { if (app.chosen.flight && !app.chosen.flight.isLost) app.fate(app.chosen.flight, null); },
  r: () => byId("again").click(),
};

document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (!app.run || event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.matches("input:not([type=range]), select, textarea")) return;
  if (key === " " && target.matches("button, summary, input")) return;
  const act = KEYS[key];
  if (act) { event.preventDefault(); act(); }
});

byId("play").addEventListener("click", KEYS[" "]);
byId("before").addEventListener("click", () => step(-1));
byId("after").addEventListener("click", () => step(1));
byId("start").addEventListener("click", () => app.seek(0));
byId("time").addEventListener("input", () => app.seek(Number(byId("time").value)));
byId("scene").addEventListener("change", () => open({ scene: byId("scene").value }));
byId("again").addEventListener("click", () =>
  open({ ...app.asked, seed: String((BigInt(app.asked.seed) + 1n) % (1n << 64n)) }));
byId("link").addEventListener("click", () => copy(byId("link"), location.href));
byId("copy").addEventListener("click", () => copy(byId("copy"), byId("command").textContent));
byId("form").addEventListener("submit", (event) => { event.preventDefault(); open(readSettings()); });
addEventListener("hashchange", () => { if (location.hash !== app.link) openLink(); });
addEventListener("resize", () => {
  if (app.run && app.isNarrow !== (innerWidth <= 560)) { openStage(); show(); }
});

// ---- the beginning -----------------------------------------------------------------------------

async function begin() {
  app.stage = new Stage(byId("stage"), (chosen) => app.choose(chosen));
  const started = startWorker(), asked = ask("scenes");
  const { trap: cannotStart } = await started, { told: [list], trap } = await asked;
  if (!list) throw cannotStart ?? trap;
  app.scenes = JSON.parse(list);
  const groups = [...new Set(app.scenes.map(({ group }) => group))];
  byId("scene").append(...groups.map((label) => made("optgroup", { label },
    ...app.scenes.filter(({ group }) => group === label)
      .map(({ name, title }) => made("option", { value: name, textContent: title })))));
  await openLink();
}

begin().catch((error) => trouble(`This page could not start: ${error.message ?? error}. It needs a browser of 2023 or later.`));
