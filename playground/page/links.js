// A link is a run: behind the # stands the name of a scene, or all of a run, packed.
//
//   #lin-kv                    a scene as it is in the list
//   #1.eNq…                    version 1: zlib, in base64url, of one line of JSON
//                              { scene, seed, flags, tape, edits }: a tape in the place of the
//                              scene's, if there is one, and lines of a tape of edits; with a
//                              workload besides, the scene is a node's program, and the bench
//                              wrote the link (maelstrom/bench/src/run/playground.rs)
//   #2.q1a…                    version 2: the same as a list, in which frequent words are one
//                              character each: without zlib's header, so that a small run is short

const LINK_VERSION = 2;
const LINK_CHARACTERS = 2000;
const READ_CHARACTERS = 20000;

// What stands in links of version 2 for the characters from 128 on. No more than 128, and none may
// ever be changed: they can only become more.
const FIRST_WORD = 128;
const WORDS = ['"--nemesis-interval","', '{:tape 2, :workload \\"', '"--latency-dist","',
  '"--concurrency","', ', :starts false', '"--time-limit","', '"--node-count","', ', :starts true',
  'append_entries', 'txn-rw-register', 'txn-list-append', ', :edits true}', '"--latency","',
  '"--nemesis","', ', :links [[\\"', '"exponential"', ', :adds true', ', :fates [[', ', :nodes [\\"',
  'request_vote', ', :type \\"', '"--nodes","', '"--calm","', '"--rate","', '{:from \\"', ', :value [',
  '\\", :seed ', ', :thread ', '"constant"', '"uniform"', '}\\n{:at ', ', :fault :', ', :to \\"',
  'broadcast', 'partition', '\\"] [\\"', '[:append ', 'pre_vote', 'counter', 'one-way', '\\" \\"',
  '000000', ', :f :', 'lin-kv', '_reply', '{:at ', 'kafka', 'write', 'pause', '],["', ' nil]', ']}\\n',
  'read', 'kill', 'send', 'poll', '[:w ', '[:r ', 'true', '"0"]', 'txn', 'cas', 'nil', '] ['];
const wordAt = (place) => String.fromCharCode(FIRST_WORD + place);

async function through(stream, bytes) {
  const readable = new Blob([bytes]).stream().pipeThrough(stream);
  return new Uint8Array(await new Response(readable).arrayBuffer());
}

async function packLink({ scene, workload, seed, flags, tape, edits }) {
  const list = [scene, seed, flags, tape ?? 0, edits, workload ?? 0];
  // The characters from 128 on are free then.
  let text = JSON.stringify(list).replace(/[\u0080-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
  WORDS.forEach((word, place) => { text = text.replaceAll(word, wordAt(place)); });
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  const deflated = await through(new CompressionStream("deflate-raw"), bytes);
  const packed = btoa(String.fromCharCode(...deflated))
    .replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  return `#${LINK_VERSION}.${packed}${checkOf(packed)}`;
}

// Three characters that tell whether a link of version 2 is whole.
function checkOf(packed) {
  let sum = 0;
  for (const character of packed) sum = (sum * 31 + character.charCodeAt(0)) % 46656;
  return sum.toString(36).padStart(3, "0");
}

const bytesOf = (packed) => Uint8Array.from(atob(packed.replaceAll("-", "+").replaceAll("_", "/")),
  (character) => character.charCodeAt(0));

// What a link of this version asks for. Throws whatever it likes if it is damaged.
async function unpack(version, packed) {
  if (version === 1)
    return JSON.parse(new TextDecoder().decode(
      await through(new DecompressionStream("deflate"), bytesOf(packed))));
  const whole = packed.slice(0, -3);
  if (packed !== whole + checkOf(whole)) throw "";
  const characters = await through(new DecompressionStream("deflate-raw"), bytesOf(whole));
  const text = Array.from(characters, (code) =>
    code < FIRST_WORD ? String.fromCharCode(code) : WORDS[code - FIRST_WORD]).join("");
  const [scene, seed, flags, tape, edits, workload] = JSON.parse(text);
  return { scene, seed, flags, tape: tape || undefined, edits, workload: workload || undefined };
}

// What a link asks for. Throws a sentence.
async function readLink(hash, scenes) {
  const text = decodeURIComponent(hash.replace(/^#/, ""));
  if (text === "") return { scene: scenes[0].name };
  if (scenes.some((scene) => scene.name === text)) return { scene: text };
  if (text.length > READ_CHARACTERS)
    throw `This link has ${text.length} characters, and no link of this page has more than ${READ_CHARACTERS}: it is none.`;
  const [, version, packed] = /^(\d+)\.(.*)$/s.exec(text) ?? [];
  if (version === undefined) throw `There is no scene ${text.slice(0, 60)}: choose one from the list.`;
  if (![1, LINK_VERSION].includes(Number(version)))
    throw `This link is of version ${version}, and this page reads versions 1 and ${LINK_VERSION}: open it with the page that made it.`;
  try {
    const asked = await unpack(Number(version), packed);
    const { scene, workload, seed = "1", flags = [], edits = [] } = asked;
    const tape = asked.tape ?? undefined;
    const isText = (value) => typeof value === "string";
    const isPair = (pair) => Array.isArray(pair) && pair.length === 2 && pair.every(isText);
    const isMaybe = (value) => value === undefined || isText(value);
    if (!isText(scene) || !isText(seed) || !isMaybe(workload) || !isMaybe(tape) ||
      !flags.every(isPair) || !edits.every(isText)) throw "";
    return { scene, workload, seed, flags, tape, edits };
  } catch {
    throw "This link is damaged: some of its characters are missing or others. Ask for it again.";
  }
}
