// The address says what is seen: filters, order, convention, the open frame. Only what differs from the page's start is named,
// so that a link can be kept and sent.

let wantedSection = '';

/** The address of what is seen now, as `#name=value&…`; empty for the page as it opens. */
function addressNow() {
  const named = new URLSearchParams();
  const put = (name, value, start) => { if (value !== start && value !== '' && value !== null && value !== undefined) named.append(name, value); };
  if (chosen && !chosen.quiet) {
    put('frame', frames.tokens[chosen.frame]);
    put('run', runs[chosen.run].name);
  }
  put('convention', state.convention, data.convention);
  put('frames', state.subset, 'own');
  put('sort', (sorting.falling ? '-' : '') + sorting.key, 'l2_avg');
  put('strata', state.family, strataFamilies[0]);
  for (const name of state.hidden) put('hide', name);
  const start = noFilter();
  for (const [name, value] of Object.entries(filter)) put(name === 'order' ? 'order' : `only-${name}`, value, start[name]);
  for (const name of besideNames()) put('beside', name);
  put('at', wantedSection);
  return addressText(named);
}

/** Shows what the address names; what it does not name is as the page opens, and what is not on this page is passed over. */
function followAddress() {
  const text = location.hash.slice(1);
  if (text && !text.includes('=')) { wantedSection = document.getElementById(text) ? text : ''; return; } // a section of the page
  const named = new URLSearchParams(text);
  clearTimeout(waitingAddress);
  following = true;
  try {
    const sort = named.get('sort') ?? 'l2_avg', key = sort.replace(/^-/, '');
    if (COLUMNS.some((column) => column.key === key)) Object.assign(sorting, { key, falling: sort.startsWith('-') });
    const family = named.get('strata');
    change({
      convention: named.get('convention') in CONVENTIONS ? named.get('convention') : data.convention,
      subset: named.get('frames') === 'common' ? 'common' : 'own',
      family: strataFamilies.includes(family) ? family : strataFamilies[0] ?? null,
      hidden: new Set(named.getAll('hide').filter((name) => runNamed.has(name))),
    });
    for (const [name, value] of [['convention', state.convention], ['subset', state.subset], ['family', state.family]])
      for (const box of document.querySelectorAll(`input[name="${name}"]`)) box.checked = box.value === value;
    const start = noFilter();
    const wanted = Object.fromEntries(Object.keys(start).map((name) => [name, named.get(name === 'order' ? 'order' : `only-${name}`) ?? start[name]]));
    if (!(wanted.order in ORDERS)) wanted.order = start.order;
    if (wanted.run && !runNamed.has(wanted.run)) wanted.run = '';
    if (wanted.words && !(wanted.words in WORDS)) wanted.words = '';
    setBeside(named.getAll('beside'));
    setFilter(wanted);
    openNamed(named);
    wantedSection = named.get('at') ?? '';
    if (wantedSection && !named.has('frame')) document.getElementById(wantedSection)?.scrollIntoView({ behavior: 'instant' });
  } finally { following = false; }
}

function openNamed(named) {
  if (!named.has('frame')) return;
  const frame = frames.tokens.indexOf(named.get('frame'));
  const run = runNamed.get(named.get('run') ?? '')?.number ?? runs[0].number;
  if (frame < 0) $('detail').replaceChildren(el('p', { class: 'warning', role: 'alert' }, 'The frame in the address is not in this report.'));
  else if (!chosen || chosen.frame !== frame || chosen.run !== run) openFrame(frame, run, { jump: true });
}

/** Links to sections keep the rest of the address. */
function startAddress() {
  document.querySelectorAll('nav a, a.skip').forEach((link) => link.addEventListener('click', (event) => {
    event.preventDefault();
    wantedSection = link.hash.slice(1);
    const section = document.getElementById(wantedSection);
    section?.scrollIntoView();
    section?.focus({ preventScroll: true });
    writeAddress();
  }));
  whenChanged(writeAddress);
  addEventListener('hashchange', followAddress);
  if (location.hash) followAddress();
}
