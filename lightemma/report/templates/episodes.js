// Every episode on a line of time, with the faults that were made and where something was in store.

const KIND_MARKERS = ['cross', 'square', 'triangle', 'diamond', 'down', 'star', 'hexagon', 'bar', 'left', 'right', 'circle', 'plus'];
const faultKinds = [...new Set(data.episodes.flatMap((one) => one.faults.map(([kind]) => kind)))].sort();
const kindLook = new Map(faultKinds.map((kind, place) => [kind, { marker: KIND_MARKERS[place % 12], color: `var(--c${[9, 1, 3, 7, 0, 2, 6, 4, 5, 11, 10, 8][place % 12]})` }]));
const longest = Math.max(1, ...data.episodes.map((one) => one.time));
const NO_EPISODES = { run: '', scenario: '', end: '', fault: '', success: '', conditions: '', missing: '', text: '', order: 'name' };
const EPISODE_ORDERS = {
  name: ['by name', (a, b) => a.name.localeCompare(b.name) || a.run - b.run],
  score: ['lowest score first', (a, b) => (a.score ?? 101) - (b.score ?? 101) || a.name.localeCompare(b.name)],
  best: ['highest score first', (a, b) => (b.score ?? -1) - (a.score ?? -1) || a.name.localeCompare(b.name)],
  faults: ['most faults first', (a, b) => b.faults.length - a.faults.length || a.name.localeCompare(b.name)],
};
const PAGE_OF_EPISODES = 120;
let wantedEpisodes = { ...NO_EPISODES };
let foundEpisodes = [];
let shownEpisodes = PAGE_OF_EPISODES;
const filterBoxes = {};

/** One fault's mark: filled where the car is to blame. */
function faultMark(kind, x, y, radius, atFault, about) {
  const look = kindLook.get(kind) ?? { marker: 'circle', color: 'var(--text)' };
  return svg('g', { opacity: atFault ? 1 : 0.45, 'data-fault': kind }, svg('title', null, about), marker(look, x, y, radius));
}
const faultText = ([kind, time, atFault, against, detail]) => [`${fixed(time, 1)} s: ${spaced(kind)}`, against && `with ${against}`, detail, atFault ? '' : 'not to blame'].filter(Boolean).join(', ');

function timelineOf(one, most = longest) {
  const at = (time) => `${(2 + 96 * Math.min(1, time / most)).toFixed(2)}%`;
  // A drawing inside the drawing has its place in percent, and its marks in pixels.
  const placed = (time, ...marks) => svg('svg', { x: at(time), y: 12, overflow: 'visible', width: 1, height: 1 }, marks);
  return svg('svg', { class: 'line-of-time', role: 'img', 'aria-label': one.faults.length ? one.faults.map(faultText).join('; ') : 'no faults' },
    svg('line', { x1: at(0), x2: at(one.time), y1: 12, y2: 12, stroke: 'var(--rule-strong)', 'stroke-width': 5, 'stroke-linecap': 'round', opacity: 0.5 }),
    one.met.filter(([, time]) => known(time)).map(([name, time]) => placed(time, svg('title', null, `${fixed(time, 1)} s: met ${spaced(name)}`), svg('line', { x1: 0, x2: 0, y1: -8, y2: 8, stroke: 'var(--soft)', 'stroke-width': 1.6, 'stroke-dasharray': '2 2' }))),
    one.faults.map((fault) => placed(fault[1], faultMark(fault[0], 0, 0, 5, fault[2], faultText(fault)))));
}

function findEpisodes() {
  const wanted = wantedEpisodes, text = wanted.text.trim().toLowerCase();
  foundEpisodes = data.episodes.filter((one) => (!wanted.run || runs[one.run].name === wanted.run)
    && (!wanted.scenario || one.scenario === wanted.scenario)
    && (!wanted.end || one.end === wanted.end || (wanted.end === 'stuck' && one.end === 'time-out'))
    && (!wanted.conditions || one.conditions === wanted.conditions)
    && (!wanted.fault || one.faults.some(([kind, , atFault]) => kind === wanted.fault && (kind !== 'collision' || atFault)))
    && (!wanted.success || (one.success === true) === (wanted.success === 'yes'))
    && (!wanted.missing || one.missing > 0)
    && (!text || one.name.toLowerCase().includes(text)));
  foundEpisodes.sort((EPISODE_ORDERS[wanted.order] ?? EPISODE_ORDERS.name)[1]);
}

function drawEpisodes() {
  findEpisodes();
  $('count').textContent = `${grouped(foundEpisodes.length)} of ${grouped(data.episodes.length)} episodes`;
  $('list').replaceChildren(...foundEpisodes.slice(0, shownEpisodes).map((one, place) => {
    const on = watched && watched.episode === one.name && watched.runs.includes(one.run);
    return el('div', { class: 'drive', role: 'option', id: `drive-${place}`, 'aria-selected': String(on), onclick: () => watchEpisode(one.name, one.run, { jump: true }) },
      el('span', { class: 'who' }, swatch(runs[one.run]), wholeName(runs[one.run].name)),
      wholeName(one.name),
      el('b', null, fixed(one.score, 0)),
      timelineOf(one),
      el('span', { class: one.success ? 'gain-text' : '' }, `${one.end}, ${fixed(one.time, 1)} s`));
  }), ...(foundEpisodes.length ? [] : [el('p', { class: 'note none' }, 'No episode matches these filters.')]));
  const active = $('list').querySelector('[aria-selected="true"]');
  if (active) $('list').setAttribute('aria-activedescendant', active.id); else $('list').removeAttribute('aria-activedescendant');
  $('more').replaceChildren(...(foundEpisodes.length > shownEpisodes ? [button(`Show ${grouped(Math.min(PAGE_OF_EPISODES, foundEpisodes.length - shownEpisodes))} more`, () => { shownEpisodes += PAGE_OF_EPISODES; drawEpisodes(); }, { class: 'plain' })] : []));
}

function setEpisodes(changes) {
  wantedEpisodes = { ...wantedEpisodes, ...changes };
  for (const [name, box] of Object.entries(filterBoxes)) if (box !== document.activeElement || !(name in changes)) box.value = wantedEpisodes[name];
  shownEpisodes = PAGE_OF_EPISODES;
  drawEpisodes();
  writeAddress();
}

function showEpisodes(changes) {
  setEpisodes({ ...NO_EPISODES, ...changes });
  $('episodes').scrollIntoView();
  $('list').focus({ preventScroll: true });
}

function startEpisodes() {
  const unique = (key) => [...new Set(data.episodes.map((one) => one[key]))].sort();
  const select = (name, label, options) => el('label', null, el('span', null, label), filterBoxes[name] = el('select', { id: `filter-${name}`, onchange: (event) => setEpisodes({ [name]: event.target.value }) }, options.map(([value, text]) => el('option', { value }, text))));
  const all = (values) => [['', 'all'], ...values.map((value) => [value, spaced(value)])];
  fill($('filters'), null, [
    select('run', 'Driver', all(runs.map((run) => run.name)).map(([value, text], place) => [value, place ? value : text])),
    select('scenario', 'Scenario', all(unique('scenario'))),
    select('end', 'End', all(unique('end'))),
    select('fault', 'Fault', all(faultKinds)),
    select('success', 'Success', [['', 'all'], ['yes', 'yes'], ['no', 'no']]),
    select('conditions', 'Conditions', all(unique('conditions'))),
    select('missing', 'Plans', [['', 'all'], ['yes', 'some decision without a plan']]),
    el('label', null, el('span', null, 'Name'), filterBoxes.text = el('input', { id: 'filter-text', type: 'search', autocomplete: 'off', oninput: (event) => setEpisodes({ text: event.target.value }) })),
    select('order', 'Order', Object.entries(EPISODE_ORDERS).map(([value, [text]]) => [value, text]))]);
  $('filters').addEventListener('submit', (event) => event.preventDefault());
  $('reset').addEventListener('click', () => setEpisodes(NO_EPISODES));
  $('kinds').replaceChildren(...faultKinds.map((kind) => button([svg('svg', { class: 'swatch', viewBox: '0 0 16 16', width: 16, height: 16, 'aria-hidden': 'true' }, marker(kindLook.get(kind), 8, 8, 4.5)), spaced(kind)], () => showEpisodes({ fault: kind }), { title: 'choose to see the episodes with this fault' })),
    el('span', { class: 'note' }, 'Pale: not to blame. A dashed line: something that the scenario has in store was met.'));
  $('list').addEventListener('keydown', (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    if (steps === undefined || event.ctrlKey || event.metaKey || event.altKey || !foundEpisodes.length) return;
    event.preventDefault();
    const now = watched ? foundEpisodes.findIndex((one) => one.name === watched.episode && one.run === watched.runs[0]) : -1;
    const place = Math.max(0, Math.min(Math.min(foundEpisodes.length, shownEpisodes) - 1, now < 0 ? 0 : now + steps));
    watchEpisode(foundEpisodes[place].name, foundEpisodes[place].run);
    $(`drive-${place}`)?.scrollIntoView({ block: 'nearest' });
  });
}
