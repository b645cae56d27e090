// What stands around the stage: the verdict, what is selected, messages on their way, the history.

const byId = (id) => document.getElementById(id);
const seconds = (nanos) => `${(nanos / SECOND).toFixed(3)} s`;

function made(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

function button(words, act, title = "", isDisabled = false) {
  const node = made("button", { type: "button", textContent: words, title, disabled: isDisabled });
  node.addEventListener("click", act);
  return node;
}

// Made anew only when what it shows is something else: who points at a button keeps it.
function fill(target, key, make) {
  if (target.dataset.key === key) return;
  target.dataset.key = key;
  target.replaceChildren(...make());
}

const SYMBOLS = { true: ["✓", "valid"], unknown: ["?", "unknown"], false: ["✗", "invalid"] };

// When it is seen that the run is wrong: at an entry of its history, or where a node breaks it off.
function wrongAt(run, final) {
  if (final?.part === "run") return run.end;
  return final?.since ? run.operations[final.since - 1].time : Infinity;
}

const WRONG = { workload: "The history is wrong", availability: "Too little was answered",
  run: "The run broke off" };
// What is seen of that before the end, where only the end shows it.
const EARLY = { workload: "Not yet: if the run ended here, it would be wrong",
  availability: "Not all is answered yet" };

function showVerdict(app) {
  const { run, time, final, soFar } = app;
  const panel = byId("verdict");
  const isWrong = time >= wrongAt(run, final);
  const isOver = time >= run.end;
  const judged = isWrong || isOver ? final : soFar;
  const verdict = isWrong ? "false" : judged?.verdict ?? "unknown";
  // What nobody has read yet is lost only once the run is over.
  const isEarly = verdict === "false" && !isWrong && !isOver;
  const [symbol, style] = SYMBOLS[isEarly ? "unknown" : verdict];
  panel.className = style;
  const words = judged?.words ?? "";
  const headline = { true: isOver ? "The history is valid" : "Nothing is wrong so far",
    unknown: isOver ? "Nobody can tell" : "Nothing to judge yet",
    false: isEarly ? EARLY[judged?.part] : WRONG[judged?.part] }[verdict];
  const findings = verdict === "true" || isEarly ? [] : judged?.findings ?? [];
  const canShrink = verdict === "false" && !isEarly && !app.asked.tape &&
    !app.scene().isTape;
  const shrinking = app.isShrinking ? app.left || "looking for a smaller run…" : null;
  fill(panel, JSON.stringify([verdict, headline, words, findings, canShrink, shrinking]), () => [
    made("h2", {}, made("span", { className: `mark ${style}`, textContent: `${symbol} ` }), headline),
    made("p", { className: "quiet", textContent: words ||
      (verdict === "true" ? "says the checker of this workload" : "says the checker: it needs more operations") }),
    ...(findings.length === 0 ? [] : [made("ul", {}, ...findings.map(({ kind, words }) =>
      made("li", {}, made("b", { textContent: kind }), `: ${words.length > 300 ? `${words.slice(0, 299)}…` : words}`)))]),
    ...(canShrink ? [made("div", { className: "tools" }, button("shrink", () => app.shrink(),
      "look for the smallest run that fails like this", app.isShrinking)),
      ...(shrinking ? [made("p", { className: "quiet", textContent: shrinking })] : [])] : []),
  ]);
  return isWrong;
}

function showNode(app, panel, name) {
  const { run, time } = app, faults = run.faultsAt(time), state = run.stateAt(name, time);
  const isDown = faults.down.has(name), isPaused = faults.paused.has(name);
  const others = run.what.nodes.filter((node) => node !== name);
  const isCut = others.length > 0 && others.every((node) => faults.cut.has(`${name}>${node}`));
  const can = app.canStrike();
  const fields = isDown || !state ? [] : Object.entries(state).sort(byRank);
  const words = isDown ? "It is down." : isPaused ? "It is paused: it does nothing, and hears all later." :
    state ? "" : "It says nothing of itself.";
  fill(panel, JSON.stringify([name, isDown, isPaused, isCut, can, fields]), () => [
    made("h2", { textContent: `Node ${name}` }),
    ...(words ? [made("p", { className: "quiet", textContent: words })] : []),
    made("table", {}, made("tbody", {}, ...fields.map(([field, value]) => made("tr", {},
      made("th", { textContent: field }), made("td", { textContent: short(value) }))))),
    made("div", { className: "tools" },
      button(isDown ? "start again" : "kill", () => app.toggle("kill"), "k", !can),
      button(isPaused ? "resume" : "pause", () => app.toggle("pause"), "p", !can || isDown),
      button(isCut ? "mend its links" : "cut it off", () => app.toggle("cut"), "c",
        !can || others.length === 0)),
  ]);
}

// What tells most comes first; the rest stays as the node says it.
const RANKS = ["role", "term", "leader", "vote", "value"];
const rank = ([field]) => (RANKS.includes(field) ? RANKS.indexOf(field) : RANKS.length);
const byRank = (a, b) => rank(a) - rank(b);

function short(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 160 ? `${text.slice(0, 159)}…` : text;
}

function showLink(app, panel, [a, b]) {
  const { run, time } = app, { cut } = run.faultsAt(time);
  const [there, back] = [cut.has(`${a}>${b}`), cut.has(`${b}>${a}`)], can = app.canStrike();
  const line = (from, to, is) => made("p", {}, `${from} to ${to}: ${is ? "cut" : "whole"}`);
  fill(panel, JSON.stringify([a, b, there, back, can]), () => [
    made("h2", { textContent: `Link between ${a} and ${b}` }),
    line(a, b, there), line(b, a, back),
    made("div", { className: "tools" },
      button(there && back ? "mend" : "cut", () => app.cutLink(bothWays(a, [b]), !(there && back)), "", !can),
      button(`${there ? "mend" : "cut"} ${a} to ${b}`, () => app.cutLink([[a, b]], !there), "", !can),
      button(`${back ? "mend" : "cut"} ${b} to ${a}`, () => app.cutLink([[b, a]], !back), "", !can)),
  ]);
}

function showFlight(app, panel, flight) {
  const { send, isLost, due, isHeard } = flight;
  const end = isLost ? "It is lost." : !isHeard ? `It is due at ${seconds(due)}, and nobody hears it.` :
    `It arrives at ${seconds(due)}.`;
  fill(panel, JSON.stringify([send.id, end]), () => [
    made("h2", { textContent: `${send.kind} from ${send.from} to ${send.to}` }),
    made("p", { className: "quiet", textContent: `Sent at ${seconds(send.at)}. ${end}` }),
    made("p", {}, made("code", { textContent: send.body.slice(0, 400) })),
    made("div", { className: "tools" },
      button("drop it", () => app.fate(flight, null), "d", isLost),
      button("hold it 200 ms longer", () => app.hold(flight, 200e6), "", isLost),
      button("2 s longer", () => app.hold(flight, 2e9), "", isLost)),
  ]);
}

function showChosen(app) {
  const panel = byId("chosen"), { node, link, flight } = app.chosen;
  if (node) showNode(app, panel, node);
  else if (link) showLink(app, panel, link);
  else if (flight) showFlight(app, panel, flight);
  else fill(panel, "nothing", () => [made("h2", { textContent: "Nothing is selected" }),
    made("p", { className: "quiet", textContent:
      "Click a node to see its state and to kill, pause or cut it off; a message to drop or hold it; a link to cut it." })]);
}

const FLYING = 5;

function showFlying(app) {
  const flights = app.run.flightsAt(app.time).filter((flight) => flight.until > flight.time)
    .sort((a, b) => a.until - b.until);
  const shown = flights.slice(0, FLYING), chosen = app.chosen.flight?.send.id;
  const key = JSON.stringify([flights.length, shown.map(({ send, isLost }) => [send.id, isLost]), chosen]);
  fill(byId("flying"), key, () => [
    made("h2", { textContent: `${flights.length} message${flights.length === 1 ? "" : "s"} on the way` }),
    made("ol", {}, ...shown.map((flight) => {
      const { send, isLost } = flight;
      const name = `${send.from} → ${send.to} ${send.kind}`;
      const select = button("", () => app.choose({ flight }), "show it");
      select.append(app.dotOf(send.kind), name, isLost ? " (lost)" : "");
      const drop = button("drop", () => app.fate(flight, null), `drop it`, isLost);
      drop.setAttribute("aria-label", `drop ${name}`);
      return made("li", { className: send.id === chosen ? "chosen" : "" }, select, drop);
    })),
  ]);
}

function showChanges(app) {
  const panel = byId("changes"), { lines } = app.changes;
  panel.hidden = lines.length === 0;
  fill(panel, lines.join("\n"), () => [
    made("h2", { textContent: lines.length === 1 ? "Your change" : "Your changes" }),
    made("ol", {}, ...lines.map((line, place) => {
      const { words, time } = describeChange(line, app.run.mainStart);
      const undo = button("undo", () => app.undo(place));
      undo.setAttribute("aria-label", `undo: ${words}`);
      return made("li", {}, made("span", { textContent: words }), button("go", () => app.seek(app.run.timeOf(time)),
        "go to this moment"), undo);
    })),
    ...(lines.length > 1 ? [button("undo all", () => app.undoAll())] : []),
  ]);
}

// The last operations before this moment, the newest first.
const OPERATIONS = 60;

function showOperations(app) {
  const { run, time } = app, about = new Set(app.isWrong ? (app.final.findings ?? []).flatMap((f) => f.about) : []);
  const rows = [];
  for (let n = placeAt(run.pairs, time); n >= 0 && rows.length < OPERATIONS; n -= 1) rows.push(run.pairs[n]);
  const strikes = run.strikes.filter((strike) => strike.time <= time).slice(-20);
  const all = [...rows, ...strikes].sort((a, b) => b.time - a.time).slice(0, OPERATIONS);
  const key = `${run.entriesAt(time)} ${all.length} ${about.size} ${all[0]?.time}`;
  fill(byId("operations"), key, () => all.map((row) => {
    const at = made("td", { textContent: seconds(row.at ?? row.begun.at) });
    if (row.sentence !== undefined)
      return made("tr", { className: "nemesis" }, at, made("td", { textContent: "fault" }),
        made("td", { colSpan: 2, textContent: row.sentence }));
    const { begun, ended } = row, isOver = row.until <= time;
    const indices = [begun, ended].map((entry) => run.operations.indexOf(entry));
    const result = isOver ? `${ended.type}${ended.type === "ok" ? ` ${ended.value}` : ""}${ended.error ? ` ${ended.error}` : ""}` : "…";
    return made("tr", { className: indices.some((index) => about.has(index)) ? "about" : "" }, at,
      made("td", { textContent: `${begun.process} at ${row.node}` }),
      made("td", { textContent: `${begun.f} ${begun.value}` }),
      made("td", { className: isOver ? ended.type : "", textContent: result.slice(0, 300) }));
  }));
}

// The whole run on a strip: faults, operations by how they ended, elections, and where it goes wrong.
function drawStrip(run, final) {
  const strip = byId("strip"), WIDTH = 1000;
  strip.setAttribute("viewBox", `0 0 ${WIDTH} 22`);
  strip.replaceChildren();
  const x = (time) => (time / run.end) * WIDTH;
  run.faults.forEach((faults, n) => {
    const until = run.faults[n + 1]?.time ?? run.end;
    if (faults.down.size + faults.paused.size + faults.skewed.size + faults.cut.size + faults.loss + faults.doubling > 0)
      element("rect", { class: "fault", x: x(faults.time), width: x(until - faults.time), y: 0, height: 22 }, strip);
  });
  for (const pair of run.pairs) if (pair.ended)
    element("rect", { class: pair.ended.type, x: x(pair.until), width: 1.2, y: 12, height: 8 }, strip);
  for (const { time } of run.leaders)
    element("rect", { class: "leader", x: x(time), width: 3, y: 1, height: 9 }, strip);
  const wrong = wrongAt(run, final);
  if (wrong < Infinity) element("rect", { class: "wrong", x: x(wrong) - 2, width: 4, y: 0, height: 22 }, strip);
}
