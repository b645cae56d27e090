// Draws the three charts over one time axis. Knows of no mouse: `view` says what to show.

const LEFT = 104, AXIS = 20, STRIP = 15;
/** Above this many messages in view they are drawn as flows. */
const SINGLE_MESSAGES = 1500;

function prepare(canvas, height) {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth;
  if (height) canvas.style.height = height + "px";
  const tall = height || canvas.clientHeight;
  canvas.width = width * ratio;
  canvas.height = tall * ratio;
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, tall);
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  return { pen, width, height: tall };
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  const named = (name) => style.getPropertyValue("--" + name).trim();
  const all = {};
  for (const name of ["bg", "fg", "quiet", "line", "lane", "ok", "info", "fail", "server",
    "client", "lost", "select", "fault", "strip", "down",
    "on-info"]) all[name] = named(name);
  return all;
}

/** Round steps for an axis with about this many marks. */
function axisStep(span, marks) {
  const raw = span / marks, power = 10 ** Math.floor(Math.log10(raw));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= raw);
}

function xOf(view, time) {
  return LEFT + (time - view.from) / (view.to - view.from) * (view.width - LEFT);
}

function timeAt(view, x) {
  return view.from + (x - LEFT) / (view.width - LEFT) * (view.to - view.from);
}

function drawAxis(pen, view, colour, height, labelled) {
  const step = axisStep(view.to - view.from, Math.max(2, view.width / 130));
  pen.lineWidth = 1;
  for (let time = Math.ceil(view.from / step) * step; time <= view.to; time += step) {
    const x = Math.round(xOf(view, time)) + .5;
    pen.strokeStyle = colour.line;
    pen.beginPath(); pen.moveTo(x, labelled ? AXIS : 0); pen.lineTo(x, height); pen.stroke();
    if (labelled) {
      pen.fillStyle = colour.quiet;
      pen.textAlign = x > view.width - 24 ? "right" : "center";
      pen.fillText(axisLabel(time, step), Math.min(x, view.width), AXIS / 2);
    }
  }
}

function axisLabel(time, step) {
  if (step >= 1e6) return (time / 1e6).toFixed(0) + " s";
  if (step >= 1e3) return (time / 1e6).toFixed(step >= 1e5 ? 1 : step >= 1e4 ? 2 : 3) + " s";
  return (time / 1e3).toFixed(step >= 100 ? 1 : 3) + " ms";
}

/** The part of a fault that is in view, or null. */
function faultIn(view, { start, stop }) {
  const x0 = Math.max(xOf(view, start), LEFT);
  const x1 = Math.min(stop === null ? view.width : xOf(view, stop), view.width);
  return x1 < LEFT || x0 > view.width ? null : { x0, x1: Math.max(x1, x0 + 1) };
}

/** A band wherever some fault was in force, however many there were. */
function drawFaults(pen, model, view, colour, top, height) {
  pen.fillStyle = colour.fault;
  let until = LEFT;
  for (const fault of [...model.faults].sort((a, b) => a.start - b.start)) {
    const part = faultIn(view, fault);
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
    const part = faultIn(view, fault);
    if (!part) continue;
    const { x0, x1 } = part, y = AXIS + 2 + STRIP * names.indexOf(fault.name);
    pen.fillStyle = colour.down;
    for (const lane of fault.lanes) {
      if (lanes.places[lane] === null) continue;
      pen.fillRect(x0, lanes.places[lane] - lanes.row / 2, x1 - x0, lanes.row);
    }
    pen.fillStyle = colour.strip;
    pen.fillRect(x0, y, x1 - x0, STRIP - 2);
    if (x1 - x0 < 24) continue;
    pen.save();
    pen.beginPath(); pen.rect(x0, y, x1 - x0 - 2, STRIP); pen.clip();
    pen.fillStyle = colour.fg; pen.textAlign = "left"; pen.font = "11px system-ui, sans-serif";
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
  const count = model.lanes.length - model.hiddenLanes.size;
  const row = Math.min(Math.max(Math.floor(420 / Math.max(count, 1)), 24), 44);
  let y = AXIS + 4 + faultsHeight(model);
  const places = model.lanes.map((lane, number) => {
    if (model.hiddenLanes.has(number)) return null;
    y += row;
    return y - row / 2;
  });
  return { places, row, height: y + 8 };
}

function drawSpace(canvas, model, view) {
  const lanes = layLanes(model), { places, row: tall, height } = lanes;
  const { pen, width } = prepare(canvas, height);
  view.width = width;
  const colour = colours();
  pen.fillStyle = colour.lane;
  model.lanes.forEach((lane, number) => {
    if (places[number] !== null && lane.kind === "node") {
      pen.fillRect(0, places[number] - tall / 2, width, tall);
    }
  });
  drawFaults(pen, model, view, colour, AXIS + faultsHeight(model), height);
  drawAxis(pen, view, colour, height, true);
  drawFaultStrips(pen, model, view, colour, lanes);
  pen.save();
  pen.beginPath(); pen.rect(LEFT, AXIS, width - LEFT, height); pen.clip();
  model.lanes.forEach((lane, number) => {
    if (places[number] === null) return;
    pen.strokeStyle = colour.line; pen.lineWidth = 1;
    pen.beginPath(); pen.moveTo(LEFT, places[number]); pen.lineTo(width, places[number]); pen.stroke();
  });
  const drawn = { places, messages: [], ops: [], flows: false };
  drawOps(pen, model, view, colour, places, drawn);
  const { here, all } = model.countIn(view.from, view.to);
  const rows = here > 3 * SINGLE_MESSAGES ? [] : model.messagesIn(view.from, view.to);
  drawn.flows = here > 3 * SINGLE_MESSAGES || rows.length > SINGLE_MESSAGES ||
    here < all;
  if (drawn.flows) drawFlows(pen, model, view, colour, places);
  if (rows.length <= SINGLE_MESSAGES) drawMessages(pen, model, view, colour, places, rows, drawn);
  drawHighlight(pen, model, view, colour, places, drawn);
  pen.restore();
  drawNames(pen, model, view, colour, places);
  drawn.all = all;
  drawn.here = here;
  return drawn;
}

function drawNames(pen, model, view, colour, places) {
  pen.textAlign = "right";
  model.lanes.forEach((lane, number) => {
    if (places[number] === null) return;
    pen.fillStyle = lane.kind === "node" ? colour.fg : colour.quiet;
    pen.fillText(lane.name, LEFT - 10, places[number], LEFT - 14);
  });
}

function drawOps(pen, model, view, colour, places, drawn) {
  const ops = model.ops, lastEnd = [];
  const first = lowerBound(ops.start, view.from - ops.longest);
  for (let row = 0; row < ops.start.length; row++) {
    const endless = ops.took[row] < 0;
    if (row < first && !endless) continue;
    if (ops.start[row] > view.to) break;
    const y = places[ops.lane[row]];
    if (y === null) continue;
    const x0 = xOf(view, ops.start[row]);
    const x1 = endless ? view.width : xOf(view, ops.start[row] + ops.took[row]);
    if (x1 < LEFT) continue;
    const outcome = OUTCOMES[ops.outcome[row]];
    // What lies on the same pixels as the one before adds nothing, unless it went wrong.
    if (outcome === "ok" && lastEnd[ops.lane[row]] >= Math.floor(x1) && row !== view.op) continue;
    lastEnd[ops.lane[row]] = Math.floor(x1);
    const width = Math.max(x1 - x0, 3);
    pen.globalAlpha = endless ? .35 : .85;
    pen.fillStyle = colour[outcome];
    pen.fillRect(x0, y - 6, width, 12);
    pen.globalAlpha = 1;
    // Not by colour alone: what failed is crossed, what nobody knows has a dot.
    pen.strokeStyle = pen.fillStyle = colour.bg;
    pen.lineWidth = 1.5;
    if (outcome === "fail" && width >= 3) {
      const middle = x0 + Math.min(width / 2, 5);
      pen.beginPath();
      pen.moveTo(middle - 3, y - 4); pen.lineTo(middle + 3, y + 4);
      pen.moveTo(middle - 3, y + 4); pen.lineTo(middle + 3, y - 4);
      pen.stroke();
    } else if (outcome === "info") {
      pen.beginPath(); pen.arc(x0 + Math.min(width / 2, 6), y, 2, 0, 7); pen.fill();
    }
    if (width > 46) {
      const left = Math.max(x0, LEFT);
      pen.save(); pen.beginPath(); pen.rect(left, y - 6, Math.max(x0 + width - 4 - left, 0), 12); pen.clip();
      pen.fillStyle = outcome === "info" ? colour["on-info"] : colour.bg;
      pen.textAlign = "left"; pen.font = "10px system-ui, sans-serif";
      const text = model.functions[ops.function[row]] + " " + ops.text[row];
      pen.fillText(text.slice(0, 80), Math.max(x0, LEFT) + (outcome === "ok" ? 3 : 13), y + .5);
      pen.restore();
    }
    drawn.ops.push({ row, x0, x1: x0 + width, y });
  }
}

/** Far out: how much went from lane to lane, as lines that are stronger the more it was. */
function drawFlows(pen, model, view, colour, places) {
  const flows = model.flows, duration = model.slices.width * flows.slices_per_step;
  const begin = (step) => model.slices.start + step * duration;
  const pixels = duration / (view.to - view.from) * (view.width - LEFT);
  const merged = Math.max(1, Math.ceil(7 / pixels));
  const sums = new Map();
  for (let row = 0; row < flows.step.length; row++) {
    const step = flows.step[row];
    if (begin(step + 1) < view.from || begin(step) > view.to) continue;
    const from = flows.from[row], to = flows.to[row];
    if (places[from] === null || places[to] === null) continue;
    const key = (Math.floor(step / merged) * 512 + from) * 512 + to;
    const sum = sums.get(key) || [0, 0];
    sum[0] += flows.count[row]; sum[1] += flows.lost[row];
    sums.set(key, sum);
  }
  let most = 1;
  sums.forEach((sum) => { most = Math.max(most, sum[0]); });
  sums.forEach(([count, lost], key) => {
    const to = key % 512, from = Math.floor(key / 512) % 512;
    const step = Math.floor(key / 262144) * merged;
    const x = xOf(view, begin(step)), wide = Math.max(pixels * merged, 2);
    const isClient = [from, to].some((lane) => "client setup".includes(model.lanes[lane].kind));
    pen.globalAlpha = .12 + .6 * Math.log(1 + count) / Math.log(1 + most);
    pen.strokeStyle = lost * 2 > count ? colour.lost : isClient ? colour.client : colour.server;
    pen.setLineDash(lost * 2 > count ? [2, 3] : []);
    pen.lineWidth = 1;
    const inset = from < to ? .25 : .6;
    pen.beginPath();
    pen.moveTo(x + wide * inset, places[from]);
    pen.lineTo(x + wide * (inset + .25), places[to]);
    pen.stroke();
  });
  pen.setLineDash([]);
  pen.globalAlpha = 1;
}

function messageLine(model, view, places, row) {
  const m = model.messages, took = m.took[row];
  const y0 = places[m.from[row]], yTo = places[m.to[row]];
  const x0 = xOf(view, m.sent[row]);
  if (took < 0) return { x0, y0, x1: x0 + 6, y1: y0 + (yTo - y0) * .45, lost: true };
  return { x0, y0, x1: xOf(view, m.sent[row] + took), y1: yTo, lost: false };
}

function drawArrow(pen, line, head) {
  pen.beginPath(); pen.moveTo(line.x0, line.y0); pen.lineTo(line.x1, line.y1); pen.stroke();
  if (line.lost) {
    pen.beginPath();
    pen.moveTo(line.x1 - 3, line.y1 - 3); pen.lineTo(line.x1 + 3, line.y1 + 3);
    pen.moveTo(line.x1 - 3, line.y1 + 3); pen.lineTo(line.x1 + 3, line.y1 - 3);
    pen.stroke();
  } else if (head) {
    const angle = Math.atan2(line.y1 - line.y0, line.x1 - line.x0);
    pen.beginPath(); pen.moveTo(line.x1, line.y1);
    pen.lineTo(line.x1 - 7 * Math.cos(angle - .35), line.y1 - 7 * Math.sin(angle - .35));
    pen.lineTo(line.x1 - 7 * Math.cos(angle + .35), line.y1 - 7 * Math.sin(angle + .35));
    pen.fill();
  }
}

function messageColour(model, colour, row) {
  const m = model.messages;
  if (m.took[row] < 0) return colour.lost;
  if (model.types[m.kind[row]] === "error") return colour.fail;
  const kinds = [model.lanes[m.from[row]].kind, model.lanes[m.to[row]].kind];
  return kinds.some((kind) => kind === "client" || kind === "setup") ? colour.client : colour.server;
}

function drawMessages(pen, model, view, colour, places, rows, drawn) {
  const dense = rows.length > 600, faded = view.highlight.size > 0;
  pen.lineWidth = dense ? .7 : 1.2;
  for (const row of rows) {
    if (!model.isVisible(row)) continue;
    const line = messageLine(model, view, places, row);
    pen.globalAlpha = faded ? .12 : dense ? .5 : .85;
    pen.strokeStyle = pen.fillStyle = messageColour(model, colour, row);
    pen.setLineDash(line.lost ? [2, 3] : model.messages.duplicate[row] ? [6, 3] : []);
    drawArrow(pen, line, !dense);
    drawn.messages.push({ row, line });
  }
  pen.setLineDash([]);
  pen.globalAlpha = 1;
  if (!faded && drawn.messages.length < 60) drawLabels(pen, model, colour, drawn.messages);
}

/** Near in, each message says its type. */
function drawLabels(pen, model, colour, messages) {
  const taken = [];
  pen.font = "10px system-ui, sans-serif"; pen.textAlign = "center";
  for (const { row, line } of messages) {
    const x = (line.x0 + line.x1) / 2, y = (line.y0 + line.y1) / 2;
    if (taken.some(([a, b]) => Math.abs(a - x) < 64 && Math.abs(b - y) < 11)) continue;
    taken.push([x, y]);
    const text = model.types[model.messages.kind[row]];
    pen.strokeStyle = colour.bg; pen.lineWidth = 3; pen.lineJoin = "round";
    pen.strokeText(text, x, y);
    pen.fillStyle = colour.fg;
    pen.fillText(text, x, y);
  }
  pen.font = "12px system-ui, sans-serif";
}

function drawHighlight(pen, model, view, colour, places, drawn) {
  pen.lineWidth = 2.2;
  pen.strokeStyle = pen.fillStyle = colour.select;
  for (const row of view.highlight) {
    if (places[model.messages.from[row]] === null || places[model.messages.to[row]] === null) continue;
    const line = messageLine(model, view, places, row);
    if (line.x1 < LEFT || line.x0 > view.width) continue;
    pen.setLineDash(line.lost ? [2, 3] : []);
    drawArrow(pen, line, true);
  }
  pen.setLineDash([]);
  if (view.op !== null) {
    const bar = drawn.ops.find(({ row }) => row === view.op);
    if (bar) pen.strokeRect(bar.x0 - 2, bar.y - 9, bar.x1 - bar.x0 + 4, 18);
  }
  for (const [index] of model.findings) {
    const row = model.opAt(index);
    if (row === undefined || places[model.ops.lane[row]] === null) continue;
    const x = xOf(view, model.ops.start[row]), y = places[model.ops.lane[row]];
    if (x < LEFT || x > view.width) continue;
    pen.beginPath(); pen.moveTo(x, y - 7); pen.lineTo(x - 5, y - 14); pen.lineTo(x + 5, y - 14); pen.fill();
  }
}

function drawShape(pen, shape, x, y) {
  pen.beginPath();
  switch (shape % 6) {
    case 0: pen.arc(x, y, 2.2, 0, 7); pen.fill(); break;
    case 1: pen.moveTo(x, y - 3); pen.lineTo(x + 3, y + 2.4); pen.lineTo(x - 3, y + 2.4); pen.fill(); break;
    case 2: pen.moveTo(x - 2.5, y - 2.5); pen.lineTo(x + 2.5, y + 2.5);
      pen.moveTo(x - 2.5, y + 2.5); pen.lineTo(x + 2.5, y - 2.5); pen.stroke(); break;
    case 3: pen.rect(x - 2.3, y - 2.3, 4.6, 4.6); pen.stroke(); break;
    case 4: pen.moveTo(x, y - 3); pen.lineTo(x, y + 3); pen.moveTo(x - 3, y); pen.lineTo(x + 3, y); pen.stroke(); break;
    default: pen.moveTo(x, y - 3.2); pen.lineTo(x + 3.2, y); pen.lineTo(x, y + 3.2); pen.lineTo(x - 3.2, y);
      pen.closePath(); pen.stroke();
  }
}

function drawLatency(canvas, model, view) {
  const { pen, width, height } = prepare(canvas);
  const colour = colours(), points = model.latency;
  drawFaults(pen, model, view, colour, 0, height);
  drawAxis(pen, view, colour, height, false);
  // Answers in no time at all, as in virtual time, are drawn on a line of their own: zero has
  // no place on this scale.
  let low = Infinity, high = -Infinity, hasZero = false;
  points.took.forEach((took) => {
    if (took <= 0) { hasZero = true; return; }
    low = Math.min(low, Math.log10(took)); high = Math.max(high, Math.log10(took));
  });
  if (low > high) { low = 3; high = 5; }
  low = Math.floor(low); high = Math.max(Math.ceil(high), low + 1);
  const bottom = height - (hasZero ? 22 : 8);
  const yOf = (took) => took <= 0 ? height - 7 :
    bottom - (Math.log10(took) - low) / (high - low) * (bottom - 18);
  if (hasZero) gridLine(pen, colour, width, yOf(0), "0");
  chartTitle(pen, colour, "latency", points.is_sampled ? "lowest, median, highest" : "");
  for (let power = low; power <= high; power += Math.ceil((high - low) / 4)) {
    const y = yOf(10 ** power);
    gridLine(pen, colour, width, y, formatTime(10 ** power).replace(/\.0+ /, " "));
  }
  pen.save(); pen.beginPath(); pen.rect(LEFT, 0, width, height); pen.clip();
  const first = lowerBound(points.start, view.from), last = lowerBound(points.start, view.to + 1);
  pen.globalAlpha = last - first > 3000 ? .45 : .85; pen.lineWidth = 1.2;
  for (let row = points.is_sampled ? 0 : first; row < (points.is_sampled ? points.start.length : last); row++) {
    const x = xOf(view, points.start[row]);
    if (x < LEFT || x > width) continue;
    pen.fillStyle = pen.strokeStyle = colour[OUTCOMES[points.outcome[row]]];
    drawShape(pen, points.function[row], x, yOf(points.took[row]));
  }
  pen.restore();
  pen.globalAlpha = 1;
  drawLegend(pen, colour, width, model.functions.map((name, shape) => ({ name, shape })));
}

function chartTitle(pen, colour, title, note) {
  pen.fillStyle = colour.fg; pen.textAlign = "left";
  pen.fillText(title, 6, 10);
  pen.fillStyle = colour.quiet; pen.font = "10px system-ui, sans-serif";
  pen.fillText(note, 6, 24, LEFT - 48);
  pen.font = "12px system-ui, sans-serif";
}

function gridLine(pen, colour, width, y, text) {
  pen.strokeStyle = colour.line; pen.lineWidth = 1;
  pen.beginPath(); pen.moveTo(LEFT, y); pen.lineTo(width, y); pen.stroke();
  pen.fillStyle = colour.quiet; pen.textAlign = "right";
  pen.fillText(text, LEFT - 6, y);
}

function drawLegend(pen, colour, width, shapes) {
  let x = width - 8;
  pen.textAlign = "right";
  const item = (name, paint, shape) => {
    const wide = pen.measureText(name).width;
    pen.fillStyle = colour.bg; pen.globalAlpha = .8; pen.fillRect(x - wide - 16, 1, wide + 18, 16); pen.globalAlpha = 1;
    pen.fillStyle = colour.quiet; pen.fillText(name, x, 9);
    pen.fillStyle = pen.strokeStyle = paint; drawShape(pen, shape, x - wide - 8, 9);
    x -= wide + 24;
  };
  [...OUTCOMES].reverse().forEach((name) => item(name, colour[name], 0));
  if (shapes.length <= 8) [...shapes].reverse().forEach(({ name, shape }) => item(name, colour.quiet, shape));
}

function drawRates(canvas, model, view) {
  const { pen, width, height } = prepare(canvas);
  const colour = colours(), { window: step, lines } = model.rates;
  drawFaults(pen, model, view, colour, 0, height);
  drawAxis(pen, view, colour, height, false);
  let high = 1;
  const sums = OUTCOMES.map((_, outcome) => {
    const mine = lines.filter((line) => line[1] === outcome).map((line) => line[2]);
    if (!mine.length) return null;
    const sum = mine[0].map((_, place) => mine.reduce((total, line) => total + line[place], 0));
    sum.forEach((value) => { high = Math.max(high, value); });
    return sum;
  });
  chartTitle(pen, colour, "rate", "completions/s");
  const yOf = (value) => height - 6 - value / high * (height - 24);
  gridLine(pen, colour, width, yOf(0), "0");
  gridLine(pen, colour, width, yOf(high), String(Math.round(high)));
  pen.save(); pen.beginPath(); pen.rect(LEFT, 0, width, height); pen.clip();
  sums.forEach((sum, outcome) => {
    if (!sum) return;
    pen.strokeStyle = colour[OUTCOMES[outcome]]; pen.lineWidth = 1.5;
    pen.setLineDash([[], [5, 2], [2, 2]][outcome]);
    pen.beginPath();
    sum.forEach((value, place) => pen.lineTo(xOf(view, (place + .5) * step), yOf(value)));
    pen.stroke();
  });
  pen.restore();
  pen.setLineDash([]);
}
