// The frame browser: filters, and a list that draws only the rows in sight.

const ROW = 30;
const NO_FILTER = { run: '', outcome: '', words: '', scene: '', from: '', to: '', text: '', order: 'worst' };
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
    select('run', 'Run', [['', 'all'], ...runs.map((run) => [run.name, run.name])]),
    select('outcome', 'Outcome', [['', 'all'], ['scored', 'scored'], ['failed', 'any failure'], ['format', 'any format error'], ['call', 'any call error'], ...kinds]),
    hasWords ? select('words', 'Words', [['', 'all'], ...Object.entries(WORDS).map(([value, [text]]) => [value, text])]) : null,
    frames.families.map((family) => select(family.name, family.name[0].toUpperCase() + family.name.slice(1), [['', 'all'], ...family.labels.map((label) => [label, label])])),
    frames.families.some((family) => family.name === 'scene') ? null : select('scene', 'Scene', [['', 'all'], ...frames.scenes.map((name) => [name, name])]),
    el('fieldset', { class: 'range' }, el('legend', null, 'L2 average, m'),
      entry('from', 'from', { type: 'number', min: 0, step: 'any', inputmode: 'decimal' }),
      entry('to', 'to', { type: 'number', min: 0, step: 'any', inputmode: 'decimal' })),
    entry('text', 'Scene or token', { type: 'search', autocomplete: 'off', spellcheck: 'false' }),
    select('order', 'Order', Object.entries(ORDERS).map(([value, [text]]) => [value, text]))]);
  $('filters').addEventListener('submit', (event) => event.preventDefault());
}

function setFilter(changes) {
  filter = { ...filter, ...changes };
  for (const [name, box] of Object.entries(browserParts)) if (box !== document.activeElement || !(name in changes)) box.value = filter[name] ?? '';
  refresh();
}

function refresh() {
  found = findRows(filter);
  $('count').textContent = `${grouped(found.length)} of ${grouped(frames.count * runs.length)} rows (${grouped(frames.count)} frames, ${runs.length} runs)`;
  $('rows').style.height = `${Math.max(1, found.length) * ROW}px`;
  $('list').scrollTop = 0;
  drawRows();
}

function drawRows() {
  const list = $('list');
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 6);
  const last = Math.min(found.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 6);
  const drawn = [];
  for (let place = first; place < last; place++) drawn.push(drawRow(place));
  $('rows').replaceChildren(...(found.length ? drawn : [el('p', { class: 'note none' }, 'No frame matches these filters.')]));
  const active = $('rows').querySelector('[aria-selected="true"]');
  if (active) list.setAttribute('aria-activedescendant', active.id);
  else list.removeAttribute('aria-activedescendant');
}

function drawRow(place) {
  const run = runs[found[place] % runs.length], frame = Math.floor(found[place] / runs.length);
  const outcome = outcomeOf(run.number, frame), scored = outcome.startsWith('ok');
  const gap = advantageOf(run.number, frame);
  const selected = chosen && chosen.frame === frame && chosen.run === run.number;
  return el('div', { class: 'row', id: `row-${place}`, role: 'option', 'aria-selected': String(Boolean(selected)), 'aria-posinset': place + 1, 'aria-setsize': found.length,
    vars: { top: `${place * ROW}px` }, onclick: () => openFrame(frame, run.number) },
    el('span', null, swatch(run), run.name), el('span', { class: 'where' }, el('span', null, frames.scenes[frames.scene[frame]]), ` #${frames.index[frame]}`),
    scored ? [el('span', null, fixed(errorOf(run.number, frame))), el('span', { class: run === baseline ? 'muted' : gap < 0 ? 'gain' : 'loss' }, run === baseline ? '' : signed(gap))]
      : el('span', { class: 'failed' }, kindText(outcome)));
}

function scrollTo(place) {
  const list = $('list'), top = place * ROW;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
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
  setFilter({ ...NO_FILTER, ...Object.fromEntries(frames.families.map((family) => [family.name, ''])), ...changes });
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
  $('reset').addEventListener('click', () => setFilter({ ...NO_FILTER, ...Object.fromEntries(frames.families.map((family) => [family.name, ''])) }));
  $('frames-csv').addEventListener('click', downloadFrames);
  $('list').addEventListener('scroll', drawRows, { passive: true });
  $('list').addEventListener('keydown', (event) => {
    const page = Math.max(1, Math.floor($('list').clientHeight / ROW) - 1);
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
