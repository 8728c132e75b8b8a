// How it was done: the rules, every run's manifest, whole prompts, and every table.

/** The filters that show the frames behind a row of a table; null where the row is not about frames of a run. */
function framesOfRow(columns, row) {
  const cell = (name) => row[columns.indexOf(name)];
  const run = runNamed.get(cell('run'));
  if (!run) return null;
  const filters = { run: run.name };
  const stratum = cell('stratum');
  if (typeof stratum === 'string' && stratum.includes(': ')) {
    const cut = stratum.indexOf(': '), family = stratum.slice(0, cut);
    if (family === 'scene' || frames.families.some((one) => one.name === family)) filters[family] = stratum.slice(cut + 2);
    else return null;
  }
  if (frames.outcomes.includes(cell('outcome'))) filters.outcome = cell('outcome');
  if (frames.scenes.includes(cell('scene'))) filters.scene = cell('scene');
  if (frames.tokens.includes(cell('sample_token'))) filters.text = cell('sample_token');
  return filters;
}

function behindRow(columns, row) {
  const filters = framesOfRow(columns, row);
  return filters ? () => showFrames(filters, true) : null;
}

/** Two of the prompt sets word by word. */
function promptComparison() {
  const sets = Object.keys(data.prompts);
  if (sets.length < 2) return null;
  const chosenSets = [sets[0], sets[1]];
  const result = el('div');
  const draw = () => {
    const [before, after] = chosenSets.map((name) => data.prompts[name]);
    result.replaceChildren(...[...new Set([...before, ...after].map((stage) => stage.stage))].map((name) => {
      const texts = [before, after].map((stages) => stages.find((stage) => stage.stage === name)?.prompt ?? '');
      return el('section', { class: 'stage' }, el('h5', null, spaced(name)), differenceView(texts[0], texts[1], chosenSets.map((one) => `only ${one}`)));
    }));
  };
  const pick = (place) => el('select', { 'aria-label': place ? 'and' : 'Compare', onchange: (event) => { chosenSets[place] = sets[event.target.selectedIndex]; draw(); } }, sets.map((name) => el('option', { selected: name === chosenSets[place] }, name)));
  const holder = el('details', { ontoggle: () => { if (!result.childElementCount) draw(); } }, el('summary', null, 'How prompts differ'), el('p', { class: 'picks' }, pick(0), pick(1)), result);
  return holder;
}

function startProtocol() {
  const said = Object.entries(data.prompts).map(([name, stages]) => el('details', null, el('summary', null, `Prompts as sent: ${name}`),
    stages.map((stage) => el('section', { class: 'stage' }, el('h5', null, spaced(stage.stage)), el('pre', { class: 'wrapped' }, stage.prompt)))));
  fill($('protocol-body'), null, [
    el('p', null, 'From one front-camera picture and three seconds of its own motion, a model says where the car should go in the next three seconds: six pairs of speed and curvature, half a second apart. '
      + 'The baseline repeats the current pair six times and looks at no picture. Most recorded driving goes straight on at a steady speed, where that formula is hard to beat; the strata show the rest.'),
    el('p', null, 'Intervals resample whole scenes, since frames of one scene resemble each other. A run is scored on the frames it has a plan for; failed answers are counted, never scored.'),
    el('h3', null, 'Runs'),
    runs.map((run) => el('details', null, el('summary', null, swatch(run), ` ${run.name}`), definitions(run.facts),
      run.manifest ? el('details', null, el('summary', null, 'manifest.json'), el('pre', { class: 'wrapped' }, run.manifest)) : null)),
    said.length ? el('h3', null, 'Prompts') : null, said, promptComparison()]);
  $('all-tables').append(...Object.keys(data.tables).map(tableDetails));
}
