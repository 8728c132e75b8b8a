// The frame browser: filters, and a list that draws only the rows in sight.

// A row is as tall as the longest name needs, so that every name is whole.
const ROW_LINES = Math.max(...runs.map((run) => nameLines(run.name, 46).length));
const STACKED = runs.some((run) => run.name.length > 10);
const ROW = STACKED ? 28 + 17 * ROW_LINES : 30;
const NO_FILTER = { run: '', outcome: '', words: '', end: '', shared: '', scene: '', from: '', to: '', text: '', say: '', in: '', order: 'scene' };
const noFilter = () => ({ ...NO_FILTER, ...Object.fromEntries(frames.families.map((family) => [family.name, ''])) });
let filter = { ...NO_FILTER };
let found = new Uint32Array(0);
let chosen = null; // { frame, run } of the detail
const browserParts = {};

const placeOf = (frame, run) => found.indexOf(frame * runs.length + run);

function select(name, label, options) {
  const box = el('select', { id: `filter-${name}`, name, onchange: (event) => setFilter({ [name]: event.target.value }) },
    options.map(([value, text]) => el('option', { value }, text)));
  browserParts[name] = box;
  return el('label', null, el('span', null, label), box);
}

function entry(name, label, attributes) {
  let waiting = 0;
  const box = el('input', { id: `filter-${name}`, name, ...attributes, oninput: (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => setFilter({ [name]: event.target.value }), 120);
  } });
  browserParts[name] = box;
  return el('label', null, el('span', null, label), box);
}

function buildFilters() {
  const kinds = frames.outcomes.map((name) => [name, name === 'ok' ? 'ok' : kindText(name)]);
  fill($('filters'), null, [
    entry('say', 'Words in answers or prompts', { type: 'search', autocomplete: 'off', spellcheck: 'false', onfocus: readAhead }),
    select('in', 'Searched', [['', 'answers'], ['prompts', 'prompts’ wording'], ['both', 'both']]),
    select('run', 'Run', [['', 'all'], ...runs.map((run) => [run.name, run.name])]),
    select('outcome', 'Outcome', [['', 'all'], ['scored', 'scored'], ['failed', 'any failure'], ['bad', 'any failure, or beyond physics'], ['format', 'any format error'], ['call', 'any call error'], ...kinds]),
    hasWords ? select('words', 'Words', [['', 'all'], ...Object.entries(WORDS).map(([value, [text]]) => [value, text])]) : null,
    frames.families.map((family) => select(family.name, family.name[0].toUpperCase() + family.name.slice(1), [['', 'all'], ...family.labels.map((label) => [label, label])])),
    frames.families.some((family) => family.name === 'scene') ? null : select('scene', 'Scene', [['', 'all'], ...frames.scenes.map((name) => [name, name])]),
    el('fieldset', { class: 'range' }, el('legend', null, 'L2 average, m'),
      entry('from', 'from', { type: 'number', min: 0, step: 'any', inputmode: 'decimal' }),
      entry('to', 'to', { type: 'number', min: 0, step: 'any', inputmode: 'decimal' })),
    select('end', 'Plan', [['', 'all'], ['missed', 'a point more than 2 m off'], ['hit', 'all points within 2 m']]),
    select('shared', 'Frames', [['', 'all'], ['yes', 'scored in every run']]),
    entry('text', 'Scene or token', { type: 'search', autocomplete: 'off', spellcheck: 'false' }),
    select('order', 'Order', Object.entries(ORDERS).map(([value, [text]]) => [value, text]))]);
  $('filters').addEventListener('submit', (event) => event.preventDefault());
}

function setFilter(changes) {
  const before = filter;
  filter = { ...filter, ...changes };
  if (filter.say !== before.say || filter.in !== before.in) searchTexts(filter.say, filter.in || 'answers');
  for (const [name, box] of Object.entries(browserParts)) if (box !== document.activeElement || !(name in changes)) box.value = filter[name] ?? '';
  refresh();
  writeAddress();
}

// Browsers lay out nothing that is taller than some 16 million pixels; of more rows, a pixel of scrolling is several of the list.
const TALLEST = 12e6;
const shrink = () => Math.max(1, (found.length * rowHeight()) / TALLEST);

/** A row's height: with the words around a hit below, while texts are searched. */
const rowHeight = () => ROW + (hits ? 19 : 0);

function searchNote() {
  if (!hits) return '';
  if (hits.done < hits.of) return ` · searching, ${hits.done} of ${hits.of} parts read`;
  return hits.failed ? ` · ${hits.failed}` : '';
}

/** Finds the rows again; `still` keeps the list where it is. */
function refresh(still = false) {
  found = findRows(filter);
  $('count').textContent = `${grouped(found.length)} of ${grouped(frames.count * runs.length)} rows (${grouped(frames.count)} frames, ${runs.length} runs)${searchNote()}`;
  $('rows').style.height = `${Math.min(TALLEST, Math.max(1, found.length) * rowHeight())}px`;
  if (!still) $('list').scrollTop = 0;
  drawRows();
}

function drawRows() {
  const list = $('list');
  const tall = rowHeight();
  const above = list.scrollTop * shrink();
  const first = Math.max(0, Math.floor(above / tall) - 6);
  const last = Math.min(found.length, Math.ceil((above + list.clientHeight) / tall) + 6);
  const drawn = [];
  for (let place = first; place < last; place++) drawn.push(drawRow(place, list.scrollTop + place * tall - above));
  $('rows').replaceChildren(...(found.length ? drawn : [el('p', { class: 'note none' }, 'No frame matches these filters.')]));
  const active = $('rows').querySelector('[aria-selected="true"]');
  if (active) list.setAttribute('aria-activedescendant', active.id);
  else list.removeAttribute('aria-activedescendant');
}

function drawRow(place, top) {
  const run = runs[found[place] % runs.length], frame = Math.floor(found[place] / runs.length);
  const outcome = outcomeOf(run.number, frame), scored = outcome.startsWith('ok');
  const gap = advantageOf(run.number, frame);
  const snippet = hits?.snippets.get(found[place]);
  const selected = chosen && chosen.frame === frame && chosen.run === run.number;
  return el('div', { class: STACKED ? 'row stacked' : 'row', id: `row-${place}`, role: 'option', 'aria-selected': String(Boolean(selected)), 'aria-posinset': place + 1, 'aria-setsize': found.length,
    vars: { top: `${top}px`, height: `${rowHeight()}px` }, onclick: () => openFrame(frame, run.number) },
    el('span', { class: 'who' }, swatch(run), el('span', null, STACKED ? nameLines(run.name, 46).flatMap((line, number) => (number ? [el('br'), line] : [line])) : run.name)), el('span', { class: 'where' }, el('span', null, frames.scenes[frames.scene[frame]]), ` #${frames.index[frame]}`),
    scored ? [el('span', null, fixed(errorOf(run.number, frame))), el('span', { class: run === baseline ? 'muted' : gap < 0 ? 'gain' : 'loss' }, run === baseline ? '' : signed(gap))]
      : el('span', { class: 'failed' }, kindText(outcome)),
    snippet ? el('span', { class: 'snippet' }, snippet[0], el('mark', null, snippet[1]), snippet[2]) : null);
}

function scrollTo(place) {
  const list = $('list'), tall = rowHeight(), top = place * tall, above = list.scrollTop * shrink();
  if (top < above) list.scrollTop = top / shrink();
  else if (top + tall > above + list.clientHeight) list.scrollTop = (top + tall - list.clientHeight) / shrink();
  drawRows();
}

/** Opens the row that is `steps` places from the chosen one. */
function move(steps) {
  if (!found.length) return;
  const now = chosen ? placeOf(chosen.frame, chosen.run) : -1;
  const place = Math.max(0, Math.min(found.length - 1, now < 0 ? 0 : now + steps));
  openFrame(Math.floor(found[place] / runs.length), found[place] % runs.length);
}

/** Sets the filters, as a click in another part of the page asks, and scrolls to the list; ``open`` opens its first frame. */
function showFrames(changes, open = false) {
  setFilter({ ...noFilter(), ...changes });
  if (open && found.length) openFrame(Math.floor(found[0] / runs.length), found[0] % runs.length);
  $('frames').scrollIntoView();
  $('list').focus({ preventScroll: true });
}

function downloadFrames() {
  const families = frames.families.map((family) => family.name);
  const columns = ['run', 'scene', 'frame_index', 'sample_token', 'outcome', ...families, 'speed', `l2_avg_${state.convention}`, 'diff_vs_baseline'];
  const rows = Array.from(found, (row) => {
    const run = row % runs.length, frame = Math.floor(row / runs.length);
    return [runs[run].name, frames.scenes[frames.scene[frame]], frames.index[frame], frames.tokens[frame], outcomeOf(run, frame),
      ...frames.families.map((family) => labelOf(family, frame) ?? ''), frames.speed[frame], errorOf(run, frame), advantageOf(run, frame)];
  });
  download('frames.csv', columns, rows);
}

function startBrowser() {
  buildFilters();
  if (STACKED) document.querySelector('.row.head').classList.add('stacked');
  $('reset').addEventListener('click', () => setFilter(noFilter()));
  $('frames-csv').addEventListener('click', downloadFrames);
  $('list').addEventListener('scroll', drawRows, { passive: true });
  $('list').addEventListener('keydown', (event) => {
    const page = Math.max(1, Math.floor($('list').clientHeight / rowHeight()) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
    if (steps === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    move(steps);
  });
  $('frames').addEventListener('keydown', (event) => {
    if (event.target.matches('input, select, [type=radio]') || event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (steps === undefined) return;
    event.preventDefault();
    move(steps);
  });
  let convention = state.convention;
  whenChanged(() => {
    if (state.convention === convention) return;
    convention = state.convention;
    refresh();
    if (chosen) drawDetail();
  });
  refresh();
}
