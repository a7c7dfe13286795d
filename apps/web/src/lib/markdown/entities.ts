// SPDX-License-Identifier: Apache-2.0
// The character references that texts use; others stay as they are written.
const kNamed: Record<string, string> = {
  amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', copy: '©', reg: '®', trade: '™', hellip: '…', mdash: '—',
  ndash: '–', lsquo: '‘', rsquo: '’', ldquo: '“', rdquo: '”', laquo: '«', raquo: '»', times: '×', divide: '÷', deg: '°',
  euro: '€', pound: '£', middot: '·', bull: '•', rarr: '→', larr: '←', uarr: '↑', darr: '↓', le: '≤', ge: '≥', ne: '≠',
  plusmn: '±', frac12: '½', szlig: 'ß', auml: 'ä', ouml: 'ö', uuml: 'ü', eacute: 'é', egrave: 'è', agrave: 'à', ccedil: 'ç',
  alpha: 'α', beta: 'β', gamma: 'γ', delta: 'δ', pi: 'π', infin: '∞',
};

export function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{1,8}));/g, (whole, decimal, hex, name) => {
    if (name) return kNamed[name as string] ?? whole;
    const code = decimal ? Number(decimal) : parseInt(hex as string, 16);
    return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : '\ufffd';
  });
}
