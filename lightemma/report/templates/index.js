// Every frame of every run as columns of numbers: what filters and sorts 35,000 rows within a blink.

const frames = (() => {
  const given = data.frames;
  return {
    count: given.tokens.length,
    tokens: given.tokens,
    scenes: given.scenes,
    scene: unpack(given.scene, Uint16Array),
    index: given.index,
    speed: unpack(given.speed, Float32Array),
    families: given.families.map((family) => ({ ...family, codes: unpack(family.codes, Uint8Array) })),
    outcomes: given.outcomes,
    runs: given.runs.map((run) => ({
      words: unpack(run.words, Uint8Array),
      outcome: unpack(run.outcome, Uint8Array),
      seconds: run.seconds === null ? null : unpack(run.seconds, Float32Array),
      errors: Object.fromEntries(Object.entries(run.errors).map(([name, text]) => [name, unpack(text, Float32Array)])),
    })),
  };
})();

const frameName = (frame) => `${frames.scenes[frames.scene[frame]]} #${frames.index[frame]}`;
const outcomeOf = (run, frame) => frames.outcomes[frames.runs[run].outcome[frame]] ?? 'other';
const errorOf = (run, frame) => frames.runs[run].errors[state.convention][frame];
const advantageOf = (run, frame) => errorOf(run, frame) - errorOf(baseline.number, frame);
const labelOf = (family, frame) => family.labels[family.codes[frame]];
const modelRuns = runs.filter((run) => run.kind === 'model');
const beyondPhysics = frames.outcomes.indexOf('ok:implausible');

/** How far apart the models' errors of a frame are, plans beyond physics left aside. */
function spreadOf(frame) {
  let low = Infinity, high = -Infinity;
  for (const run of modelRuns) {
    const error = frames.runs[run.number].outcome[frame] === beyondPhysics ? NaN : errorOf(run.number, frame);
    if (error < low) low = error;
    if (error > high) high = error;
  }
  return high - low;
}

// Plans beyond physics come last among the worst: they say nothing about driving, and have a filter of their own.
const last = beyondPhysics < 0 ? '' : ', beyond physics last';
const sensible = (key) => (run, frame) => (frames.runs[run].outcome[frame] === beyondPhysics ? 1e30 : key(run, frame));
// Always the same draw, so that a link shows the same frames: a frame's number, scattered (Knuth's multiplicative hashing).
const scattered = (run, frame) => Math.imul(frame + 1, 2654435761) >>> 0;
const ORDERS = {
  scene: ['in order of scenes', null],
  random: ['at random', scattered],
  apart: ['where models differ most', (run, frame) => -spreadOf(frame)],
  worst: [`worst first${last}`, sensible((run, frame) => -errorOf(run, frame))],
  best: ['best first', errorOf],
  gain: ['largest gain on the baseline', advantageOf],
  loss: [`largest loss to the baseline${last}`, sensible((run, frame) => -advantageOf(run, frame))],
  slowest: ['slowest answers first', (run, frame) => -(frames.runs[run].seconds?.[frame] ?? NaN)],
};
if (modelRuns.length < 2) delete ORDERS.apart;
if (!frames.runs.some((run) => run.seconds)) delete ORDERS.slowest;

// Bits of what a frame's words are, as the page's data has them.
const JUDGED = 1, RIGHT = 2, FOLLOWED = 4, SLOWER = 8, MISSED = 16;
const WORDS = {
  right: ['right', (bits) => bits & RIGHT],
  wrong: ['wrong', (bits) => !(bits & RIGHT)],
  followed: ['followed by the plan', (bits) => bits & FOLLOWED],
  departed: ['not followed by the plan', (bits) => !(bits & FOLLOWED)],
  'right-departed': ['right, and not followed', (bits) => bits & RIGHT && !(bits & FOLLOWED)],
  'slower-departed': ['“slower”, and the plan is not', (bits) => bits & SLOWER && !(bits & FOLLOWED)],
};
const hasWords = frames.runs.some((run) => run.words.some((bits) => bits & JUDGED));

/** Frames for which every run has a scored plan. */
const sharedFrames = (() => {
  let found = null;
  return () => (found ??= Uint8Array.from({ length: frames.count }, (_, frame) => Number(runs.every((run) => !Number.isNaN(errorOf(run.number, frame))))));
})();

/** Whether an outcome is what was asked for: one kind, or all of a group. */
function outcomeTest(wanted) {
  return frames.outcomes.map((name) => {
    if (!wanted || wanted === name) return true;
    if (wanted === 'bad') return name !== 'ok';
    return wanted === 'failed' ? !name.startsWith('ok') : wanted === 'scored' ? name.startsWith('ok') : name.startsWith(`${wanted}:`);
  });
}

/** Rows (frame times the number of runs, plus run) that pass all filters, in order. */
function findRows(filter) {
  const width = runs.length;
  const wantedRuns = filter.run ? [runNamed.get(filter.run).number] : runs.map((run) => run.number);
  const test = outcomeTest(filter.outcome);
  const said = filter.words ? WORDS[filter.words][1] : null;
  const scene = filter.scene ? frames.scenes.indexOf(filter.scene) : -1;
  const kinds = frames.families.map((family) => [family, filter[family.name]]).filter(([, label]) => label)
    .map(([family, label]) => [family.codes, family.labels.indexOf(label)]);
  const text = (filter.text || '').trim().toLowerCase();
  const sceneHit = text ? frames.scenes.map((name) => name.toLowerCase().includes(text)) : null;
  const from = filter.from === '' ? NaN : Number(filter.from), to = filter.to === '' ? NaN : Number(filter.to);
  const bounded = !Number.isNaN(from) || !Number.isNaN(to);
  const shared = filter.shared ? sharedFrames() : null;
  const missed = filter.end ? (filter.end === 'missed' ? MISSED : 0) : null;
  const rows = [];
  for (let frame = 0; frame < frames.count; frame++) {
    if (scene >= 0 && frames.scene[frame] !== scene) continue;
    if (shared && !shared[frame]) continue;
    if (kinds.some(([codes, code]) => codes[frame] !== code)) continue;
    if (text && !sceneHit[frames.scene[frame]] && !frames.tokens[frame].toLowerCase().includes(text)) continue;
    for (const run of wantedRuns) {
      if (hits && !hits.rows[frame * width + run]) continue;
      if (missed !== null && ((frames.runs[run].words[frame] & MISSED) !== missed || Number.isNaN(errorOf(run, frame)))) continue;
      if (said && !(frames.runs[run].words[frame] & JUDGED && said(frames.runs[run].words[frame]))) continue;
      if (!(test[frames.runs[run].outcome[frame]] ?? !filter.outcome)) continue;
      if (bounded) {
        const error = errorOf(run, frame);
        if (Number.isNaN(error) || error < from || error > to) continue;
      }
      rows.push(frame * width + run);
    }
  }
  const key = (ORDERS[filter.order] || ORDERS.scene)[1];
  if (!key) return Uint32Array.from(rows);
  const keys = new Float64Array(rows.length);
  rows.forEach((row, place) => { const value = key(row % width, Math.floor(row / width)); keys[place] = Number.isNaN(value) ? Infinity : value; });
  const order = Uint32Array.from(rows.keys()).sort((a, b) => keys[a] - keys[b] || a - b);
  return order.map((place) => rows[place]);
}
