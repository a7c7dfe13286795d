// SPDX-License-Identifier: Apache-2.0
// The self-check's report (`--self-check`, GET /thimble/v1/self-check) as lines for people, and as a text to send on. Newer
// engines may tell more: whatever it has is shown, in its order.
export interface CheckLine {
  name: string; // "kernels / passed"
  value: string;
  good: boolean | null; // null: a fact, neither good nor bad
}

type Any = Record<string, unknown>;
const isObject = (value: unknown): value is Any => typeof value === 'object' && value !== null && !Array.isArray(value);
const kVerdicts = ['passed', 'ok', 'good'];
const kMostLines = 400;

// An object with a verdict of its own is one line; a verdict of null: it was not tried.
function verdictOf(value: Any): { good: boolean | null; rest: Any } | null {
  const key = kVerdicts.find((name) => typeof value[name] === 'boolean' || value[name] === null);
  if (key === undefined) return null;
  return { good: value[key] as boolean | null, rest: Object.fromEntries(Object.entries(value).filter(([name, inner]) => name !== key && inner !== '')) };
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'number') return String(Number.isInteger(value) ? value : Number(value.toPrecision(5)));
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value) && value.length === 0) return '–';
  return Object.entries(value).map(([name, inner]) => (Array.isArray(value) ? textOf(inner) : `${name} ${textOf(inner)}`)).join(', ');
}

// Many yeses in one line: how many of how many, and which are none.
function tallyOf(value: Any): { good: boolean; text: string } | null {
  const all = Object.entries(value);
  if (all.length < 2 || !all.every(([, inner]) => typeof inner === 'boolean')) return null;
  const bad = all.filter(([, inner]) => !inner).map(([name]) => name);
  return { good: bad.length === 0, text: [`${all.length - bad.length} of ${all.length}`, ...bad.map((name) => `not ${name}`)].join(', ') };
}

export function checkLines(report: unknown): CheckLine[] {
  const lines: CheckLine[] = [];
  const add = (name: string, value: unknown): void => {
    if (lines.length >= kMostLines) return;
    if (typeof value === 'boolean') lines.push({ name, value: '', good: value });
    else if (Array.isArray(value) && value.some(isObject)) value.forEach((item, i) => addObject(name, item, i));
    else if (isObject(value)) addObject('', { name, ...value });
    else lines.push({ name, value: textOf(value), good: null });
  };
  const addObject = (holder: string, item: unknown, i = 0): void => {
    if (!isObject(item)) return add(`${holder} ${i + 1}`, item);
    const own = typeof item['name'] === 'string' ? item['name'] : '';
    // "checks" says nothing of what they are.
    const name = own === '' ? holder && `${holder} ${i + 1}` : holder === '' || holder === 'checks' ? own : `${holder} / ${own}`;
    const inner = Object.fromEntries(Object.entries(item).filter(([key]) => key !== 'name' || own === ''));
    const tally = tallyOf(inner);
    if (tally) return void lines.push({ name, value: tally.text, good: tally.good });
    const verdict = verdictOf(inner);
    const flat = Object.values(inner).every((value) => !isObject(value) && !(Array.isArray(value) && value.some(isObject)));
    if (verdict && flat) lines.push({ name, value: textOf(verdict.rest), good: verdict.good });
    else for (const [key, value] of Object.entries(inner)) add(name === '' ? key : `${name} / ${key}`, value);
  };
  // The whole's verdict is told in words.
  if (isObject(report)) for (const [key, value] of Object.entries(verdictOf(report)?.rest ?? report)) add(key, value);
  return lines;
}

// Whether all that has a verdict is good; the report's own word, where it has one.
export function hasPassed(report: unknown): boolean {
  if (isObject(report)) {
    const verdict = verdictOf(report)?.good;
    if (typeof verdict === 'boolean') return verdict;
  }
  return checkLines(report).every(({ good }) => good !== false);
}

export function reportText(report: unknown, more: Record<string, unknown>): string {
  return `Thimble self-check\n${JSON.stringify({ ...more, report }, null, 1)}\n`;
}
