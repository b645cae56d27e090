// Runs a node in real time or, in lockstep, in virtual time: see book/lockstep.md.
const lockstep = process.env.MAELSTROM_LOCKSTEP === "1";
const clock = () => Math.floor(performance.now() * 1e6);
let state = Number(BigInt(process.env.MAELSTROM_SEED || Date.now()) % 4294967296n);
let timers = [], out = "", alarm;
const node = { now: 0, id: null, ids: [] }; // the time, in nanoseconds, is the only clock

node.random = () => { // the only chance; mulberry32, for Math.random takes no seed
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
};
node.send = (dest, body) => {
  out += JSON.stringify({ src: node.id, dest, body }) + "\n";
};
node.reply = (request, body) => {
  node.send(request.src, { ...body, in_reply_to: request.body.msg_id });
};
node.after = (delay, run) => {
  timers.push({ at: node.now + Math.floor(delay), run });
  timers.sort((a, b) => a.at - b.at); // stable: of two at once, the older one is first
};

function step(handle, at, message) {
  node.now = Math.max(node.now, at);
  while (timers.length && timers[0].at <= node.now) timers.shift().run();
  if (message && message.body.type === "init") {
    [node.id, node.ids] = [message.body.node_id, message.body.node_ids];
    node.reply(message, { type: "init_ok" });
  } else if (message) handle(message);
  if (lockstep) out += JSON.stringify({ idle: timers.length ? timers[0].at : null }) + "\n";
  process.stdout.write(out);
  out = "";
  clearTimeout(alarm);
  if (lockstep || !timers.length) return;
  alarm = setTimeout(() => step(handle, clock()), (timers[0].at - node.now) / 1e6);
}

node.run = (handle) => { // a step is a line or, by the real clock, a timer that is due
  const lines = require("readline").createInterface({ input: process.stdin });
  lines.on("close", () => process.exit()).on("line", (line) => {
    const read = JSON.parse(line);
    if (lockstep) step(handle, read.at, read.message);
    else step(handle, clock(), read);
  });
};
module.exports = node;
