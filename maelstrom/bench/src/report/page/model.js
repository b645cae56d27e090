"use strict";
// What the page knows: unpacks the data, and answers questions about it. Knows of no screen.
// Times are in microseconds since the main phase began, everywhere. A message is known by its
// number among all messages of the run.

const OUTCOMES = ["ok", "info", "fail"];

/** Undoes the differences in which columns of growing numbers are kept. */
function running(steps) {
  const all = new Float64Array(steps.length);
  let sum = 0;
  for (let n = 0; n < steps.length; n++) all[n] = sum += steps[n];
  return all;
}

/** Of so many places the first of which this is true; it is true of all after it. */
function firstPlace(count, isTrue) {
  let low = 0, high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isTrue(middle)) high = middle; else low = middle + 1;
  }
  return low;
}

/** The place of the first element that is not below `value` in a sorted list. */
function lowerBound(list, value) {
  return firstPlace(list.length, (n) => list[n] >= value);
}

async function unpack(base64) {
  const text = atob(base64.trim()), bytes = new Uint8Array(text.length);
  for (let n = 0; n < text.length; n++) bytes[n] = text.charCodeAt(n);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

function makeModel(data) {
  const ops = data.operations, flows = data.flows;
  ops.index = running(ops.index_steps);
  ops.start = running(ops.start_steps);
  ops.took = Float64Array.from(ops.took);
  ops.longest = ops.took.reduce((a, b) => Math.max(a, b), 0);
  flows.step = running(flows.step_steps);
  for (const column of ["from", "to", "kind", "count", "lost"]) flows[column] = Int32Array.from(flows[column]);
  data.latency.start = running(data.latency.start_steps);
  const byIndex = new Map();
  ops.index.forEach((index, row) => {
    byIndex.set(index, row);
    if (ops.length[row]) byIndex.set(index + ops.length[row], row);
  });
  const hiddenTypes = new Set(), hiddenLanes = new Set();
  const store = makeChunks(data.messages);
  const model = {
    ...data, ops, store, hiddenTypes, hiddenLanes,
    colourOfType: typeColours(data),

    /** The operation that one of its two entries in the history belongs to; undefined if it
     *  is not on this page. */
    opAt: (index) => byIndex.get(index),

    /** How many messages were sent in this span, filtered out or not. */
    countIn(from, to) {
      const { start, width, total } = data.slices;
      const at = (time) => Math.min(Math.max(Math.floor((time - start) / width), 0), total.length - 1);
      let all = 0;
      for (let slice = at(from); slice <= at(to); slice++) all += total[slice];
      return all;
    },

    /** By number, 1 for each type that is not filtered out, and for each lane. */
    filters() {
      const flags = (list, hidden) => Uint8Array.from(list, (_, number) => (hidden.has(number) ? 0 : 1));
      return { types: flags(data.types, hiddenTypes), lanes: flags(data.lanes, hiddenLanes) };
    },

    isShown: (kind, from, to) =>
      !hiddenTypes.has(kind) && !hiddenLanes.has(from) && !hiddenLanes.has(to),

    isVisible(id) {
      const found = store.at(id);
      return !!found && model.isShown(found.rows.kind[found.i], found.rows.from[found.i], found.rows.to[found.i]);
    },

    /** The messages that an operation caused, in the order in which they were sent. */
    causedBy(op) {
      const index = ops.index[op], found = [];
      store.loaded().forEach(({ rows, first }) => rows.operation.forEach((owner, i) => {
        if (owner === index) found.push(first + i);
      }));
      return found;
    },

    /** A message, and those that it caused. */
    effectsOf(id) {
      const ids = [id], inside = new Set(ids);
      for (const { rows, first } of store.loaded()) {
        for (let i = Math.max(0, id + 1 - first); i < rows.sent.length; i++) {
          const cause = rows.cause[i];
          if (cause && inside.has(first + i - cause)) { inside.add(first + i); ids.push(first + i); }
        }
      }
      return ids;
    },

    describeOp(row) {
      const took = ops.took[row] < 0 ? "never ended" : "took " + formatTime(ops.took[row]);
      return `${data.functions[ops.function[row]]} ${OUTCOMES[ops.outcome[row]]}  ` +
        `operation ${ops.index[row]}, process ${ops.process[row]}, ${took}\n${ops.text[row]}`;
    },

    describeMessage(id) {
      const found = store.at(id);
      if (!found) return "a message that is not on this page";
      const { rows, i } = found, took = rows.took[i];
      const fate = took < 0 ? "never arrived" : "after " + formatTime(took);
      const again = rows.duplicate[i] ? " (delivered again)" : "";
      return `${data.lanes[rows.from[i]].name} → ${data.lanes[rows.to[i]].name}  ` +
        `${data.types[rows.kind[i]]} at ${formatTime(rows.sent[i])}, ${fate}${again}\n${rows.body[i]}`;
    },
  };
  model.states = makeStates(model);
  return model;
}

/** By type, the number of its colour: a request and its reply have the same, the types that are
 *  most frequent come first. An error has none. */
function typeColours({ types, flows }) {
  const base = (name) => name.replace(/_(ok|reply|response|answer)$/, "");
  const ofKind = new Float64Array(types.length), counts = new Map();
  flows.kind.forEach((kind, row) => { ofKind[kind] += flows.count[row]; });
  types.forEach((type, kind) => {
    if (ofKind[kind]) counts.set(base(type), (counts.get(base(type)) || 0) + ofKind[kind]);
  });
  const order = [...counts].filter(([name]) => name !== "error")
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([name]) => name);
  return types.map((name) => name === "error" ? -1 : Math.max(order.indexOf(base(name)), 0));
}

// ---- chunks of messages -------------------------------------------------------------------

/** So many messages that stand beside the page are kept in memory, in chunks. */
const KEPT_CHUNKS = 64;

const awaited = new Map();

/** What a file beside the page calls: see `chunks.rs`. */
function receiveChunk(number, text) {
  const take = awaited.get(number);
  awaited.delete(number);
  if (take) take(text);
}

/** The messages of the run, of which each chunk is loaded when it is asked for. */
function makeChunks({ start_steps, end_steps, count, chunk: size, folder, all }) {
  const start = running(start_steps), end = running(end_steps);
  const chunks = count.map((rows, number) => ({
    number, start: start[number], end: end[number], count: rows, first: number * size, rows: null,
    state: "absent", promise: null, used: 0,
  }));
  const inside = new Map([...document.querySelectorAll("script.chunk")]
    .map((script) => [Number(script.dataset.number), script]));
  let clock = 0, all_loaded = null;
  const store = {
    chunks, all, size, inside, changed: 0,

    /** The chunks that are here, in order. */
    loaded() {
      all_loaded ||= chunks.filter(({ rows }) => rows);
      return all_loaded;
    },

    /** The columns and the row of a message that is here. */
    at(id) {
      const chunk = chunks[Math.floor(id / size)];
      return chunk && chunk.rows ? { rows: chunk.rows, i: id - chunk.first, chunk } : null;
    },

    /** The chunks with messages that were on their way at some time of this span. */
    overlapping: (from, to) => chunks.filter((chunk) => chunk.end >= from && chunk.start <= to),

    /** Loads a chunk; the promise is false if it is nowhere. */
    load(number) {
      const chunk = chunks[number];
      chunk.used = ++clock;
      chunk.promise ||= fetchChunk(chunk, inside.get(number), folder).then((rows) => {
        chunk.state = rows ? "here" : "missing";
        chunk.rows = rows;
        forget(number);
        all_loaded = null;
        store.changed++;
        return !!rows;
      });
      if (!chunk.rows && chunk.state === "absent") chunk.state = "loading";
      return chunk.promise;
    },
  };
  function forget(number) {
    const beside = chunks.filter((chunk) => chunk.rows && !inside.has(chunk.number) && chunk.number !== number);
    if (beside.length < KEPT_CHUNKS) return;
    const oldest = beside.reduce((a, b) => (a.used <= b.used ? a : b));
    Object.assign(oldest, { rows: null, state: "absent", promise: null });
  }
  return store;
}

async function fetchChunk({ number }, script, folder) {
  try {
    const text = script ? script.textContent : await new Promise((resolve, reject) => {
      awaited.set(number, resolve);
      const element = document.createElement("script");
      element.src = `${folder}/${number}.js`;
      element.onerror = () => { awaited.delete(number); reject(new Error("no file")); };
      element.onload = () => element.remove();
      document.head.append(element);
    });
    const rows = await unpack(text);
    rows.sent = running(rows.sent_steps);
    rows.took = Float64Array.from(rows.took);
    rows.end = rows.sent.map((sent, i) => sent + Math.max(rows.took[i], 0));
    for (const column of ["from", "to", "kind", "cause", "operation"]) rows[column] = Int32Array.from(rows[column]);
    return rows;
  } catch (error) {
    return null;
  }
}

/** A time with a unit that suits it. */
function formatTime(micros) {
  const size = Math.abs(micros);
  if (size >= 1e6) return (micros / 1e6).toFixed(3) + " s";
  if (size >= 1e3) return (micros / 1e3).toFixed(2) + " ms";
  return Math.round(micros) + " µs";
}
