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

/** How many messages there are in each cell of each link, how many of them were lost, and of which
 *  type are most. */
function countCells(model, view, links, cells, found) {
  const size = links.all.length * cells;
  if (!model.cells || model.cells.count.length !== size) {
    model.cells = { count: new Float32Array(size), lost: new Float32Array(size), top: new Int16Array(size), topCount: new Float32Array(size) };
  }
  const { count, lost, topCount } = model.cells;
  count.fill(0); lost.fill(0); topCount.fill(0);
  if (found) addMessages(model, view, links, cells, found); else addFlows(model, view, links, cells);
  return model.cells;
}

/** Messages of several types in one cell: the colour is that of whichever came first. */
function addMessages(model, view, links, cells, found) {
  const axis = model.axis(), scale = (view.width - LEFT) / (view.to - view.from) / CELL;
  const { count, lost, top } = model.cells;
  for (const { rows, places } of found.parts) {
    const { from, to, took, kind } = rows, sent = axis.sent(rows);
    for (const i of places) {
      const cell = Math.floor((sent[i] - view.from) * scale);
      if (cell < 0 || cell >= cells) continue;
      const place = links.of(from[i], to[i]) * cells + cell;
      if (!count[place]) top[place] = kind[i];
      count[place]++;
      if (took[i] < 0) lost[place]++;
    }
  }
}

/** Each cell gets as much of a step of flows as lies in it. */
function addFlows(model, view, links, cells) {
  const { flows, slices } = model, axis = model.axis(), duration = slices.width * flows.slices_per_step;
  const { count, lost, top, topCount } = model.cells, { types } = model.filters();
  flows.link ||= flows.from.map((from, row) => links.of(from, flows.to[row]));
  const begin = (step) => (xOf(view, axis.at(slices.start + step * duration)) - LEFT) / CELL;
  let row = lowerBound(flows.step, Math.floor((axis.time(view.from) - slices.start) / duration));
  let last = -1, from = 0, to = 0;
  for (; row < flows.step.length; row++) {
    if (flows.step[row] !== last) {
      last = flows.step[row];
      from = begin(last);
      to = Math.max(begin(last + 1), from + 1e-6);
    }
    if (from > cells) break;
    if (!types[flows.kind[row]]) continue;
    for (let cell = Math.max(Math.floor(from), 0); cell < Math.min(to, cells); cell++) {
      const share = (Math.min(cell + 1, to) - Math.max(cell, from)) / (to - from);
      const place = flows.link[row] * cells + cell, many = flows.count[row] * share;
      count[place] += many; lost[place] += flows.lost[row] * share;
      if (many > topCount[place]) { topCount[place] = many; top[place] = flows.kind[row]; }
    }
  }
}

/**
 * In the lane of each sender one band for each lane to which it sends, the uppermost for the
 * uppermost of them: the stronger, the more messages were sent there. `found` are the messages in
 * view; if they are not here, the counts that the page has of all messages are drawn.
 */
function drawDensity(pen, model, view, colour, { places, rows: heights }, found) {
  const links = linksOf(model), cells = Math.max(1, Math.ceil((view.width - LEFT) / CELL));
  const { count, lost, top } = countCells(model, view, links, cells, found);
  const shown = links.all.map((link, n) => ({ ...link, n })).filter(({ from, to }) => places[from] !== null && places[to] !== null);
  if (!shown.length) return null;
  const most = count.reduce((a, b) => (a > b ? a : b), 1);
  const gone = pixel(colour.lost, 0);
  const shades = model.colourOfType.map((_, kind) => pixel(typeColour(model, colour, kind), 0));
  const sheet = sheetOf("density", cells, shown.length);
  shown.forEach(({ n }, row) => {
    for (let cell = 0; cell < cells; cell++) {
      const place = n * cells + cell, many = count[place];
      if (!many) continue;
      const shade = lost[place] * 2 > many ? gone : shades[top[place]];
      // The fourth root: one message is to be seen beside a thousand.
      const alpha = 60 + 195 * Math.sqrt(Math.sqrt(many / most));
      sheet.pixels[row * cells + cell] = (alpha << 24 | shade) >>> 0;
    }
  });
  const picture = sheet.finish();
  pen.imageSmoothingEnabled = false;
  const rows = [];
  for (let row = 0; row < shown.length;) {
    const from = shown[row].from, tall = heights[from];
    let many = 1;
    while (row + many < shown.length && shown[row + many].from === from) many++;
    const isNode = model.lanes[from].kind === "node";
    const begin = places[from] - tall / 2 + (isNode && model.states.any ? BAND + 5 : 2);
    const high = places[from] + tall / 2 - 2 - begin;
    const each = many * 3 <= high ? Math.min(Math.floor(high / many), 12) : high / many;
    pen.drawImage(picture, 0, row, cells, many, LEFT, begin, cells * CELL, each * many);
    for (let n = 0; n < many; n++) {
      const y = begin + n * each;
      rows.push({ y0: y, y1: y + each, link: shown[row + n] });
    }
    if (each > 3) {
      pen.fillStyle = model.lanes[from].kind === "node" ? colour.lane : colour.bg;
      for (let n = 1; n < many; n++) pen.fillRect(LEFT, begin + n * each - 1, cells * CELL, 1);
    }
    row += many;
  }
  return { rows, count, lost, cells, top };
}
