// A moment of the run: the panel that shows what every node was then, stepping from event to event,
// and playing.

/** How often the moment moves while a run is played. */
const FRAME_MS = 16;

/** How a moment is chosen, shown, left and played. `ui` is what it needs of the page. */
function makeMoments(model, view, ui) {
  const { $, redraw, show } = ui;
  const panel = $("moment"), table = $("states");
  let playing = null;

  /** Whether the event of a step is filtered out. */
  function isHidden(order, step) {
    const kind = order.kind[step], ref = order.ref[step];
    if (kind === SEND || kind === RECEIVE) return !model.isVisible(ref);
    const lane = kind === CHANGE ? order.changes[ref].lane : model.ops.lane[ref];
    return model.hiddenLanes.has(lane);
  }

  function describe(order, step) {
    const kind = order.kind[step], ref = order.ref[step], { lanes, ops, types, functions } = model;
    if (kind === CHANGE) {
      const change = order.changes[ref];
      return `${lanes[change.lane].name} changes: ${model.states.describe(change)}`;
    }
    if (kind === INVOKE || kind === COMPLETE) {
      const what = `operation ${ops.index[ref]}, ${functions[ops.function[ref]]} ${ops.text[ref]}`;
      return kind === INVOKE ? `process ${ops.process[ref]} begins ${what}`
        : `process ${ops.process[ref]} ends ${what}: ${OUTCOMES[ops.outcome[ref]]}`;
    }
    const { rows, i } = model.store.at(ref), type = types[rows.kind[i]];
    const [from, to] = [lanes[rows.from[i]].name, lanes[rows.to[i]].name];
    return kind === SEND ? `${from} sends ${type} to ${to}${rows.took[i] < 0 ? ", and it is lost" : ""}`
      : `${to} receives ${type} from ${from}`;
  }

  function set(step, follow) {
    view.moment = step;
    panel.hidden = step === null;
    if (step === null) { stop(); redraw(); return; }
    const order = model.order();
    $("when").textContent = `${formatTime(order.time[step])}, event ${step + 1} of ${order.time.length}: `;
    $("what").textContent = describe(order, step);
    fill(order, step);
    if (follow) {
      const position = momentPosition(model, step), span = view.to - view.from;
      if (position < view.from + span * .02 || position > view.to - span * .08) {
        show(position - span * .3, position + span * .7);
      }
    }
    redraw();
  }

  /** The table: a row for each node, a column for each field. */
  function fill(order, step) {
    const { states } = model;
    table.replaceChildren();
    $("exact").hidden = true;
    if (!states.any) {
      $("exact").hidden = false;
      $("exact").textContent = "The nodes of this run said nothing of themselves.";
      return;
    }
    const { all, isExact } = states.at(order, step);
    const changed = order.kind[step] === CHANGE ? order.changes[order.ref[step]] : null;
    const fields = [];
    const note = (field) => { if (!fields.includes(field)) fields.push(field); };
    states.nodes.forEach((lane) => { if (states.firstField.has(lane)) note(states.firstField.get(lane)); });
    if (states.period !== undefined) note(states.period);
    states.fields.forEach((_, field) => {
      if ([...all.values()].some((state) => state && state.has(field))) note(field);
    });
    if (changed) changed.fields.forEach(({ field }) => note(field));
    const row = (cells, make = "td") => {
      const line = document.createElement("tr");
      cells.forEach(([text, name, title]) => {
        const cell = document.createElement(make);
        cell.textContent = text;
        if (name) cell.className = name;
        if (title) cell.title = title;
        line.append(cell);
      });
      table.append(line);
      return line;
    };
    row([["node"], ...fields.map((field) => [states.fields[field]])], "th");
    for (const lane of states.nodes) {
      if (model.hiddenLanes.has(lane)) continue;
      const state = all.get(lane);
      const cells = fields.map((field) => {
        const value = state && state.get(field), text = value === undefined || !state ? "" : plain(value);
        const now = changed && changed.lane === lane && changed.fields.find((one) => one.field === field);
        if (!now || (now.old === undefined && !now.now)) return [text.slice(0, 60), "", text];
        return [now.old === undefined ? text.slice(0, 60) : `${plain(now.old).slice(0, 40)} → ${text.slice(0, 40) || "–"}`, "changed", text];
      });
      const line = row([[model.lanes[lane].name + (state === null ? " (down)" : "")], ...cells]);
      if (changed && changed.lane === lane) line.className = "now";
    }
    if (!isExact) {
      $("exact").hidden = false;
      $("exact").textContent = "Messages of this moment are not on this page: what the nodes were is shown roughly.";
    }
  }

  /** The last event that is not after this position of the axis. */
  function at(position) {
    const order = model.order();
    if (!order.time.length) return;
    let step = model.axis().isOrder ? Math.round(position) : lowerBound(order.time, position + .5) - 1;
    step = Math.min(Math.max(step, 0), order.time.length - 1);
    set(step, false);
  }

  /** Goes to the next event in this direction that is not filtered out. */
  function go(by) {
    const order = model.order();
    let step = view.moment;
    do step += by; while (step >= 0 && step < order.time.length && isHidden(order, step));
    if (step < 0 || step >= order.time.length) { stop(); return false; }
    set(step, true);
    return true;
  }

  /** Keeps to the same event when messages that were loaded have moved it to another step. */
  function keep() {
    if (view.moment === null || model.orderMade === null) return;
    const before = model.orderMade;
    if (before.version === model.store.changed) return;
    const kind = before.kind[view.moment], ref = before.ref[view.moment], time = before.time[view.moment];
    const order = model.order();
    let step = lowerBound(order.time, time);
    while (step < order.time.length - 1 && order.time[step] === time && (order.kind[step] !== kind || order.ref[step] !== ref)) step++;
    view.moment = Math.min(step, order.time.length - 1);
  }

  function stop() {
    if (playing) clearTimeout(playing.timer);
    playing = null;
    $("play").textContent = "▶ play";
  }

  /** Plays from the moment on: so many events a second, or time at a multiple of its speed. */
  function play() {
    if (playing) return stop();
    if (view.moment === null) at(view.from);
    if (view.moment === null) return;
    $("play").textContent = "❚❚ pause";
    playing = { last: null, rest: 0, time: model.order().time[view.moment], timer: 0 };
    playing.timer = setTimeout(tick, FRAME_MS);
  }
  function tick() {
    if (!playing) return;
    const now = performance.now();
    const seconds = playing.last === null ? 0 : Math.min((now - playing.last) / 1000, .25);
    playing.last = now;
    const [unit, amount] = $("speed").value.split(" "), order = model.order();
    if (unit === "events") {
      playing.rest += seconds * Number(amount);
      while (playing && playing.rest >= 1) { playing.rest -= 1; if (!go(1)) return; }
    } else {
      playing.time += seconds * 1e6 * Number(amount);
      const step = lowerBound(order.time, playing.time + .5) - 1;
      if (step > view.moment) set(step, true);
      if (step >= order.time.length - 1) return stop();
    }
    if (playing) playing.timer = setTimeout(tick, FRAME_MS);
  }

  $("play").onclick = play;
  $("before").onclick = () => go(-1);
  $("after").onclick = () => go(1);
  $("leave").onclick = () => set(null);
  $("speed").onchange = () => { if (playing) playing.time = model.order().time[view.moment]; };
  return { set, at, go, play, keep, stop, stepOf: (kind, ref) => {
    const order = model.order();
    return order.kind.findIndex((one, step) => one === kind && order.ref[step] === ref);
  } };
}
