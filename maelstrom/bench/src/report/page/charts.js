// The two charts below the diagram, over the same axis: latency and rate.

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
  const { pen, width, height } = prepare(canvas), at = model.axis().at;
  const colour = colours(), points = model.latency;
  drawFaults(pen, model, view, colour, 0, height);
  drawAxis(pen, model, view, colour, height, false);
  // Answers in no time at all, as in virtual time, are drawn on a line of their own: zero has
  // no place on this scale.
  const { low, high, hasZero, share } = (points.scale ||= latencyScale(points.took));
  const bottom = height - (hasZero ? 22 : 8);
  const yOf = (share) => share < 0 ? height - 7 : bottom - share * (bottom - 18);
  if (hasZero) gridLine(pen, colour, width, yOf(-1), "0");
  chartTitle(pen, colour, "latency", points.is_sampled ? "lowest, median, highest" : "");
  for (let power = low; power <= high; power += Math.ceil((high - low) / 4)) {
    const y = yOf((power - low) / (high - low));
    gridLine(pen, colour, width, y, formatTime(10 ** power).replace(/\.0+ /, " "));
  }
  pen.save(); pen.beginPath(); pen.rect(LEFT, 0, width, height); pen.clip();
  // Sampled points are in the order of their groups, all others in that of time.
  const time = (position) => model.axis().time(position);
  const first = points.is_sampled ? 0 : lowerBound(points.start, time(view.from));
  const last = points.is_sampled ? points.start.length : lowerBound(points.start, time(view.to) + 1);
  // Of thousands of points nobody could tell the shapes apart.
  const isDense = last - first > 1500;
  const dots = isDense ? makeDots(width, height) : null;
  pen.globalAlpha = .85; pen.lineWidth = 1.2;
  OUTCOMES.forEach((name, outcome) => {
    pen.fillStyle = pen.strokeStyle = colour[name];
    const shade = pixel(colour[name], 0);
    for (let row = first; row < last; row++) {
      if (points.outcome[row] !== outcome) continue;
      const x = xOf(view, at(points.start[row]));
      if (x < LEFT || x > width) continue;
      if (isDense) dots.add(x, yOf(share[row]), shade);
      else drawShape(pen, points.function[row], x, yOf(share[row]));
    }
  });
  pen.globalAlpha = 1;
  if (isDense) pen.drawImage(dots.finish(), LEFT, 0);
  pen.restore();
  pen.globalAlpha = 1;
  drawLegend(pen, colour, width, model.functions.map((name, shape) => ({ name, shape })));
}

/** The powers of ten between which all latencies are, and where between them each is, from 0 to 1;
 *  -1 for no time at all. */
function latencyScale(took) {
  let low = Infinity, high = -Infinity, hasZero = false;
  const logs = Float64Array.from(took, (time) => {
    if (time <= 0) { hasZero = true; return NaN; }
    const log = Math.log10(time);
    low = Math.min(low, log); high = Math.max(high, log);
    return log;
  });
  if (low > high) { low = 3; high = 5; }
  low = Math.floor(low); high = Math.max(Math.ceil(high), low + 1);
  const share = logs.map((log) => (Number.isNaN(log) ? -1 : (log - low) / (high - low)));
  return { low, high, hasZero, share };
}

/** Small squares on the chart, the stronger, the more lie on one another. */
function makeDots(width, height) {
  const wide = Math.max(Math.ceil(width - LEFT), 1), { pixels, finish } = sheetOf("dots", wide, height);
  return {
    finish,
    add(x, y, shade) {
      const left = Math.round(x - LEFT) - 1, top = Math.round(y) - 1;
      for (let row = Math.max(top, 0); row < Math.min(top + 3, height); row++) {
        for (let column = Math.max(left, 0); column < Math.min(left + 3, wide); column++) {
          const place = row * wide + column, before = pixels[place] >>> 24;
          pixels[place] = (Math.min(Math.max(before + 40, 115), 255) << 24 | shade) >>> 0;
        }
      }
    },
  };
}

function chartTitle(pen, colour, title, note) {
  pen.fillStyle = colour.fg; pen.textAlign = "left";
  // On a narrow screen there is no room beside the axis.
  const isNarrow = LEFT < 100, inside = LEFT + 6;
  pen.fillText(title, isNarrow ? inside : 6, 10);
  const after = isNarrow ? inside + pen.measureText(title).width + 8 : inside;
  pen.fillStyle = colour.quiet; pen.font = SMALL;
  pen.fillText(note, after, 10.5);
  pen.font = FONT;
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
  if (shapes.length <= 8 && LEFT >= 100) [...shapes].reverse().forEach(({ name, shape }) => item(name, colour.quiet, shape));
}

function drawRates(canvas, model, view) {
  const { pen, width, height } = prepare(canvas), at = model.axis().at;
  const colour = colours(), { window: step, lines } = model.rates;
  drawFaults(pen, model, view, colour, 0, height);
  drawAxis(pen, model, view, colour, height, false);
  const sums = (model.rates.sums ||= OUTCOMES.map((_, outcome) => {
    const mine = lines.filter((line) => line[1] === outcome).map((line) => line[2]);
    return mine.length ? mine[0].map((_, place) => mine.reduce((total, line) => total + line[place], 0)) : null;
  }));
  const high = sums.flatMap((sum) => sum || []).reduce((a, b) => Math.max(a, b), 1);
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
    sum.forEach((value, place) => pen.lineTo(xOf(view, at((place + .5) * step)), yOf(value)));
    pen.stroke();
  });
  pen.restore();
  pen.setLineDash([]);
}
