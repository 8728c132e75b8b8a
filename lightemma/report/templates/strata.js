// The heat map: every run on every kind of frame, against the baseline.

const strataRows = tableRows('strata').map((row) => {
  const cut = row.stratum.indexOf(': ');
  return { ...row, family: cut < 0 ? 'all' : row.stratum.slice(0, cut), label: cut < 0 ? row.stratum : row.stratum.slice(cut + 2) };
});
const strataFamilies = [...new Set(strataRows.map((row) => row.family))];
const manyLabels = (family) => new Set(strataRows.filter((row) => row.family === family).map((row) => row.label)).size > 12;

/** A stratum's difference by the chosen convention: the table's where it has it, else the mean over the page's frames. */
function stratumCell(row) {
  if (state.convention === data.convention) return { diff: row.diff_vs_baseline, low: row.ci_low, high: row.ci_high, sure: isSure(row) };
  const family = frames.families.find((candidate) => candidate.name === row.family);
  const codes = row.family === 'scene' ? frames.scene : family?.codes;
  const code = row.family === 'scene' ? frames.scenes.indexOf(row.label) : family?.labels.indexOf(row.label) ?? -1;
  if (code < 0) return { diff: null };
  const mine = frames.runs[runNamed.get(row.run).number].errors[state.convention];
  const theirs = frames.runs[baseline.number].errors[state.convention];
  let sum = 0, count = 0;
  for (let frame = 0; frame < frames.count; frame++) {
    if (codes[frame] !== code || Number.isNaN(mine[frame])) continue;
    sum += mine[frame] - theirs[frame];
    count++;
  }
  return { diff: count ? sum / count : null };
}

/** Whether a difference is significant after the correction for the whole table. */
const isSure = (row) => row.significant !== '';

function drawHeat() {
  const rows = strataRows.filter((row) => row.family === state.family);
  const labels = [...new Set(rows.map((row) => row.label))];
  const drivers = runs.filter((run) => run !== baseline && rows.some((row) => row.run === run.name));
  const cells = new Map(rows.map((row) => [`${row.run}\n${row.label}`, { row, ...stratumCell(row) }]));
  const sizes = [...cells.values()].map((cell) => Math.abs(cell.diff)).filter(known).sort((a, b) => a - b);
  const reach = Math.max(0.05, sizes[Math.floor(0.85 * (sizes.length - 1))] ?? 1);
  // Facts of scenes that the page was not given cannot be filtered by.
  const listed = state.family === 'scene' || frames.families.some((family) => family.name === state.family);
  const cell = (run, label) => {
    const found = cells.get(`${run.name}\n${label}`);
    if (!found || !known(found.diff)) return el('td', { class: 'empty' }, '–');
    const strength = Math.round(52 * Math.min(1, Math.abs(found.diff) / reach));
    const interval = known(found.low) ? `, 95 % interval ${signed(found.low)} to ${signed(found.high)} m` : '';
    const about = `${run.name}, ${label}: ${signed(found.diff, 3)} m on ${grouped(found.row.frames)} frames${interval}${found.sure ? ', significant' : ''}`;
    return el('td', { class: found.diff < 0 ? 'gain' : 'loss', vars: { '--strength': `${strength}%` } },
      button([signed(found.diff), found.sure ? el('b', { 'aria-hidden': 'true' }, SIGNIFICANT) : ''], () => showFrames({ run: run.name, [state.family]: label }),
        { title: about, 'aria-label': about, class: found.sure ? 'sure' : null, disabled: !listed }));
  };
  const counts = new Map(tableRows('strata').filter((row) => row.run === baseline.name).map((row) => [row.stratum, row.frames]));
  const stratumHead = (label, scope) => el('th', { scope }, label, el('small', null, grouped(counts.get(`${state.family}: ${label}`) ?? counts.get(label) ?? 0)));
  const runHead = (run, scope) => el('th', { scope, class: run.kind }, el('span', { class: 'name' }, scope === 'row' ? swatch(run) : null, run.name));
  const turned = manyLabels(state.family);
  const head = turned ? drivers.map((run) => runHead(run, 'col')) : labels.map((label) => stratumHead(label, 'col'));
  const body = turned
    ? labels.map((label) => el('tr', null, stratumHead(label, 'row'), drivers.map((run) => cell(run, label))))
    : drivers.map((run) => el('tr', null, runHead(run, 'row'), labels.map((label) => cell(run, label))));
  $('heat').replaceChildren(el('thead', null, el('tr', null, el('td', null, el('small', null, 'frames')), head)), el('tbody', null, body));
  $('heat-note').textContent = state.convention === data.convention
    ? `Blue is better than the baseline, orange worse; ${SIGNIFICANT} where the difference is significant (p < 0.05 by Holm over all strata, 8 scenes or more). Average L2, convention ${state.convention}, metres.`
    : `Blue is better than the baseline, orange worse. Average L2, convention ${state.convention}, metres; significance is computed for ${data.convention} only.`;
}

function startStrata() {
  if (!strataFamilies.length) { $('strata').remove(); return; }
  state.family = strataFamilies[0];
  choices($('families'), 'family', strataFamilies.map((name) => [name, name]), state.family, (family) => { state.family = family; drawHeat(); writeAddress(); });
  whenChanged(drawHeat);
  drawHeat();
}
