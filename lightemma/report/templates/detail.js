// One frame of one run: pictures, numbers and texts.

const loaded = new Map();
const waitingScenes = new Map();
if (data.folder === null) data.scenes.forEach((scene, number) => loaded.set(number, Promise.resolve(scene)));

// A scene's file calls this; files of another report under the same name are noticed.
window.lightemmaScene = (report, number, scene) => waitingScenes.get(number)?.(report === data.report ? scene : null);

/** The data of a scene, from the page or from its file. */
function loadScene(number) {
  if (!loaded.has(number)) {
    const path = [data.folder, data.files[number]].map(encodeURIComponent).join('/');
    const name = `${data.folder}/${data.files[number]}`;
    loaded.set(number, new Promise((resolve, reject) => {
      const fail = (why) => { loaded.delete(number); reject(new Error(why)); };
      waitingScenes.set(number, (scene) => (scene ? resolve(scene) : fail(`“${name}” belongs to another report; write this report again.`)));
      const script = el('script', { src: path, onerror: () => fail(`“${name}” is missing; keep the folder “${data.folder}” next to this page.`) });
      document.head.append(script);
      script.addEventListener('load', () => script.remove());
    }));
  }
  return loaded.get(number);
}

let opened = null; // the frame's data

/** Opens a frame of a run; ``jump`` scrolls to it, ``quiet`` leaves the address as it is. */
async function openFrame(frame, run, { jump = false, quiet = false } = {}) {
  chosen = { frame, run, quiet };
  const place = placeOf(frame, run);
  if (place >= 0) scrollTo(place); else drawRows();
  wantedSection = '';
  writeAddress();
  if (jump) $('frames').scrollIntoView();
  const mine = chosen;
  try {
    const scene = await loadScene(frames.scene[frame]);
    if (chosen !== mine) return; // another frame was opened meanwhile
    opened = scene.frames[frame];
    drawDetail();
    drawLarge();
    drawPlayer();
  } catch (error) {
    if (chosen !== mine) return;
    opened = null;
    $('detail').replaceChildren(el('h3', null, frameName(frame)), el('p', { class: 'warning', role: 'alert' }, error.message));
  }
}

function drawDetail() {
  if (!opened) return;
  const { frame, run } = chosen;
  const held = document.activeElement?.dataset?.keep;
  const place = placeOf(frame, run);
  const views = el('div', { class: 'views' });
  const drawViews = () => views.replaceChildren(...[opened.picture ? enlargeable(pictureView(opened.picture, frame), 'picture') : playing && playSpan?.pictures ? noPicture() : null, enlargeable(birdView(opened, !opened.picture && !playSpan?.pictures), 'bird'), pathToggles(opened, drawViews)].filter(Boolean));
  drawViews();
  const facts = [`speed ${fixed(frames.speed[frame], 1)} m/s`, ...frames.families.filter((family) => family.name !== 'speed').map((family) => labelOf(family, frame) && `${family.name}: ${labelOf(family, frame)}`)];
  $('detail').replaceChildren(
    el('div', { class: 'detail-head' },
      el('div', null, el('h3', null, frameName(frame)), el('p', { class: 'note' }, facts.filter(Boolean).join(' · '))),
      el('p', { class: 'steps' },
        button('← Previous', () => move(-1), { class: 'plain', 'data-keep': 'previous', disabled: place === 0 }),
        button('Next →', () => move(1), { class: 'plain', 'data-keep': 'next', disabled: place === found.length - 1 }))),
    ...[saidOf(run)].flat(), views, el('h4', null, 'Plans'), plansTable(), el('h4', null, 'Speed and curvature, step by step'), actionsTable(), ...toolsSection(run), ...answersSection(run),
    el('p', { class: 'note token' }, `${opened.image ? `${opened.image} · ` : ''}${frames.tokens[frame]}`));
  if (held) $('detail').querySelector(`[data-keep="${held}"]`)?.focus({ preventScroll: true });
}

const scroller = (label, table) => el('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': label }, table);

function plansTable() {
  const { frame, run } = chosen;
  const head = ['Run', 'Outcome', ...STEPS.map((step) => `${step}\u00a0s`), 'Average', 'vs\u00a0baseline'];
  const body = runs.map((other) => {
    const plan = opened.plans[other.number];
    return el('tr', { class: other.number === run ? 'chosen' : other.kind },
      el('th', { scope: 'row' }, button([swatch(other), other.name], () => openFrame(frame, other.number), { class: 'pick-run', 'aria-current': other.number === run ? 'true' : null, 'data-keep': `run-${other.number}` })),
      el('td', { class: 'left' }, shortKind(outcomeOf(other.number, frame))),
      STEPS.map((_, step) => el('td', null, plan ? fixed(plan.errors[step]) : '–')),
      el('td', { class: 'strong' }, fixed(errorOf(other.number, frame))),
      el('td', null, other === baseline ? '' : signed(advantageOf(other.number, frame))));
  });
  return scroller('Errors of every run, metres', el('table', { class: 'data small' },
    el('thead', null, el('tr', null, head.map((text, place) => el('th', { scope: 'col', class: place < 2 ? 'left' : null }, text)))), el('tbody', null, body)));
}

function actionsTable() {
  const run = runs[chosen.run];
  const planned = opened.plans[run.number]?.actions ?? STEPS.map(() => [null, null]);
  const row = (name, part, digits) => el('tr', null, el('th', { scope: 'row' }, name),
    opened.history.map((pair) => el('td', { class: 'past' }, fixed(pair[part], digits))), planned.map((pair) => el('td', null, fixed(pair[part], digits))));
  const group = (text, columns) => el('th', { scope: 'colgroup', colspan: columns, class: 'group' }, text);
  const times = [...['−2.5', '−2.0', '−1.5', '−1.0', '−0.5', 'now'].map((time) => el('th', { scope: 'col', class: 'past' }, time)), ...STEPS.map((step) => el('th', { scope: 'col' }, step))];
  return scroller('Recorded motion and planned actions', el('table', { class: 'data small actions' },
    el('thead', null, el('tr', null, el('td'), group('recorded', 6), group(`planned by ${run.name}`, 6)), el('tr', null, el('th', { scope: 'col', class: 'left' }, 'seconds'), times)),
    el('tbody', null, row('speed, m/s', 0, 2), row('curvature, 1/m', 1, 3))));
}

/** A text with its marked places; places do not overlap and are in order. */
function marked(text, places) {
  const pieces = [];
  let from = 0;
  for (const [start, end] of places ?? []) {
    pieces.push(text.slice(from, start), el('mark', null, text.slice(start, end)));
    from = end;
  }
  return [...pieces, text.slice(from)];
}

/** The sentence that a run's intent was read from, and what it was read as. */
function saidOf(run) {
  const stage = (opened.texts[run] ?? []).find((other) => other.stage !== 'scene' && other.marks?.length);
  if (!stage) return [];
  const [start, end] = stage.marks[0];
  return el('blockquote', { class: 'said' }, el('mark', null, stage.response.slice(start, end).trim()), stage.read ? el('p', { class: 'note' }, stage.read) : null);
}
