// The first screen: four questions, one row a model; an answer opens the frames behind it.

const QUESTIONS = [
  ['sees', 'Does it see?', 'Does the picture decide the plan?'],
  ['understands', 'Does it understand?', 'Are its words about the next 3 s right?'],
  ['acts', 'Does it act on what it says?', 'Does the plan do what the words say?'],
  ['better', 'Is that better than a formula?', 'Average L2 against the baseline'],
];

function answerCell(cell, name, question) {
  if (!cell.value) {
    const command = cell.missing.startsWith('lightemma ');
    return el('td', { class: 'left missing', title: cell.about, 'data-question': question }, command ? ['run ', el('code', null, cell.missing)] : cell.missing);
  }
  const opens = Object.keys(cell.frames).length > 0;
  const act = () => (opens ? showFrames(cell.frames, true) : openTable(cell.table));
  const about = `${name}: ${question} ${cell.value} ${cell.detail}. ${cell.about} ${opens ? 'Choose to see the frames.' : 'Choose to see the table.'}`;
  return el('td', { class: `left answer ${cell.tone}`, 'data-question': question },
    button([el('b', null, cell.value), ' ', el('small', null, cell.detail)], act, { title: about, 'aria-label': about }));
}

/** Opens a table among all tables. */
function openTable(name) {
  const holder = document.querySelector(`#all-tables [data-table="${name}"]`);
  if (!holder) return;
  holder.open = true;
  holder.scrollIntoView();
}

function startQuestions() {
  if (!data.questions.length) { $('questions').remove(); document.querySelector('nav a[href="#questions"]').remove(); return; }
  $('answers').replaceChildren(
    el('caption', { class: 'hidden' }, 'Four questions about every model'),
    el('thead', null, el('tr', null, el('th', { scope: 'col', class: 'left' }, 'Model'),
      QUESTIONS.map(([, title, about]) => el('th', { scope: 'col', class: 'left' }, title, el('small', null, about))))),
    el('tbody', null, data.questions.map((row) => el('tr', { 'data-run': row.run },
      el('th', { scope: 'row' }, el('span', { class: 'name' }, swatch(runNamed.get(row.run)), wholeName(row.run))),
      QUESTIONS.map(([key, title]) => answerCell(row[key], row.run, title))))));
  $('answers-note').textContent = 'An answer opens its frames: those where the words are wrong, where the plan does not follow them, and where most is lost to the formula; '
    + 'the sentence that was read is marked there. Blue is better than the formula, orange worse, where significant (Holm over the models, 8 scenes or more). '
    + 'Words and plan are compared by the change of speed in 3 s; the tables “reasoning” and “claims” below have the rest.';
}
