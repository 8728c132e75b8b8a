// A page that `lightemma view` serves: says how far its runs are, and shows the new page once there is one and nobody is reading.

const LIVE_MS = 3000, QUIET_MS = 8000;
let lastTouched = performance.now();
const liveBar = el('p', { class: 'live', role: 'status' });

/** Whether the reader is in the middle of something that a new page would interrupt. */
const isReading = () => performance.now() - lastTouched < QUIET_MS || document.activeElement?.matches('input:not([type=radio], [type=checkbox]), select')
  || (typeof playing !== 'undefined' && playing) || (typeof ticking !== 'undefined' && ticking) || document.querySelector('dialog[open]');

async function askHowFar() {
  try {
    const answer = await fetch('state', { cache: 'no-store' });
    if (answer.status === 404) { // the page of a run in progress is gone once the run is finished
      liveBar.replaceChildren('This run is finished; its page is among ', el('a', { href: '../' }, 'all runs'), '.');
      return;
    }
    if (!answer.ok) throw new Error(String(answer.status));
    const now = await answer.json();
    const newer = now.number > data.live;
    if (newer && !isReading()) { location.reload(); return; }
    liveBar.replaceChildren(...el('p', null, el('a', { href: '../' }, 'All runs'), ' ', now.runs.join(' · '), now.error ? ` ${now.error}` : '',
      newer ? [' ', button('Show the new results', () => location.reload(), { class: 'plain' })] : now.busy ? ' A new page is being made.' : '').childNodes);
  } catch (error) {
    liveBar.replaceChildren('`lightemma view` has ended; this page stays as it is.');
  }
  setTimeout(askHowFar, document.hidden ? 5 * LIVE_MS : LIVE_MS);
}

for (const kind of ['pointerdown', 'keydown', 'wheel', 'touchmove']) addEventListener(kind, () => { lastTouched = performance.now(); }, { passive: true });
document.querySelector('main').prepend(liveBar);
askHowFar();
