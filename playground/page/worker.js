// Beside the page, so that it stays responsive: runs the module. Each run and each judgement has a
// module of its own, so that nothing is left of a run in which a node panicked.

// The module, soon.
let compiled;

// Whoever hears a run gets what is told of it after this long, and then whenever the time has doubled.
const FIRST_MS = 60;
const decoder = new TextDecoder();

// `argument` is of a judgement how many entries are judged, and of a search for a smaller run after
// how many milliseconds it ends, with the best so far.
async function call(number, name, texts, argument, isHeard) {
  const started = performance.now(), deadline = started + argument;
  let told = [], due = isHeard && name === "run" ? started + FIRST_MS : Infinity;
  const instance = await WebAssembly.instantiate(await compiled, {
    page: {
      tell(start, length) {
        const bytes = new Uint8Array(instance.exports.memory.buffer, start, length);
        const line = decoder.decode(bytes), now = performance.now();
        told.push(line);
        // How much is left of a run that is made small is heard at once.
        if (now < due && !line.startsWith('["left"')) return;
        postMessage({ number, said: told });
        told = [];
        // A search that was never due is not due now: its last line is its answer.
        if (now >= due) due = started + 2 * (now - started);
      },
      is_over() { return performance.now() > deadline; },
    },
  });
  const { exports } = instance;
  if (texts !== undefined) {
    const bytes = new TextEncoder().encode(texts);
    const place = exports.take(bytes.length);
    new Uint8Array(exports.memory.buffer, place, bytes.length).set(bytes);
  }
  let trap = null;
  try { exports[name](argument); } catch (error) { trap = String(error.message ?? error); }
  return { told, trap };
}

// The module is compiled while it is unpacked. `fromBase64` takes some 5 ms, and browsers since 2025
// have it; in the others `fetch` takes some 150.
async function compile(packed) {
  const { body } = Uint8Array.fromBase64 ? new Response(Uint8Array.fromBase64(packed)) :
    await fetch(`data:application/octet-stream;base64,${packed}`);
  const unpacked = body.pipeThrough(new DecompressionStream("gzip"));
  const headers = { "Content-Type": "application/wasm" };
  return WebAssembly.compileStreaming(new Response(unpacked, { headers }));
}

onmessage = async ({ data: { number, module, name, text, argument, isHeard } }) => {
  try {
    if (module) compiled = compile(module);
    await compiled;
    const started = performance.now();
    const done = name ? await call(number, name, text, argument, isHeard) : {};
    postMessage({ number, took: performance.now() - started, ...done });
  } catch (error) {
    postMessage({ number, told: [], trap: String(error.message ?? error) });
  }
};
