// What nodes said of themselves: each change with the value before it, and what they were at a
// moment.

/** Fields that say in which period of its rule a leader is, shown beside its role. */
const PERIODS = ["term", "view", "epoch", "ballot"];

/**
 * Changes as they stand in the data, put together: what a node said at one moment is one change,
 * with the fields that differ and their values before and after. `states` is filled on the way.
 */
function gather(columns, first) {
  const { lane, field, value, texts, known } = columns;
  const at = running(columns.at_steps), before = running(columns.before_steps);
  const states = new Map(), changes = [];
  const text = (number) => (number < 0 ? undefined : texts[number]);
  for (let n = 0; n < lane.length; n++) {
    const now = states.get(lane[n]) || new Map();
    states.set(lane[n], now);
    const last = changes[changes.length - 1];
    const goesOn = n > known && last && last.lane === lane[n] && last.time === at[n] && last.before === before[n] && !last.gone;
    const change = goesOn ? last : { lane: lane[n], time: at[n], before: before[n], fields: [], gone: false, step: -1 };
    if (field[n] < 0) {
      now.forEach((old, name) => change.fields.push({ field: name, old, now: undefined }));
      now.clear();
      change.gone = true;
    } else {
      change.fields.push({ field: field[n], old: now.get(field[n]), now: text(value[n]) });
      if (value[n] < 0) now.delete(field[n]); else now.set(field[n], text(value[n]));
    }
    if (n >= known && !goesOn) changes.push(change);
    if (n === known - 1) states.forEach((state, of) => first.set(of, new Map(state)));
  }
  return changes;
}

function makeStates(model) {
  const { fields, is_sampled, changes: columns } = model.states, { store } = model;
  const outline = gather(columns, new Map());
  const nodes = model.lanes.map((_, lane) => lane).filter((lane) => model.lanes[lane].kind === "node");
  const period = PERIODS.map((name) => fields.indexOf(name)).find((field) => field >= 0);
  // The field that a node names first; what colours its lane.
  const firstField = new Map(model.states.first);
  /** The changes of a chunk, in a run of which the page has not all. */
  function ofChunk(chunk) {
    if (!chunk.rows.gathered) {
      chunk.rows.known = new Map();
      chunk.rows.gathered = gather(chunk.rows.states, chunk.rows.known);
    }
    return chunk.rows.gathered;
  }
  const states = {
    fields, nodes, outline, isSampled: is_sampled, any: outline.length > 0,
    bands: bandsOf(outline, firstField, period),

    /** The changes of all that is loaded, none left out. */
    exact: () => !is_sampled ? outline : store.loaded().flatMap(ofChunk),

    /** The changes that there are to draw between these positions: lists, and of each the places
     *  from where to where. */
    changesIn(axis, from, to) {
      let lists = [outline];
      if (is_sampled) {
        const chunks = store.loaded().filter((chunk) => axis.chunkIn(chunk, from, to));
        if (chunks.length || axis.isOrder) lists = chunks.map(ofChunk);
      }
      const place = (list, position) => firstPlace(list.length, (n) => axis.change(list[n]) >= position);
      return lists.map((list) => ({ list, begin: place(list, from), end: place(list, to + 1e-9) }));
    },

    /** What each node is once the event of this step is over: by lane, its fields. In `isExact`
     *  whether the page knows all that changed before it. */
    at(order, step) {
      const time = order.time[step], all = new Map();
      const chunk = is_sampled && store.loaded().find(({ rows, start, end }) => rows.states && start <= time && time <= end);
      if (chunk) {
        const changes = ofChunk(chunk);
        chunk.rows.known.forEach((state, lane) => all.set(lane, new Map(state)));
        changes.forEach((change) => { if (change.step <= step) apply(all, change); });
      } else if (is_sampled) {
        outline.forEach((change) => { if (change.time <= time) apply(all, change); });
      } else {
        outline.forEach((change) => { if (change.step >= 0 && change.step <= step) apply(all, change); });
      }
      return { all, isExact: !is_sampled || !!chunk };
    },
    describe: (change) => change.gone ? "killed" : change.fields.map(({ field, old, now }) =>
      `${fields[field]}: ${old === undefined ? "" : plain(old) + " → "}${now === undefined ? "–" : plain(now)}`).join(", "),
    firstField, period,
  };
  return states;
}

function apply(all, { lane, fields, gone }) {
  if (gone) { all.set(lane, null); return; }
  const state = all.get(lane) || new Map();
  all.set(lane, state);
  fields.forEach(({ field, now }) => { if (now === undefined) state.delete(field); else state.set(field, now); });
}

/** A value as it is shown: text without its quotes. */
function plain(json) {
  if (json === "null") return "–";
  return json.startsWith('"') && json.endsWith('"') ? json.slice(1, -1) : json;
}

/** By lane, the pieces of its band: from which change on, the value that colours it, its label. */
function bandsOf(changes, firstField, period) {
  const bands = new Map(), labels = new Map();
  for (const change of changes) {
    const { lane, fields, gone } = change, first = firstField.get(lane);
    const pieces = bands.get(lane) || [];
    bands.set(lane, pieces);
    const now = labels.get(lane) || {};
    labels.set(lane, now);
    if (gone) {
      pieces.push({ change, value: null, label: "" });
      now.value = now.period = undefined;
      continue;
    }
    let isNew = false;
    for (const { field, now: value } of fields) {
      if (field === first) { isNew ||= now.value !== value; now.value = value; }
      if (field === period) { isNew ||= now.period !== value; now.period = value; }
    }
    if (!isNew || now.value === undefined) continue;
    const beside = now.period === undefined || first === period ? "" : ` ${now.period}`;
    pieces.push({ change, value: now.value, label: plain(now.value) + beside });
  }
  return bands;
}

/** What makes a value of a field a number: itself, or how many elements it has. */
function amount(json) {
  if (/^-?\d+(\.\d+)?$/.test(json)) return Number(json);
  if (!json.startsWith("[")) return null;
  try { return JSON.parse(json).length; } catch (error) { return null; }
}

/** How the values of the bands are coloured: words each in a colour of its own, numbers from pale
 *  to strong. */
function bandScale(model) {
  const words = [], numbers = [];
  model.states.bands.forEach((pieces) => pieces.forEach(({ value }) => {
    if (value === null) return;
    const number = amount(value);
    if (number !== null) numbers.push(number);
    else if (!words.includes(value)) words.push(value);
  }));
  const low = numbers.reduce((a, b) => Math.min(a, b), Infinity);
  const high = numbers.reduce((a, b) => Math.max(a, b), -Infinity);
  const special = { '"leader"': "leader", '"candidate"': "candidate", '"follower"': "follower", '"pre-candidate"': "waiting" };
  return {
    words, low, high,
    /** The name of a colour, and how strong it is. */
    of(value) {
      const number = amount(value);
      if (number !== null) return { name: "amount", strength: high > low ? .12 + .88 * (number - low) / (high - low) : .6 };
      if (special[value]) return { name: special[value], strength: 1 };
      return { name: "k" + words.indexOf(value) % 8, strength: .9 };
    },
  };
}
