// A picture, or the view from above, as large as the window.

let largeKind = '';

/** A figure that opens large when it is chosen. */
function enlargeable(figure, kind) {
  const open = () => openLarge(kind);
  figure.classList.add('enlargeable');
  figure.addEventListener('click', open);
  figure.append(button('Enlarge', (event) => { event.stopPropagation(); open(); }, { class: 'plain enlarge', 'data-keep': `enlarge-${kind}` }));
  return figure;
}

function openLarge(kind) {
  largeKind = kind;
  if (!$('large').open) $('large').showModal();
  drawLarge();
}

/** Draws the open frame large; the other view where this frame has no picture. */
function drawLarge() {
  if (!$('large').open || !opened) return;
  const held = document.activeElement?.dataset?.keep;
  const { frame, run } = chosen;
  const figure = largeKind === 'picture' && opened.picture ? pictureView(opened.picture, frame) : birdView(opened, true, Math.max(300, innerHeight - 150));
  const list = framesOfScene(frames.scene[frame]), place = list.indexOf(frame);
  $('large').replaceChildren(
    el('p', { class: 'large-head' }, el('b', null, frameName(frame)), el('span', null, runs[run].name),
      button('← Previous', () => stepScene(-1), { class: 'plain', 'data-keep': 'large-previous', disabled: place === 0 }),
      button('Next →', () => stepScene(1), { class: 'plain', 'data-keep': 'large-next', disabled: place === list.length - 1 }),
      button('Close', () => $('large').close(), { class: 'plain', 'data-keep': 'large-close' })), figure);
  ($('large').querySelector(`[data-keep="${held}"]`) ?? $('large').querySelector('[data-keep="large-close"]')).focus({ preventScroll: true });
}

function startLarge() {
  $('large').addEventListener('click', (event) => { if (event.target === $('large') || event.target.closest('figure')) $('large').close(); });
  $('large').addEventListener('keydown', (event) => {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (steps === undefined) return;
    event.preventDefault();
    stepScene(steps);
  });
}
