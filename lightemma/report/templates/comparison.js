// The comparison table: sortable, by convention and subset, with the differences drawn next to their numbers.

const viewRows = () => new Map(data.views[state.convention][state.subset].map((row) => [row.run, row]));
const sorting = { key: 'l2_avg', falling: false };
const ranks = new Map(tableRows('ranks').map((row) => [row.run, row]));

const SIGNIFICANT = '*'; // the same mark as on the terminal and in the figures

// A column's `opens` says which frames are behind its number.
const opensScored = (order) => ({ outcome: 'scored', order });
const metres = (key, label) => ({ key, label, about: aboutColumn('summary', key), value: (row) => row[key], show: (row) => fixed(row[key], 2), opens: opensScored('worst') });
const COLUMNS = [
  { key: 'run', label: 'Run', about: aboutColumn('summary', 'run'), value: (row) => row.run, show: (row) => nameCell(row) },
  { key: 'ok_frames', label: 'Frames', about: aboutColumn('summary', 'ok_frames'), value: (row) => row.ok_frames, show: (row) => grouped(row.ok_frames), opens: opensScored('scene') },
  metres('l2_1s', 'L2 at 1\u00a0s'),
  metres('l2_2s', '2 s'),
  metres('l2_3s', '3 s'),
  { ...metres('l2_avg', 'Average'), strong: true },
  { key: 'diff', label: 'Against the baseline, m', about: `${aboutColumn('summary', 'diff_vs_baseline')}, with its 95 % interval`, value: (row) => row.diff, show: (row, axis) => differenceCell(row, axis), wide: true, opens: opensScored('loss') },
  { key: 'rank', label: 'Rank', about: `${aboutColumn('ranks', 'rank')}; in brackets the best and the worst place that the tests between runs leave open (95 %)`, value: (row) => ranks.get(row.run)?.rank, show: (row) => rankText(ranks.get(row.run)), opens: opensScored('loss') },
  { key: 'miss', label: 'Missed', about: aboutColumn('summary', 'miss_rate_2m'), value: (row) => row.miss_rate_2m, show: (row) => percent(row.miss_rate_2m), opens: { end: 'missed', order: 'scene' } },
  { key: 'format', label: 'Format errors', about: aboutColumn('summary', 'format_error_rate'), value: (row) => row.format_error_rate, show: (row) => percent(row.format_error_rate), opens: { outcome: 'format' } },
  { key: 'call', label: 'Call errors', about: aboutColumn('summary', 'call_error_rate'), value: (row) => row.call_error_rate, show: (row) => percent(row.call_error_rate), opens: { outcome: 'call' } },
  { key: 'latency', label: 'Seconds', about: aboutColumn('summary', 'latency_mean_s'), value: (row) => row.latency_mean_s, show: (row) => secondsCell(row), opens: { order: 'slowest' } },
  { key: 'alone', label: 'Seconds alone', about: aboutColumn('summary', 'latency_alone_s'), value: (row) => row.latency_alone_s, show: (row) => (known(row.latency_alone_s) ? fixed(row.latency_alone_s, 1) : '–'), opens: { order: 'slowest' } },
  { key: 'input', label: 'Tokens in', about: aboutColumn('summary', 'input_tokens'), value: (row) => row.input_tokens, show: (row) => (known(row.input_tokens) ? grouped(row.input_tokens) : '–'), opens: {} },
  { key: 'output', label: 'Tokens out', about: aboutColumn('summary', 'output_tokens'), value: (row) => row.output_tokens, show: (row) => (known(row.output_tokens) ? grouped(row.output_tokens) : '–'), opens: {} },
  { key: 'cost', label: '$ per 1,000', about: `1,000 times the ${aboutColumn('summary', 'cost_usd_per_frame')}, failed ones included`, value: (row) => row.cost_usd_per_frame, show: (row) => (known(row.cost_usd_per_frame) ? fixed(1000 * row.cost_usd_per_frame, 2) : '–'), opens: {} },
];

function nameCell(row) {
  const run = lookOf(row.run);
  return el('span', { class: 'name' }, swatch(run), wholeName(run.name),
    KINDS[run.kind] || run.told ? el('span', { class: 'tag' }, run.told || KINDS[run.kind]) : null);
}

/** Seconds mean little without how many calls at a time there were. */
function secondsCell(row) {
  const seconds = fixed(row.latency_mean_s, 1), many = row.concurrent_calls;
  return many ? el('span', { title: many === '1' ? 'one call at a time' : `${many} calls at a time` }, seconds) : seconds;
}

function rankText(rank) {
  if (!rank || !known(rank.rank)) return '–';
  return rank.rank_low === rank.rank_high ? String(rank.rank) : `${rank.rank} (${rank.rank_low}–${rank.rank_high})`;
}

function differenceCell(row, axis) {
  if (row.run === baseline.name) return el('span', { class: 'diff' }, el('span', { class: 'numbers' }, 'reference'), forest(row, axis));
  const interval = known(row.ci_low) ? ` [${signed(row.ci_low)}, ${signed(row.ci_high)}]` : '';
  return el('span', { class: 'diff' },
    el('span', { class: 'numbers' }, el('b', null, signed(row.diff)), el('span', { class: 'interval' }, interval),
      row.significant ? significanceMark(`significantly ${row.significant} than the baseline`) : null),
    forest(row, axis));
}

function significanceMark(meaning) {
  return el('span', { class: 'mark', title: meaning, role: 'img', 'aria-label': meaning }, SIGNIFICANT);
}

/** One scale for all rows; a run far off does not squeeze the others, its bar ends in an arrow. */
function forestAxis(rows) {
  const sizes = rows.map((row) => Math.max(Math.abs(row.diff ?? 0), Math.abs(row.ci_low ?? 0), Math.abs(row.ci_high ?? 0))).filter((size) => size > 0).sort((a, b) => a - b);
  const most = 3 * (sizes[Math.floor((sizes.length - 1) / 2)] ?? 0.1);
  const shown = rows.filter((row) => Math.abs(row.diff ?? 0) <= most);
  const low = Math.min(-0.05, ...shown.map((row) => Math.max(row.ci_low ?? row.diff ?? 0, -most)));
  const high = Math.max(0.05, ...shown.map((row) => Math.min(row.ci_high ?? row.diff ?? 0, most)));
  return { low, high, at: (value) => 10 + 108 * (Math.max(low, Math.min(high, value)) - low) / (high - low) };
}

function forest(row, axis) {
  const drawing = svg('svg', { class: 'forest', viewBox: '0 0 128 20', width: 128, height: 20, 'aria-hidden': 'true' },
    svg('line', { x1: axis.at(0), x2: axis.at(0), y1: 0, y2: 20, stroke: 'var(--rule-strong)' }));
  const run = lookOf(row.run);
  if (known(row.ci_low)) drawing.append(svg('line', { x1: axis.at(row.ci_low), x2: axis.at(row.ci_high), y1: 10, y2: 10, stroke: run.color, 'stroke-width': 2.4 }));
  if (known(row.diff)) {
    const off = row.diff > axis.high || row.diff < axis.low;
    drawing.append(off
      ? svg('path', { d: row.diff > 0 ? 'M117 5L127 10L117 15Z' : 'M11 5L1 10L11 15Z', fill: run.color })
      : marker(run, axis.at(row.diff), 10, 3.6));
  }
  return drawing;
}

function summaryRows() {
  const view = viewRows();
  return tableRows(state.subset === 'own' ? 'summary' : 'common').map((row) => ({ ...row, ...view.get(row.run) }));
}

/** Plans made from those of all models; no such row is a run. */
function referenceRows() {
  if (state.subset !== 'own' || state.convention !== data.convention) return [];
  return tableRows('references').map((row) => ({ ...row, ok_frames: row.frames, diff: row.diff_vs_baseline }));
}

function compareCells(first, second) {
  const missing = (value) => value === null || value === undefined || Number.isNaN(value);
  if (missing(first) || missing(second)) return missing(first) - missing(second); // unknown last, in both orders
  const order = typeof first === 'string' ? first.localeCompare(second) : first - second;
  return sorting.falling ? -order : order;
}

/** Why some rows stand apart. */
function apartWords(rows) {
  const told = rows.some((row) => runNamed.has(row.run)), made = rows.some((row) => !runNamed.has(row.run));
  const reasons = [told ? 'told the truth by oracles, or the future' : '', made ? 'made from the plans of all models, or from what the car really did' : ''].filter(Boolean);
  return `Not to be ranked: ${reasons.join('; ')}`;
}

function drawSummary() {
  const rows = summaryRows();
  const columns = COLUMNS.filter((column) => rows.some((row) => known(column.value(row)) || typeof column.value(row) === 'string'));
  const chosen = columns.find((column) => column.key === sorting.key) || columns[0];
  // Runs that were told what no camera shows, or the future, are no rivals of the others.
  const sorted = rows.filter((row) => !runNamed.get(row.run)?.told).sort((a, b) => compareCells(chosen.value(a), chosen.value(b)));
  const apart = [...rows.filter((row) => runNamed.get(row.run)?.told), ...referenceRows()];
  const axis = forestAxis(rows);
  const held = document.activeElement?.dataset?.sort;
  const head = columns.map((column) => {
    const on = column === chosen;
    const sort = on ? (sorting.falling ? 'descending' : 'ascending') : 'none';
    const label = button([column.label, el('span', { class: 'arrow', 'aria-hidden': 'true' }, on ? (sorting.falling ? ' ↓' : ' ↑') : '')],
      () => sortBy(column.key), { 'data-sort': column.key, title: `${column.about}; choose to sort` });
    return el('th', { scope: 'col', 'aria-sort': sort, class: column.key === 'run' || column.wide ? 'left' : null }, label);
  });
  const lineOfRow = (row) => el('tr', { class: lookOf(row.run).kind, 'data-run': row.run },
    columns.map((column, place) => el(place ? 'td' : 'th', { scope: place ? null : 'row', 'data-column': column.key, class: column.strong ? 'strong' : column.wide ? 'left' : null }, openingCell(row, column, axis))));
  const body = [el('tbody', null, sorted.map(lineOfRow))];
  if (apart.length) {
    body.push(el('tbody', { class: 'apart' },
      el('tr', { class: 'apart-head' }, el('th', { scope: 'rowgroup', colspan: columns.length }, apartWords(apart))),
      apart.map(lineOfRow)));
  }
  $('summary').replaceChildren(
    el('caption', { class: 'hidden' }, `Runs by average L2, convention ${state.convention}`),
    el('thead', null, el('tr', null, head)), ...body);
  if (held) $('summary').querySelector(`[data-sort="${held}"]`)?.focus();
  const common = tableRows('common')[0]?.ok_frames ?? 0;
  $('convention-note').textContent = `${CONVENTIONS[state.convention]} Numbers of different conventions do not compare.`;
  $('summary-note').textContent =
    `${state.subset === 'own' ? 'Each run on the frames it has a scored plan for.' : `All runs on the ${grouped(common)} frames that every run has a scored plan for.`} `
    + `${SIGNIFICANT} significant: p < 0.05 by Holm over all pairs of runs, 8 scenes or more; bars reach from ${signed(axis.low)} to ${signed(axis.high)} m, an arrow points beyond. Choose a number to see the frames behind it.`;
}

/** A number opens the frames that it was made from. */
function openingCell(row, column, axis) {
  const shown = column.show(row, axis);
  const run = runNamed.get(row.run);
  const number = column.value(row);
  if (!column.opens || !run || !known(number)) return shown;
  const about = `${row.run}, ${typeof column.label === 'string' ? column.label : ''}: choose to see the frames`;
  return button(shown, () => showFrames({ run: row.run, shared: state.subset === 'common' ? 'yes' : '', ...column.opens }, true), { class: 'opens', title: about });
}

function sortBy(key) {
  sorting.falling = sorting.key === key ? !sorting.falling : false;
  sorting.key = key;
  drawSummary();
  writeAddress();
}

function startComparison() {
  choices($('conventions'), 'convention', Object.keys(CONVENTIONS).map((name) => [name, name]), state.convention, (convention) => change({ convention }));
  choices($('subsets'), 'subset', [['own', 'each run’s own'], ['common', 'scored in every run']], state.subset, (subset) => change({ subset }));
  $('summary-buttons').append(csvButton('summary', 'Download summary.csv'), csvButton('common', 'Download common.csv'));
  whenChanged(drawSummary);
  drawSummary();
}
