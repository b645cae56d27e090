"use strict";
// What the page knows: unpacks the data, and answers questions about it. Knows of no screen.
// Times are in microseconds since the main phase began, everywhere.

const OUTCOMES = ["ok", "info", "fail"];

/** Undoes the differences in which columns of growing numbers are kept. */
function running(steps) {
  let sum = 0;
  return steps.map((step) => (sum += step));
}

/** The place of the first element that is not below `value` in a sorted list. */
function lowerBound(list, value) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] < value) low = middle + 1; else high = middle;
  }
  return low;
}

async function unpack(base64) {
  const bytes = Uint8Array.from(atob(base64.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

function makeModel(data) {
  const ops = data.operations, messages = data.messages, flows = data.flows;
  ops.index = running(ops.index_steps);
  ops.start = running(ops.start_steps);
  ops.longest = ops.took.reduce((a, b) => Math.max(a, b), 0);
  messages.sent = running(messages.sent_steps);
  messages.longest = messages.took.reduce((a, b) => Math.max(a, b), 0);
  flows.step = running(flows.step_steps);
  data.latency.start = running(data.latency.start_steps);
  const byIndex = new Map();
  ops.index.forEach((index, row) => {
    byIndex.set(index, row);
    if (ops.length[row]) byIndex.set(index + ops.length[row], row);
  });
  const model = {
    ...data, ops, messages,
    hiddenTypes: new Set(), hiddenLanes: new Set(),

    /** The operation that one of its two entries in the history belongs to; undefined if it
     *  is not on this page. */
    opAt: (index) => byIndex.get(index),

    /** Rows of messages that are on their way at some time of this span. */
    messagesIn(from, to) {
      const first = lowerBound(messages.sent, from - messages.longest);
      const last = lowerBound(messages.sent, to + 1);
      const rows = [];
      for (let row = first; row < last; row++) {
        if (messages.sent[row] + Math.max(messages.took[row], 0) >= from) rows.push(row);
      }
      return rows;
    },

    /** How many messages of this span were sent, and how many are on this page. */
    countIn(from, to) {
      const { start, width, total, shown } = data.slices;
      const at = (time) => Math.min(Math.max(Math.floor((time - start) / width), 0), total.length - 1);
      let all = 0, here = 0;
      for (let slice = at(from); slice <= at(to); slice++) {
        all += total[slice];
        here += shown[slice];
      }
      return { all, here };
    },

    isVisible(row) {
      return !model.hiddenTypes.has(messages.kind[row]) &&
        !model.hiddenLanes.has(messages.from[row]) && !model.hiddenLanes.has(messages.to[row]);
    },

    /** The messages that an operation caused, in the order in which they were sent. */
    causedBy(op) {
      const index = ops.index[op], rows = [];
      messages.operation.forEach((owner, row) => { if (owner === index) rows.push(row); });
      return rows;
    },

    /** A message, and those that it caused. */
    effectsOf(message) {
      const rows = [message], inside = new Set(rows);
      for (let row = message + 1; row < messages.sent.length; row++) {
        const cause = messages.cause[row];
        if (cause && inside.has(row - cause)) { inside.add(row); rows.push(row); }
      }
      return rows;
    },

    describeOp(row) {
      const took = ops.took[row] < 0 ? "never ended" : "took " + formatTime(ops.took[row]);
      return `${data.functions[ops.function[row]]} ${OUTCOMES[ops.outcome[row]]}  ` +
        `operation ${ops.index[row]}, ${data.lanes[ops.lane[row]].name}, ${took}\n${ops.text[row]}`;
    },

    describeMessage(row) {
      const took = messages.took[row];
      const fate = took < 0 ? "never arrived" : "after " + formatTime(took);
      const again = messages.duplicate[row] ? " (delivered again)" : "";
      return `${data.lanes[messages.from[row]].name} → ${data.lanes[messages.to[row]].name}  ` +
        `at ${formatTime(messages.sent[row])}, ${fate}${again}\n${messages.body[row]}`;
    },
  };
  return model;
}

/** A time with a unit that suits it. */
function formatTime(micros) {
  const size = Math.abs(micros);
  if (size >= 1e6) return (micros / 1e6).toFixed(3) + " s";
  if (size >= 1e3) return (micros / 1e3).toFixed(2) + " ms";
  return Math.round(micros) + " µs";
}
