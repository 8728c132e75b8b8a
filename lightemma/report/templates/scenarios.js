// The score of each driver in each scenario, with its interval over seeds.

function drawScenarios() {
  const held = document.activeElement?.dataset?.legend;
  $('legend').replaceChildren(...runs.map((run) => button([swatch(run), run.name], () => {
    if (!state.hidden.delete(run.name)) state.hidden.add(run.name);
    drawScenarios();
    writeAddress();
  }, { 'aria-pressed': String(!state.hidden.has(run.name)), 'data-legend': run.name, title: 'show or hide in the chart' })));
  if (held) [...$('legend').children].find((child) => child.dataset.legend === held)?.focus();
  const figure = $('scenario-chart');
  const shown = runs.filter((run) => !state.hidden.has(run.name));
  const width = Math.max(300, figure.clientWidth), narrow = width < 600;
  const step = 15, pad = narrow ? 26 : 12;
  const heights = data.scenarios.map((row) => pad + step * Math.max(1, shown.filter((run) => row.runs[run.number]).length));
  const left = narrow ? 8 : 20 + 6.9 * Math.max(...data.scenarios.map((row) => row.scenario.length));
  const plot = frameOf(width, 66 + heights.reduce((sum, height) => sum + height, 0), { left, right: narrow ? 14 : 120, top: 20, bottom: 46 }, 'Driving score by scenario, a row per driver', 'group');
  const x = (value) => plot.left + (plot.right - plot.left) * value / 100;
  for (const value of [0, 25, 50, 75, 100]) plot.drawing.append(svg('line', { x1: x(value), x2: x(value), y1: plot.top, y2: plot.bottom, stroke: 'var(--rule)' }));
  axisX(plot, [0, 25, 50, 75, 100].map((value) => [value, String(value)]), x, 'driving score');
  let top = plot.top;
  data.scenarios.forEach((row, place) => {
    const open = () => showEpisodes({ scenario: row.scenario });
    plot.drawing.append(svg('line', { x1: narrow ? plot.left : 0, x2: plot.right, y1: top, y2: top, stroke: 'var(--rule)' }),
      pickable(svg('g', null, svg('text', { ...(narrow ? { x: plot.left, y: top + 14 } : { x: plot.left - 10, y: top + heights[place] / 2 + 4, 'text-anchor': 'end' }), class: 'label' }, row.scenario, svg('title', null, 'choose to see its episodes'))),
        `${row.scenario}; choose to see its episodes`, open));
    let y = top + pad / (narrow ? 1 : 2) + step / 2;
    for (const run of shown) {
      const found = row.runs[run.number];
      if (!found) continue;
      const ends = Object.entries(found.ends).map(([end, count]) => `${count} ${end}`).join(', ');
      const interval = known(found.low) ? ` [${fixed(found.low, 0)}, ${fixed(found.high, 0)}]` : '';
      const about = `${run.name}, ${row.scenario}: ${fixed(found.score, 1)}${interval}, ${grouped(found.episodes)} episodes (${ends}); choose to see them`;
      const group = svg('g', { 'data-scenario': row.scenario, 'data-run': run.name }, svg('title', null, about),
        svg('rect', { x: plot.left, y: y - step / 2, width: plot.right - plot.left, height: step, fill: 'transparent' }));
      if (known(found.low)) group.append(svg('line', { x1: x(found.low), x2: x(found.high), y1: y, y2: y, stroke: run.color, 'stroke-width': 2 }));
      if (known(found.score)) group.append(marker(run, x(found.score), y, 4));
      if (!narrow) group.append(svg('text', { x: plot.right + 10, y: y + 4 }, `${fixed(found.score, 0)} · ${found.success} of ${found.episodes}`));
      plot.drawing.append(pickable(group, about, () => showEpisodes({ scenario: row.scenario, run: run.name })));
      y += step;
    }
    top += heights[place];
  });
  caption(figure, plot.drawing, 'Score by scenario', `Mean over episodes with its 95 % interval over seeds, none where there is one seed${narrow ? '' : '; at the right the mean, and how many episodes were a success'}. Choose a row to see its episodes.`);
}
