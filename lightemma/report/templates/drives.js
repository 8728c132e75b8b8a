// The scores of drivers: a table whose numbers open the episodes behind them.

const SCORES = tableRows('closed_loop');
const share = (key, label, filter) => ({ key, label, show: (row) => shareCell(row, key), value: (row) => row[key], opens: filter });
const SCORE_COLUMNS = [
  { key: 'run', label: 'Driver', value: (row) => row.run, show: (row) => el('span', { class: 'name' }, swatch(lookOf(row.run)), wholeName(row.run), row.kind ? el('span', { class: 'tag' }, row.kind) : null) },
  { key: 'episodes', label: 'Episodes', value: (row) => row.episodes, show: (row) => grouped(row.episodes), opens: {} },
  { key: 'driving_score', label: 'Driving score, 0 to 100', value: (row) => row.driving_score, show: scoreCell, wide: true, opens: { order: 'score' } },
  share('success_rate', 'Success', { success: 'yes' }),
  share('collision_at_fault_rate', 'Collisions at fault', { fault: 'collision' }),
  share('off_road_rate', 'Off the road', { fault: 'off-road' }),
  share('red_light_rate', 'Red lights', { fault: 'red-light' }),
  share('stuck_rate', 'Stuck', { end: 'stuck' }),
  { key: 'progress', label: 'Progress', value: (row) => row.progress, show: (row) => percent(row.progress, 0), opens: {} },
  { key: 'decisions', label: 'Decisions', value: (row) => row.decisions, show: (row) => grouped(row.decisions), opens: {} },
  { key: 'answers_missing_rate', label: 'No plan', value: (row) => row.answers_missing_rate, show: (row) => percent(row.answers_missing_rate), opens: { missing: 'yes' } },
  { key: 'latency_mean_s', label: 's per decision', value: (row) => row.latency_mean_s, show: (row) => fixed(row.latency_mean_s, 1), opens: {} },
  { key: 'cost_usd', label: '$', value: (row) => row.cost_usd, show: (row) => fixed(row.cost_usd, 2), opens: {} },
];
const sorting = { key: 'driving_score', falling: true };

function shareCell(row, key) {
  const low = row[`${key}_ci_low`], high = row[`${key}_ci_high`];
  return [percent(row[key], 0), known(low) ? el('small', { class: 'interval', title: '95 % interval over scenarios' }, ` [${(100 * low).toFixed(0)}, ${(100 * high).toFixed(0)}]`) : null];
}

function scoreCell(row) {
  const at = (value) => 6 + 1.16 * value, look = lookOf(row.run);
  const drawing = svg('svg', { class: 'forest', viewBox: '0 0 128 20', width: 77, height: 20, 'aria-hidden': 'true' },
    [0, 50, 100].map((value) => svg('line', { x1: at(value), x2: at(value), y1: 0, y2: 20, stroke: 'var(--rule)' })));
  if (known(row.ci_low)) drawing.append(svg('line', { x1: at(Math.max(0, row.ci_low)), x2: at(Math.min(100, row.ci_high)), y1: 10, y2: 10, stroke: look.color, 'stroke-width': 2.4 }));
  if (known(row.driving_score)) drawing.append(marker(look, at(row.driving_score), 10, 3.6));
  const interval = known(row.ci_low) ? ` [${fixed(row.ci_low, 1)}, ${fixed(row.ci_high, 1)}]` : '';
  return el('span', { class: 'diff' }, el('span', { class: 'numbers' }, el('b', null, fixed(row.driving_score, 1)), el('span', { class: 'interval' }, interval)), drawing);
}

const isDriver = (row) => runNamed.has(row.run) && row.kind === '';

function drawScores() {
  const columns = SCORE_COLUMNS.filter((column) => column.key === 'run' || SCORES.some((row) => known(column.value(row))));
  const chosenColumn = columns.find((column) => column.key === sorting.key) ?? columns[0];
  const compare = (a, b) => {
    const [first, second] = [chosenColumn.value(a), chosenColumn.value(b)];
    if (typeof first === 'string') return (sorting.falling ? -1 : 1) * first.localeCompare(second);
    return (known(second) - known(first)) || (sorting.falling ? second - first : first - second);
  };
  const held = document.activeElement?.dataset?.sort;
  const head = columns.map((column) => el('th', { scope: 'col', class: column.key === 'run' || column.wide ? 'left' : null, 'aria-sort': column === chosenColumn ? (sorting.falling ? 'descending' : 'ascending') : 'none' },
    button([column.label, el('span', { class: 'arrow', 'aria-hidden': 'true' }, column === chosenColumn ? (sorting.falling ? ' ↓' : ' ↑') : '')], () => {
      sorting.falling = sorting.key === column.key ? !sorting.falling : column.key !== 'run';
      sorting.key = column.key;
      drawScores();
      writeAddress();
    }, { 'data-sort': column.key, title: `${aboutColumn('closed_loop', column.key)}; choose to sort` })));
  const cell = (row, column) => {
    const shown = column.show(row);
    if (!column.opens || !runNamed.has(row.run) || !known(column.value(row))) return shown;
    return button(shown, () => showEpisodes({ run: row.run, ...column.opens }), { class: 'opens', title: `${row.run}: choose to see the episodes` });
  };
  const line = (row) => el('tr', { class: runNamed.get(row.run)?.kind ?? 'reference', 'data-run': row.run },
    columns.map((column, place) => el(place ? 'td' : 'th', { scope: place ? null : 'row', 'data-column': column.key, class: column.wide ? 'left' : null }, cell(row, column))));
  const drivers = SCORES.filter(isDriver).sort(compare), apart = SCORES.filter((row) => !isDriver(row));
  const bodies = [el('tbody', null, drivers.map(line))];
  if (apart.length) bodies.push(el('tbody', { class: 'apart' }, el('tr', { class: 'apart-head' }, el('th', { scope: 'rowgroup', colspan: columns.length }, 'No competitors: drivers that see nothing, to measure by')), apart.map(line)));
  $('summary').replaceChildren(el('caption', { class: 'hidden' }, 'Drivers by driving score'), el('thead', null, el('tr', null, head)), ...bodies);
  if (held) $('summary').querySelector(`[data-sort="${held}"]`)?.focus();
  $('scores-note').textContent = 'Means over episodes; in brackets 95 % intervals over scenarios, a scenario and its twins as one. Intervals that overlap do not say who is better: the table “closed loop paired” compares two drivers on the same episodes. Choose a number to see its episodes.';
}
