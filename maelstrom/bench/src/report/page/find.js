// Search: the next operation or message that matches, in the order of time, through all messages of
// the run, loading them where they are not here.

/** `ui` is what it needs of the page. */
function makeSearch(model, view, ui) {
  const { $, redraw } = ui;
  let running = 0;

  /** What is looked for: tests for operations and messages. */
  function wanted() {
    const text = $("find").value.trim().toLowerCase();
    if (!text) return null;
    if (/^\d+$/.test(text) && model.opAt(Number(text)) !== undefined) {
      const row = model.opAt(Number(text));
      return { isOne: true, op: (other) => other === row, message: () => false };
    }
    const { lanes, types } = model;
    return {
      isOne: false,
      op: (row) => model.describeOp(row).toLowerCase().includes(text),
      message: (rows, i) => model.isShown(rows.kind[i], rows.from[i], rows.to[i]) &&
        (types[rows.kind[i]].toLowerCase().includes(text) || rows.body[i].toLowerCase().includes(text) ||
          `${lanes[rows.from[i]].name} → ${lanes[rows.to[i]].name}`.toLowerCase().includes(text) ||
          `${lanes[rows.from[i]].name}->${lanes[rows.to[i]].name}`.toLowerCase().includes(text)),
    };
  }

  /** When what is selected began, and which it is among things of one time. */
  function current(by) {
    if (view.found !== null) {
      const found = model.store.at(view.found);
      if (found) return { time: found.rows.sent[found.i], id: view.found };
    }
    if (view.op !== null) return { time: model.ops.start[view.op], id: -1, op: view.op };
    const { time } = model.axis();
    return { time: by > 0 ? time(view.from) - 1 : time(view.to) + 1, id: by > 0 ? -1 : Infinity };
  }

  function nextOp(test, from, by) {
    const { start } = model.ops;
    let row = by > 0 ? lowerBound(start, from.time) : lowerBound(start, from.time + 1) - 1;
    for (; row >= 0 && row < start.length; row += by) {
      const isPast = start[row] === from.time && (from.op === undefined ? by > 0 && from.id >= 0 : by * (row - from.op) <= 0);
      if (!isPast && test(row)) return row;
    }
    return null;
  }

  /** The next message in a chunk, or null. */
  function inChunk(chunk, test, from, by, limit) {
    const { rows, first } = chunk;
    for (let n = 0; n < rows.sent.length; n++) {
      const i = by > 0 ? n : rows.sent.length - 1 - n, id = first + i, sent = rows.sent[i];
      if (by > 0 ? sent < from.time || (sent === from.time && id <= from.id) : sent > from.time || (sent === from.time && id >= from.id)) continue;
      if (limit !== null && by * (sent - limit) > 0) return null;
      if (test(rows, i)) return id;
    }
    return null;
  }

  /** Goes to what matches next; without a text, to the next operation. */
  async function next(by) {
    const test = wanted(), from = current(by), turn = ++running;
    if (!test) return stepOp(by);
    if (test.isOne) return ui.reveal(model.opAt(Number($("find").value.trim())));
    for (const round of [from, { time: by > 0 ? -Infinity : Infinity, id: by > 0 ? -1 : Infinity }]) {
      const op = nextOp(test.op, round, by), limit = op === null ? null : model.ops.start[op];
      const chunks = by > 0 ? model.store.chunks : [...model.store.chunks].reverse();
      let message = null;
      for (const chunk of chunks) {
        if (by > 0 ? chunk.end < round.time : chunk.start > round.time) continue;
        if (limit !== null && (by > 0 ? chunk.start > limit : chunk.end < limit)) break;
        if (!chunk.rows) {
          $("status").textContent = `Searching at ${formatTime(chunk.start)} …`;
          await model.store.load(chunk.number);
          if (turn !== running) return false;
        }
        if (chunk.rows) message = inChunk(chunk, test.message, round, by, limit);
        if (message !== null) break;
      }
      if (message !== null) return ui.revealMessage(message);
      if (op !== null) return ui.reveal(op);
    }
    redraw();
    ui.say("Nothing matches: no operation, and no message that is not filtered out.");
    return false;
  }

  function stepOp(by) {
    const count = model.ops.start.length;
    if (!count) return false;
    const now = view.op === null
      ? (by > 0 ? lowerBound(model.ops.start, model.axis().time(view.from)) - 1 : count) : view.op;
    return ui.reveal((((now + by) % count) + count) % count);
  }
  return { next };
}
