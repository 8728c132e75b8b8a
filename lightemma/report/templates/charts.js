// Charts: growth of the error over the horizon, and accuracy against seconds and dollars.

const GROWTH = {
  lightemma: 'The error of each step, from 0.5 s on; LightEMMA’s numbers at 1, 2 and 3 s are means of the two steps that end there.',
  endpoint: 'The error of each step, from 0.5 s on, which is what the endpoint convention shows at 1, 2 and 3 s.',
  cumulative: 'The mean error of all steps up to each, which is what the cumulative convention shows at 1, 2 and 3 s.',
};

const shownRuns = () => runs.filter((run) => !state.hidden.has(run.name));

function drawHorizon() {
  const figure = $('horizon-chart');
  const width = Math.max(300, figure.clientWidth), narrow = width < 600;
  const curves = data.horizons[state.convention][state.subset];
  const lines = shownRuns().filter((run) => curves[run.name]?.some(([, mean]) => known(mean)));
  const longest = Math.min(34, Math.max(0, ...lines.map((run) => run.name.length)));
  const plot = frameOf(width, narrow ? 320 : 400, { left: 44, right: narrow ? 14 : Math.max(110, 24 + 6.9 * longest), top: 34, bottom: 44 }, 'Error by horizon, a line per run');
  const ends = lines.map((run) => curves[run.name].at(-1));
  const top = ceiling(ends.map((point) => point[1]), ends.map((point) => point[3]));
  const from = Math.min(0.5, ...lines.map((run) => curves[run.name][0][0]));
  const x = (second) => plot.left + 6 + (plot.right - plot.left - 6) * ((second - from) / (3 - from));
  const y = (value) => plot.bottom - (plot.bottom - plot.top) * Math.min(value / top, 4);
  axisY(plot, ticks(0, top, narrow ? 4 : 6), y, 'error, m');
  axisX(plot, [0.5, 1, 1.5, 2, 2.5, 3].map((second) => [second, String(second)]), x, 'seconds ahead');
  plot.drawing.append(svg('clipPath', { id: 'horizon-clip' }, svg('rect', { x: plot.left, y: plot.top - 4, width: plot.right - plot.left + 8, height: plot.bottom - plot.top + 4 })));
  const labels = [], off = [];
  for (const run of lines) {
    const points = curves[run.name];
    const group = svg('g', { 'clip-path': 'url(#horizon-clip)', 'data-run': run.name });
    if (known(points[0][2]) && points.at(-1)[1] <= top) {
      const there = points.map(([second, , , high]) => `${x(second)} ${y(high)}`);
      const back = points.map(([second, , low]) => `${x(second)} ${y(low)}`).reverse();
      group.append(svg('path', { d: `M${[...there, ...back].join('L')}Z`, fill: run.color, opacity: 0.1 }));
    }
    group.append(svg('path', { d: `M${points.map(([second, mean]) => `${x(second)} ${y(mean)}`).join('L')}`, fill: 'none', stroke: run.color, 'stroke-width': 1.8, 'stroke-dasharray': run.dash }));
    for (const [second, mean] of points) {
      if (mean > top) continue; // named below the chart
      const about = `${run.name}: ${fixed(mean, 3)} m at ${second} s; choose to see its frames`;
      group.append(pickable(marker(run, x(second), y(mean), 3.6, about), about, () => showFrames({ run: run.name, outcome: 'scored', order: 'worst', shared: state.subset === 'common' ? 'yes' : '' }, true)));
    }
    plot.drawing.append(group);
    const end = points.at(-1)[1];
    if (end > top) off.push(`${run.name} (${fixed(end)} m at 3 s)`);
    else labels.push({ run, y: y(end) + 4 });
  }
  if (!narrow) {
    const lineCount = Math.max(1, ...labels.map(({ run }) => nameLines(run.name, 34).length));
    spread(labels, 2 + 13 * lineCount, plot.bottom);
    for (const { run, y: height } of labels) plot.drawing.append(nameText(run.name, 34, { x: plot.right + 12, y: height, class: 'label' }));
  }
  caption(figure, plot.drawing, 'How the error grows',
    `${GROWTH[state.convention]} 95 % intervals over scenes.`
    + (off.length ? ` Beyond the top: ${off.join(', ')}.` : ''));
}

function drawScatter(figure, key, title, label, factor, note) {
  const view = viewRows();
  const rows = summaryRows();
  const points = rows.map((row) => ({ run: runNamed.get(row.run), x: factor * row[key], y: view.get(row.run).l2_avg }))
    .filter((point) => known(point.x) && point.x >= 0.001 && known(point.y) && !state.hidden.has(point.run.name));
  if (!rows.some((row) => factor * row[key] >= 0.001)) { // a scripted answer takes no time worth an axis
    figure.replaceChildren(el('figcaption', null, el('b', null, title), ` ${note}`));
    figure.classList.add('empty');
    return;
  }
  const width = Math.max(300, figure.clientWidth);
  const plot = frameOf(width, 340, { left: 44, right: 18, top: 34, bottom: 44 }, title);
  const level = view.get(baseline.name).l2_avg;
  const top = ceiling([...points.map((point) => point.y), level]);
  const low = Math.log10(Math.min(...points.map((point) => point.x))) - 0.12, high = Math.log10(Math.max(...points.map((point) => point.x))) + 0.12;
  const x = (value) => plot.left + ((Math.log10(value) - low) / (high - low)) * (plot.right - plot.left);
  const least = Math.min(level, ...points.map((point) => point.y));
  const bottom = Math.max(0, least - 0.35 * (top - least));
  const y = (value) => plot.bottom - (plot.bottom - plot.top) * (Math.min(value, top) - bottom) / (top - bottom);
  axisY(plot, ticks(bottom, top, 5), y, 'average L2, m');
  axisX(plot, logTicks(low, high), x, label);
  plot.drawing.append(
    svg('line', { x1: plot.left, x2: plot.right, y1: y(level), y2: y(level), stroke: 'var(--baseline)', 'stroke-dasharray': '3 3' }),
    svg('text', { x: plot.right, y: y(level) + 15, 'text-anchor': 'end' }, baseline.name));
  const labels = [];
  for (const point of points) {
    const clipped = point.y > top;
    const at = { x: x(point.x), y: clipped ? plot.top : y(point.y) };
    const about = `${point.run.name}: ${fixed(point.y, 3)} m, ${fixed(point.x, 2)} ${label}`;
    const drawn = clipped ? svg('path', { d: `M${at.x} ${at.y - 6}l6 10h-12Z`, fill: point.run.color }, svg('title', null, about)) : marker(point.run, at.x, at.y, 5, about);
    plot.drawing.append(pickable(drawn, `${about}; choose to see its frames`, () => showFrames({ run: point.run.name }, true)));
    labels.push({ ...at, text: clipped ? `${point.run.name} ${fixed(point.y, 1)} m ↑` : point.run.name });
  }
  placeLabels(plot, labels, [{ left: plot.right - 6.9 * baseline.name.length, right: plot.right, top: y(level) + 4, bottom: y(level) + 18 }]);
  caption(figure, plot.drawing, title, 'Lower is better; further left is cheaper. The dashed line is the baseline, which asks no model.');
}

function drawLegend() {
  const held = document.activeElement?.dataset?.legend;
  $('legend').replaceChildren(...runs.map((run) => button([swatch(run), run.name], () => {
    const hidden = new Set(state.hidden);
    if (!hidden.delete(run.name)) hidden.add(run.name);
    change({ hidden });
  }, { 'aria-pressed': String(!state.hidden.has(run.name)), 'data-legend': run.name, title: 'show or hide in the charts' })));
  if (held) [...$('legend').children].find((child) => child.dataset.legend === held)?.focus();
}

const calibration = tableRows('calibration');
const calibrated = { quantity: calibration[0]?.quantity, horizon: calibration.at(-1)?.horizon_s };

/** What the car really did, by what a run had planned: a run on the diagonal plans what happens. */
function drawCalibration() {
  const figure = $('calibration-chart');
  const rows = calibration.filter((row) => row.quantity === calibrated.quantity && row.horizon_s === calibrated.horizon && row.frames >= 10 && known(row.planned_mean) && known(row.recorded_mean));
  const width = Math.max(300, figure.clientWidth);
  const plot = frameOf(width, 340, { left: 52, right: 18, top: 34, bottom: 44 }, 'Recorded against planned values');
  const values = rows.flatMap((row) => [row.planned_mean, row.recorded_mean]).sort((a, b) => a - b);
  const low = Math.min(0, values[Math.floor(0.01 * values.length)] ?? 0), high = values[Math.floor(0.97 * (values.length - 1))] || 1;
  const x = (value) => plot.left + (plot.right - plot.left) * (value - low) / (high - low);
  const y = (value) => plot.bottom - (plot.bottom - plot.top) * (value - low) / (high - low);
  const unit = calibrated.quantity === 'speed' ? 'm/s' : '1/m';
  axisY(plot, ticks(low, high, 5), y, `recorded, ${unit}`);
  axisX(plot, ticks(low, high, width < 500 ? 4 : 6).map((value) => [value, String(value)]), x, `planned, ${unit}`);
  plot.drawing.append(svg('line', { x1: x(low), y1: y(low), x2: x(high), y2: y(high), stroke: 'var(--rule-strong)', 'stroke-dasharray': '2 3' }),
    svg('clipPath', { id: 'calibration-clip' }, svg('rect', { x: plot.left - 5, y: plot.top - 5, width: plot.right - plot.left + 10, height: plot.bottom - plot.top + 10 })));
  for (const run of shownRuns()) {
    const mine = rows.filter((row) => row.run === run.name).sort((a, b) => a.planned_mean - b.planned_mean);
    if (!mine.length) continue;
    plot.drawing.append(svg('g', { 'clip-path': 'url(#calibration-clip)' },
      svg('path', { d: `M${mine.map((row) => `${x(row.planned_mean)} ${y(row.recorded_mean)}`).join('L')}`, fill: 'none', stroke: run.color, 'stroke-width': 1.4, 'stroke-dasharray': run.dash, opacity: 0.8 }),
      mine.map((row) => {
        const about = `${run.name}: planned ${fixed(row.planned_mean, 3)}, recorded ${fixed(row.recorded_mean, 3)} ${unit} on ${grouped(row.frames)} frames`;
        const point = marker(run, x(row.planned_mean), y(row.recorded_mean), 3.4, about);
        return row.planned_mean <= high && row.recorded_mean <= high ? readable(point, about) : point;
      })));
  }
  const quantities = [...new Set(calibration.map((row) => row.quantity))], horizons = [...new Set(calibration.map((row) => row.horizon_s))];
  const pick = (label, key, options, text) => el('label', null, `${label} `, el('select', { 'data-keep': key, onchange: (event) => { calibrated[key] = options[event.target.selectedIndex]; drawCalibration(); } },
    options.map((option) => el('option', { selected: option === calibrated[key] }, text(option)))));
  const held = document.activeElement?.dataset?.keep;
  caption(figure, plot.drawing, 'Planned and recorded', 'What the car really did, by what a run had planned; on the dashed line the car did what was planned. Bins of fewer than ten frames are left out.');
  figure.append(el('p', { class: 'picks' }, pick('Quantity', 'quantity', quantities, String), pick('Seconds ahead', 'horizon', horizons, String)));
  if (held) figure.querySelector(`[data-keep="${held}"]`)?.focus();
}

function drawCharts() {
  drawLegend();
  if (calibration.length) drawCalibration();

  drawHorizon();
  drawScatter($('latency-chart'), 'latency_mean_s', 'Accuracy and seconds', 'seconds per frame', 1, 'No run says how long its answers took.');
  drawScatter($('cost-chart'), 'cost_usd_per_frame', 'Accuracy and dollars', 'dollars per 1,000 frames', 1000, 'No run has a price; name one in the model’s YAML.');
}

function startCharts() {
  if (!calibration.length) $('calibration-chart').remove();
  whenChanged(drawCharts);
  drawCharts();
  let width = innerWidth, waiting = 0;
  addEventListener('resize', () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(() => { drawCharts(); drawFailures(); }, 120);
  });
}
