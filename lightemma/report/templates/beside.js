// What models said about a frame: the chosen run's words, and others' next to them.

let besideChosen = null; // names of the runs next to the chosen one; null until the reader says
const besideNames = () => (besideChosen === null ? [] : besideChosen.length ? besideChosen : ['none']);

/** The model that is closest, but for `run`: the first to be read next to it. */
function closestOther(run) {
  const averages = new Map(data.views[data.convention].own.map((row) => [row.run, row.l2_avg]));
  const others = modelRuns.filter((other) => other.number !== run && opened.texts[other.number]);
  others.sort((a, b) => (averages.get(a.name) ?? Infinity) - (averages.get(b.name) ?? Infinity));
  return others.slice(0, 1);
}

/** Runs whose words are shown: the chosen one first. */
function besideOf(run) {
  const others = besideChosen === null ? closestOther(run) : besideChosen.map((name) => runNamed.get(name));
  return [runs[run], ...others.filter((other) => other.number !== run)].filter((one) => opened.texts[one.number]);
}

/** Takes names as the address has them. */
function setBeside(names) {
  besideChosen = names.length ? names.filter((name) => runNamed.has(name)) : null;
  if (opened) drawDetail();
}

function toggleBeside(name) {
  const shown = besideOf(chosen.run).slice(1).map((run) => run.name);
  besideChosen = shown.includes(name) ? shown.filter((other) => other !== name) : runs.map((run) => run.name).filter((other) => other === name || shown.includes(other));
  drawDetail();
  writeAddress();
}

function promptText(stage, texts) {
  if (stage.prompt === null) return null;
  if (typeof stage.prompt === 'string') return stage.prompt;
  const fillings = [...opened.lists, ...texts.map((other) => other.response ?? '')];
  return data.templates[stage.prompt].map((piece) => (typeof piece === 'number' ? fillings[piece] : piece)).join('');
}

/** A prompt's wording: what is filled in frame by frame is named, not shown. */
function wordingOf(stage, texts) {
  if (typeof stage.prompt !== 'number') return stage.prompt;
  const names = ['speeds', 'curvatures', ...texts.map((other) => `answer of ${spaced(other.stage)}`)];
  return data.templates[stage.prompt].map((piece) => (typeof piece === 'number' ? `⟨${names[piece]}⟩` : piece)).join('');
}

/** The stages of some runs in the order of the first that has them: [key, stage or nothing of each run]. */
function stagesBeside(shown) {
  const order = [], found = new Map();
  shown.forEach((run, column) => {
    const met = new Map();
    for (const stage of opened.texts[run.number]) {
      const number = met.get(stage.stage) ?? 0;
      met.set(stage.stage, number + 1);
      const key = `${stage.stage} ${number}`;
      if (!found.has(key)) { found.set(key, []); order.push(key); }
      found.get(key)[column] = stage;
    }
  });
  return order.map((key) => [key, shown.map((_, column) => found.get(key)[column])]);
}

function stageView(run, stage) {
  const texts = opened.texts[run.number];
  if (!stage) return el('section', { class: 'stage' }, el('p', { class: 'note' }, `${run.name} was not asked this.`));
  const usage = stage.usage ? `${grouped(stage.usage[0])} tokens in, ${grouped(stage.usage[1])} out${stage.usage[2] ? `, ${grouped(stage.usage[2])} of them reasoning` : ''}` : '';
  const facts = [stage.outcome === 'ok' ? '' : kindText(stage.outcome), known(stage.latency) ? `${fixed(stage.latency, 1)} s` : '', usage, stage.attempts > 1 ? `${stage.attempts} attempts` : '', stage.cached ? 'from the cache' : ''];
  const prompt = promptText(stage, texts);
  return el('section', { class: 'stage', 'data-stage': stage.stage, 'data-run': run.name },
    el('h5', null, el('span', { class: 'name' }, swatch(run), wholeName(run.name)), el('small', null, facts.filter(Boolean).join(' · '))),
    stage.response === null ? el('p', { class: 'note' }, 'No answer came back.') : el('pre', { class: 'wrapped', tabindex: 0 }, stage.response ? marked(stage.response, withHits(stage.response, stage.marks, 'answers')) : '(an empty answer)'),
    stage.read ? el('p', { class: 'note read' }, stage.read) : null,
    stage.error ? el('pre', { class: 'wrapped failed' }, stage.error) : null,
    prompt === null
      ? el('p', { class: 'note' }, 'The prompt is left out of the report; lightemma show RUN --frame TOKEN prints it.')
      : el('details', { open: hitsIn(prompt, 'prompts') }, el('summary', null, 'Prompt'), el('pre', { class: 'wrapped', tabindex: 0 }, marked(prompt, withHits(prompt, [], 'prompts')))));
}

/** How the prompts of two runs differ in a stage. */
function stageDifference(first, second, one, other) {
  if (!one || !other || one.prompt === null || other.prompt === null) return null;
  const before = wordingOf(one, opened.texts[first.number]), after = wordingOf(other, opened.texts[second.number]);
  if (before === after) return el('p', { class: 'note' }, `${first.name} and ${second.name} were asked in the same words.`);
  const holder = el('details', { ontoggle: () => { if (holder.childElementCount < 2) holder.append(differenceView(before, after, [`only ${first.name}`, `only ${second.name}`])); } },
    el('summary', null, `How the prompts of ${first.name} and ${second.name} differ`));
  return holder;
}

function answersSection(run) {
  const able = runs.filter((other) => opened.texts[other.number]);
  if (!able.length) return [];
  const shown = besideOf(run);
  const picks = able.filter((other) => other.number !== run).map((other) => el('label', null,
    el('input', { type: 'checkbox', checked: shown.includes(other), 'data-beside': other.name, 'data-keep': `beside-${other.number}`, onchange: () => toggleBeside(other.name) }), swatch(other), other.name));
  const rows = stagesBeside(shown).map(([key, stages]) => [
    el('h5', { class: 'stage-name' }, spaced(key.replace(/ 0$/, '').replace(/ (\d+)$/, (_, number) => `, ${Number(number) + 1}`))),
    el('div', { class: 'columns', vars: { '--columns': String(shown.length) }, tabindex: shown.length > 2 ? 0 : null, role: shown.length > 2 ? 'region' : null, 'aria-label': shown.length > 2 ? `Answers of ${key}` : null }, stages.map((stage, column) => stageView(shown[column], stage))),
    stages.slice(1).map((stage, column) => stageDifference(shown[0], shown[column + 1], stages[0], stage))]);
  return [el('h4', null, shown.length > 1 ? 'What they said' : `What ${(shown[0] ?? runs[run]).name} said`),
    picks.length ? el('fieldset', { class: 'toggles wide' }, el('legend', null, shown.some((one) => one.number === run) ? 'Next to it' : 'Words of'), picks) : null,
    ...rows.flat(3)].filter(Boolean);
}
