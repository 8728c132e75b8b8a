// Watching an episode: the world from above, the picture and the words, of one driver or of two at the same time.

const CAR = { front: 3.427, back: -0.657, half: 0.925 }; // metres from the rear axle
const RANGES = [['60', '60 m'], ['120', '120 m'], ['300', '300 m'], ['40', '40 m']];
const RATES = [['1', 'real time'], ['2', 'twice as fast'], ['4', 'four times as fast'], ['0.5', 'half as fast']];
let watched = null; // { episode, runs: [number, …], time, end, panes }
let range = 60, rate = 1, ticking = 0, lastTick = 0;
const episodesBy = new Map(data.episodes.map((one) => [`${one.run}/${one.name}`, one]));
const loadedEpisodes = new Map(), waitingEpisodes = new Map();
let controls = null;

// An episode's file calls this.
window.lightemmaEpisode = (report, run, name, episode) => waitingEpisodes.get(`${run}/${name}`)?.(report === data.report ? episode : null);

function loadEpisode(run, name) {
  const key = `${run}/${name}`, file = data.files[run]?.[name];
  if (!loadedEpisodes.has(key)) {
    if (loadedEpisodes.size > 12) loadedEpisodes.delete(loadedEpisodes.keys().next().value); // pictures are large
    loadedEpisodes.set(key, new Promise((resolve, reject) => {
      const fail = (why) => { loadedEpisodes.delete(key); reject(new Error(why)); };
      waitingEpisodes.set(key, (episode) => { waitingEpisodes.delete(key); if (episode) resolve(episode); else fail(`“${data.folder}/${file}” belongs to another report; write this report again.`); });
      const script = el('script', { src: [data.folder, file].map(encodeURIComponent).join('/'), onerror: () => fail(`“${data.folder}/${file}” is missing; keep the folder “${data.folder}” next to this page.`) });
      document.head.append(script);
      script.addEventListener('load', () => script.remove());
    }));
  }
  return loadedEpisodes.get(key);
}

/** Opens an episode; the second driver stays, where it drove this one too. */
async function watchEpisode(name, run, { beside, time = 0, jump = false } = {}) {
  stopWatching();
  const other = beside === undefined ? watched?.runs[1] : beside;
  const numbers = [run, other].filter((one, place, list) => one !== undefined && one !== null && episodesBy.has(`${one}/${name}`) && list.indexOf(one) === place);
  if (!numbers.length) return;
  watched = { episode: name, runs: numbers, time, end: Math.max(...numbers.map((one) => episodesBy.get(`${one}/${name}`).time)), panes: [] };
  const mine = watched;
  drawEpisodes();
  writeAddress();
  if (jump) $('watch').scrollIntoView();
  try {
    const loaded = await Promise.all(numbers.map((one) => loadEpisode(one, name)));
    if (watched !== mine) return;
    watched.panes = loaded.map((episode, place) => makePane(numbers[place], name, episode));
    drawControls();
    $('panes').replaceChildren(...watched.panes.map((pane) => pane.element));
    showTime(Math.min(time, watched.end));
  } catch (error) {
    if (watched !== mine) return;
    drawControls();
    $('panes').replaceChildren(el('p', { class: 'warning', role: 'alert' }, error.message));
  }
}

/** Where the car and everyone else are at a time, between two steps of the replay. */
function momentAt(steps, time) {
  let low = 0, high = steps.length - 1;
  while (low < high) { const middle = (low + high + 1) >> 1; if (steps[middle][0] <= time) low = middle; else high = middle - 1; }
  const before = steps[low], after = steps[Math.min(low + 1, steps.length - 1)];
  const part = after[0] > before[0] ? Math.max(0, Math.min(1, (time - before[0]) / (after[0] - before[0]))) : 0;
  const between = (a, b) => a + (b - a) * part;
  const turned = (a, b) => a + Math.atan2(Math.sin(b - a), Math.cos(b - a)) * part;
  const [x, y, heading, speed] = before[1], [toX, toY, toHeading, toSpeed] = after[1];
  const later = new Map(after[2].map((one) => [one[0], one]));
  return {
    car: [between(x, toX), between(y, toY), turned(heading, toHeading), between(speed, toSpeed)],
    others: before[2].map((one) => { const next = later.get(one[0]) ?? one; return [one[0], between(one[1], next[1]), between(one[2], next[2]), turned(one[3], next[3]), between(one[4], next[4])]; }),
    signals: before[3] ?? [],
  };
}

const degrees = (radians) => radians * 180 / Math.PI;
const pointsOf = (list) => list.map(([x, y]) => `${x} ${y}`).join('L');

/** The world from above: the car looks up, and stays at its place. */
function makeBird(episode, replay) {
  const width = 460, height = 420, centre = [width / 2, height * 0.68];
  const kindOf = new Map(replay.actors.map(([number, kind, long, wide]) => [number, { kind, long, wide }]));
  const trail = replay.steps.map(([, [x, y]]) => [x, y]);
  const xs = trail.map(([x]) => x), ys = trail.map(([, y]) => y);
  const box = { x: Math.min(...xs) - 400, y: Math.min(...ys) - 400, width: Math.max(...xs) - Math.min(...xs) + 800, height: Math.max(...ys) - Math.min(...ys) + 800 };
  const id = `grid-${Math.random().toString(36).slice(2)}`;
  const thin = { fill: 'none', 'vector-effect': 'non-scaling-stroke' };
  const driven = svg('path', { ...thin, stroke: 'var(--accent)', 'stroke-width': 3, opacity: 0.75 });
  const plan = svg('path', { ...thin, class: 'plan', stroke: 'var(--c1)', 'stroke-width': 2.5, 'stroke-dasharray': '5 3' });
  const others = svg('g');
  const car = svg('g', { class: 'ego' }, svg('rect', { x: CAR.back, y: -CAR.half, width: CAR.front - CAR.back, height: 2 * CAR.half, rx: 0.4, fill: 'var(--accent)' }), svg('path', { d: `M${CAR.front - 1.2} -0.7L${CAR.front - 0.3} 0L${CAR.front - 1.2} 0.7Z`, fill: 'var(--page)' }));
  const world = svg('g', null,
    svg('rect', { ...box, fill: `url(#${id})` }),
    (replay.streets ?? []).map((ring) => svg('path', { d: `M${pointsOf(ring)}Z`, class: 'street' })),
    svg('path', { ...thin, d: `M${pointsOf(trail)}`, stroke: 'var(--rule-strong)', 'stroke-width': 1.5, 'stroke-dasharray': '2 4' }), driven, plan,
    (replay.lights ?? []).map(([number, x, y]) => svg('circle', { cx: x, cy: y, r: 1.1, class: 'light', 'data-light': number })),
    episode.faults.map(([kind, , atFault, , , x, y]) => svg('g', { transform: `translate(${x} ${y}) scale(0.28 -0.28)` }, faultMark(kind, 0, 0, 5, atFault, spaced(kind)))),
    others, car);
  const drawing = svg('svg', { class: 'bird world', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `From above, ${episode.name}` },
    svg('defs', null, svg('pattern', { id, width: 10, height: 10, patternUnits: 'userSpaceOnUse' }, svg('path', { d: 'M0 0H10M0 0V10', stroke: 'var(--rule)', 'stroke-width': 0.15, fill: 'none' }))), world);
  const scaleText = svg('text', { x: 10, y: height - 10 });
  drawing.append(scaleText);
  const shapes = new Map();
  const shapeOf = (number) => {
    if (!shapes.has(number)) {
      const { kind, long, wide } = kindOf.get(number) ?? { kind: 'unknown', long: 1, wide: 1 };
      const person = long < 1.2 && wide < 1.2;
      shapes.set(number, svg('g', { 'data-kind': kind }, svg('title', null, spaced(kind)), person ? svg('circle', { r: 0.55, class: 'person' }) : svg('rect', { x: -long / 2, y: -wide / 2, width: long, height: wide, rx: 0.25, class: long > 2.6 ? 'vehicle' : 'thing' })));
    }
    return shapes.get(number);
  };
  return {
    drawing,
    draw(time, decision) {
      const now = momentAt(replay.steps, time), [x, y, heading] = now.car;
      const scale = height / range, a = scale * Math.sin(heading), b = -scale * Math.cos(heading);
      // Forward is up and left is left: a mirrored turn, since y points down on a screen.
      world.setAttribute('transform', `matrix(${a} ${b} ${b} ${-a} ${centre[0] - a * x - b * y} ${centre[1] - b * x + a * y})`);
      car.setAttribute('transform', `translate(${x} ${y}) rotate(${degrees(heading)})`);
      others.replaceChildren(...now.others.map(([number, atX, atY, turn]) => { const shape = shapeOf(number); shape.setAttribute('transform', `translate(${atX} ${atY}) rotate(${degrees(turn)})`); return shape; }));
      const behind = replay.steps.filter(([at]) => at <= time).map(([, [stepX, stepY]]) => [stepX, stepY]);
      driven.setAttribute('d', `M${pointsOf([...behind, [x, y]])}`);
      for (const [number, colour] of now.signals) world.querySelector(`[data-light="${Number(number)}"]`)?.setAttribute('data-colour', colour);
      if (decision?.plan) {
        const [fromX, fromY, from] = momentAt(replay.steps, decision.time).car, cos = Math.cos(from), sin = Math.sin(from);
        plan.setAttribute('d', `M${pointsOf([[fromX, fromY], ...decision.plan.map(([ahead, aside]) => [fromX + cos * ahead - sin * aside, fromY + sin * ahead + cos * aside])])}`);
      } else plan.removeAttribute('d');
      scaleText.textContent = `${range} m from top to bottom`;
      return now;
    },
  };
}

function promptOf(stage, decision) {
  if (stage.prompt === null || typeof stage.prompt === 'string') return stage.prompt;
  const fillings = [...decision.lists, ...decision.texts.map((other) => other.response ?? '')];
  return data.templates[stage.prompt].map((piece) => (typeof piece === 'number' ? fillings[piece] : piece)).join('');
}

function wordsOf(decision) {
  if (!decision) return [];
  if (!decision.texts.length) return [el('p', { class: 'note' }, 'This driver says nothing.')];
  return decision.texts.map((stage) => {
    const prompt = promptOf(stage, decision);
    return el('section', { class: 'stage', 'data-stage': stage.stage },
      el('h5', null, spaced(stage.stage), el('small', null, [stage.outcome === 'ok' ? '' : spaced(stage.outcome), known(stage.latency) ? `${fixed(stage.latency, 1)} s` : ''].filter(Boolean).join(' · '))),
      el('pre', { class: 'wrapped' }, stage.response ?? '(no answer came back)'),
      stage.error ? el('pre', { class: 'wrapped failed' }, stage.error) : null,
      prompt ? el('details', null, el('summary', null, 'Prompt'), el('pre', { class: 'wrapped' }, prompt)) : null);
  });
}

function pictureOf(decision, name) {
  if (!decision?.picture) return [];
  const { src, size: [width, height], plan, expert } = decision.picture;
  const drawing = svg('svg', { viewBox: `0 0 ${width} ${height}`, class: 'paths', 'aria-hidden': 'true' });
  for (const [pieces, color, dash, wide] of [[expert, '#ffffff', '', 5], [plan, 'var(--c1)', '5 3', 2.6]]) {
    for (const piece of pieces ?? []) {
      drawing.append(svg('path', { d: `M${pointsOf(piece)}`, fill: 'none', stroke: color, 'stroke-width': wide, 'vector-effect': 'non-scaling-stroke', 'stroke-dasharray': dash, opacity: wide > 3 ? 0.45 : 1 }));
    }
  }
  return [el('img', { src, width, height, alt: `What the driver saw, ${name}, ${fixed(decision.time, 1)} s` }), drawing];
}

/** One driver's side of the replay. */
function makePane(number, name, episode) {
  const run = runs[number], entry = episodesBy.get(`${number}/${name}`);
  const bird = episode.replay ? makeBird(entry, episode.replay) : null;
  const picture = el('div', { class: 'stack' }), words = el('div', { class: 'words' }), status = el('p', { class: 'note status' });
  const parts = Object.entries(entry.parts).filter(([, value]) => known(value) && value < 1).map(([part, value]) => `${spaced(part)} ${fixed(value, 2)}`);
  const faults = entry.faults.map((fault) => button(faultText(fault), () => showTime(Math.max(0, fault[1] - 2)), { class: 'plain', title: 'two seconds before' }));
  const hasPictures = episode.decisions.some((decision) => decision.picture);
  let shown = null;
  const element = el('article', { class: 'pane', 'data-run': run.name },
    el('h3', null, el('span', { class: 'name' }, swatch(run), wholeName(run.name))),
    el('p', { class: 'note' }, `score ${fixed(entry.score, 1)} · ${entry.end} after ${fixed(entry.time, 1)} s · ${grouped(entry.decisions)} decisions`, parts.length ? ` · below 1: ${parts.join(', ')}` : ''),
    faults.length ? el('p', { class: 'buttons' }, faults) : el('p', { class: 'note' }, 'No fault was noted.'),
    bird ? bird.drawing : el('p', { class: 'note' }, episode.damaged || 'No replay is stored of this episode.'),
    status, hasPictures ? picture : el('p', { class: 'note' }, 'This run has no pictures.'), words);
  return {
    element,
    show(time) {
      let decision = null;
      for (const one of episode.decisions) if (one.time <= time + 1e-6) decision = one; else break;
      decision ??= episode.decisions[0];
      const now = bird?.draw(Math.min(time, entry.time), decision);
      const lights = {};
      for (const [, colour] of now?.signals ?? []) lights[colour] = (lights[colour] ?? 0) + 1;
      const lit = Object.entries(lights).map(([colour, count]) => `${count} ${colour}`).join(', ');
      status.textContent = [now ? `${fixed(now.car[3], 1)} m/s (${fixed(3.6 * now.car[3], 0)} km/h)` : '', decision && decision.outcome !== 'ok' ? spaced(decision.outcome) : '', lit && `lights: ${lit}`, time > entry.time ? `ended at ${fixed(entry.time, 1)} s: ${entry.end}` : ''].filter(Boolean).join(' · ');
      if (decision === shown) return;
      shown = decision;
      if (decision?.picture || !picture.childElementCount) picture.replaceChildren(...pictureOf(decision, name));
      words.replaceChildren(...wordsOf(decision));
    },
  };
}

function showTime(time) {
  if (!watched) return;
  watched.time = Math.max(0, Math.min(watched.end, time));
  for (const pane of watched.panes) pane.show(watched.time);
  if (controls) {
    controls.slider.value = String(watched.time);
    controls.slider.setAttribute('aria-valuetext', `${fixed(watched.time, 1)} seconds`);
    controls.clock.textContent = `${fixed(watched.time, 1)} of ${fixed(watched.end, 1)} s`;
  }
  if (!ticking) writeAddress();
}

function stopWatching() {
  if (!ticking) return;
  cancelAnimationFrame(ticking);
  ticking = 0;
  if (controls) controls.play.textContent = 'Play';
  writeAddress();
}

function startWatching() {
  if (!watched?.panes.length) return;
  if (watched.time >= watched.end) watched.time = 0;
  controls.play.textContent = 'Pause';
  lastTick = performance.now();
  const tick = (now) => {
    const time = watched.time + rate * Math.min(0.25, (now - lastTick) / 1000);
    lastTick = now;
    showTime(time);
    if (watched.time >= watched.end) stopWatching(); else ticking = requestAnimationFrame(tick);
  };
  ticking = requestAnimationFrame(tick);
}

function drawControls() {
  const { episode, runs: [first, second] } = watched;
  const able = runs.filter((run) => episodesBy.has(`${run.number}/${episode}`));
  const pick = (place, label) => el('label', null, `${label} `, el('select', { id: place ? 'second-driver' : 'first-driver', onchange: (event) => {
    const value = event.target.value === '' ? null : Number(event.target.value);
    const numbers = place ? [first, value] : [value, second ?? null];
    watchEpisode(episode, numbers[0], { beside: numbers[1], time: watched.time });
  } }, place ? el('option', { value: '', selected: second === undefined }, 'no other') : null,
  able.filter((run) => !place || run.number !== first).map((run) => el('option', { value: run.number, selected: run.number === (place ? second : first) }, run.name))));
  const chooser = (label, options, now, action) => el('select', { 'aria-label': label, onchange: (event) => action(Number(event.target.value)) }, options.map(([value, text]) => el('option', { value, selected: Number(value) === now }, text)));
  const play = button('Play', () => (ticking ? stopWatching() : startWatching()), { class: 'plain', id: 'play' });
  const slider = el('input', { type: 'range', min: 0, max: watched.end, step: 0.1, value: watched.time, 'aria-label': 'Seconds of the episode', oninput: (event) => { stopWatching(); showTime(Number(event.target.value)); } });
  const clock = el('span', { class: 'note' });
  controls = { play, slider, clock };
  $('watch-controls').replaceChildren(
    el('p', { class: 'picks' }, el('b', null, episode), pick(0, 'Driver'), pick(1, 'Next to it')),
    el('div', { class: 'player', role: 'group', 'aria-label': 'Playing the episode' }, play, slider, clock,
      chooser('Speed', RATES, rate, (value) => { rate = value; }), chooser('Metres in view', RANGES, range, (value) => { range = value; showTime(watched.time); })),
    el('div', { class: 'tracks' }, watched.runs.map((number) => {
      const entry = episodesBy.get(`${number}/${episode}`);
      return el('p', { class: 'track' }, swatch(runs[number]), timelineOf(entry, watched.end));
    })));
}
