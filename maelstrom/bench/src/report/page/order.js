// The order of events: what happened after what, also where many things happen at one instant.
// Every event takes one step. It is made of the messages that are loaded.

/** Kinds of events. */
const INVOKE = 0, SEND = 1, RECEIVE = 2, CHANGE = 3, COMPLETE = 4;

/**
 * All events in order: `time`, `kind` and `ref` by step. `ref` is an operation's row, a message's
 * number, or the place of a change among `changes`. Messages, operations and changes learn at
 * which step they are.
 *
 * Events of one instant are put into an order that agrees with what caused what: a message is
 * received before those are sent that it caused, and a state is that in which the messages after
 * it were sent.
 */
function makeOrder(model) {
  const { ops, store } = model, chunks = store.loaded();
  const sentAt = [], ids = [];
  chunks.forEach(({ rows, first }) => rows.sent.forEach((sent, i) => { sentAt.push(sent); ids.push(first + i); }));
  // How many messages had been sent when this instant was over: the number of the next one.
  const sortedSent = Float64Array.from(sentAt).sort();
  const nextId = (time) => {
    const place = lowerBound(sortedSent, time + 1);
    return place < ids.length ? ids[place] : (ids.length ? ids[ids.length - 1] + 1 : 0);
  };
  const time = [], rank = [], kind = [], ref = [];
  const push = (t, r, k, what) => { time.push(t); rank.push(r); kind.push(k); ref.push(what); };
  // Which message was the first that this one caused, if at the instant of its arrival.
  const effect = new Map();
  chunks.forEach(({ rows, first }) => rows.cause.forEach((cause, i) => {
    const before = cause && store.at(first + i - cause);
    if (!before || effect.has(first + i - cause)) return;
    if (before.rows.sent[before.i] + before.rows.took[before.i] === rows.sent[i]) effect.set(first + i - cause, first + i);
  }));
  const request = new Map(), reply = new Map();
  chunks.forEach(({ rows, first }) => rows.sent.forEach((sent, i) => {
    const id = first + i, took = rows.took[i];
    if (!rows.duplicate[i]) push(sent, id + .5, SEND, id);
    let arrived = id + .75;
    if (effect.has(id)) arrived = effect.get(id) + .25;
    else if (took > 0) arrived = nextId(sent + took) + .25;
    if (took >= 0) push(sent + took, arrived, RECEIVE, id);
    const owner = rows.operation[i];
    if (owner < 0) return;
    if (!request.has(owner)) request.set(owner, { at: sent, rank: id + .4 });
    if (took >= 0) reply.set(owner + " " + rows.to[i], { at: sent + took, rank: arrived + .1 });
  }));
  ops.start.forEach((start, row) => {
    const asked = request.get(ops.index[row]);
    push(start, asked && asked.at === start ? asked.rank : nextId(start) + .3, INVOKE, row);
    if (ops.took[row] < 0) return;
    const end = start + ops.took[row], told = reply.get(ops.index[row] + " " + ops.lane[row]);
    push(end, told && told.at === end ? told.rank : nextId(end) + .35, COMPLETE, row);
  });
  const changes = model.states.exact();
  changes.forEach((change, place) => push(change.time, change.before + .3, CHANGE, place));
  const order = Uint32Array.from(time, (_, n) => n);
  order.sort((a, b) => time[a] - time[b] || rank[a] - rank[b] || a - b);
  chunks.forEach((chunk) => {
    chunk.rows.sentStep = new Float64Array(chunk.rows.sent.length);
    chunk.rows.endStep = new Float64Array(chunk.rows.sent.length);
  });
  ops.startStep = new Float64Array(ops.start.length);
  ops.endStep = new Float64Array(ops.start.length).fill(-1);
  const result = { time: [], kind: [], ref: [], changes, version: store.changed };
  order.forEach((n, step) => {
    result.time.push(time[n]); result.kind.push(kind[n]); result.ref.push(ref[n]);
    if (kind[n] === SEND || kind[n] === RECEIVE) {
      const { rows, i } = store.at(ref[n]);
      if (kind[n] === SEND || rows.duplicate[i]) rows.sentStep[i] = step;
      if (kind[n] === RECEIVE) rows.endStep[i] = step;
      else if (rows.took[i] < 0) rows.endStep[i] = step + 1;
    } else if (kind[n] === INVOKE) ops.startStep[ref[n]] = step;
    else if (kind[n] === COMPLETE) ops.endStep[ref[n]] = step;
    else changes[ref[n]].step = step;
  });
  chunks.forEach((chunk) => {
    chunk.firstStep = chunk.rows.sentStep.reduce((a, b) => Math.min(a, b), Infinity);
    chunk.lastStep = chunk.rows.endStep.reduce((a, b) => Math.max(a, b), chunk.firstStep);
  });
  return result;
}

/** Positions on the time axis: of messages whole columns, of anything else one at a time. */
function timeAxis(model) {
  const { ops } = model;
  return {
    isOrder: false,
    whole: () => [Math.max(model.start, -1e6), model.end],
    sent: (rows) => rows.sent,
    end: (rows) => rows.end,
    chunkIn: (chunk, from, to) => chunk.end >= from && chunk.start <= to,
    opStart: (row) => ops.start[row],
    opEnd: (row) => ops.start[row] + ops.took[row],
    change: (change) => change.time,
    at: (time) => time,
    time: (position) => position,
    least: 20,
  };
}

/** Positions on the axis on which each event takes one step. */
function orderAxis(model) {
  const order = model.order(), { ops } = model;
  return {
    isOrder: true,
    whole: () => [0, Math.max(order.time.length, 1)],
    sent: (rows) => rows.sentStep,
    end: (rows) => rows.endStep,
    chunkIn: (chunk, from, to) => chunk.lastStep >= from && chunk.firstStep <= to,
    opStart: (row) => ops.startStep[row],
    opEnd: (row) => ops.endStep[row],
    change: (change) => change.step,
    at: (time) => lowerBound(order.time, time),
    time: (position) => order.time[Math.min(Math.max(Math.round(position), 0), order.time.length - 1)] || 0,
    least: 4,
  };
}
