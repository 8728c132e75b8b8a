// One frame seen from the car and from above, with every path on it.

const hiddenPaths = new Set();
const truthLook = { name: 'recorded', color: 'var(--truth)', dash: '', marker: 'circle' };
// The recorded path is a broad band beneath, so that a plan that keeps to it stays in sight; the chosen run is drawn thicker than the others.
const emphasis = (run) => {
  if (run === truthLook) return { 'stroke-width': 7, opacity: 0.32 };
  return run.number === chosen.run ? { 'stroke-width': 3, opacity: 1 } : { 'stroke-width': 1.7, opacity: 0.75 };
};

const lineOf = (points) => `M${points.map(([x, y]) => `${x} ${y}`).join('L')}`;

/** Runs in the order of drawing, the chosen one last. */
function pathOrder() {
  const shown = runs.filter((run) => !hiddenPaths.has(run.name));
  return [...shown.filter((run) => run.number !== chosen.run), ...shown.filter((run) => run.number === chosen.run)];
}

function pictureView(picture, frame) {
  const [width, height] = picture.size;
  const drawing = svg('svg', { viewBox: `0 0 ${width} ${height}`, class: 'paths', 'aria-hidden': 'true' });
  const draw = (run, pieces) => {
    for (const piece of pieces || []) {
      drawing.append(
        run === truthLook ? '' : svg('path', { d: lineOf(piece), class: 'halo', 'stroke-width': emphasis(run)['stroke-width'] + 1.6, opacity: emphasis(run).opacity }),
        svg('path', { d: lineOf(piece), fill: 'none', stroke: run.color, 'stroke-dasharray': run.dash, 'data-run': run.name, 'stroke-linejoin': 'round', ...emphasis(run) }));
    }
  };
  if (!hiddenPaths.has(truthLook.name)) draw(truthLook, picture.truth);
  for (const run of pathOrder()) draw(run, picture.paths[run.number]);
  drawBoxes(drawing, width, height);
  return el('figure', { class: 'picture' },
    el('div', { class: 'stack' }, el('img', { src: picture.src, width, height, alt: `Front camera, ${frameName(frame)}` }), drawing),
    el('figcaption', null, 'Front camera, paths laid on the road plane.'));
}

function birdView(found, tall, room = tall ? 460 : 340) {
  const paths = pathOrder().filter((run) => found.plans[run.number]).map((run) => [run, [[0, 0], ...found.plans[run.number].path]]);
  const truth = [[0, 0], ...found.truth];
  const span = playing && playSpan ? playSpan : { ahead: 6, aside: 3 };
  const ahead = Math.max(span.ahead, ...truth.map(([x]) => x)), aside = Math.max(span.aside, ...truth.map(([, y]) => Math.abs(y)));
  // A plan may be anywhere; the recorded path decides how much of the world is shown.
  const within = (points) => points.filter(([x, y]) => known(x) && known(y) && x < 2 * ahead + 10 && Math.abs(y) < 2 * aside + 6);
  const seen = playing && playSpan ? [[ahead, aside], [ahead, -aside]] : [...truth, ...paths.flatMap(([, points]) => within(points))];
  const top = Math.max(...seen.map(([x]) => x)) + 2, bottom = Math.min(-4, ...seen.map(([x]) => x)) - 1;
  const side = Math.max(5, ...seen.map(([, y]) => Math.abs(y))) + 1.5;
  const height = room, scale = Math.min(height / (top - bottom), Math.max(tall ? 420 : 300, 0.8 * room) / (2 * side));
  const width = Math.max(200, 2 * side * scale), long = (top - bottom) * scale;
  const px = ([x, y]) => [+(width / 2 - y * scale).toFixed(1), +((top - x) * scale).toFixed(1)];
  const drawing = svg('svg', { viewBox: `0 0 ${width} ${long}`, class: 'bird', width, height: long, role: 'img', 'aria-label': 'Planned and recorded paths from above' });
  for (const value of ticks(Math.ceil(bottom), top, 4)) {
    drawing.append(svg('line', { x1: 0, x2: width, y1: px([value, 0])[1], y2: px([value, 0])[1], stroke: 'var(--rule)' }),
      svg('text', { x: 2, y: px([value, 0])[1] - 3 }, `${value} m`));
  }
  const [left, front] = px([3.2, 0.93]);
  drawing.append(svg('rect', { x: left, y: front, width: 1.86 * scale, height: 4.1 * scale, rx: 0.3 * scale, class: 'car' }));
  const draw = (run, points) => {
    const near = points.map((point) => point.map((value) => Math.max(-1e4, Math.min(1e4, value))));
    drawing.append(svg('path', { d: lineOf(near.map(px)), fill: 'none', stroke: run.color, 'stroke-dasharray': run.dash, 'data-run': run.name, ...emphasis(run) }));
    for (const point of near.slice(1)) drawing.append(marker(run, ...px(point), run === truthLook ? 4.5 : 2.6));
  };
  if (!hiddenPaths.has(truthLook.name)) draw(truthLook, truth);
  for (const [run, points] of paths) draw(run, points);
  return el('figure', { class: 'above' }, drawing, el('figcaption', null, 'From above, a marker every half second.'));
}

/** Check boxes that show and hide paths. */
function pathToggles(found, redraw) {
  const toggle = (run) => el('label', null,
    el('input', { type: 'checkbox', checked: !hiddenPaths.has(run.name), 'data-path': run.name, onchange: (event) => {
      if (event.target.checked) hiddenPaths.delete(run.name); else hiddenPaths.add(run.name);
      redraw();
    } }), swatch(run), run.name);
  return el('fieldset', { class: 'toggles' }, el('legend', null, 'Paths'), toggle(truthLook), runs.filter((run) => found.plans[run.number]).map(toggle));
}
