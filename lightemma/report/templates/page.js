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
  const left = data.prompts_left_out ? ` ${grouped(data.prompts_left_out)} prompts are left out; lightemma show RUN --frame TOKEN prints them.` : '';
  $('foot').textContent = `Written by lightemma ${data.version}. ${place}${left}`;
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
startLarge();
startPlayer();
startAddress();
addEventListener('beforeprint', () => document.querySelectorAll('#all-tables details').forEach((holder) => { if (holder.childElementCount > 1) holder.open = true; }));
new IntersectionObserver((seen, observer) => {
  if (!seen.some((entry) => entry.isIntersecting)) return;
  observer.disconnect();
  readAhead();
  if (chosen || !found.length) return;
  // Of the first frame a model's row, where there is one: it has words to read.
  const first = found.slice(0, runs.length).find((row) => Math.floor(row / runs.length) === Math.floor(found[0] / runs.length) && runs[row % runs.length].kind === 'model') ?? found[0];
  openFrame(Math.floor(first / runs.length), first % runs.length, { quiet: true });
}).observe($('list'));
document.documentElement.dataset.ready = 'yes';
performance.mark('ready');
