// What differs between two texts, word by word.

const MOST_CHANGES = 4000; // more, and the texts are simply shown as different

/** Words, and the signs between them, one by one. */
const tokensOf = (text) => text.match(/[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu) ?? [];

/** Pieces of [sign, text] that turn `before` into `after`: '=' both have, '-' is left out, '+' is added. Null where too much differs. */
function differences(before, after) {
  const a = tokensOf(before), b = tokensOf(after);
  let start = 0, endA = a.length, endB = b.length;
  while (start < endA && start < endB && a[start] === b[start]) start++;
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) { endA--; endB--; }
  const middle = shortestChange(a.slice(start, endA), b.slice(start, endB));
  if (middle === null) return null;
  const pieces = [];
  const put = (sign, token) => {
    if (token === '') return;
    const last = pieces.at(-1);
    if (last?.[0] === sign) last[1] += token; else pieces.push([sign, token]);
  };
  put('=', a.slice(0, start).join(''));
  for (const [sign, token] of middle) put(sign, token);
  put('=', a.slice(endA).join(''));
  return joined(pieces);
}

/** The shortest script of changes (E. Myers, An O(ND) Difference Algorithm and Its Variations, 1986). */
function shortestChange(a, b) {
  const most = Math.min(a.length + b.length, MOST_CHANGES);
  const reach = new Int32Array(2 * most + 3);
  const trail = [];
  let found = -1;
  for (let changes = 0; changes <= most && found < 0; changes++) {
    trail.push(reach.slice(most + 1 - changes - 1, most + 1 + changes + 2));
    for (let k = -changes; k <= changes; k += 2) {
      const down = k === -changes || (k !== changes && reach[most + k] < reach[most + 2 + k]);
      let x = down ? reach[most + 2 + k] : reach[most + k] + 1, y = x - k;
      while (x < a.length && y < b.length && a[x] === b[y]) { x++; y++; }
      reach[most + 1 + k] = x;
      if (x >= a.length && y >= b.length) { found = changes; break; }
    }
  }
  if (found < 0) return null;
  const script = [];
  let x = a.length, y = b.length;
  for (let changes = found; changes > 0; changes--) {
    const at = (k) => trail[changes][k + changes + 1];
    const k = x - y, down = k === -changes || (k !== changes && at(k - 1) < at(k + 1));
    const from = down ? k + 1 : k - 1, fromX = at(from), fromY = fromX - from;
    while (x > fromX && y > fromY && x > 0 && y > 0 && a[x - 1] === b[y - 1]) { script.push(['=', a[x - 1]]); x--; y--; }
    if (down) { script.push(['+', b[y - 1]]); y--; } else { script.push(['-', a[x - 1]]); x--; }
  }
  while (x > 0) { script.push(['=', a[x - 1]]); x--; y--; }
  return script.reverse();
}

/** Pieces between two changes that are no more than a space or a short word belong to the change: it reads better. */
function joined(pieces) {
  const found = [];
  let left = '', added = '';
  const flush = () => { if (left) found.push(['-', left]); if (added) found.push(['+', added]); left = added = ''; };
  pieces.forEach(([sign, text], place) => {
    if (sign === '-') left += text;
    else if (sign === '+') added += text;
    else if ((left || added) && text.trim().length < 4 && !text.includes('\n') && place < pieces.length - 1) { left += text; added += text; }
    else { flush(); found.push(['=', text]); }
  });
  flush();
  return found;
}

/** Two texts as one, with what is left out and what is added; long stretches that both have are folded. */
function differenceView(before, after, names) {
  if (before === after) return el('p', { class: 'note' }, 'The same words.');
  const pieces = differences(before, after);
  if (pieces === null) return el('p', { class: 'note' }, 'These texts differ in nearly everything.');
  const fold = (text, place) => {
    const lines = text.split('\n');
    if (lines.length < 9) return text;
    const head = place ? 3 : 0, tail = place < pieces.length - 1 ? 3 : 0;
    return [lines.slice(0, head).join('\n'), head ? '\n' : '', el('span', { class: 'fold' }, `… ${grouped(lines.length - head - tail)} lines that both have …`), tail ? '\n' : '', tail ? lines.slice(-tail).join('\n') : ''];
  };
  return el('div', null,
    el('p', { class: 'note' }, el('del', null, names[0]), ' ', el('ins', null, names[1])),
    el('pre', { class: 'wrapped difference' }, pieces.map(([sign, text], place) => (sign === '=' ? fold(text, place) : el(sign === '-' ? 'del' : 'ins', null, text)))));
}
