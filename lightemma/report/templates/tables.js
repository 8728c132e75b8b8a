// Every table, with what its columns are; `behindRow` of the page says what a row opens.

const definitions = (pairs) => el('dl', null, pairs.map(([name, text]) => [el('dt', null, name), el('dd', null, text)]));

function cellText(value, column) {
  if (value === null || value === undefined) return '';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value !== 'number') return String(value);
  if (/(^|_)p_(value|holm)$/.test(column)) return value < 1e-4 ? '< 0.0001' : fixed(value, 4);
  if (Number.isInteger(value)) return grouped(value);
  if (column.includes('share') || column.includes('rate')) return percent(value, 2);
  return fixed(value, column.endsWith('tokens') ? 1 : 4);
}

/** A table drawn when it is first opened: some have thousands of cells that are seldom looked at. */
function tableDetails(name) {
  const table = data.tables[name];
  const build = () => {
    if (holder.childElementCount > 1) return;
    const explained = table.columns.map((column, place) => [spaced(column), table.about[place]]).filter(([, about]) => about);
    const texts = table.columns.map((_, place) => table.rows.every((row) => row[place] === null || typeof row[place] === 'string'));
    const opens = (row) => {
      const action = behindRow(table.columns, row);
      return action ? button('open', action, { class: 'opens', title: 'what is behind this row' }) : null;
    };
    const linked = table.rows.some((row) => behindRow(table.columns, row));
    holder.append(
      el('p', { class: 'note' }, table.caption, ' ', csvButton(name)),
      explained.length ? el('details', { class: 'columns' }, el('summary', null, 'What the columns are'), definitions(explained)) : null,
      scroller(name, el('table', { class: 'data small' },
        el('thead', null, el('tr', null, table.columns.map((column, place) => el('th', { scope: 'col', class: texts[place] ? 'left' : null, title: table.about[place] || null }, spaced(column))), linked ? el('th', { scope: 'col', class: 'left' }, 'behind it') : null)),
        el('tbody', null, table.rows.map((row) => el('tr', null, row.map((value, place) => el('td', { class: texts[place] ? 'left' : null }, cellText(value, table.columns[place]))), linked ? el('td', { class: 'left' }, opens(row)) : null))))));
  };
  const holder = el('details', { 'data-table': name, ontoggle: build }, el('summary', null, spaced(name), el('small', null, ` ${grouped(table.rows.length)} rows`)));
  if (table.rows.length <= 80 && table.columns.length <= 13) addEventListener('beforeprint', build);
  return holder;
}
