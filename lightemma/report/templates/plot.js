// What drawings are made of: axes, round steps, captions, labels that do not lie on each other.

/** Makes a part of a drawing a button, for mouse and keyboard. */
function pickable(node, about, action) {
  const press = (event) => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); action(); } };
  return fill(node, { class: 'pick', tabindex: 0, role: 'button', 'aria-label': about, onclick: action, onkeydown: press }, []);
}

/** Lets a keyboard reach a part of a drawing that says something and opens nothing. */
const readable = (node, about) => fill(node, { tabindex: 0, role: 'img', 'aria-label': about }, []);

/** Makes all parts of a drawing that a keyboard reaches one stop for Tab, with arrows from one to the next; what a part is stands beside it. */
function stepThrough(figure, drawing) {
  const parts = [...drawing.querySelectorAll('[tabindex]')];
  if (!parts.length) return;
  drawing.setAttribute('role', 'group');
  parts.forEach((part, place) => part.setAttribute('tabindex', place ? -1 : 0));
  const tip = el('div', { class: 'tip', 'aria-hidden': 'true', hidden: true });
  figure.append(tip);
  drawing.addEventListener('keydown', (event) => {
    const place = parts.indexOf(event.target);
    const to = parts[{ ArrowRight: place + 1, ArrowDown: place + 1, ArrowLeft: place - 1, ArrowUp: place - 1, Home: 0, End: parts.length - 1 }[event.key]];
    if (place < 0 || !to) return;
    event.preventDefault();
    parts[place].setAttribute('tabindex', -1);
    to.setAttribute('tabindex', 0);
    to.focus();
  });
  const tell = (event) => {
    if (!event.target.matches(':focus-visible')) return;
    tip.textContent = event.target.getAttribute('aria-label');
    tip.hidden = false;
    const part = event.target.getBoundingClientRect(), around = figure.getBoundingClientRect();
    tip.style.setProperty('left', `${Math.max(0, Math.min(part.left - around.left, around.width - tip.offsetWidth))}px`);
    tip.style.setProperty('top', `${Math.max(0, part.top - around.top - tip.offsetHeight - 6)}px`);
  };
  // At each part: a drawing that listens for focus would become a stop itself.
  for (const part of parts) fill(part, { onfocus: tell, onblur: () => { tip.hidden = true; } }, []);
}

/** Round steps for an axis. */
function ticks(low, high, wanted) {
  const raw = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw);
  const found = [];
  for (let value = Math.ceil(low / step - 1e-9) * step; value <= high + step * 1e-6; value += step) found.push(+value.toPrecision(10));
  return found;
}

/** The largest value worth the height: one run far off must not flatten the others. */
function ceiling(values, ends = []) {
  const sorted = values.filter(known).sort((a, b) => a - b);
  if (!sorted.length) return 1;
  const most = 2.5 * sorted[Math.floor((sorted.length - 1) / 2)];
  return Math.max(...[...sorted, ...ends].filter((value) => value <= most)) * 1.04 || 1; // plans without any error
}

/** Moves labels apart, top to bottom. */
function spread(labels, gap, bottom) {
  labels.sort((a, b) => a.y - b.y);
  labels.forEach((label, place) => { if (place) label.y = Math.max(label.y, labels[place - 1].y + gap); });
  for (let place = labels.length - 1; place >= 0; place--) {
    const limit = place === labels.length - 1 ? bottom : labels[place + 1].y - gap;
    labels[place].y = Math.min(labels[place].y, limit);
  }
}

/** An empty drawing with edges; one that has buttons in it is a `group`. */
function frameOf(width, height, edges, name, role = 'img') {
  const drawing = svg('svg', { class: 'chart', viewBox: `0 0 ${width} ${height}`, role, 'aria-label': name });
  const inside = { left: edges.left, right: width - edges.right, top: edges.top, bottom: height - edges.bottom };
  return { drawing, ...inside };
}

function axisY(plot, values, at, label) {
  for (const value of values) {
    plot.drawing.append(
      svg('line', { x1: plot.left, x2: plot.right, y1: at(value), y2: at(value), stroke: 'var(--rule)' }),
      svg('text', { x: plot.left - 8, y: at(value) + 4, 'text-anchor': 'end' }, String(value)));
  }
  plot.drawing.append(svg('text', { x: plot.left - 8, y: plot.top - 12, class: 'axis' }, label));
}

function axisX(plot, values, at, label) {
  plot.drawing.append(svg('line', { x1: plot.left, x2: plot.right, y1: plot.bottom, y2: plot.bottom, stroke: 'var(--rule-strong)' }));
  for (const [value, text] of values) {
    plot.drawing.append(
      svg('line', { x1: at(value), x2: at(value), y1: plot.bottom, y2: plot.bottom + 4, stroke: 'var(--rule-strong)' }),
      svg('text', { x: at(value), y: plot.bottom + 18, 'text-anchor': 'middle' }, text));
  }
  plot.drawing.append(svg('text', { x: (plot.left + plot.right) / 2, y: plot.bottom + 36, 'text-anchor': 'middle', class: 'axis' }, label));
}

/** Puts each name where it covers neither a point nor another name. */
function placeLabels(plot, labels, others = []) {
  const taken = labels.map((label) => ({ left: label.x - 7, right: label.x + 7, top: label.y - 7, bottom: label.y + 7 }));
  taken.push(...others);
  for (const label of labels) {
    const width = 6.9 * label.text.length;
    const places = [[10, 4], [-10 - width, 4], [-width / 2, -11], [-width / 2, 20], [10, 18], [10, -10], [-10 - width, 18], [-10 - width, -10], [-width / 2, 34], [-width / 2, -25]];
    const boxes = places.map(([dx, dy]) => ({ left: label.x + dx, right: label.x + dx + width, top: label.y + dy - 11, bottom: label.y + dy + 3 }));
    const free = boxes.find((box) => box.left >= plot.left && box.right <= plot.right && box.top >= plot.top - 22 && box.bottom <= plot.bottom
      && !taken.some((other) => box.left < other.right && box.right > other.left && box.top < other.bottom && box.bottom > other.top));
    if (!free) continue; // its marker has a tooltip, and the legend names it
    taken.push(free);
    plot.drawing.append(svg('text', { x: free.left, y: free.bottom - 3, class: 'label' }, label.text));
  }
}

function logTicks(low, high) {
  const found = [];
  for (let power = Math.floor(low); power <= Math.ceil(high); power++) {
    for (const factor of high - low > 1.6 ? [1] : [1, 2, 5]) {
      const value = factor * 10 ** power;
      if (Math.log10(value) >= low && Math.log10(value) <= high) found.push([value, String(+value.toPrecision(2))]);
    }
  }
  return found;
}

function caption(figure, drawing, title, text) {
  figure.replaceChildren(el('figcaption', null, el('b', null, title), ` ${text}`), drawing);
  stepThrough(figure, drawing);
}
