// SPDX-License-Identifier: Apache-2.0
// As much of Vitest as the common suite of stores needs, in a page: matchers, and tests one after the other.

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

// What is undefined is not there. `part`: what is wanted may be a part of an object.
function isLike(found: unknown, wanted: unknown, part: boolean): boolean {
  if (Object.is(found, wanted)) return true;
  if (!isObject(found) || !isObject(wanted) || Array.isArray(found) !== Array.isArray(wanted)) return false;
  if (Array.isArray(wanted) && (found as unknown as unknown[]).length !== wanted.length) return false;
  const keys = new Set([...Object.keys(wanted), ...(part ? [] : Object.keys(found))]);
  return [...keys].every((key) => isLike(found[key], wanted[key], part));
}

const throws = (work: unknown): boolean => {
  try {
    (work as () => unknown)();
    return false;
  } catch {
    return true;
  }
};

const matchers = {
  toBe: (found: unknown, wanted: unknown) => Object.is(found, wanted),
  toEqual: (found: unknown, wanted: unknown) => isLike(found, wanted, false),
  toMatchObject: (found: unknown, wanted: unknown) => isLike(found, wanted, true),
  toMatch: (found: unknown, wanted: unknown) => (wanted as RegExp).test(String(found)),
  toContain: (found: unknown, wanted: unknown) => (found as { includes(value: unknown): boolean }).includes(wanted),
  toHaveLength: (found: unknown, wanted: unknown) => (found as unknown[]).length === wanted,
  toBeGreaterThanOrEqual: (found: unknown, wanted: unknown) => (found as number) >= (wanted as number),
  toBeLessThan: (found: unknown, wanted: unknown) => (found as number) < (wanted as number),
  toThrow: (found: unknown) => throws(found),
};
type Matchers<R> = Record<keyof typeof matchers, (wanted?: unknown) => R>;

function matchersOf<R>(look: (test: (found: unknown) => boolean, what: string) => R): Matchers<R> {
  const entries = Object.entries(matchers).map(([name, matches]) => [name, (wanted?: unknown) => look((found) => matches(found, wanted), `${name} ${JSON.stringify(wanted)}`)]);
  return Object.fromEntries(entries) as Matchers<R>;
}

export function expect(found: unknown, about = '') {
  const check = (value: unknown, holds: boolean, what: string) => {
    if (!holds) throw new Error(`${about} expected ${JSON.stringify(value)} ${what}`.trim());
  };
  return {
    ...matchersOf((test, what) => check(found, test(found), what)),
    not: matchersOf((test, what) => check(found, !test(found), `not ${what}`)),
    rejects: matchersOf(async (test, what) => {
      const error = await (found as Promise<unknown>).then((value) => new Error(`it gave ${JSON.stringify(value)}`), (fault: unknown) => fault);
      check(String(error), test(error), what);
    }),
  };
}

interface Group {
  name: string;
  before: (() => unknown)[];
}
type Test = () => unknown;

const groups: Group[] = [];
const tests: { name: string; run: () => Promise<void> }[] = [];

export function describe(name: string, fill: () => void): void {
  groups.push({ name, before: [] });
  fill();
  groups.pop();
}

export function beforeEach(work: () => unknown): void {
  groups.at(-1)!.before.push(work);
}

export function it(name: string, test: Test): void {
  const around = [...groups];
  const run = async () => {
    for (const { before } of around) for (const work of before) await work();
    await test();
  };
  tests.push({ name: [...around.map((group) => group.name), name].join(' > '), run });
}

// How many passed, and what the others said.
export async function runAll(): Promise<{ passed: number; failed: string[] }> {
  const failed: string[] = [];
  for (const { name, run } of tests) {
    try {
      await run();
    } catch (error) {
      failed.push(`${name}: ${String(error)}`);
    }
  }
  return { passed: tests.length - failed.length, failed };
}
