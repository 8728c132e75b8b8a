// Tables as files: made here, in the page, from what the page holds.

function csvText(columns, rows) {
  const cell = (value) => {
    if (value === null || value === undefined || Number.isNaN(value)) return '';
    let text = String(value);
    // A spreadsheet would compute text that begins like this, unless it is a number.
    if (typeof value === 'string' && /^[ \u00a0\u3000]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(text)
      && !/^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?%?$/.test(text)) text = `'${text}`;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns, ...rows].map((row) => Array.from(row, cell).join(',')).join('\n') + '\n';
}

function download(name, columns, rows) {
  const address = URL.createObjectURL(new Blob([csvText(columns, rows)], { type: 'text/csv;charset=utf-8' }));
  el('a', { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

/** One of the comparison's tables as objects, empty if it is not there. */
function tableRows(name) {
  const table = data.tables[name];
  if (!table) return [];
  return table.rows.map((row) => Object.fromEntries(table.columns.map((column, place) => [column, row[place]])));
}

/** What a column of a table is; nothing where the table does not say. */
function aboutColumn(name, column) {
  const table = data.tables[name];
  return table?.about[table.columns.indexOf(column)] || '';
}

const csvButton = (name, label = 'Download CSV') =>
  button(label, () => download(`${name}.csv`, data.tables[name].columns, data.tables[name].rows), { class: 'plain' });
