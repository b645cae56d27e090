// Draws the run in space and time. Knows of no mouse: `view` says what to show.

const AXIS = 20, STRIP = 15, FONT = "12px system-ui, sans-serif", SMALL = "10px system-ui, sans-serif";
/** Where the axis begins; less on a narrow screen. */
let LEFT = 104;
/** Above this many messages in view, or this many a pixel, each link is drawn as a band of its
 *  density. */
const SINGLE_MESSAGES = 1500, SINGLE_A_PIXEL = 1.2;
/** The colours of bands on which only dark letters can be read. */
const PALE = ["follower", "waiting", "candidate"];
/** How high the band of a node's state is, and where the rest of its lane begins. */
const BAND = 13;

/** The sizes of canvases. To ask a canvas each time would lay out the page each time. */
const sizes = new Map();

function prepare(canvas, height) {
  const ratio = window.devicePixelRatio || 1;
  if (!sizes.has(canvas)) sizes.set(canvas, [canvas.clientWidth, canvas.clientHeight]);
  const width = sizes.get(canvas)[0], tall = height || sizes.get(canvas)[1];
  // A canvas of another size is made anew, which takes longer than all that is drawn.
  const [w, h] = [Math.round(width * ratio), Math.round(tall * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w; canvas.height = h;
    if (height) canvas.style.height = height + "px";
  }
  LEFT = width < 560 ? 62 : 104;
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, tall);
  pen.globalAlpha = 1; pen.setLineDash([]);
  pen.font = FONT;
  pen.textBaseline = "middle";
  return { pen, width, height: tall };
}

/** A picture whose pixels are set one by one: thousands of small rectangles are drawn at once. It
 *  is kept for the next time, and begins empty. */
const sheets = new Map();
function sheetOf(name, width, height) {
  let sheet = sheets.get(name);
  if (!sheet || sheet.canvas.width !== width || sheet.canvas.height !== height) {
    const canvas = document.createElement("canvas"), image = new ImageData(width, height);
    canvas.width = width; canvas.height = height;
    const paper = canvas.getContext("2d", { willReadFrequently: true });
    sheet = {
      canvas, pixels: new Uint32Array(image.data.buffer),
      /** Its canvas with these pixels, to be drawn. */
      finish() { paper.putImageData(image, 0, 0); return canvas; },
    };
    sheets.set(name, sheet);
  }
  sheet.pixels.fill(0);
  return sheet;
}

/** A colour as a pixel has it, of a strength from 0 to 1. */
function pixel(hex, strength) {
  const number = parseInt(hex.slice(1), 16);
  const colour = (number >> 16) | (number & 0xff00) | ((number & 255) << 16);
  return (Math.round(strength * 255) << 24 | colour) >>> 0;
}

let palette = null;
function colours() {
  if (palette) return palette;
  const style = getComputedStyle(document.documentElement);
  const named = (name) => style.getPropertyValue("--" + name).trim();
  palette = {};
  for (const name of ["bg", "fg", "quiet", "line", "lane", "ok", "info", "fail", "lost", "select",
    "fault", "strip", "down", "on-info", "leader", "candidate", "follower", "waiting", "amount", "k0", "k1",
    "k2", "k3", "k4", "k5", "k6", "k7"]) palette[name] = named(name);
  return palette;
}

/** Round steps for an axis with about this many marks. */
function axisStep(span, marks) {
  const raw = span / marks, power = 10 ** Math.floor(Math.log10(raw));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= raw);
}

function xOf(view, position) {
  return LEFT + (position - view.from) / (view.to - view.from) * (view.width - LEFT);
}

function positionAt(view, x) {
  return view.from + (x - LEFT) / (view.width - LEFT) * (view.to - view.from);
}

function drawAxis(pen, model, view, colour, height, labelled) {
  const axis = model.axis();
  let step = axisStep(view.to - view.from, Math.max(2, view.width / (axis.isOrder ? 170 : 130)));
  if (axis.isOrder) step = Math.max(step, 1);
  pen.lineWidth = 1;
  for (let mark = Math.ceil(view.from / step) * step; mark <= view.to; mark += step) {
    const x = Math.round(xOf(view, mark)) + .5;
    pen.strokeStyle = colour.line;
    pen.beginPath(); pen.moveTo(x, labelled ? AXIS : 0); pen.lineTo(x, height); pen.stroke();
    if (!labelled) continue;
    pen.fillStyle = colour.quiet;
    const isLast = x > view.width - 30;
    pen.textAlign = isLast ? "right" : "center";
    const text = axis.isOrder ? `${mark} (${formatTime(axis.time(mark))})` : axisLabel(mark, step);
    pen.fillText(text, isLast ? view.width : x, AXIS / 2);
  }
}

function axisLabel(time, step) {
  if (step >= 1e6) return (time / 1e6).toFixed(0) + " s";
  if (step >= 1e3) return (time / 1e6).toFixed(step >= 1e5 ? 1 : step >= 1e4 ? 2 : 3) + " s";
  return (time / 1e3).toFixed(step >= 100 ? 1 : 3) + " ms";
}

/** The part of a fault that is in view, or null. */
function faultIn(model, view, { start, stop }) {
  const { at } = model.axis();
  const x0 = Math.max(xOf(view, at(start)), LEFT);
  const x1 = Math.min(stop === null ? view.width : xOf(view, at(stop)), view.width);
  return x1 < LEFT || x0 > view.width ? null : { x0, x1: Math.max(x1, x0 + 1) };
}

/** A band wherever some fault was in force, however many there were. */
function drawFaults(pen, model, view, colour, top, height) {
  pen.fillStyle = colour.fault;
  let until = LEFT;
  model.faultsByStart ||= [...model.faults].sort((a, b) => a.start - b.start);
  for (const fault of model.faultsByStart) {
    const part = faultIn(model, view, fault);
    if (!part || part.x1 <= until) continue;
    const from = Math.max(part.x0, until);
    pen.fillRect(from, top, part.x1 - from, height - top);
    until = part.x1;
  }
}

/** Above the lanes a row of strips for each kind of fault; and the lanes of nodes that were
 *  struck are shaded. */
function drawFaultStrips(pen, model, view, colour, lanes) {
  const names = faultNames(model);
  for (const fault of model.faults) {
    const part = faultIn(model, view, fault);
    if (!part) continue;
    const { x0, x1 } = part, y = AXIS + 2 + STRIP * names.indexOf(fault.name);
    pen.fillStyle = colour.down;
    for (const lane of fault.lanes) {
      if (lanes.places[lane] === null) continue;
      pen.fillRect(x0, lanes.places[lane] - lanes.rows[lane] / 2, x1 - x0, lanes.rows[lane] - 1);
    }
    pen.fillStyle = colour.strip;
    pen.fillRect(x0, y, x1 - x0, STRIP - 2);
    if (x1 - x0 < 24) continue;
    pen.save();
    pen.beginPath(); pen.rect(x0, y, x1 - x0 - 2, STRIP); pen.clip();
    pen.fillStyle = colour.fg; pen.textAlign = "left"; pen.font = SMALL;
    pen.fillText(fault.effect, x0 + 4, y + STRIP / 2);
    pen.restore();
  }
  pen.textAlign = "right"; pen.fillStyle = colour.quiet;
  names.forEach((name, number) => {
    pen.fillText(name, LEFT - 10, AXIS + 1 + STRIP * (number + .5), LEFT - 14);
  });
}

function faultNames(model) {
  return [...new Set(model.faults.map((fault) => fault.name))];
}

function faultsHeight(model) {
  const rows = faultNames(model).length;
  return rows ? STRIP * rows + 6 : 0;
}

/** Where each lane that is shown lies; hidden ones have no place. Few lanes are taller: what
 *  goes between them is then easier to tell apart. */
function layLanes(model) {
  const isNode = ({ kind }) => kind === "node";
  const shown = model.lanes.filter((_, number) => !model.hiddenLanes.has(number));
  const nodes = shown.filter(isNode).length, others = shown.length - nodes;
  const other = Math.min(Math.max(Math.floor(260 / Math.max(others, 1)), 20), 40);
  const node = Math.min(Math.max(Math.floor(420 / Math.max(nodes, 1)), 30), 76);
  let y = AXIS + 4 + faultsHeight(model);
  const rows = model.lanes.map((lane) => (isNode(lane) ? node : other));
  const places = model.lanes.map((_, number) => {
    if (model.hiddenLanes.has(number)) return null;
    y += rows[number];
    return y - rows[number] / 2;
  });
  return { places, rows, height: y + 8 };
}

function drawSpace(canvas, model, view) {
  const lanes = layLanes(model), { places, rows, height } = lanes;
  const { pen, width } = prepare(canvas, height);
  view.width = width;
  const colour = colours(), axis = model.axis();
  pen.fillStyle = colour.lane;
  model.lanes.forEach((lane, number) => {
    if (places[number] !== null && lane.kind === "node") {
      pen.fillRect(0, places[number] - rows[number] / 2, width, rows[number] - 1);
    }
  });
  drawFaults(pen, model, view, colour, AXIS + faultsHeight(model), height);
  drawAxis(pen, model, view, colour, height, true);
  drawFaultStrips(pen, model, view, colour, lanes);
  pen.save();
  pen.beginPath(); pen.rect(LEFT, AXIS, width - LEFT, height); pen.clip();
  model.lanes.forEach((lane, number) => {
    if (places[number] === null) return;
    pen.strokeStyle = colour.line; pen.lineWidth = 1;
    pen.beginPath(); pen.moveTo(LEFT, places[number]); pen.lineTo(width, places[number]); pen.stroke();
  });
  const drawn = { places, lanes, messages: [], ops: [], changes: [], flows: false, density: null };
  const wanted = axis.isOrder ? model.store.loaded().filter((c) => axis.chunkIn(c, view.from, view.to))
    : model.store.overlapping(view.from, view.to);
  const ids = messagesInView(model, view, axis, wanted);
  drawn.missing = wanted.filter(({ rows }) => !rows).map(({ number }) => number);
  drawn.flows = ids === null || ids.length > Math.min(SINGLE_MESSAGES, SINGLE_A_PIXEL * (width - LEFT));
  if (drawn.flows) drawn.density = drawDensity(pen, model, view, colour, lanes, ids);
  drawOps(pen, model, view, colour, places, drawn);
  drawStates(pen, model, view, colour, lanes, drawn);
  if (!drawn.flows) drawMessages(pen, model, view, colour, places, ids, drawn);
  drawHighlight(pen, model, view, colour, places, drawn);
  drawMoment(pen, model, view, colour, height);
  pen.restore();
  drawNames(pen, model, view, colour, places);
  drawn.all = axis.isOrder ? (ids ? ids.length : 0) : model.countIn(view.from, view.to);
  drawn.shown = ids === null ? null : ids.length;
  return drawn;
}

/** Above this many messages in the chunks of the view, only what the page has in outline is
 *  looked at. */
const LOOKED_AT = 70000;

/** The messages that are to be drawn, by chunk; null when they are too many to look at, or not
 *  all of them are here. */
function messagesInView(model, view, axis, chunks) {
  const all = chunks.reduce((sum, { count }) => sum + count, 0);
  if (!axis.isOrder && (all > LOOKED_AT || chunks.some(({ rows }) => !rows))) return null;
  const found = { length: 0, parts: [] }, { types, lanes } = model.filters();
  for (const { rows, first } of chunks) {
    const { kind, from, to } = rows, sent = axis.sent(rows), end = axis.end(rows);
    const places = new Uint32Array(sent.length);
    let count = 0;
    for (let i = 0; i < sent.length; i++) {
      if (sent[i] > view.to || end[i] < view.from) continue;
      if (types[kind[i]] & lanes[from[i]] & lanes[to[i]]) places[count++] = i;
    }
    found.parts.push({ rows, first, places: places.subarray(0, count) });
    found.length += count;
  }
  return found;
}

function drawNames(pen, model, view, colour, places) {
  pen.textAlign = "right"; pen.font = FONT;
  model.lanes.forEach((lane, number) => {
    if (places[number] === null) return;
    pen.fillStyle = lane.kind === "node" ? colour.fg : colour.quiet;
    pen.fillText(lane.name, LEFT - 10, places[number], LEFT - 14);
  });
}

/** An operation that went well and is less wide is set on a sheet, with thousands of its like. */
const NARROW = 5;

function drawOps(pen, model, view, colour, places, drawn) {
  const ops = model.ops, axis = model.axis(), lastEnd = [], lastBad = [];
  const wide = Math.max(Math.ceil(view.width - LEFT), 1), shade = pixel(colour.ok, .85);
  const sheet = sheetOf("operations", wide, model.lanes.length), onSheet = new Set(), bars = [];
  const first = axis.isOrder ? 0 : lowerBound(ops.start, view.from - ops.longest);
  for (let row = 0; row < ops.start.length; row++) {
    const endless = ops.took[row] < 0;
    if (row < first && !endless) continue;
    const begin = axis.opStart(row);
    if (begin > view.to) break;
    const lane = ops.lane[row], y = places[lane];
    if (y === null) continue;
    const x0 = xOf(view, begin);
    const x1 = endless ? view.width : Math.max(xOf(view, axis.opEnd(row)), x0 + 3);
    if (x1 < LEFT) continue;
    const isOk = OUTCOMES[ops.outcome[row]] === "ok";
    // What lies on the same pixels as the one before adds nothing, unless it went wrong.
    const last = isOk ? lastEnd : lastBad;
    if (last[lane] >= x1 - 2 && row !== view.op && !endless) continue;
    last[lane] = x1;
    const bar = { row, x0, x1: x0 + Math.max(x1 - x0, 3), y };
    drawn.ops.push(bar);
    if (!isOk || endless || x1 - x0 > NARROW) { bars.push(bar); continue; }
    onSheet.add(lane);
    const from = Math.max(Math.round(x0 - LEFT), 0);
    sheet.pixels.fill(shade, lane * wide + from, lane * wide + Math.min(Math.round(x1 - LEFT), wide));
  }
  const picture = onSheet.size ? sheet.finish() : null;
  pen.imageSmoothingEnabled = false;
  for (const lane of onSheet) pen.drawImage(picture, 0, lane, wide, 1, LEFT, places[lane] - 6, wide, 12);
  for (const bar of bars) drawOp(pen, model, view, colour, bar);
}

function drawOp(pen, model, view, colour, { row, x0, x1, y }) {
  const ops = model.ops, outcome = OUTCOMES[ops.outcome[row]], width = x1 - x0;
  pen.globalAlpha = ops.took[row] < 0 ? .35 : .85;
  pen.fillStyle = colour[outcome];
  pen.fillRect(x0, y - 6, width, 12);
  pen.globalAlpha = 1;
  // Not by colour alone: what failed is crossed, what nobody knows has a dot.
  pen.strokeStyle = pen.fillStyle = colour.bg;
  pen.lineWidth = 1.5;
  if (outcome === "fail") {
    const middle = x0 + Math.min(width / 2, 5);
    pen.beginPath();
    pen.moveTo(middle - 3, y - 4); pen.lineTo(middle + 3, y + 4);
    pen.moveTo(middle - 3, y + 4); pen.lineTo(middle + 3, y - 4);
    pen.stroke();
  } else if (outcome === "info") {
    pen.beginPath(); pen.arc(x0 + Math.min(width / 2, 6), y, 2, 0, 7); pen.fill();
  }
  if (width <= 46) return;
  const left = Math.max(x0, LEFT);
  pen.save(); pen.beginPath(); pen.rect(left, y - 6, Math.max(x0 + width - 4 - left, 0), 12); pen.clip();
  pen.fillStyle = outcome === "info" ? colour["on-info"] : colour.bg;
  pen.textAlign = "left"; pen.font = SMALL;
  const text = model.functions[ops.function[row]] + " " + ops.text[row];
  pen.fillText(text.slice(0, 80), left + (outcome === "ok" ? 3 : 13), y + .5);
  pen.restore();
}

/** At the top of each node's lane what it said of itself: a band coloured by its role, or by the
 *  field that it names first, and a tick wherever anything changed. */
function drawStates(pen, model, view, colour, { places, rows }, drawn) {
  const { states } = model, axis = model.axis();
  if (!states.any) return;
  model.scale ||= bandScale(model);
  const position = (change) => axis.isOrder && states.isSampled ? axis.at(change.time) : axis.change(change);
  pen.textAlign = "left"; pen.font = SMALL;
  const wide = Math.max(Math.ceil(view.width - LEFT), 1);
  const sheet = sheetOf("bands", wide, Math.max(states.bands.size, 1)), labels = [];
  // Colours are set on the sheet, a row for each lane; what has room for a label gets it later.
  let row = 0;
  states.bands.forEach((pieces, lane) => {
    const line = row++ * wide;
    if (places[lane] === null) return;
    const first = firstPlace(pieces.length, (n) => position(pieces[n].change) > view.from) - 1;
    const begin = (n) => n < pieces.length ? xOf(view, position(pieces[n].change)) : view.width;
    let n = Math.max(first, 0);
    for (let next = begin(n); n < pieces.length; n++) {
      const piece = pieces[n], x0 = Math.max(next, LEFT);
      if (x0 > view.width) break;
      next = begin(n + 1);
      const x1 = Math.min(next, view.width);
      if (piece.value === null) continue;
      piece.colour ||= model.scale.of(piece.value);
      // A palette is another object when the page turns dark.
      if (piece.palette !== colour) {
        piece.palette = colour;
        piece.shade = pixel(colour[piece.colour.name], piece.colour.strength);
      }
      // Of pieces on one pixel the last is seen.
      const from = Math.floor(x0 - LEFT), to = Math.min(Math.max(Math.round(x1 - LEFT), from + 1), wide);
      sheet.pixels.fill(piece.shade, line + from, line + to);
      if (x1 - x0 >= 8) labels.push({ piece, x0, x1, top: places[lane] - rows[lane] / 2 });
    }
  });
  const picture = sheet.finish();
  pen.imageSmoothingEnabled = false;
  [...states.bands.keys()].forEach((lane, number) => {
    if (places[lane] === null) return;
    pen.drawImage(picture, 0, number, wide, 1, LEFT, places[lane] - rows[lane] / 2, wide, BAND);
  });
  for (const { piece, x0, x1, top } of labels) {
    // A thin line between two pieces of one colour: another term, say.
    pen.fillStyle = colour.bg; pen.fillRect(x1 - .5, top, .5, BAND);
    if (x1 - x0 < 8 + 5 * piece.label.length) continue;
    const { name, strength } = piece.colour;
    pen.fillStyle = PALE.includes(name) ? colour["on-info"] : strength > .55 ? colour.bg : colour.fg;
    pen.fillText(piece.label.slice(0, 60), x0 + 3, top + BAND / 2 + .5, x1 - x0 - 5);
  }
  drawTicks(pen, model, view, colour, places, rows, drawn);
}

/** A tick wherever a node changed. */
function drawTicks(pen, model, view, colour, places, rows, drawn) {
  const { states } = model, axis = model.axis(), last = [];
  const parts = states.changesIn(axis, view.from, view.to);
  const count = parts.reduce((sum, { begin, end }) => sum + end - begin, 0);
  // Where ticks would run into one another, only those of killed nodes say anything.
  const isCrowded = count > (view.width - LEFT) / 5 * states.bands.size;
  for (const { list, begin, end } of parts) {
    for (let n = begin; n < end; n++) {
      const change = list[n], y = places[change.lane], tall = rows[change.lane];
      if ((isCrowded && !change.gone) || y === null || y === undefined) continue;
      const x = xOf(view, axis.change(change));
      if (last[change.lane] !== undefined && x - last[change.lane] < 2.5 && !change.gone) continue;
      last[change.lane] = x;
      pen.fillStyle = change.gone ? colour.lost : colour.fg;
      pen.globalAlpha = change.gone ? 1 : .8;
      pen.fillRect(x - .5, y - tall / 2 + BAND - 1, 1.5, change.gone ? 10 : 6);
      drawn.changes.push({ change, x, y: y - tall / 2 + BAND });
    }
  }
  pen.globalAlpha = 1;
}

/** The moment at which the panel shows what every node is. */
function drawMoment(pen, model, view, colour, height) {
  if (view.moment === null) return;
  const x = xOf(view, momentPosition(model, view.moment));
  if (x < LEFT || x > view.width) return;
  pen.strokeStyle = pen.fillStyle = colour.select; pen.lineWidth = 1.5;
  pen.beginPath(); pen.moveTo(x, AXIS); pen.lineTo(x, height); pen.stroke();
  pen.beginPath(); pen.moveTo(x, AXIS + 7); pen.lineTo(x - 5, AXIS); pen.lineTo(x + 5, AXIS); pen.fill();
}

/** Where on the axis the event of this step is. */
function momentPosition(model, step) {
  return model.axis().isOrder ? step : model.order().time[step];
}
