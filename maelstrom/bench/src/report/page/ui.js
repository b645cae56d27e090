// Mouse, fingers, keys, filters and selection.

async function start() {
  const $ = (id) => document.getElementById(id);
  const model = makeModel(await unpack($("data").textContent));
  const view = { from: 0, to: 1, width: 800, op: null, found: null, moment: null, highlight: new Set() };
  const space = $("space");
  let drawn = { messages: [], ops: [], changes: [] };
  let queued = false, notice = "";

  model.orderMade = null;
  model.order = () => {
    if (!model.orderMade || model.orderMade.version !== model.store.changed) model.orderMade = makeOrder(model);
    return model.orderMade;
  };
  const axes = { time: timeAxis(model), order: null };
  let axis = axes.time;
  model.axis = () => axis;

  function draw() {
    queued = false;
    drawn = drawSpace(space, model, view);
    drawLatency($("latency"), model, view);
    drawRates($("rate"), model, view);
    say();
    loadMissing();
  }
  function redraw() {
    if (!queued) { queued = true; requestAnimationFrame(draw); }
  }
  /** Messages that are in view, not here, and few enough to be worth it. */
  function loadMissing() {
    const absent = drawn.missing.filter((number) => model.store.chunks[number].state === "absent");
    if (drawn.missing.length * model.store.size > LOOKED_AT) return;
    absent.forEach((number) => model.store.load(number).then(useLoaded));
  }
  /** More messages are here than before. */
  function useLoaded() {
    moments.keep();
    if (axis.isOrder) axis = orderAxis(model);
    redraw();
  }
  function say() {
    const number = (n) => n.toLocaleString("en");
    let text;
    if (axis.isOrder) {
      text = `Events ${number(Math.max(Math.round(view.from), 0))} to ${number(Math.round(view.to))}, ` +
        `${formatTime(axis.time(view.from))} to ${formatTime(axis.time(view.to))}: ${number(drawn.all)} messages`;
      if (model.store.loaded().length < model.store.chunks.length) text += ", of those that are loaded";
    } else {
      const digits = Math.min(Math.max(8 - Math.floor(Math.log10(view.to - view.from)), 0), 6);
      const at = (time) => (time / 1e6).toFixed(digits);
      text = `${at(view.from)} to ${at(view.to)} s (${formatTime(view.to - view.from)}): ` +
        `${number(drawn.all)} messages sent`;
    }
    const states = drawn.missing.map((n) => model.store.chunks[n].state);
    if (drawn.flows) text += ", drawn as bands of their density, one for each link; zoom in for single ones";
    if (states.includes("missing")) {
      text += `. Those that are not on this page are in the folder ${model.messages.folder} beside it, which is not there`;
    } else if (states.includes("loading")) text += ". Loading …";
    if (model.messages.is_truncated) text += ". The run had more messages than were recorded";
    if (model.ops.start.length < model.ops.all) {
      text += `. ${number(model.ops.start.length)} of ${number(model.ops.all)} operations are on this page`;
    }
    $("status").textContent = notice || text + ".";
    notice = "";
  }

  // ---- moving about ---------------------------------------------------------------------

  const whole = () => {
    const [first, last] = axis.whole(), margin = Math.max((last - first) * .01, axis.isOrder ? 1 : 2);
    return [first - margin, last + margin];
  };
  function show(from, to) {
    const [start, end] = axis.whole(), margin = axis.isOrder ? 20 : 1e6;
    const [first, last] = [(axis.isOrder ? start : Math.min(start, model.start)) - margin, end + margin];
    const span = Math.min(Math.max(to - from, axis.least), last - first);
    view.from = Math.min(Math.max(from, first), last - span);
    view.to = view.from + span;
    redraw();
  }
  function zoom(factor, at = (view.from + view.to) / 2) {
    show(at - (at - view.from) * factor, at + (view.to - at) * factor);
  }
  const move = (share) => {
    const by = (view.to - view.from) * share;
    show(view.from + by, view.to + by);
  };
  /** Changes from time to order or back, and stays where it is. */
  function useOrder(wanted) {
    const [from, to] = [axis.time(view.from), axis.time(view.to)];
    axis = wanted ? orderAxis(model) : axes.time;
    $("order").setAttribute("aria-pressed", String(wanted));
    let [a, b] = [axis.at(from), axis.at(to)];
    if (wanted && b - a < 10) [a, b] = [a - 30, b + 30];
    if (view.moment !== null) {
      const at = momentPosition(model, view.moment);
      if (at < a || at > b) [a, b] = [at - (b - a) / 2, at + (b - a) / 2];
    }
    show(a, b);
  }

  // ---- selecting ------------------------------------------------------------------------

  function selectOp(row, ids) {
    view.op = row;
    view.found = null;
    view.highlight = new Set(ids || (row === null ? [] : model.causedBy(row)));
    const box = $("selected");
    box.hidden = row === null && !ids;
    box.replaceChildren();
    if (!box.hidden) describeSelection(box, row);
    redraw();
  }
  function describeSelection(box, row) {
    const head = document.createElement("strong");
    head.textContent = row === null ? "A message that no operation caused" : model.describeOp(row);
    const list = document.createElement("ol");
    for (const message of [...view.highlight].slice(0, 200)) {
      const item = document.createElement("li");
      item.textContent = model.describeMessage(message);
      if (message === view.found) item.className = "found";
      list.append(item);
    }
    const note = document.createElement("p");
    note.className = "quiet";
    note.textContent = view.highlight.size
      ? `${view.highlight.size} messages` + (view.highlight.size > 200 ? ", the first 200:" : ":")
      : "None of its messages is on this page.";
    box.append(head, note, list);
  }
  function reveal(row) {
    if (row === undefined) return false;
    selectOp(row);
    const ids = [...view.highlight].slice(0, 5000), from = axis.opStart(row);
    let last = Math.max(from, model.ops.took[row] < 0 ? from : axis.opEnd(row));
    ids.forEach((id) => { const { rows, i } = model.store.at(id); last = Math.max(last, axis.end(rows)[i]); });
    // Where nothing takes any time, a little of what went on before and after.
    const margin = Math.max((last - from) * .3, axis.isOrder ? 15 : 3000);
    show(from - margin, last + margin);
    return true;
  }
  /** Selects a message with what it caused, or with all of its operation. */
  function selectMessage(id) {
    const { rows, i } = model.store.at(id), owner = rows.operation[i];
    const op = owner < 0 ? undefined : model.opAt(owner);
    selectOp(op === undefined ? null : op, op === undefined ? model.effectsOf(id) : undefined);
    view.found = id;
  }
  function revealMessage(id) {
    selectMessage(id);
    const { rows, i } = model.store.at(id), from = axis.sent(rows)[i], to = axis.end(rows)[i];
    const margin = Math.max((to - from) * 2, axis.isOrder ? 15 : 5000);
    view.highlight = new Set([id]);
    const text = document.createElement("p");
    text.textContent = model.describeMessage(id);
    $("selected").prepend(text);
    show(from - margin, to + margin);
    return true;
  }
  function follow() {
    const match = location.hash.match(/^#op-(\d+)$/);
    if (!match) return;
    if (reveal(model.opAt(Number(match[1])))) $("run").scrollIntoView({ block: "start" });
    else { notice = `Operation ${match[1]} is not on this page: see history.txt.`; redraw(); }
  }
  let finding = -1;
  function nextFinding() {
    const rows = model.findings.map(([index]) => model.opAt(index)).filter((row) => row !== undefined);
    if (rows.length) reveal(rows[finding = (finding + 1) % rows.length]);
  }
  const ui = { $, redraw, show, reveal, revealMessage, say: (text) => { notice = text; } };
  const moments = makeMoments(model, view, ui), search = makeSearch(model, view, ui);

  // ---- mouse and fingers ----------------------------------------------------------------

  function hit(x, y) {
    for (const bar of drawn.ops) {
      if (x >= bar.x0 - 2 && x <= bar.x1 + 2 && Math.abs(y - bar.y) <= 8) return { op: bar.row };
    }
    let best = null, nearest = 6;
    for (const one of drawn.changes) {
      const distance = Math.abs(one.x - x);
      if (distance < nearest && Math.abs(y - one.y) <= 8) { nearest = distance; best = { change: one.change }; }
    }
    if (best) return best;
    for (const { row, line } of drawn.messages) {
      const distance = distanceTo(line, x, y);
      if (distance < nearest) { nearest = distance; best = { message: row }; }
    }
    return best;
  }
  function distanceTo({ x0, y0, x1, y1 }, x, y) {
    const long = (x1 - x0) ** 2 + (y1 - y0) ** 2;
    const share = long ? Math.min(Math.max(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / long, 0), 1) : 0;
    return Math.hypot(x0 + share * (x1 - x0) - x, y0 + share * (y1 - y0) - y);
  }
  const place = (event) => {
    const box = space.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  let drag = null;
  const fingers = new Map();
  space.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, event.clientX);
    drag = { x: event.clientX, from: view.from, to: view.to, moved: fingers.size > 1, spread: spread() };
    space.setPointerCapture(event.pointerId);
  });
  /** Where two fingers are, and how far apart. */
  function spread() {
    if (fingers.size < 2) return null;
    const [a, b] = [...fingers.values()], box = space.getBoundingClientRect();
    return { at: positionAt(view, (a + b) / 2 - box.left), wide: Math.max(Math.abs(a - b), 10) };
  }
  space.addEventListener("pointermove", (event) => {
    const [x, y] = place(event);
    if (!drag) return hover(hit(x, y), x, y, event);
    if (fingers.has(event.pointerId)) fingers.set(event.pointerId, event.clientX);
    const now = spread();
    if (drag.spread && now) {
      const factor = drag.spread.wide / now.wide, { at } = drag.spread;
      return show(at - (at - drag.from) * factor, at + (drag.to - at) * factor);
    }
    const by = (drag.x - event.clientX) / (view.width - LEFT) * (drag.to - drag.from);
    drag.moved ||= Math.abs(event.clientX - drag.x) > 3;
    if (drag.moved) show(drag.from + by, drag.to + by);
  });
  space.addEventListener("pointerup", (event) => {
    fingers.delete(event.pointerId);
    const moved = drag && drag.moved;
    drag = null;
    if (moved) return;
    const [x, y] = place(event), found = hit(x, y);
    if (!found) {
      selectOp(null);
      if (x >= LEFT) moments.at(positionAt(view, x));
    } else if (found.op !== undefined) {
      selectOp(found.op);
      moments.set(moments.stepOf(INVOKE, found.op));
    } else if (found.change) {
      selectOp(null);
      model.order();
      if (found.change.step >= 0) moments.set(found.change.step);
    } else {
      selectMessage(found.message);
      moments.set(moments.stepOf(SEND, found.message));
    }
  });
  // The browser has taken the finger, to scroll the page.
  space.addEventListener("pointercancel", (event) => { fingers.delete(event.pointerId); drag = null; });
  space.addEventListener("pointerleave", () => { $("hint").hidden = true; });
  space.addEventListener("dblclick", (event) => zoom(.25, positionAt(view, place(event)[0])));
  // The wheel scrolls the page, as everywhere; with Ctrl, as a pinch on a touchpad gives it, it zooms.
  space.addEventListener("wheel", (event) => {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      return zoom(Math.exp(event.deltaY / (event.deltaMode ? 20 : 300)), positionAt(view, place(event)[0]));
    }
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
      event.preventDefault();
      move((event.deltaX || event.deltaY) / 800);
    }
  }, { passive: false });
  function hover(found, x, y, event) {
    const hint = $("hint");
    let text = "";
    if (found && found.change) {
      text = `${model.lanes[found.change.lane].name} at ${formatTime(found.change.time)}\n${model.states.describe(found.change)}`;
    } else if (found) text = found.op !== undefined ? model.describeOp(found.op) : model.describeMessage(found.message);
    else if (drawn.density && x > LEFT) text = describeBand(x, y);
    if (!text && x > LEFT && y < AXIS + faultsHeight(model)) {
      const time = axis.time(positionAt(view, x));
      text = model.faults.filter(({ start, stop }) => start <= time && (stop === null || time <= stop))
        .map(({ name, effect }) => effect ? `${name}: ${effect}` : name).join("\n");
    }
    hint.hidden = !text;
    if (!text) return;
    hint.textContent = text;
    const box = hint.getBoundingClientRect();
    hint.style.left = Math.max(Math.min(event.clientX + 14, innerWidth - box.width - 8), 4) + "px";
    const below = event.clientY + 18;
    hint.style.top = (below + box.height > innerHeight ? event.clientY - box.height - 10 : below) + "px";
  }
  function describeBand(x, y) {
    const { strips, count, lost, cells, top } = drawn.density;
    const number = strips.findIndex(({ y0, y1 }) => y >= y0 && y < y1), cell = Math.floor((x - LEFT) / CELL);
    if (number < 0) return "";
    const at = number * cells + cell, about = (n) => n < 10 ? Math.round(n * 10) / 10 : Math.round(n);
    const named = (lane) => model.lanes[lane].name, { from, to } = strips[number];
    const name = `${named(from)} → ${to.map(named).join(", ")}`;
    if (!count[at]) return `${name}: nothing here`;
    const span = formatTime(axis.time(positionAt(view, x + CELL)) - axis.time(positionAt(view, x)));
    return `${name}: ${about(count[at])} messages in ${span}, mostly ${model.types[top[at]]}` +
      (lost[at] ? `\n${about(lost[at])} of them were lost` : "");
  }

  // ---- keys, buttons and filters --------------------------------------------------------

  const arrow = (by) => { if (view.moment === null) move(.2 * by); else moments.go(by); };
  const keys = {
    ArrowLeft: () => arrow(-1), ArrowRight: () => arrow(1), "+": () => zoom(.5), "=": () => zoom(.5),
    "-": () => zoom(2), "0": () => show(...whole()), n: () => search.next(1), p: () => search.next(-1),
    f: nextFinding, "/": () => $("find").focus(), o: () => useOrder(!axis.isOrder), " ": moments.play,
    Escape: () => { selectOp(null); moments.set(null); },
    Enter: () => { if (view.op !== null) reveal(view.op); },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === $("find")) {
      if (event.key === "Enter") search.next(event.shiftKey ? -1 : 1);
      if (event.key === "Escape") space.focus();
      return;
    }
    const isFree = event.target === space || event.target === document.body || event.target === document;
    if ((event.key === "Enter" || event.key === " " || event.target.tagName === "SELECT") && !isFree) return;
    if (event.shiftKey && event.key.startsWith("Arrow")) { event.preventDefault(); return move(event.key === "ArrowLeft" ? -.2 : .2); }
    const act = keys[event.key];
    if (act) { event.preventDefault(); act(); }
  });
  $("home").onclick = keys[0];
  $("in").onclick = keys["+"];
  $("out").onclick = keys["-"];
  $("next").onclick = keys.n;
  $("order").onclick = keys.o;
  function filters(box, label, names, hidden, swatch) {
    const head = document.createElement("span");
    head.className = "quiet";
    head.textContent = label;
    box.append(head);
    return names.map((name, number) => {
      const button = document.createElement("button");
      if (swatch) {
        const mark = document.createElement("i");
        mark.style.background = swatch(number);
        button.append(mark);
      }
      button.append(name);
      button.title = "show or hide " + name;
      const paint = () => button.setAttribute("aria-pressed", String(!hidden.has(number)));
      button.onclick = () => {
        if (!hidden.delete(number)) hidden.add(number);
        paint();
        redraw();
      };
      paint();
      box.append(button);
      return paint;
    });
  }
  filters($("types"), "messages", model.types, model.hiddenTypes, (number) => {
    const colour = model.colourOfType[number];
    return colour < 0 ? "var(--fail)" : `var(--k${colour % 8})`;
  });
  // A history from anywhere else has none.
  if (!model.types.length) $("types").remove();
  const only = document.createElement("button");
  only.id = "only";
  only.textContent = "nodes only";
  only.title = "hide clients and services, or show them again";
  only.setAttribute("aria-pressed", "false");
  const laneButtons = filters($("nodes"), "lanes", model.lanes.map((lane) => lane.name), model.hiddenLanes);
  $("nodes").firstChild.after(only);
  only.onclick = () => {
    const isOn = only.getAttribute("aria-pressed") !== "true";
    only.setAttribute("aria-pressed", String(isOn));
    model.lanes.forEach((lane, number) => {
      if (lane.kind !== "node" && isOn) model.hiddenLanes.add(number);
      else model.hiddenLanes.delete(number);
    });
    laneButtons.forEach((paint) => paint());
    redraw();
  };
  if (model.states.any) describeBands();
  /** In the legend, what the colours of the bands mean. */
  function describeBands() {
    model.scale ||= bandScale(model);
    const field = model.states.fields[[...model.states.firstField.values()][0]];
    const item = (text, name, strength) => {
      const span = document.createElement("span"), mark = document.createElement("i");
      mark.style.background = `var(--${name})`;
      mark.style.opacity = strength;
      span.append(mark, text);
      $("legend").append(span);
    };
    model.scale.words.slice(0, 8).forEach((word) => {
      const { name, strength } = model.scale.of(word);
      item(`${field} ${plain(word)}`.slice(0, 40), name, strength);
    });
    if (model.scale.low <= model.scale.high) {
      item(`${field}: ${model.scale.low} …`, "amount", .2);
      item(`${model.scale.high}`, "amount", 1);
    }
  }

  addEventListener("hashchange", follow);
  // A link to where the address already points changes nothing; it is followed all the same.
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest('a[href^="#op-"]');
    if (link && link.getAttribute("href") === location.hash) follow();
  });
  const resized = () => { sizes.clear(); redraw(); };
  addEventListener("resize", resized);
  // A canvas is narrower, too, once the page has grown so long that it has a scroll bar.
  new ResizeObserver(resized).observe(space);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { palette = null; redraw(); });
  show(...whole());
  draw();
  performance.mark("drawn");
  // What is drawn first needs no single message: those inside the page come after it.
  await Promise.all([...model.store.inside.keys()].map(model.store.load));
  useLoaded();
  draw();
  follow();
  // For tests in a browser, and for the curious at the console.
  window.report = {
    model, view, show, zoom, reveal, revealMessage, step: search.next, moments, useOrder, redraw,
    drawNow: draw, drawn: () => drawn,
  };
  document.body.dataset.ready = "yes";
}

start().catch((error) => {
  document.getElementById("status").textContent = "The diagram cannot be drawn: " + error;
});
