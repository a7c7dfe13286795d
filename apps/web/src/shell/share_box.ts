// SPDX-License-Identifier: Apache-2.0
// What was shared with the page from another program (the manifest's share_target), between the service worker, which is
// handed it, and the page, which puts it into the composer. Never what the page itself sends.

export const kShareAction = 'share'; // relative to the worker's scope; the manifest says it too (tools/browser_page.mjs)

// One picture more than a message takes: the page says that there were too many.
const kMostFiles = 17;
const kMostBytes = 64 * 1024 * 1024; // of one file
const kMostInAll = 256 * 1024 * 1024;
const kMostLetters = 200_000;

const kName = 'x-thimble-name';
const kIsLeftOut = 'x-thimble-left-out';

export interface Shared {
  text: string;
  files: File[];
  leftOut: string[]; // names of files that are too large
}

// Caches belong to a whole address, as in the worker itself.
const boxOf = (scope: string) => `thimble:share:${new URL(scope).pathname}`;

function textIn(form: FormData): string {
  const parts = ['title', 'text', 'url'].map((name) => form.get(name)).filter((part): part is string => typeof part === 'string' && part.trim() !== '');
  return [...new Set(parts)].join('\n').slice(0, kMostLetters);
}

// Takes the place of what was shared before and nobody took.
export async function keepShared(caches: CacheStorage, scope: string, form: FormData): Promise<void> {
  const name = boxOf(scope);
  await caches.delete(name);
  const box = await caches.open(name);
  const put = (entry: string, body: BodyInit, headers: Record<string, string>) => box.put(new URL(`${kShareAction}/${entry}`, scope).href, new Response(body, { headers }));
  await put('text', textIn(form), { 'content-type': 'text/plain;charset=utf-8' });
  const files = form.getAll('files').filter((file): file is File => file instanceof File);
  let bytes = 0;
  for (const [i, file] of files.slice(0, kMostFiles).entries()) {
    const headers = { 'content-type': file.type || 'application/octet-stream', [kName]: encodeURIComponent(file.name) };
    const leaveOut = () => put(`${i}`, '', { ...headers, [kIsLeftOut]: '1' });
    if (file.size > kMostBytes || bytes + file.size > kMostInAll) {
      await leaveOut();
      continue;
    }
    bytes += file.size;
    await put(`${i}`, file, headers).catch(leaveOut); // the browser has no room
  }
}

// What there is, once; null: nothing.
export async function takeShared(caches: CacheStorage, scope: string): Promise<Shared | null> {
  const name = boxOf(scope);
  if (!(await caches.has(name))) return null;
  const box = await caches.open(name);
  const shared: Shared = { text: '', files: [], leftOut: [] };
  for (const entry of await box.keys()) {
    const answer = await box.match(entry);
    if (!answer) continue;
    const called = answer.headers.get(kName);
    if (called === null) shared.text = await answer.text();
    else if (answer.headers.has(kIsLeftOut)) shared.leftOut.push(decodeURIComponent(called));
    else shared.files.push(new File([await answer.blob()], decodeURIComponent(called), { type: answer.headers.get('content-type') ?? '' }));
  }
  return (await caches.delete(name)) ? shared : null; // another tab was faster
}
