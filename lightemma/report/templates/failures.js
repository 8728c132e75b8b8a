// Failed frames by kind, with answers to look at.

const errorRows = tableRows('errors').filter((row) => row.outcome !== 'ok');
const errorKinds = [...new Set(errorRows.map((row) => row.outcome))]
  .map((kind) => ({ kind, frames: errorRows.filter((row) => row.outcome === kind).reduce((sum, row) => sum + row.frames, 0) }))
  .sort((a, b) => b.frames - a.frames)
  .map(({ kind }, place) => ({ kind, color: `var(--c${place % COLORS})`, hatched: kind.startsWith('call:') || place >= COLORS }));
const kindText = (kind) => spaced(kind.replace('format:', 'format: ').replace('call:', 'call: ').replace('ok:implausible', 'scored, but beyond physics'));
const shortKind = (kind) => (kind === 'ok:implausible' ? 'beyond physics' : kindText(kind));
let chosenKind = errorKinds[0]?.kind;

function drawFailures() {
  const figure = $('failure-chart');
  if (!errorKinds.length) {
    figure.replaceChildren(el('p', null, 'Every frame of every run was answered in the format.'));
    return;
  }
  const failing = runs.filter((run) => errorRows.some((row) => row.run === run.name));
  const width = Math.max(300, figure.clientWidth), narrow = width < 600;
  const most = narrow ? Math.floor((width - 20) / 7) : 30;
  const lines = Math.max(...failing.map((run) => nameLines(run.name, most).length));
  const height = narrow ? 30 + 14 * lines : Math.max(28, 8 + 14 * lines);
  const left = narrow ? 8 : Math.max(120, 20 + 6.9 * Math.max(...failing.map((run) => Math.min(most, run.name.length))));
  const plot = frameOf(width, 60 + failing.length * height, { left, right: 62, top: 8, bottom: 46 }, 'Share of failed frames, a bar per run', 'group');
  const totals = failing.map((run) => errorRows.filter((row) => row.run === run.name).reduce((sum, row) => sum + row.share, 0));
  const marks = ticks(0, Math.max(...totals), narrow ? 4 : 8);
  const end = Math.max(Math.max(...totals), marks.at(-1));
  const x = (share) => plot.left + (share / end) * (plot.right - plot.left);
  for (const mark of marks) plot.drawing.append(svg('line', { x1: x(mark), x2: x(mark), y1: plot.top, y2: plot.bottom, stroke: 'var(--rule)' }));
  axisX(plot, marks.map((mark) => [mark, `${+(100 * mark).toPrecision(6)} %`]), x, 'share of the run’s frames');
  plot.drawing.append(svg('defs', null, svg('pattern', { id: 'hatch', width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
    svg('line', { x1: 0, x2: 0, y1: 0, y2: 6, stroke: 'var(--page)', 'stroke-width': 3 }))));
  failing.forEach((run, place) => {
    const tall = 18, top = plot.top + place * height + (narrow ? 4 + 14 * lines : (height - tall) / 2);
    plot.drawing.append(narrow ? nameText(run.name, most, { x: plot.left, y: top - 5 - 13 * (nameLines(run.name, most).length - 1) }, false)
      : nameText(run.name, most, { x: plot.left - 10, y: top + 13, 'text-anchor': 'end' }));
    let sum = 0;
    for (const { kind, color, hatched } of errorKinds) {
      const row = errorRows.find((candidate) => candidate.run === run.name && candidate.outcome === kind);
      if (!row) continue;
      const box = { x: x(sum), y: top, width: Math.max(0.5, x(sum + row.share) - x(sum) - 1), height: tall };
      const about = `${run.name}, ${kindText(kind)}: ${grouped(row.frames)} frames, ${percent(row.share)}`;
      plot.drawing.append(pickable(svg('rect', { ...box, fill: color, 'data-kind': kind }, svg('title', null, about)), `${about}; choose to see them`, () => showFrames({ run: run.name, outcome: kind }, true)));
      if (hatched) plot.drawing.append(svg('rect', { ...box, fill: 'url(#hatch)', opacity: 0.6, 'pointer-events': 'none' }));
      sum += row.share;
    }
    plot.drawing.append(pickable(svg('text', { x: x(sum) + 6, y: top + 13 }, percent(sum)), `${percent(sum)}: the frames of ${run.name} without a good plan`, () => showFrames({ run: run.name, outcome: 'bad' }, true)));
  });
  caption(figure, plot.drawing, 'Frames without a good plan', 'Share of each run’s frames, by kind. Choose a part of a bar to see its frames, or a kind below to read such answers.');
  drawExamples();
}

function chooseKind(kind) {
  chosenKind = kind;
  drawExamples();
}

function drawExamples() {
  const held = document.activeElement?.dataset?.kindButton;
  const tabs = el('div', { class: 'legend', role: 'group', 'aria-label': 'Kinds of failure' }, errorKinds.map(({ kind, color, hatched }) =>
    button([el('span', { class: hatched ? 'block hatched' : 'block', vars: { '--block': color } }), kindText(kind)], () => chooseKind(kind),
      { 'aria-pressed': String(kind === chosenKind), 'data-kind-button': kind })));
  const shown = runs.flatMap((run) => (data.examples[run.number]?.[chosenKind] ?? []).map((example) => ({ run, ...example })));
  const list = shown.map(({ run, frame, stage, text }) => el('div', { class: 'example' },
    el('p', null, el('b', null, run.name), ` ${spaced(stage)}, ${frameName(frame)} `, button('open', () => openFrame(frame, run.number, { jump: true }), { class: 'plain' })),
    el('pre', { class: 'wrapped' }, text || '(no text)')));
  const empty = el('p', { class: 'note' }, 'The texts of these answers are not in the report.');
  const behind = button('Show these frames', () => showFrames({ outcome: chosenKind }, true), { class: 'plain' });
  $('examples').replaceChildren(tabs, el('p', { class: 'buttons' }, behind), ...(list.length ? [el('div', { class: 'example-list' }, list)] : [empty]));
  if (held) [...tabs.children].find((child) => child.dataset.kindButton === held)?.focus();
}
