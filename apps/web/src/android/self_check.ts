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

// An object with a verdict of its own is one line.
function verdictOf(value: Any): { good: boolean; rest: Any } | null {
  const key = kVerdicts.find((name) => typeof value[name] === 'boolean');
  if (key === undefined) return null;
  return { good: value[key] as boolean, rest: Object.fromEntries(Object.entries(value).filter(([name]) => name !== key)) };
}

const textOf = (value: unknown): string =>
  value === null || value === undefined ? '–' : typeof value === 'object' ? Object.entries(value as object).map(([name, inner]) => (Array.isArray(value) ? textOf(inner) : `${name} ${textOf(inner)}`)).join(', ') : String(value);

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
    const name = own || (holder === '' ? '' : `${holder} ${i + 1}`);
    const inner = Object.fromEntries(Object.entries(item).filter(([key]) => key !== 'name' || own === ''));
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
    const verdict = verdictOf(report);
    if (verdict) return verdict.good;
  }
  return checkLines(report).every(({ good }) => good !== false);
}

export function reportText(report: unknown, more: Record<string, unknown>): string {
  return `Thimble self-check\n${JSON.stringify({ ...more, report }, null, 1)}\n`;
}
