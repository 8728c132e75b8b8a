// Search in what models answered, and in how they were asked. Texts next to the page are read when they are first searched.

const MOST_SNIPPETS = 20000;
const KEPT_CHARACTERS = 160e6; // texts that stay in memory; of more, each part is read again for each search
let hits = null; // { query, where, rows: one byte a row, snippets: Map, done, of }
let hitPattern = null;
const textParts = new Map(); // number of a part -> promise of its text
const waitingParts = new Map();
let keptCharacters = 0;

// A part's file calls this.
window.lightemmaSearch = (report, number, text) => waitingParts.get(number)?.(report === data.report ? text : null);

/** Frames in the order in which the texts have them: scene by scene. */
const textOrder = (() => {
  let found = null;
  return () => (found ??= Uint32Array.from(frames.scenes.flatMap((_, scene) => framesInOrder(scene))));
})();
const framesInOrder = (() => {
  let byScene = null;
  return (scene) => {
    if (!byScene) {
      byScene = frames.scenes.map(() => []);
      for (let frame = 0; frame < frames.count; frame++) byScene[frames.scene[frame]].push(frame);
    }
    return byScene[scene];
  };
})();

/** Every text that can be searched: of which run, from which place of the order on, and how it is read. */
const allParts = (() => {
  let found = null;
  return () => (found ??= data.folder === null ? partsInPage() : data.search.parts.map((part, number) => ({ ...part, read: () => readPart(number) })));
})();

function partsInPage() {
  const order = textOrder();
  const said = (run, pick) => Array.from(order, (frame) => (data.scenes[frames.scene[frame]].frames[frame].texts[run.number] ?? []).map(pick).filter((text) => typeof text === 'string').join('\n')).join('\0');
  return runs.flatMap((run) => [['answers', (stage) => stage.response], ['prompts', (stage) => stage.prompt]].map(([kind, pick]) => {
    let text = null;
    return { run: run.number, first: 0, kind, read: async () => (text ??= said(run, pick)) };
  }));
}

function readPart(number) {
  if (!textParts.has(number)) {
    const name = data.search.parts[number].file;
    textParts.set(number, new Promise((resolve, reject) => {
      const fail = (why) => { textParts.delete(number); reject(new Error(why)); };
      waitingParts.set(number, (text) => {
        waitingParts.delete(number);
        if (text === null) fail(`“${data.folder}/${name}” belongs to another report; write this report again.`);
        else inflated(text).then((whole) => {
          keptCharacters += whole.length;
          if (keptCharacters > KEPT_CHARACTERS) { keptCharacters -= whole.length; textParts.delete(number); }
          resolve(whole);
        }, () => fail(`“${data.folder}/${name}” is damaged; write this report again.`));
      });
      const script = el('script', { src: [data.folder, name].map(encodeURIComponent).join('/'), onerror: () => fail(`“${data.folder}/${name}” is missing; keep the folder “${data.folder}” next to this page.`) });
      document.head.append(script);
      script.addEventListener('load', () => script.remove());
    }));
  }
  return textParts.get(number);
}

async function inflated(text) {
  const packed = unpack(text, Uint8Array);
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'))).text();
}

/** What is searched for as a pattern: any space for a space, small and capital letters alike. */
function patternOf(query) {
  const escaped = query.trim().replace(/[.*+?^${}()|[\]\\/]/g, '\\$&').replace(/\s+/g, '\\s+');
  return new RegExp(escaped, /^[\x00-\x7f]*$/.test(query) ? 'gi' : 'giu');
}

/** Marks the rows of a part in which the pattern occurs. */
function searchPart(text, part, pattern, into) {
  const starts = [0];
  for (let at = text.indexOf('\0'); at >= 0; at = text.indexOf('\0', at + 1)) starts.push(at + 1);
  const order = textOrder();
  let place = 0;
  pattern.lastIndex = 0;
  for (let hit = pattern.exec(text); hit; hit = pattern.exec(text)) {
    let low = place, high = starts.length - 1;
    while (low < high) { const middle = (low + high + 1) >> 1; if (starts[middle] <= hit.index) low = middle; else high = middle - 1; }
    place = low;
    const row = order[part.first + place] * runs.length + part.run;
    if (!into.rows[row]) {
      into.rows[row] = 1;
      if (into.snippets.size < MOST_SNIPPETS) into.snippets.set(row, snippetAt(text, starts[place], (starts[place + 1] ?? text.length + 1) - 1, hit.index, hit[0].length));
    }
    if (place + 1 >= starts.length) break;
    pattern.lastIndex = starts[place + 1];
  }
}

function snippetAt(text, start, end, at, length) {
  const from = Math.max(start, at - 24), to = Math.min(end, at + length + 60);
  return [`${from > start ? '…' : ''}${text.slice(from, at)}`.replace(/\s+/g, ' '), text.slice(at, at + length), `${text.slice(at + length, to)}${to < end ? '…' : ''}`.replace(/\s+/g, ' ')];
}

/** The rows of prompts that follow a template in whose words the pattern occurs. */
function searchTemplates(pattern, into) {
  const matching = data.templates.map((pieces) => { pattern.lastIndex = 0; return pattern.test(pieces.map((piece) => (typeof piece === 'number' ? '⟨⟩' : piece)).join('')); });
  if (!matching.some(Boolean)) return;
  if (data.folder === null) {
    data.scenes.forEach((scene) => Object.entries(scene.frames).forEach(([frame, one]) => Object.entries(one.texts).forEach(([run, stages]) => {
      if (stages.some((stage) => matching[stage.prompt])) into.rows[Number(frame) * runs.length + Number(run)] = 1;
    })));
    return;
  }
  const good = data.search.wordings.map((numbers) => numbers.some((number) => matching[number]));
  const order = textOrder();
  for (const [run, packed] of Object.entries(data.search.asked)) {
    const asked = unpack(packed, Uint16Array);
    for (let place = 0; place < asked.length; place++) if (good[asked[place]]) into.rows[order[place] * runs.length + Number(run)] = 1;
  }
}

/** Searches all texts; the list follows as parts are read. A later search ends an earlier one. */
async function searchTexts(query, where) {
  if (!query.trim()) { hits = null; hitPattern = null; return; }
  const parts = allParts().filter((part) => where === 'both' || part.kind === where);
  const mine = { query, where, rows: new Uint8Array(frames.count * runs.length), snippets: new Map(), done: 0, of: parts.length, failed: '', started: performance.now(), seconds: 0 };
  hits = mine;
  hitPattern = patternOf(query);
  const pattern = patternOf(query);
  if (where !== 'answers') searchTemplates(pattern, mine);
  let shown = performance.now();
  // Several parts are read at a time; the order in which they come does not matter.
  const waiting = [...parts];
  const worker = async () => {
    for (let part = waiting.shift(); part && hits === mine; part = waiting.shift()) {
      try {
        const text = await part.read();
        if (hits !== mine) return;
        searchPart(text, part, pattern, mine);
      } catch (error) { mine.failed = error.message; }
      mine.done++;
      if (performance.now() - shown > 250) { shown = performance.now(); refresh(true); }
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  if (hits !== mine) return;
  mine.seconds = (performance.now() - mine.started) / 1000;
  refresh();
  if (opened) drawDetail();
}

const hitsIn = (text, kind) => {
  if (!hitPattern || (hits.where !== kind && hits.where !== 'both')) return false;
  hitPattern.lastIndex = 0;
  return hitPattern.test(text);
};

/** Marks of a text, and what was searched for; none overlap. */
function withHits(text, marks, kind) {
  if (!hitsIn(text, kind)) return marks;
  const places = [...(marks ?? [])];
  hitPattern.lastIndex = 0;
  for (let hit = hitPattern.exec(text), count = 0; hit && count < 200; hit = hitPattern.exec(text), count++) {
    if (!places.some(([start, end]) => hit.index < end && start < hit.index + hit[0].length)) places.push([hit.index, hit.index + hit[0].length]);
  }
  return places.sort((a, b) => a[0] - b[0]);
}

/** Reads texts ahead of the first search, once the reader turns to the frames, one part after the other while nothing else is to do. */
const readAhead = (() => {
  let begun = false;
  return () => {
    if (begun || data.folder === null) return;
    begun = true;
    const waiting = allParts().filter((part) => part.kind === 'answers').slice(0, 60);
    const idle = window.requestIdleCallback ?? ((action) => setTimeout(action, 30));
    const next = () => waiting.shift()?.read().then(() => idle(next), () => {});
    next();
  };
})();
