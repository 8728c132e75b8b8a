// The experts of a frame: their tasks, and their boxes over the picture.

const toolsOf = (run) => opened.tools?.[run];

/** Boxes that the experts of the chosen run found; two tasks with the same box draw it once. */
function drawBoxes(drawing, width, height) {
  const drawn = new Set(), labels = [];
  for (const task of toolsOf(chosen.run)?.tasks ?? []) {
    for (const [label, score, left, top, right, bottom] of task.boxes) {
      const key = [label, left, top, right, bottom].join();
      if (drawn.has(key)) continue;
      drawn.add(key);
      const place = { x: left * width, y: top * height, width: (right - left) * width, height: (bottom - top) * height };
      const said = `${label} ${fixed(score)}`, at = { x: place.x, y: Math.max(10, place.y - 3) };
      drawing.append(svg('rect', { ...place, class: 'box halo', 'stroke-width': 3 }), svg('rect', { ...place, class: 'box', 'data-label': label }, svg('title', null, said)));
      // Of labels that would lie on each other the first is shown; pointing at a box shows its own.
      if (labels.some((one) => Math.abs(one.y - at.y) < 11 && at.x < one.end && one.x < at.x + 6 * said.length)) continue;
      labels.push({ ...at, end: at.x + 6 * said.length });
      drawing.append(svg('text', { ...at, class: 'box-label' }, said));
    }
  }
}

/** Task id → how many tasks must be done before it, one after the other; a circle, which no run has, ends at the number of tasks. */
function depths(tasks) {
  const found = new Map(tasks.map((task) => [task.id, 0]));
  for (let round = 0; round < tasks.length; round += 1)
    for (const task of tasks) found.set(task.id, Math.max(0, ...task.dep.filter((one) => found.has(one)).map((one) => Math.min(found.get(one) + 1, tasks.length))));
  return found;
}

/** The graph of tasks: what waits for nothing on the left, and lines to what waits for it. */
function taskGraph(tasks) {
  const [wide, high, across, down] = [164, 40, 48, 10];
  const depth = depths(tasks);
  const columns = [];
  for (const task of tasks) (columns[depth.get(task.id)] ??= []).push(task);
  const rows = new Map();
  for (const column of columns.filter(Boolean)) {
    const near = (task) => task.dep.reduce((sum, one) => sum + (rows.get(one) ?? 0), 0) / Math.max(1, task.dep.length);
    if (rows.size) column.sort((one, other) => near(one) - near(other));
    column.forEach((task, row) => rows.set(task.id, row));
  }
  const left = (task) => depth.get(task.id) * (wide + across) + 1;
  const top = (task) => rows.get(task.id) * (high + down) + 1;
  const width = columns.length * (wide + across) - across + 2;
  const height = Math.max(...[...rows.values()].map((row) => row + 1)) * (high + down) - down + 2;
  const words = tasks.map((task) => `${task.id} ${task.task}, ${task.outcome}${task.dep.length ? `, after ${task.dep.join(', ')}` : ''}`).join('; ');
  const drawing = svg('svg', { class: 'graph', width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `Graph of tasks: ${words}` });
  const byId = new Map(tasks.map((task) => [task.id, task]));
  for (const task of tasks) {
    for (const one of task.dep.map((id) => byId.get(id)).filter(Boolean)) {
      const [x, y, toX, toY] = [left(one) + wide, top(one) + high / 2, left(task), top(task) + high / 2];
      drawing.append(svg('path', { class: 'edge', d: `M${x} ${y}C${x + across / 2} ${y} ${toX - across / 2} ${toY} ${toX} ${toY}`, 'data-edge': `${one.id}-${task.id}` }));
    }
  }
  const cut = (text) => (text.length > 23 ? `${text.slice(0, 22)}…` : text);
  for (const task of tasks) {
    const done = task.outcome === 'ok';
    drawing.append(svg('g', { class: done ? 'node' : 'node undone', transform: `translate(${left(task)} ${top(task)})`, 'data-task': task.id },
      svg('title', null, [`${task.id}. ${task.task}`, task.expert, task.outcome].filter(Boolean).join(', ')),
      svg('rect', { width: wide, height: high, rx: 4 }),
      svg('text', { x: 9, y: 16 }, cut(`${task.id}. ${task.task}`)),
      svg('text', { x: 9, y: 32, class: 'by' }, cut(done ? task.expert + (task.earlier ? ', earlier' : '') : `${task.outcome}${task.expert ? `: ${task.expert}` : ''}`))));
  }
  return drawing;
}

/** The tasks as a graph and as a list, each with what it found, and what entered the prompts. */
function toolsSection(run) {
  const tools = toolsOf(run);
  if (!tools) return [];
  const origin = { valid: 'planned by the model', repaired: 'planned by the model after a complaint', default: 'the default plan, since the model’s was none', fixed: 'every task, nobody was asked' }[tools.plan] ?? tools.plan;
  const chosenBy = { model: 'chosen by the model', rank: 'chosen by rank' };
  const nameOf = (task) => `${task.id}. ${task.task}${task.earlier ? ', earlier picture' : ''}`;
  const row = (task) => el('tr', { class: task.outcome === 'ok' ? null : 'undone' },
    el('th', { scope: 'row' }, nameOf(task)), el('td', { class: 'left' }, task.dep.length ? `after ${task.dep.join(', ')}` : 'at once'),
    el('td', { class: 'left' }, [task.expert || 'nobody', chosenBy[task.by], task.reason && `“${task.reason}”`].filter(Boolean).join(', ')),
    el('td', { class: 'left' }, task.outcome), el('td', { class: 'of-seconds' }, fixed(task.seconds, 3)), el('td', { class: 'left said-by-tool' }, task.said));
  return [el('h4', null, `Tools of ${runs[run].name}`),
    el('p', { class: 'note' }, [`${tools.mode}: ${origin}`, `${tools.asked} call${tools.asked === 1 ? '' : 's'} for tools`, tools.complaint && `complaint: ${tools.complaint}`].filter(Boolean).join(' · ')),
    tools.planted ? el('p', { class: 'warning' }, `Planted false alarm: ${tools.planted}`) : null,
    tools.tasks.length ? scroller('Graph of tasks', taskGraph(tools.tasks)) : el('p', { class: 'note' }, 'No task was planned.'),
    !tools.tasks.length ? null : scroller('Tasks of experts', el('table', { class: 'data small tasks' },
      el('thead', null, el('tr', null, ['Task', 'Begins', 'Expert', 'Outcome', 'Seconds', 'Found'].map((text, place) => el('th', { scope: 'col', class: place === 4 ? null : 'left' }, text)))),
      el('tbody', null, tools.tasks.map(row)))),
    el('p', { class: 'note' }, tools.told ? 'What entered the prompts:' : 'Nothing entered the prompts, or it was not recorded.'),
    tools.told ? el('pre', { class: 'wrapped told' }, tools.told) : null].filter(Boolean);
}
