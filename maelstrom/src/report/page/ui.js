// Mouse, keys, filters and selection.

async function start() {
  const $ = (id) => document.getElementById(id);
  const model = makeModel(await unpack($("data").textContent));
  const view = { from: 0, to: 1, width: 800, op: null, highlight: new Set() };
  const space = $("space");
  let drawn = { messages: [], ops: [] };
  let queued = false;

  function draw() {
    queued = false;
    drawn = drawSpace(space, model, view);
    drawLatency($("latency"), model, view);
    drawRates($("rate"), model, view);
    say();
  }
  function redraw() {
    if (!queued) { queued = true; requestAnimationFrame(draw); }
  }
  function say() {
    const span = formatTime(view.to - view.from);
    const number = (n) => n.toLocaleString("en");
    const digits = Math.min(Math.max(8 - Math.floor(Math.log10(view.to - view.from)), 0), 6);
    const at = (time) => (time / 1e6).toFixed(digits);
    let text = `${at(view.from)} to ${at(view.to)} s (${span}): ` +
      `${number(drawn.all)} messages sent`;
    if (drawn.here < drawn.all) {
      text += `, of which ${number(drawn.here)} are on this page one by one; the others are ` +
        "in the flows only";
    } else if (drawn.flows) text += ", drawn as flows; zoom in for single ones";
    if (model.messages.is_truncated) text += ". The run had more messages than were recorded";
    if (model.ops.start.length < model.ops.all) {
      text += `. ${number(model.ops.start.length)} of ${number(model.ops.all)} operations are on this page`;
    }
    $("status").textContent = text + ".";
  }

  // ---- moving about ---------------------------------------------------------------------

  const whole = () => {
    const margin = Math.max((model.end - Math.max(model.start, -1e6)) * .01, 2);
    return [Math.max(model.start, -1e6) - margin, model.end + margin];
  };
  function show(from, to) {
    const [first, last] = [model.start - 1e6, model.end + 1e6];
    const span = Math.min(Math.max(to - from, 20), last - first);
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

  // ---- selecting ------------------------------------------------------------------------

  function selectOp(row, rows) {
    view.op = row;
    view.highlight = new Set(rows || (row === null ? [] : model.causedBy(row)));
    const box = $("selected");
    box.hidden = row === null && !rows;
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
    const rows = [...view.highlight], start = model.ops.start[row];
    const took = Math.max(model.ops.took[row], 0);
    const last = Math.max(start + took, ...rows.slice(0, 5000).map((m) => model.messages.sent[m] + model.messages.took[m]));
    // Where nothing takes any time, a little of what went on before and after.
    const margin = Math.max((last - start) * .3, 3000);
    show(start - margin, last + margin);
    return true;
  }
  function follow() {
    const match = location.hash.match(/^#op-(\d+)$/);
    if (!match) return;
    if (reveal(model.opAt(Number(match[1])))) $("run").scrollIntoView({ block: "start" });
    else $("status").textContent = `Operation ${match[1]} is not on this page: see history.txt.`;
  }
  function step(by) {
    const count = model.ops.start.length;
    if (!count) return;
    const matches = matching();
    const now = view.op === null ? (by > 0 ? lowerBound(model.ops.start, view.from) - 1 : count) : view.op;
    for (let n = 1; n <= count; n++) {
      const row = (((now + by * n) % count) + count) % count;
      if (matches(row)) return reveal(row);
    }
    $("status").textContent = "No operation on this page matches.";
  }
  function matching() {
    const wanted = $("find").value.trim().toLowerCase();
    if (!wanted) return () => true;
    if (/^\d+$/.test(wanted) && model.opAt(Number(wanted)) !== undefined) {
      return (row) => row === model.opAt(Number(wanted));
    }
    return (row) => model.describeOp(row).toLowerCase().includes(wanted);
  }
  let finding = -1;
  function nextFinding() {
    const rows = model.findings.map(([index]) => model.opAt(index)).filter((row) => row !== undefined);
    if (rows.length) reveal(rows[finding = (finding + 1) % rows.length]);
  }

  // ---- the mouse ------------------------------------------------------------------------

  function hit(x, y) {
    for (const bar of drawn.ops) {
      if (x >= bar.x0 - 2 && x <= bar.x1 + 2 && Math.abs(y - bar.y) <= 8) return { op: bar.row };
    }
    let best = null, nearest = 6;
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
  space.addEventListener("pointerdown", (event) => {
    drag = { x: event.clientX, from: view.from, to: view.to, moved: false };
    space.setPointerCapture(event.pointerId);
  });
  space.addEventListener("pointermove", (event) => {
    const [x, y] = place(event);
    if (drag) {
      const by = (drag.x - event.clientX) / (view.width - LEFT) * (drag.to - drag.from);
      drag.moved ||= Math.abs(event.clientX - drag.x) > 3;
      if (drag.moved) show(drag.from + by, drag.to + by);
      return;
    }
    hover(hit(x, y), x, y, event);
  });
  space.addEventListener("pointerup", (event) => {
    const moved = drag && drag.moved;
    drag = null;
    if (moved) return;
    const found = hit(...place(event));
    if (!found) return selectOp(null);
    if (found.op !== undefined) return selectOp(found.op);
    const owner = model.messages.operation[found.message];
    const op = owner < 0 ? undefined : model.opAt(owner);
    selectOp(op === undefined ? null : op, op === undefined ? model.effectsOf(found.message) : undefined);
  });
  space.addEventListener("pointerleave", () => { $("hint").hidden = true; });
  space.addEventListener("dblclick", (event) => zoom(.25, timeAt(view, place(event)[0])));
  space.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
      return move((event.deltaX || event.deltaY) / 800);
    }
    zoom(Math.exp(event.deltaY / 400), timeAt(view, place(event)[0]));
  }, { passive: false });
  function hover(found, x, y, event) {
    const hint = $("hint");
    let text = found && (found.op !== undefined ? model.describeOp(found.op) : model.describeMessage(found.message));
    if (!text && x > LEFT && y < AXIS + faultsHeight(model)) {
      const time = timeAt(view, x);
      text = model.faults.filter(({ start, stop }) => start <= time && (stop === null || time <= stop))
        .map(({ name, effect }) => effect ? `${name}: ${effect}` : name).join("\n");
    }
    hint.hidden = !text;
    if (!text) return;
    hint.textContent = text;
    const box = hint.getBoundingClientRect();
    hint.style.left = Math.min(event.clientX + 14, innerWidth - box.width - 8) + "px";
    const below = event.clientY + 18;
    hint.style.top = (below + box.height > innerHeight ? event.clientY - box.height - 10 : below) + "px";
  }

  // ---- keys, buttons and filters --------------------------------------------------------

  const keys = {
    ArrowLeft: () => move(-.2), ArrowRight: () => move(.2), "+": () => zoom(.5), "=": () => zoom(.5),
    "-": () => zoom(2), "0": () => show(...whole()), n: () => step(1), p: () => step(-1),
    f: nextFinding, Escape: () => selectOp(null), "/": () => $("find").focus(),
    Enter: () => { if (view.op !== null) reveal(view.op); },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === $("find")) {
      if (event.key === "Enter") step(1);
      if (event.key === "Escape") space.focus();
      return;
    }
    if (event.key === "Enter" && event.target !== space && event.target !== document.body) return;
    const act = keys[event.key];
    if (act) { event.preventDefault(); act(); }
  });
  $("home").onclick = keys[0];
  $("in").onclick = keys["+"];
  $("out").onclick = keys["-"];
  $("next").onclick = keys.n;
  function filters(box, label, names, hidden) {
    const head = document.createElement("span");
    head.className = "quiet";
    head.textContent = label;
    box.append(head);
    names.forEach((name, number) => {
      const button = document.createElement("button");
      button.textContent = name;
      button.title = "show or hide " + name;
      button.setAttribute("aria-pressed", "true");
      button.onclick = () => {
        if (!hidden.delete(number)) hidden.add(number);
        button.setAttribute("aria-pressed", String(!hidden.has(number)));
        redraw();
      };
      box.append(button);
    });
  }
  filters($("types"), "messages", model.types, model.hiddenTypes);
  filters($("nodes"), "lanes", model.lanes.map((lane) => lane.name), model.hiddenLanes);

  addEventListener("hashchange", follow);
  // A link to where the address already points changes nothing; it is followed all the same.
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest('a[href^="#op-"]');
    if (link && link.getAttribute("href") === location.hash) follow();
  });
  addEventListener("resize", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  show(...whole());
  draw();
  follow();
  // For tests in a browser, and for the curious at the console.
  window.report = { model, view, show, zoom, reveal, step, redraw, drawNow: draw, drawn: () => drawn };
  document.body.dataset.ready = "yes";
}

start().catch((error) => {
  document.getElementById("status").textContent = "The diagram cannot be drawn: " + error;
});
