// Puts the page together.

const THEMES = [['', 'as system'], ['light', 'light'], ['dark', 'dark']];

function setTheme(name) {
  if (name) document.documentElement.dataset.theme = name;
  else delete document.documentElement.dataset.theme;
  $('theme').textContent = `Theme: ${THEMES.find(([value]) => value === name)[1]}`;
}

function startTheme() {
  let place = 0;
  $('theme').addEventListener('click', () => {
    place = (place + 1) % THEMES.length;
    setTheme(THEMES[place][0]);
  });
}

function startOpening() {
  $('headline').textContent = data.headline;
  $('details').replaceChildren(...data.details.map((text) => el('p', null, text)));
  const steady = tableRows('strata').find((row) => row.run === baseline.name && row.stratum === 'course: straight and steady');
  $('remark').textContent = `${steady ? `On ${percent(steady.share, 0)} of these frames the car goes` : 'Much recorded driving goes'} straight on at a steady speed, where a formula that sees no picture is hard to beat; look also where the car brakes, turns or starts off.`;
  $('line').textContent = data.line.join(' · ');
  const warnings = [...(data.synthetic ? ['Synthetic data: these frames were drawn by the program. The numbers show that everything works, and say nothing about driving.'] : []), ...data.warnings];
  if (warnings.length) $('warnings').append(el('ul', { class: 'warning' }, warnings.map((text) => el('li', null, text))));
  if (data.synthetic) $('title').append(' ', el('span', { class: 'tag' }, 'synthetic demo data'));
  const place = data.folder === null ? 'Everything is in this file.' : `Plans, answers and pictures are in the folder “${data.folder}” next to this file; keep them together.`;
  const left = data.prompts_left_out ? ` ${grouped(data.prompts_left_out)} prompts are left out; they are in the runs’ frames.jsonl.` : '';
  $('foot').textContent = `Written by lightemma ${data.version}. ${place}${left}`;
}

/** Opens the frame that the address names. */
function followAddress() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  if (!wanted.has('frame')) return;
  const frame = frames.tokens.indexOf(wanted.get('frame'));
  const run = runNamed.get(wanted.get('run') ?? '')?.number ?? runs[0].number;
  if (frame < 0) $('detail').replaceChildren(el('p', { class: 'warning', role: 'alert' }, 'The frame in the address is not in this report.'));
  else if (!chosen || chosen.frame !== frame || chosen.run !== run) openFrame(frame, run, { jump: true });
}

startTheme();
startOpening();
startQuestions();
startComparison();
startCharts();
startStrata();
drawFailures();
startBrowser();
startProtocol();
addEventListener('hashchange', followAddress);
followAddress();
addEventListener('beforeprint', () => document.querySelectorAll('#all-tables details').forEach((holder) => { if (holder.childElementCount > 1) holder.open = true; }));
new IntersectionObserver((seen, observer) => {
  if (!seen.some((entry) => entry.isIntersecting)) return;
  observer.disconnect();
  if (!chosen && found.length) openFrame(Math.floor(found[0] / runs.length), found[0] % runs.length, { quiet: true });
}).observe($('list'));
document.documentElement.dataset.ready = 'yes';
performance.mark('ready');
