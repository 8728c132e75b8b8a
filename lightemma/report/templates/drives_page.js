// Puts the page of drives together, and keeps in the address what is seen.

let wantedSection = '';

function addressNow() {
  const named = new URLSearchParams();
  const put = (name, value, start) => { if (value !== start && value !== '' && value !== null && value !== undefined) named.append(name, value); };
  if (watched && !watched.quiet) {
    put('episode', watched.episode);
    put('run', runs[watched.runs[0]].name);
    if (watched.runs[1] !== undefined) put('beside', runs[watched.runs[1]].name);
    if (watched.time) put('time', watched.time.toFixed(1));
  }
  put('sort', (sorting.falling ? '-' : '') + sorting.key, '-driving_score');
  for (const name of state.hidden) put('hide', name);
  for (const [name, value] of Object.entries(wantedEpisodes)) put(name === 'order' ? 'order' : `only-${name}`, value, NO_EPISODES[name]);
  put('at', wantedSection);
  return addressText(named);
}

/** Shows what the address names; what is not on this page is passed over. */
function followAddress() {
  const text = location.hash.slice(1);
  if (text && !text.includes('=')) { wantedSection = document.getElementById(text) ? text : ''; return; }
  const named = new URLSearchParams(text);
  clearTimeout(waitingAddress);
  following = true;
  try {
    const sort = named.get('sort') ?? '-driving_score', key = sort.replace(/^-/, '');
    if (SCORE_COLUMNS.some((column) => column.key === key)) Object.assign(sorting, { key, falling: sort.startsWith('-') });
    state.hidden = new Set(named.getAll('hide').filter((name) => runNamed.has(name)));
    drawScores();
    drawScenarios();
    const wanted = Object.fromEntries(Object.keys(NO_EPISODES).map((name) => [name, named.get(name === 'order' ? 'order' : `only-${name}`) ?? NO_EPISODES[name]]));
    if (!Object.hasOwn(EPISODE_ORDERS, wanted.order)) wanted.order = NO_EPISODES.order;
    if (wanted.run && !runNamed.has(wanted.run)) wanted.run = '';
    setEpisodes(wanted);
    const run = runNamed.get(named.get('run') ?? '') ?? runs[0], time = Number(named.get('time') ?? 0);
    if (named.has('episode')) {
      if (!episodesBy.has(`${run.number}/${named.get('episode')}`)) $('panes').replaceChildren(el('p', { class: 'warning', role: 'alert' }, 'The episode in the address is not in this report.'));
      else watchEpisode(named.get('episode'), run.number, { beside: runNamed.get(named.get('beside') ?? '')?.number ?? null, time: known(time) ? time : 0, jump: true });
    }
    wantedSection = named.get('at') ?? '';
    if (wantedSection && !named.has('episode')) document.getElementById(wantedSection)?.scrollIntoView({ behavior: 'instant' });
  } finally { following = false; }
}

/** The episodes behind a row of a table. */
function behindRow(columns, row) {
  const cell = (name) => row[columns.indexOf(name)];
  const run = runNamed.get(cell('run'));
  if (!run) return null;
  const name = cell('episode');
  if (name && episodesBy.has(`${run.number}/${name}`)) return () => watchEpisode(name, run.number, { time: Math.max(0, (cell('time_s') ?? 0) * Number(columns.includes('kind')) - 2), jump: true });
  return () => showEpisodes({ run: run.name, scenario: cell('scenario') ?? '', conditions: cell('conditions') ?? '' });
}

const THEMES = [['', 'as system'], ['light', 'light'], ['dark', 'dark']];
let theme = 0;
$('theme').addEventListener('click', () => {
  theme = (theme + 1) % THEMES.length;
  if (theme) document.documentElement.dataset.theme = THEMES[theme][0]; else delete document.documentElement.dataset.theme;
  $('theme').textContent = `Theme: ${THEMES[theme][1]}`;
});
document.querySelectorAll('nav a, a.skip').forEach((link) => link.addEventListener('click', (event) => {
  event.preventDefault();
  wantedSection = link.hash.slice(1);
  document.getElementById(wantedSection)?.scrollIntoView();
  document.getElementById(wantedSection)?.focus({ preventScroll: true });
  writeAddress();
}));
if (data.two_stage) document.querySelector('.brand span').textContent = 'two-stage drive';
$('headline').textContent = data.headline;
$('line').textContent = data.where;
$('foot').textContent = `Written by lightemma ${data.version}. Replays, pictures and words are in the folder “${data.folder}” next to this file; keep them together.`;
fill($('protocol-body'), null, [
  el('p', null, data.two_stage
    ? 'A two-stage drive is no closed loop: single plans are driven, first from where the expert was and then from starts beside it. The score of an episode is made of theirs.'
    : 'A driver is asked again and again what to do from where its own driving has led. An episode is one drive in one situation; its driving score is the product of its progress and the factors of its faults, times 100.'),
  el('h3', null, 'Runs'),
  runs.map((run) => el('details', null, el('summary', null, swatch(run), ` ${run.name}`), definitions(run.facts), el('details', null, el('summary', null, 'manifest.json'), el('pre', { class: 'wrapped' }, run.manifest))))]);
$('all-tables').append(...Object.keys(data.tables).map(tableDetails));
startEpisodes();
drawScores();
drawScenarios();
drawEpisodes();
let width = innerWidth, waitingResize = 0;
addEventListener('resize', () => {
  if (innerWidth === width) return;
  width = innerWidth;
  clearTimeout(waitingResize);
  waitingResize = setTimeout(drawScenarios, 120);
});
addEventListener('hashchange', followAddress);
if (location.hash) followAddress();
new IntersectionObserver((seen, observer) => {
  if (!seen.some((entry) => entry.isIntersecting)) return;
  observer.disconnect();
  if (watched || !foundEpisodes.length) return;
  watchEpisode(foundEpisodes[0].name, foundEpisodes[0].run).then(() => {});
}).observe($('watch'));
document.documentElement.dataset.ready = 'yes';
performance.mark('ready');
