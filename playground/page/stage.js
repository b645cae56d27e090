// The stage: nodes in a circle, services in the middle, clients beside their node, and messages on
// their way. It is drawn anew for each moment; elements are made once and moved.

const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes = {}, parent = null) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent?.append(made);
  return made;
}

// Says so only if it is something else: most of a picture stays as it is.
function set(target, key, value) {
  if (target.getAttribute(key) !== String(value)) target.setAttribute(key, value);
}

function write(target, text) { if (target.textContent !== text) target.textContent = text; }

class Stage {
  // `choose` is called with { node }, { link } or { flight }, whatever somebody has clicked.
  constructor(svg, choose) {
    this.svg = svg; this.choose = choose; this.pool = []; this.run = null;
  }

  // Sets the stage for a run.
  open(run, isNarrow) {
    this.run = run;
    this.svg.replaceChildren();
    this.pool = [];
    const nodes = run.what.nodes, total = nodes.length;
    const [width, height] = isNarrow ? [400, 400] : [800, 540];
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.radius = total === 1 ? 44 : total <= 7 ? (isNarrow ? 26 : 36) : total <= 12 ? 22 : isNarrow ? 11 : 16;
    this.hasLinks = total > 1 && total <= 7;
    this.log = isNarrow ? { shown: 8, size: 9.5 } : { shown: 14, size: 11 };
    const margin = this.radius + (isNarrow ? 30 : 52);
    const [x, y] = [width / 2, height / 2];
    this.middle = [x, y];
    const [wide, high] = [x - margin - (isNarrow ? 0 : 110), y - margin];
    this.places = new Map();
    nodes.forEach((name, number) => {
      const angle = -Math.PI / 2 + 2 * Math.PI * number / total;
      const alone = total === 1 && run.services.length === 0;
      this.places.set(name, alone ? [x, y] : [x + wide * Math.cos(angle), y + high * Math.sin(angle)]);
    });
    run.services.forEach((name, number) => {
      const offset = (number - (run.services.length - 1) / 2) * 84;
      this.places.set(name, [x + offset, total === 1 ? y + high / 2 : y]);
    });
    this.links = element("g", {}, this.svg);
    this.makeLinks();
    this.clients = element("g", {}, this.svg);
    this.makeClients([x, y], isNarrow);
    this.bodies = element("g", {}, this.svg);
    this.marks = new Map(nodes.map((name) => [name, this.makeNode(name)]));
    for (const name of run.services) this.makeService(name);
    this.messages = element("g", { class: "messages" }, this.svg);
  }

  makeLinks() {
    this.lines = new Map();
    if (!this.hasLinks) return;
    const nodes = this.run.what.nodes;
    for (const [number, a] of nodes.entries()) for (const b of nodes.slice(number + 1)) {
      const [x1, y1] = this.places.get(a), [x2, y2] = this.places.get(b);
      const group = element("g", { class: "link", tabindex: -1 }, this.links);
      const ends = { x1, y1, x2, y2 };
      element("line", { ...ends, class: "touch" }, group);
      const line = element("line", { ...ends, class: "wire" }, group);
      group.addEventListener("click", () => this.choose({ link: [a, b] }));
      this.lines.set(`${a}-${b}`, { a, b, line, group });
    }
  }

  makeNode(name) {
    const [x, y] = this.places.get(name), r = this.radius;
    const group = element("g", { class: "node", tabindex: 0, role: "button",
      transform: `translate(${x} ${y})` }, this.bodies);
    const disc = element("circle", { r, class: "disc" }, group);
    const ring = element("circle", { r: r + 5, class: "ring" }, group);
    const label = element("text", { class: "name", y: r > 20 ? -2 : 4 }, group);
    if (r < 20) label.style.fontSize = r < 14 ? "8px" : "11px";
    const sub = element("text", { class: "sub", y: 13 }, group);
    const strip = element("g", { class: "strip" }, group);
    write(label, name);
    const chosen = () => this.choose({ node: name });
    group.addEventListener("click", chosen);
    group.addEventListener("keydown", (event) => {
      if (event.key === "Enter") { event.preventDefault(); chosen(); }
    });
    // Towards the middle: the clients are on the other side.
    const isLow = count(this.run) > 1 && y > this.middle[1] + 1;
    return { group, disc, ring, sub, strip, boxes: [], stripY: isLow ? -r - 9 - this.log.size : r + 9 };
  }

  makeService(name) {
    const [x, y] = this.places.get(name);
    const group = element("g", { class: "service", transform: `translate(${x} ${y})` }, this.bodies);
    element("rect", { x: -36, y: -17, width: 72, height: 34, rx: 6 }, group);
    write(element("text", { y: 4 }, group), name);
  }

  // A dot for each client, on the side of its node that faces away from the middle.
  makeClients([x, y], isNarrow) {
    const { nodes, clients } = this.run.what, perNode = Math.ceil(clients / nodes.length);
    this.dots = [];
    const hasText = !isNarrow && nodes.length <= 7 && perNode <= 3;
    for (let thread = 0; thread < clients; thread += 1) {
      const [nx, ny] = this.places.get(nodes[thread % nodes.length]);
      const turn = Math.atan2(ny - y, nx - x || 1e-9);
      const angle = turn + (Math.floor(thread / nodes.length) - (perNode - 1) / 2) * (this.radius > 20 ? 0.5 : 0.35);
      const far = this.radius + (this.radius > 20 ? 20 : 12);
      const [cx, cy] = [nx + far * Math.cos(angle), ny + far * Math.sin(angle)];
      const dot = element("circle", { cx, cy, r: this.radius > 20 ? 6 : 3.5, class: "client" }, this.clients);
      const isLeft = Math.cos(angle) < -0.2, isMiddle = Math.abs(Math.cos(angle)) <= 0.2;
      const text = hasText && element("text", { class: "doing", x: cx + (isLeft ? -11 : isMiddle ? 10 : 11),
        y: cy + (isMiddle && Math.sin(angle) < 0 ? -4 : 4) }, this.clients);
      if (text) text.style.textAnchor = isLeft ? "end" : "start";
      this.dots.push({ dot, text });
    }
  }

  draw(time, chosen, kindColour, isStill) {
    const { run } = this, faults = run.faultsAt(time);
    for (const { a, b, line, group } of this.lines.values()) {
      const there = faults.cut.has(`${a}>${b}`), back = faults.cut.has(`${b}>${a}`);
      const isChosen = chosen.link && chosen.link[0] === a && chosen.link[1] === b;
      set(group, "class", `link${there && back ? " cut" : there || back ? " half" : ""}${isChosen ? " chosen" : ""}`);
    }
    for (const [name, mark] of this.marks) this.drawNode(name, mark, time, faults, chosen);
    this.dots.forEach(({ dot, text }, thread) => {
      const pair = run.pairAt(thread, time);
      const isOver = pair && pair.until <= time, age = pair ? time - pair.until : 0;
      const word = !pair || (isOver && age > 400e6) ? "idle" : isOver ? pair.ended.type : "running";
      set(dot, "class", `client ${word}`);
      if (text) {
        const shown = word === "idle" ? "" : isOver ? `${pair.ended.f} ${pair.ended.value}` :
          `${pair.begun.f} ${pair.begun.value}`;
        write(text, shown.length > 19 ? `${shown.slice(0, 18)}…` : shown);
        set(text, "class", `doing ${word}`);
      }
    });
    this.drawMessages(time, chosen, kindColour, isStill);
  }

  drawNode(name, mark, time, faults, chosen) {
    const state = this.run.stateAt(name, time);
    const isDown = faults.down.has(name), isPaused = faults.paused.has(name);
    const role = isDown ? "down" : state?.role ?? "plain";
    set(mark.group, "class", `node ${role}${isPaused ? " paused" : ""}${chosen.node === name ? " chosen" : ""}`);
    const words = isDown ? "down" : isPaused ? "paused" : brief(state);
    write(mark.sub, this.radius > 20 ? words : "");
    const label = `${name}: ${isDown ? "down" : isPaused ? "paused" : "up"}${state?.role ? `, ${state.role}` : ""}${words && !isDown && !isPaused ? `, ${words}` : ""}`;
    set(mark.group, "aria-label", label);
    if (this.radius > 20) this.drawLog(mark, name, time, isDown ? null : state);
  }

  // The end of a log as boxes with the term in each: applied, committed, and not yet committed.
  drawLog(mark, name, time, state) {
    const { shown, size } = this.log, entries = state ? this.run.logAt(name, time, shown) : [];
    for (let n = 0; n < Math.max(entries.length, mark.boxes.length); n += 1) {
      if (n >= entries.length) { set(mark.boxes[n].group, "class", "none"); continue; }
      const [index, term] = entries[n], box = mark.boxes[n] ??= this.makeBox(mark, n);
      set(box.group, "class", index <= state.applied ? "applied" : index <= state.commit ? "committed" : "open");
      set(box.group, "transform", `translate(${(n - entries.length / 2) * size} ${mark.stripY})`);
      write(box.text, String(term));
    }
  }

  makeBox(mark, n) {
    const { size } = this.log, group = element("g", {}, mark.strip);
    element("rect", { width: size - 1, height: size, rx: 1.5 }, group);
    const text = element("text", { x: (size - 1) / 2, y: size * 0.8 }, group);
    text.style.fontSize = `${size * 0.75}px`;
    return { group, text };
  }

  drawMessages(time, chosen, kindColour, isStill) {
    const flights = this.run.flightsAt(time).filter((flight) => flight.until > flight.time);
    const size = this.radius > 20 ? 5.5 : 3.2;
    flights.forEach((flight, n) => {
      const { send } = flight, [x1, y1] = this.places.get(send.from), [x2, y2] = this.places.get(send.to);
      const long = (time - flight.time) / (flight.until - flight.time);
      const share = isStill ? 0.5 : long;
      const part = flight.isLost ? share * 0.55 : share;
      const mark = this.pool[n] ??= this.makeMessage();
      mark.flight = flight;
      const isChosen = chosen.flight?.send.id === send.id;
      // Beside the line, on its right: what comes the other way stays apart.
      const length = Math.hypot(x2 - x1, y2 - y1) || 1, aside = size * 0.9;
      const x = x1 + (x2 - x1) * part - (y2 - y1) / length * aside;
      const y = y1 + (y2 - y1) * part + (x2 - x1) / length * aside;
      mark.dot.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
      const words = [flight.isLost && "lost", isChosen && "chosen", isReply(send.kind) && "reply"];
      set(mark.dot, "class", ["message", ...words.filter(Boolean)].join(" "));
      mark.dot.style.color = kindColour(send.kind);
      set(mark.circle, "r", size);
      mark.dot.style.opacity = flight.isLost ? 1 - long * 0.9 : 1;
    });
    for (let n = flights.length; n < this.pool.length; n += 1) set(this.pool[n].dot, "class", "none");
  }

  makeMessage() {
    const dot = element("g", {}, this.messages), mark = { dot, flight: null };
    element("circle", { r: 13, class: "touch" }, dot);
    mark.circle = element("circle", { class: "body" }, dot);
    element("path", { d: "M-4 -4 4 4M4 -4-4 4", class: "cross" }, dot);
    dot.addEventListener("click", () => this.choose({ flight: mark.flight }));
    return mark;
  }
}

const count = (run) => run.what.nodes.length;

// What of a state fits below a name.
function brief(state) {
  if (!state) return "";
  if (state.term !== undefined) return `term ${state.term}`;
  for (const key of ["value", "messages", "have", "keys"]) {
    const value = state[key];
    if (value === undefined) continue;
    const text = Array.isArray(value) ? `${value.length}` : typeof value === "object" ? "" : String(value);
    if (text !== "") return text.length > 9 ? `${text.slice(0, 8)}…` : text;
  }
  return "";
}
