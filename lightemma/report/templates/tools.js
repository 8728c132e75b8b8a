// The experts of a frame: their tasks, and their boxes over the picture.

const toolsOf = (run) => opened.tools?.[run];

/** Boxes that the experts of the chosen run found; two tasks with the same box draw it once. */
function drawBoxes(drawing, width, height) {
  const drawn = new Set();
  for (const task of toolsOf(chosen.run)?.tasks ?? []) {
    for (const [label, score, left, top, right, bottom] of task.boxes) {
      const key = [label, left, top, right, bottom].join();
      if (drawn.has(key)) continue;
      drawn.add(key);
      const place = { x: left * width, y: top * height, width: (right - left) * width, height: (bottom - top) * height };
      drawing.append(svg('rect', { ...place, class: 'box halo', 'stroke-width': 3 }), svg('rect', { ...place, class: 'box', 'data-label': label }),
        svg('text', { x: place.x, y: Math.max(10, place.y - 3), class: 'box-label' }, `${label} ${fixed(score)}`));
    }
  }
}

/** The graph of tasks as a list, each with those that it waited for, and what entered the prompts. */
function toolsSection(run) {
  const tools = toolsOf(run);
  if (!tools) return [];
  const origin = { valid: 'planned by the model', repaired: 'planned by the model after a complaint', default: 'the default plan, since the model’s was none', fixed: 'every task, nobody was asked' }[tools.plan] ?? tools.plan;
  const chosenBy = { model: 'chosen by the model', rank: 'chosen by rank' };
  const row = (task) => el('tr', { class: task.outcome === 'ok' ? null : 'undone' },
    el('th', { scope: 'row' }, `${task.id}. ${task.task}`), el('td', { class: 'left' }, task.dep.length ? `after ${task.dep.join(', ')}` : 'at once'),
    el('td', { class: 'left' }, [task.expert || 'nobody', chosenBy[task.by], task.reason && `“${task.reason}”`].filter(Boolean).join(', ')),
    el('td', { class: 'left' }, task.outcome), el('td', null, fixed(task.seconds, 3)), el('td', { class: 'left said-by-tool' }, task.said));
  return [el('h4', null, `Tools of ${runs[run].name}`),
    el('p', { class: 'note' }, [`${tools.mode}: ${origin}`, `${tools.asked} call${tools.asked === 1 ? '' : 's'} for tools`, tools.complaint && `complaint: ${tools.complaint}`].filter(Boolean).join(' · ')),
    tools.planted ? el('p', { class: 'warning' }, `Planted false alarm: ${tools.planted}`) : null,
    scroller('Tasks of experts', el('table', { class: 'data small tasks' },
      el('thead', null, el('tr', null, ['Task', 'Begins', 'Expert', 'Outcome', 'Seconds', 'Found'].map((text, place) => el('th', { scope: 'col', class: place === 4 ? null : 'left' }, text)))),
      el('tbody', null, tools.tasks.map(row)))),
    el('p', { class: 'note' }, tools.told ? 'What entered the prompts:' : 'Nothing entered the prompts, or it was not recorded.'),
    tools.told ? el('pre', { class: 'wrapped told' }, tools.told) : null].filter(Boolean);
}
