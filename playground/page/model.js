// What happened in a run, arranged so that any moment of it can be shown at once.

const SECOND = 1e9;

const isClient = (name) => /^c\d+$/.test(name);
const isService = (name) => ["seq-kv", "lin-kv", "lww-kv", "lin-tso"].includes(name);

// An answer has the colour of what it answers.
const isReply = (kind) => /_(reply|ok)$/.test(kind);
const askedBy = (kind) => kind.replace(/_(reply|ok)$/, "");

// The place of the last item that is at or before a time, or -1.
function placeAt(items, time) {
  let low = 0, high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (items[middle].time <= time) low = middle + 1; else high = middle;
  }
  return low - 1;
}

// Without latency much happens at one instant. Such a run is shown step by step, each this long.
const STEP = 20e6;

class Run {
  // Everything that happens has its moment `at`, in nanoseconds of the run, and the `time` at which
  // it is shown. They differ only in a run that is shown step by step.
  constructor() {
    this.what = null; this.refused = null; this.failure = null; this.panic = null;
    this.mainStart = 0; this.end = 0;
    this.sends = []; this.states = new Map(); this.operations = []; this.strikes = [];
    this.kinds = []; this.services = []; this.terms = new Map();
    this.steps = 0; this.isStepwise = false; this.moments = [];
    // There is no more to come.
    this.isWhole = false;
  }

  // Takes in what has happened since, as lines of JSON. What was arranged is arranged anew.
  addLines(lines) {
    for (const line of lines) this.add(JSON.parse(line));
    if (this.what !== null) this.arrange();
  }

  // Takes in one array of those that `playground/src/events.rs` describes.
  add([word, ...rest]) {
    if (word === "run") {
      this.what = rest[0];
      this.isStepwise = this.flag("--latency") === undefined;
      this.number = new Map(this.what.nodes.map((name, number) => [name, number]));
      for (const name of this.what.nodes) this.states.set(name, []);
    } else if (word === "refused") {
      [this.refused] = rest;
    } else if (word === "main") {
      [this.mainStart] = rest;
    } else if (word === "send") {
      const [id, time, from, to, kind, body, taped, ...due] = rest;
      this.sends[id] = { id, ...this.moment(time), from, to, kind, body, taped, due, received: [] };
    } else if (word === "receive") {
      this.sends[rest[0]].received.push(this.moment(rest[1]));
    } else if (word === "state") {
      const [time, node, text] = rest, states = this.states.get(node);
      const state = JSON.parse(text);
      states.push({ ...this.moment(time), state, log: this.logOf(state, states.at(-1)) });
    } else if (word === "operation") {
      const [time, line, process, type, f, value, error] = rest;
      this.operations.push({ ...this.moment(time), line, process, type, f, value, error });
    } else if (word === "strike") {
      const [time, sentence, effect, whom] = rest;
      this.strikes.push({ ...this.moment(time), sentence, effect, whom });
    } else if (word === "end") {
      this.moment(rest[0]);
      [, this.failure] = rest;
    } else if (word === "panic") {
      const [node, sentence, place] = rest;
      this.panic = { node: node === null ? null : this.what.nodes[node], sentence, place };
    }
  }

  // The terms of a node's log, as [first index, term] of each term, where a state says only with which
  // entry it ends. There is one leader a term, so its entries begin at one index, and whoever has one
  // of them has all before it (§5.3, log matching). Nobody has one before the leader itself, and what
  // stands before it there is what the leader had until then.
  logOf({ last }, before) {
    if (last?.term === undefined) return null;
    if (last.index === 0) return [];
    const { index = 0 } = before?.state.last ?? {};
    if (!this.terms.has(last.term))
      this.terms.set(last.term, [...(before?.log ?? []), [index + 1, last.term]]);
    return this.terms.get(last.term);
  }

  // The next thing that happens, at this moment.
  moment(at) {
    this.steps += 1;
    const time = this.isStepwise ? this.steps * STEP : at;
    this.moments.push({ time, at });
    return { time, at };
  }

  // The moment that is shown at this time, and back.
  atOf(time) {
    return this.isStepwise ? this.moments[placeAt(this.moments, time)]?.at ?? 0 : time;
  }
  timeOf(at) {
    return this.isStepwise ? this.moments.find((moment) => moment.at >= at)?.time ?? this.end : at;
  }

  arrange() {
    const latency = Number(this.flag("--latency") ?? 0) * 1e6 || 20e6;
    // Where a node panics, nobody says that the run is over.
    this.end = this.moments.at(-1)?.time ?? 0;
    this.flights = [];
    for (const send of this.sends) {
      if (isClient(send.from) || isClient(send.to)) continue;
      if (!this.kinds.includes(send.kind)) this.kinds.push(send.kind);
      for (const name of [send.from, send.to])
        if (isService(name) && !this.services.includes(name)) this.services.push(name);
      const flight = (due) => {
        const isLost = due === undefined;
        const heard = send.received.find(({ at }) => at === due);
        const isHeard = heard !== undefined;
        const until = this.isStepwise ? heard?.time ?? send.time + 4 * STEP :
          isLost ? send.time + latency : due;
        this.flights.push({ send, time: send.time, until, due, isLost, isHeard });
      };
      if (send.due.length === 0) flight(undefined); else send.due.forEach(flight);
    }
    // Which messages are on their way, by slices of time.
    this.slice = 50e6;
    this.slices = [];
    for (const flight of this.flights) {
      const last = Math.min(flight.until, this.end);
      for (let n = Math.floor(flight.time / this.slice); n * this.slice <= last; n += 1)
        (this.slices[n] ??= []).push(flight);
    }
    const times = new Set([0, this.end]);
    for (const send of this.sends) { times.add(send.time); send.received.forEach(({ time }) => times.add(time)); }
    for (const operation of this.operations) times.add(operation.time);
    for (const strike of this.strikes) times.add(strike.time);
    for (const states of this.states.values()) for (const state of states) times.add(state.time);
    this.times = Float64Array.from(times).sort();
    this.pairUp();
    this.readStrikes();
    this.leaders = [];
    for (const [node, states] of this.states) {
      let before = null;
      for (const { time, state } of states) {
        if (state.role === "leader" && before !== "leader")
          this.leaders.push({ time, node, term: state.term });
        before = state.role;
      }
    }
    this.leaders.sort((a, b) => a.time - b.time);
  }

  flag(name) { return (this.what.flags.find(([flag]) => flag === name) ?? [])[1]; }

  // Each operation from its beginning to its end, and the thread that does it.
  pairUp() {
    const running = new Map();
    this.pairs = [];
    this.operations.forEach((operation, place) => {
      const { process, type } = operation;
      if (!/^\d+$/.test(process)) return;
      if (type === "invoke") {
        const thread = Number(process) % this.what.clients;
        const pair = { place, thread, node: this.what.nodes[thread % this.what.nodes.length],
          time: operation.time, until: Infinity, begun: operation, ended: null };
        running.set(process, pair);
        this.pairs.push(pair);
      } else if (running.has(process)) {
        Object.assign(running.get(process), { until: operation.time, ended: operation });
        running.delete(process);
      }
    });
    this.byThread = Array.from({ length: this.what.clients }, () => []);
    for (const pair of this.pairs) this.byThread[pair.thread].push(pair);
  }

  // What is down, paused or cut, after each move of the nemesis.
  readStrikes() {
    let now = { time: 0, down: new Set(), paused: new Set(), skewed: new Set(), cuts: {}, loss: 0,
      doubling: 0 };
    this.faults = [now];
    for (const { time, at, effect, whom } of this.strikes) {
      now = { ...now, time, at, down: new Set(now.down), paused: new Set(now.paused),
        skewed: new Set(now.skewed), cuts: { ...now.cuts } };
      const nodes = () => whom.map((number) => this.what.nodes[number]);
      if (effect === "kill") for (const node of nodes()) { now.down.add(node); now.paused.delete(node); }
      if (effect === "start") for (const node of nodes()) now.down.delete(node);
      if (effect === "pause") for (const node of nodes()) if (!now.down.has(node)) now.paused.add(node);
      if (effect === "resume") for (const node of nodes()) now.paused.delete(node);
      if (effect === "skew") now.skewed = new Set(nodes());
      if (effect === "cut") now.cuts[whom[0]] =
        whom[1].map(([from, to]) => `${this.what.nodes[from]}>${this.what.nodes[to]}`);
      if (effect === "mend") delete now.cuts[whom[0]];
      if (effect === "loss") [now.loss] = whom;
      if (effect === "duplicate") [now.doubling] = whom;
      now.cut = new Set(Object.values(now.cuts).flat());
      this.faults.push(now);
    }
    this.faults[0].cut = new Set();
  }

  faultsAt(time) { return this.faults[Math.max(0, placeAt(this.faults, time))]; }

  stateAt(node, time) {
    const states = this.states.get(node), place = placeAt(states, time);
    return place < 0 ? null : states[place].state;
  }

  // The terms of the last so many entries of a log: [index, term] each.
  logAt(node, time, count) {
    const states = this.states.get(node), place = placeAt(states, time);
    const { log, state } = states[place] ?? {}, end = state?.last?.index ?? 0;
    const from = Math.max(1, end - count + 1);
    return Array.from({ length: log ? end - from + 1 : 0 }, (_, n) =>
      [from + n, log.findLast(([first]) => first <= from + n)?.[1] ?? ""]);
  }

  flightsAt(time) {
    const slice = this.slices[Math.floor(time / this.slice)] ?? [];
    return slice.filter((flight) => flight.time <= time && time < flight.until);
  }

  // What a thread does at this time, or did last.
  pairAt(thread, time) {
    const pairs = this.byThread[thread], place = placeAt(pairs, time);
    return place < 0 ? null : pairs[place];
  }

  entriesAt(time) { return placeAt(this.operations, time) + 1; }

  // The next moment at which something happens, or the one before.
  stepFrom(time, direction) {
    let low = 0, high = this.times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (direction > 0 ? this.times[middle] <= time : this.times[middle] < time) low = middle + 1;
      else high = middle;
    }
    const place = direction > 0 ? low : low - 1;
    return this.times[Math.min(Math.max(place, 0), this.times.length - 1)];
  }

  history(entries) {
    return this.operations.slice(0, entries).map((operation) => operation.line).join("");
  }

  // The lines of a tape that let this message take so long, or lose it (null): those that were sent
  // before it on the same link at the same instant, and are of its type, keep what they had.
  fateEdit(send, after) {
    const same = this.sends.filter((other) => other.id <= send.id && other.at === send.at &&
      other.from === send.from && other.to === send.to && other.taped === send.taped);
    const fates = same.map((other) => {
      const due = other === send ? (after === null ? [] : [after]) :
        other.due.map((due) => due - other.at);
      return `[${send.at} ${due.length ? due.join(" ") : "nil"}]`;
    });
    return `{:from "${send.from}", :to "${send.to}", :type "${send.taped}", :fates [${fates.join(" ")}]}`;
  }
}
