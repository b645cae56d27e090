// What somebody changes in a run: lines of a tape of edits, each with words for people.
//
// Faults are counted from the main phase, and fates of messages from the beginning of the run.

// Links between every two of these nodes, both ways.
const bothWays = (a, others) => others.flatMap((b) => [[a, b], [b, a]]);

class Changes {
  constructor(lines = []) { this.lines = [...lines]; }

  add(line) {
    // A fate replaces one that was given to the same message before.
    const key = this.keyOf(line);
    this.lines = this.lines.filter((other) => key === null || this.keyOf(other) !== key);
    this.lines.push(line);
  }

  keyOf(line) {
    const [, link, times] = /^(\{:from "[^"]*", :to "[^"]*", :type "[^"]*"), :fates \[(.*)\]\}$/.exec(line) ?? [];
    return link === undefined ? null : `${link} ${/^\[(\d+)/.exec(times)[1]}`;
  }

  remove(place) { this.lines.splice(place, 1); }

  text() { return this.lines.join("\n"); }

  strike(run, time, fault, starts, victims) {
    const at = Math.round(run.atOf(time) - run.mainStart);
    this.add(`{:at ${at}, :fault :${fault}, :starts ${starts}, :adds true, ${victims}}`);
  }

  nodes(run, time, fault, starts, names) {
    this.strike(run, time, fault, starts, `:nodes [${names.map((name) => `"${name}"`).join(" ")}]`);
  }

  links(run, time, starts, links) {
    const pairs = links.map(([from, to]) => `["${from}" "${to}"]`).join(" ");
    this.strike(run, time, "partition", starts, `:links [${pairs}]`);
  }
}

// A change for people: when, and what.
function describeChange(line, mainStart) {
  const at = /^\{:at (\d+)/.exec(line), seconds = (nanos) => (nanos / SECOND).toFixed(3);
  if (!at) {
    const [, from, to, fates] = /:from "([^"]*)", :to "([^"]*)".*:fates \[(.*)\]\}$/.exec(line);
    const [, sent, after] = /\[(\d+) ([^\]]*)\]$/.exec(fates);
    const what = after === "nil" ? "dropped" : `held for ${(Number(after) / 1e6).toFixed(0)} ms`;
    return { time: Number(sent), words: `${seconds(sent)} s: message from ${from} to ${to} ${what}` };
  }
  const time = Number(at[1]) + mainStart, starts = line.includes(":starts true");
  const names = [...line.matchAll(/"([^"]*)"/g)].map((match) => match[1]);
  const whom = [...new Set(names)].join(", ");
  const verbs = { kill: ["killed", "started"], pause: ["paused", "resumed"],
    partition: ["links cut between", "links mended between"] };
  const [, fault] = /:fault :([a-z-]+)/.exec(line);
  const verb = verbs[fault] ? verbs[fault][starts ? 0 : 1] : `${fault} ${starts ? "starts" : "stops"}`;
  const words = fault === "partition" ? `${verb} ${whom}` : `${whom} ${verb}`;
  return { time, words: `${seconds(time)} s: ${words}` };
}
