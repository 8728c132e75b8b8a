// What all other parts use: the data, small helpers to build elements, numbers as people read them.

const data = JSON.parse(document.getElementById('data').textContent);
const $ = (id) => document.getElementById(id);
const SVG = 'http://www.w3.org/2000/svg';

/** Fills an element: attributes, listeners (on…) and children; strings become text, never markup. */
function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'vars') for (const [key, text] of Object.entries(value)) node.style.setProperty(key, text);
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}
const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

/** Numbers that are in the page as base64 of little-endian bytes. */
function unpack(text, Kind) {
  if (Uint8Array.fromBase64) return new Kind(Uint8Array.fromBase64(text).buffer);
  const signs = atob(text), bytes = new Uint8Array(signs.length);
  for (let place = 0; place < signs.length; place++) bytes[place] = signs.charCodeAt(place); // ten times faster than Uint8Array.from
  return new Kind(bytes.buffer);
}

const known = (value) => typeof value === 'number' && Number.isFinite(value);
const grouped = (value) => Math.round(value).toLocaleString('en-GB');

/** A number with `digits` decimals, fewer where it is large; never a signed zero. */
function fixed(value, digits = 2) {
  if (!known(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1e6) return value.toExponential(1).replace('-', '−').replace('e+', 'e');
  if (size >= 1e3) return Math.round(value).toLocaleString('en-GB').replace('-', '−');
  const text = value.toFixed(size >= 100 ? Math.min(digits, 1) : digits);
  return (Number(text) === 0 ? text.replace('-', '') : text).replace('-', '−');
}
const signed = (value, digits = 2) => (known(value) && /[1-9]/.test(fixed(value, digits)) && value > 0 ? '+' : '') + fixed(value, digits);
const percent = (value, digits = 1) => (known(value) ? (100 * value).toFixed(digits) + ' %' : '–');
const spaced = (name) => name.replaceAll('_', ' ');

const CONVENTIONS = {
  lightemma: 'LightEMMA: mean of the two steps that end at 1, 2 and 3 s; the average is the mean of all six steps (ADE).',
  endpoint: 'Endpoint (UniAD): the error at 1, 2 and 3 s; the average is the mean of these three.',
  cumulative: 'Cumulative (ST-P3, VAD): the mean of all steps up to 1, 2 and 3 s; the average is the mean of these three.',
};
const STEPS = ['0.5', '1.0', '1.5', '2.0', '2.5', '3.0'];

// What the reader has chosen; the parts that show it listen for changes.
const state = { convention: data.convention, subset: 'own', hidden: new Set(), family: null };
const listeners = [];
const whenChanged = (listener) => listeners.push(listener);
function change(changes) {
  Object.assign(state, changes);
  for (const listener of listeners) listener();
}

// Looks: a run keeps its colour, dash and marker everywhere. Twelve colours and twelve markers, so that of twelve runs no two
// share one; from the thirteenth on runs differ by the pair of both.
const DASHES = ['', '7 3', '2 3', '9 3 2 3'];
const MARKERS = ['circle', 'square', 'triangle', 'diamond', 'down', 'cross', 'star', 'plus', 'hexagon', 'left', 'bar', 'right'];
const COLORS = 12;
let painted = 0;
const runs = data.runs.map((run, number) => {
  if (run.kind === 'baseline') return { ...run, number, color: 'var(--baseline)', dash: '3 3', marker: 'ring' };
  const place = painted++;
  const round = Math.floor(place / COLORS);
  const look = { color: `var(--c${place % COLORS})`, dash: DASHES[(place + round) % 4], marker: MARKERS[(place + 5 * round) % MARKERS.length] };
  return { ...run, number, ...look };
});
const runNamed = new Map(runs.map((run) => [run.name, run]));
const baseline = runs.find((run) => run.kind === 'baseline');
const KINDS = { model: '', baseline: 'baseline', formula: 'formula', reference: '' };
/** How a row of a table looks: a run's look, or that of a plan made from several runs. */
const lookOf = (name) => runNamed.get(name) ?? { name, kind: 'reference', color: 'var(--baseline)', dash: '1 3', marker: 'diamond' };

const OUTLINES = {
  square: (r) => `M${-r} ${-r}H${r}V${r}H${-r}Z`,
  triangle: (r) => `M0 ${-1.25 * r}L${1.15 * r} ${0.85 * r}H${-1.15 * r}Z`,
  down: (r) => `M0 ${1.25 * r}L${1.15 * r} ${-0.85 * r}H${-1.15 * r}Z`,
  diamond: (r) => `M0 ${-1.35 * r}L${1.35 * r} 0L0 ${1.35 * r}L${-1.35 * r} 0Z`,
  cross: (r) => `M${-r} ${-r}L${r} ${r}M${-r} ${r}L${r} ${-r}`,
  hexagon: (r) => `M${-1.2 * r} 0L${-0.6 * r} ${-1.05 * r}H${0.6 * r}L${1.2 * r} 0L${0.6 * r} ${1.05 * r}H${-0.6 * r}Z`,
  left: (r) => `M${-1.25 * r} 0L${0.85 * r} ${-1.15 * r}V${1.15 * r}Z`,
  right: (r) => `M${1.25 * r} 0L${-0.85 * r} ${-1.15 * r}V${1.15 * r}Z`,
  bar: (r) => `M${-0.55 * r} ${-1.3 * r}H${0.55 * r}V${1.3 * r}H${-0.55 * r}Z`,
  plus: (r) => `M0 ${-1.2 * r}V${1.2 * r}M${-1.2 * r} 0H${1.2 * r}`,
  star: (r) => `M0 ${-1.3 * r}L${0.4 * r} ${-0.4 * r}L${1.3 * r} 0L${0.4 * r} ${0.4 * r}L0 ${1.3 * r}L${-0.4 * r} ${0.4 * r}L${-1.3 * r} 0L${-0.4 * r} ${-0.4 * r}Z`,
};

function marker(run, x, y, radius, label) {
  const title = label ? svg('title', null, label) : null;
  if (run.marker === 'circle' || run.marker === 'ring') {
    const inside = run.marker === 'ring' ? 'var(--page)' : run.color;
    return svg('circle', { cx: x, cy: y, r: radius, fill: inside, stroke: run.color, 'stroke-width': 1.6 }, title);
  }
  const open = run.marker === 'cross' || run.marker === 'plus';
  const shape = { d: OUTLINES[run.marker](radius), transform: `translate(${x} ${y})`, stroke: run.color };
  return svg('path', { ...shape, fill: open ? 'none' : run.color, 'stroke-width': open ? 2.2 : 1 }, title);
}

/** A run's line and marker, as it is drawn everywhere. */
const swatch = (run) => svg('svg', { class: 'swatch', viewBox: '0 0 28 12', width: 28, height: 12, 'aria-hidden': 'true' },
  svg('line', { x1: 1, x2: 27, y1: 6, y2: 6, stroke: run.color, 'stroke-width': 2, 'stroke-dasharray': run.dash }),
  marker(run, 14, 6, 3.6));

const button = (text, action, attributes) => el('button', { type: 'button', ...attributes, onclick: action }, text);

/** A name in pieces of at most `most` characters, cut after a sign that joins its parts where there is one: nothing is left out. */
function nameLines(name, most) {
  const lines = [];
  let rest = name;
  while (rest.length > most) {
    const cut = Math.max(...['+', '-', '_', ' ', '.'].map((sign) => rest.lastIndexOf(sign, most - 1)));
    const end = cut > most / 3 ? cut + 1 : most;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  return [...lines, rest];
}

/** A name as text of a drawing, on as many lines as it needs; the first or the middle line at `y`. */
function nameText(name, most, attributes, middle = true) {
  const lines = nameLines(name, most);
  return svg('text', attributes, lines.map((line, place) =>
    svg('tspan', { x: attributes.x, dy: place ? 13 : middle ? -6.5 * (lines.length - 1) : 0 }, line)));
}

/** A name that is broken between its parts first, where there is no room for it. */
const wholeName = (name) => el('span', { class: 'whole' }, name.split(/(?<=[+_.])/).flatMap((part, place) => (place ? [el('wbr'), part] : [part])));

/** Radio buttons in a fieldset that is already there. */
function choices(fieldset, name, options, chosen, action) {
  fieldset.querySelectorAll('label').forEach((label) => label.remove());
  for (const [value, text] of options) {
    fieldset.append(el('label', null,
      el('input', { type: 'radio', name, value, checked: value === chosen, onchange: () => action(value) }), text));
  }
}
