// Draws messages: one by one, or where they are too many, how dense they are on each link.

function typeColour(model, colour, kind) {
  const number = model.colourOfType[kind];
  return number < 0 ? colour.fail : colour["k" + number % 8];
}

function messageLine(model, view, places, rows, i) {
  const axis = model.axis(), y0 = places[rows.from[i]], yTo = places[rows.to[i]];
  const x0 = xOf(view, axis.sent(rows)[i]);
  if (rows.took[i] < 0) {
    // Every lost message of an instant is to be seen, not only the last one.
    return { x0, y0, x1: x0 + 6, y1: y0 + (yTo - y0) * .45, lost: true };
  }
  return { x0, y0, x1: xOf(view, axis.end(rows)[i]), y1: yTo, lost: false };
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

function drawMessages(pen, model, view, colour, places, found, drawn) {
  const dense = found.length > 500, faded = view.highlight.size > 0;
  pen.lineWidth = dense ? .7 : 1.2;
  pen.globalAlpha = faded ? .12 : dense ? .55 : .85;
  for (const { rows, first, places: those } of found.parts) {
    for (const i of those) {
      const line = messageLine(model, view, places, rows, i);
      pen.strokeStyle = pen.fillStyle = line.lost ? colour.lost : typeColour(model, colour, rows.kind[i]);
      pen.setLineDash(line.lost ? [2, 3] : rows.duplicate[i] ? [6, 3] : []);
      drawArrow(pen, line, !dense);
      drawn.messages.push({ row: first + i, line });
    }
  }
  pen.setLineDash([]);
  pen.globalAlpha = 1;
  if (!faded && drawn.messages.length < 90) drawLabels(pen, model, colour, drawn.messages);
}

/** Near in, each message says its type. */
function drawLabels(pen, model, colour, messages) {
  const taken = [];
  pen.font = SMALL; pen.textAlign = "center";
  for (const { row, line } of messages) {
    const x = (line.x0 + line.x1) / 2, y = (line.y0 + line.y1) / 2;
    const { rows, i } = model.store.at(row), text = model.types[rows.kind[i]];
    const half = pen.measureText(text).width / 2 + 3;
    if (taken.some(([a, b, wide]) => Math.abs(a - x) < wide + half && Math.abs(b - y) < 12)) continue;
    taken.push([x, y, half]);
    pen.strokeStyle = colour.bg; pen.lineWidth = 3; pen.lineJoin = "round";
    pen.strokeText(text, x, y);
    pen.fillStyle = colour.fg;
    pen.fillText(text, x, y);
  }
  pen.font = FONT;
}

function drawHighlight(pen, model, view, colour, places, drawn) {
  pen.lineWidth = 2.2;
  pen.strokeStyle = pen.fillStyle = colour.select;
  for (const id of view.highlight) {
    const found = model.store.at(id);
    if (!found || places[found.rows.from[found.i]] === null || places[found.rows.to[found.i]] === null) continue;
    const line = messageLine(model, view, places, found.rows, found.i);
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
    const x = xOf(view, model.axis().opStart(row)), y = places[model.ops.lane[row]];
    if (x < LEFT || x > view.width) continue;
    pen.beginPath(); pen.moveTo(x, y - 7); pen.lineTo(x - 5, y - 14); pen.lineTo(x + 5, y - 14); pen.fill();
  }
}

// ---- density ------------------------------------------------------------------------------

/** How wide a cell of a density band is, in pixels. */
const CELL = 4;

/** The links of the run: by sender's lane, the lanes to which it sent anything, in order. */
function linksOf(model) {
  if (model.links) return model.links;
  const { from, to } = model.flows, lanes = model.lanes.length;
  const number = new Int32Array(lanes * lanes).fill(-1), all = [];
  for (let row = 0; row < from.length; row++) number[from[row] * lanes + to[row]] = 0;
  number.forEach((known, place) => {
    if (known < 0) return;
    number[place] = all.length;
    all.push({ from: Math.floor(place / lanes), to: place % lanes });
  });
  return (model.links = { all, of: (from, to) => number[from * lanes + to] });
}

/**
 * The strips of the lanes: in the lane of each sender one for each lane to which it sends, the
 * uppermost for the uppermost of them. Links that would be thinner than a pixel share a strip.
 * `of` has the strip of each link, or -1 if it is not shown.
 */
function stripsOf(model, links, { places, rows: heights }) {
  const of = new Int32Array(links.all.length).fill(-1), all = [];
  const bySender = new Map();
  links.all.forEach(({ from, to }, link) => {
    if (places[from] === null || places[to] === null) return;
    if (!bySender.has(from)) bySender.set(from, []);
    bySender.get(from).push(link);
  });
  for (const [from, its] of bySender) {
    const isNode = model.lanes[from].kind === "node", tall = heights[from];
    const begin = places[from] - tall / 2 + (isNode && model.states.any ? BAND + 5 : 2);
    const high = places[from] + tall / 2 - 2 - begin;
    const many = Math.min(its.length, Math.max(Math.floor(high), 1));
    const each = many * 3 <= high ? Math.min(Math.floor(high / many), 12) : high / many;
    const first = all.length;
    for (let n = 0; n < many; n++) all.push({ from, to: [], y0: begin + n * each, y1: begin + (n + 1) * each });
    its.forEach((link, n) => {
      of[link] = first + Math.floor(n * many / its.length);
      all[of[link]].to.push(links.all[link].to);
    });
  }
  return { all, of };
}

/** So many cells: how many messages there are in each, how many of them were lost, of which type
 *  are most, and how many these are. */
function cellsOf(size) {
  return {
    count: new Float32Array(size), lost: new Float32Array(size),
    top: new Int16Array(size), topCount: new Float32Array(size),
  };
}

function emptyCells({ count, lost, topCount }) {
  count.fill(0); lost.fill(0); topCount.fill(0);
}

/** The cells of all strips, a row for each. They are kept for the next time. */
function countCells(model, view, links, strips, cells, found) {
  const size = strips.all.length * cells;
  if (!model.cells || model.cells.count.length !== size) model.cells = cellsOf(size);
  emptyCells(model.cells);
  if (found) addMessages(model, view, links, strips, cells, found);
  else addFlows(model, view, links, strips, cells);
  return model.cells;
}

/** Messages of several types in one cell: the colour is that of whichever came first. */
function addMessages(model, view, links, strips, cells, found) {
  const axis = model.axis(), scale = (view.width - LEFT) / (view.to - view.from) / CELL;
  const { count, lost, top } = model.cells;
  for (const { rows, places } of found.parts) {
    const { from, to, took, kind } = rows, sent = axis.sent(rows);
    for (const i of places) {
      const cell = Math.floor((sent[i] - view.from) * scale);
      if (cell < 0 || cell >= cells) continue;
      const place = strips.of[links.of(from[i], to[i])] * cells + cell;
      if (!count[place]) top[place] = kind[i];
      count[place]++;
      if (took[i] < 0) lost[place]++;
    }
  }
}

/** Each cell gets as much of a step of flows as lies in it. Only on the axis of time. A step may be
 *  many cells wide: what its links have in common is put together first. */
function addFlows(model, view, links, strips, cells) {
  const { flows, slices } = model, duration = slices.width * flows.slices_per_step;
  const { types } = model.filters(), { step, kind, count, lost } = flows;
  const link = flows.link ||= flows.from.map((from, row) => links.of(from, flows.to[row]));
  const scale = (view.width - LEFT) / (view.to - view.from) / CELL;
  const sums = cellsOf(strips.all.length);
  let row = lowerBound(step, Math.floor((view.from - slices.start) / duration));
  while (row < step.length) {
    const current = step[row], from = (slices.start + current * duration - view.from) * scale;
    if (from > cells) break;
    emptyCells(sums);
    for (; row < step.length && step[row] === current; row++) {
      const strip = strips.of[link[row]];
      if (strip < 0 || !types[kind[row]]) continue;
      sums.count[strip] += count[row];
      sums.lost[strip] += lost[row];
      if (count[row] > sums.topCount[strip]) { sums.topCount[strip] = count[row]; sums.top[strip] = kind[row]; }
    }
    spread(sums, model.cells, cells, from, from + Math.max(duration * scale, 1e-6));
  }
}

/** Spreads what each strip has over its cells from here to there. */
function spread(sums, { count, lost, top, topCount }, cells, from, to) {
  const first = Math.max(Math.floor(from), 0), last = Math.min(Math.ceil(to), cells);
  for (let cell = first; cell < last; cell++) {
    const share = (Math.min(cell + 1, to) - Math.max(cell, from)) / (to - from);
    for (let strip = 0, place = cell; strip < sums.count.length; strip++, place += cells) {
      if (!sums.count[strip]) continue;
      count[place] += sums.count[strip] * share;
      lost[place] += sums.lost[strip] * share;
      const most = sums.topCount[strip] * share;
      if (most > topCount[place]) { topCount[place] = most; top[place] = sums.top[strip]; }
    }
  }
}

/** So many strengths are told apart. */
const STRENGTHS = 1024;
/** By how many messages a cell has of the most that any has: how strong it is. The fourth root:
 *  one message is to be seen beside a thousand. */
const strengths = Uint32Array.from({ length: STRENGTHS + 1 },
  (_, n) => 60 + 195 * Math.sqrt(Math.sqrt(n / STRENGTHS)));

/**
 * On each strip, how many messages were sent at every time: the stronger, the more. `found` are the
 * messages in view; if they are not here, the counts that the page has of all messages are drawn.
 */
function drawDensity(pen, model, view, colour, lanes, found) {
  const links = linksOf(model), strips = stripsOf(model, links, lanes);
  if (!strips.all.length) return null;
  const cells = Math.max(1, Math.ceil((view.width - LEFT) / CELL));
  const { count, lost, top } = countCells(model, view, links, strips, cells, found);
  let most = 1;
  for (let place = 0; place < count.length; place++) if (count[place] > most) most = count[place];
  const gone = pixel(colour.lost, 0);
  const shades = Uint32Array.from(model.colourOfType, (_, kind) => pixel(typeColour(model, colour, kind), 0));
  const sheet = sheetOf("density", cells, strips.all.length);
  for (let place = 0; place < count.length; place++) {
    const many = count[place];
    if (!many) continue;
    const shade = lost[place] * 2 > many ? gone : shades[top[place]];
    sheet.pixels[place] = strengths[Math.ceil(many / most * STRENGTHS)] << 24 | shade;
  }
  const picture = sheet.finish();
  pen.imageSmoothingEnabled = false;
  for (let row = 0, many; row < strips.all.length; row += many) {
    const { from, y0, y1 } = strips.all[row], each = y1 - y0;
    many = 1;
    while (row + many < strips.all.length && strips.all[row + many].from === from) many++;
    pen.drawImage(picture, 0, row, cells, many, LEFT, y0, cells * CELL, each * many);
    if (each <= 3) continue;
    pen.fillStyle = model.lanes[from].kind === "node" ? colour.lane : colour.bg;
    for (let n = 1; n < many; n++) pen.fillRect(LEFT, y0 + n * each - 1, cells * CELL, 1);
  }
  return { strips: strips.all, count, lost, cells, top };
}
