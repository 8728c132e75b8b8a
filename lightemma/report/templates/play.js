// Playing a scene: its frames one after the other, with the paths of all runs.

const SPEEDS = [['1', 'real time'], ['2', 'twice as fast'], ['4', 'four times as fast']];
const FRAME_MS = 500; // key frames are half a second apart
let playing = 0; // the timer
let playSpeed = 1;
let playParts = null;

/** Frames of each scene in order. */
const framesOfScene = (() => {
  let found = null;
  return (scene) => {
    if (!found) {
      found = frames.scenes.map(() => []);
      for (let frame = 0; frame < frames.count; frame++) found[frames.scene[frame]].push(frame);
      found.forEach((list) => list.sort((a, b) => frames.index[a] - frames.index[b]));
    }
    return found[scene];
  };
})();

/** Metres ahead and to the side that hold every recorded path of the open scene: one scale while it plays. */
async function spanOfScene() {
  const scene = await loadScene(frames.scene[chosen.frame]);
  let ahead = 6, aside = 3, pictures = false;
  for (const frame of Object.values(scene.frames)) {
    pictures ||= frame.picture !== null;
    for (const [x, y] of frame.truth) {
      if (x > ahead) ahead = x;
      if (Math.abs(y) > aside) aside = Math.abs(y);
    }
  }
  return { ahead, aside, pictures };
}
/** In place of a picture, so that nothing jumps while a scene plays. */
const noPicture = () => el('figure', { class: 'picture' }, el('div', { class: 'stack no-picture' }), el('figcaption', null, 'No picture of this frame is in the report.'));
let playSpan = null; // while a scene plays

function stopPlaying() {
  if (!playing) return;
  clearInterval(playing);
  playing = 0;
  playSpan = null;
  chosen = { ...chosen, quiet: false };
  drawDetail();
  drawLarge();
  drawPlayer();
  writeAddress();
}

async function startPlaying() {
  if (!chosen) return;
  const list = framesOfScene(frames.scene[chosen.frame]);
  playSpan = await spanOfScene();
  if (chosen.frame === list.at(-1)) await openFrame(list[0], chosen.run, { quiet: true });
  clearInterval(playing);
  playing = setInterval(() => {
    const now = framesOfScene(frames.scene[chosen.frame]);
    const next = now[now.indexOf(chosen.frame) + 1];
    if (next === undefined) stopPlaying(); else openFrame(next, chosen.run, { quiet: true });
  }, FRAME_MS / playSpeed);
  drawPlayer();
}

/** Opens the frame of the same scene that is `steps` on, of the same run. */
function stepScene(steps) {
  const list = framesOfScene(frames.scene[chosen.frame]), frame = list[list.indexOf(chosen.frame) + steps];
  if (frame !== undefined) openFrame(frame, chosen.run);
}

function drawPlayer() {
  if (!chosen) return;
  const scene = frames.scene[chosen.frame], list = framesOfScene(scene), place = list.indexOf(chosen.frame);
  const { play, slider, label } = playParts;
  $('player').hidden = false;
  play.textContent = playing ? 'Pause' : 'Play scene';
  play.disabled = list.length < 2;
  slider.max = String(list.length - 1);
  if (document.activeElement !== slider || playing) slider.value = String(place);
  slider.setAttribute('aria-valuetext', `frame ${place + 1} of ${list.length}`);
  label.textContent = `${frames.scenes[scene]}, ${place + 1} of ${list.length}`;
}

function startPlayer() {
  const play = button('Play scene', () => (playing ? stopPlaying() : startPlaying()), { class: 'plain', id: 'play' });
  const slider = el('input', { type: 'range', min: 0, max: 1, step: 1, value: 0, 'aria-label': 'Frame of the scene', oninput: (event) => {
    const list = framesOfScene(frames.scene[chosen.frame]);
    if (playing) stopPlaying();
    openFrame(list[Number(event.target.value)], chosen.run);
  } });
  const speed = el('select', { 'aria-label': 'Speed', onchange: (event) => { playSpeed = Number(event.target.value); if (playing) startPlaying(); } },
    SPEEDS.map(([value, text]) => el('option', { value }, text)));
  const label = el('span', { class: 'note' });
  playParts = { play, slider, label };
  fill($('player'), null, [play, slider, speed, label]);
}
