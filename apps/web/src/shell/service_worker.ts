// SPDX-License-Identifier: Apache-2.0
// The page's own service worker, where the page is plain files on a host: keeps all of them, so that after the first load
// no network is needed, and adds the headers that shared memory asks for, which most hosts cannot send. It is built by
// itself (tools/browser_page.mjs), into sw.js beside index.html. Where the system shares something with the page, it takes
// that, too: no host of plain files could.
import { keepShared, kShareAction } from './share_box';

interface ShellFile {
  path: string; // relative to this worker
  sha256: string; // in hexadecimal
}
// What the build puts in: the page's version with a digest of all its files, and the files.
declare const __SHELL__: { version: string; files: ShellFile[] };
const kShell = __SHELL__;

interface WorkerEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface RequestEvent extends WorkerEvent {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface WorkerScope {
  readonly registration: { readonly scope: string };
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(kind: 'install' | 'activate', take: (event: WorkerEvent) => void): void;
  addEventListener(kind: 'fetch', take: (event: RequestEvent) => void): void;
  addEventListener(kind: 'message', take: (event: MessageEvent & WorkerEvent) => void): void;
}
const worker = self as unknown as WorkerScope;

// Caches belong to a whole address, where other programs and other folders may have theirs.
const kPrefix = `thimble:shell:${new URL(worker.registration.scope).pathname}:`;
const kCache = kPrefix + kShell.version;
const kFiles = new Map(kShell.files.map((file) => [new URL(file.path, worker.registration.scope).href, file]));
const kShare = new URL(kShareAction, worker.registration.scope).href;
const kIndex = new URL('index.html', worker.registration.scope).href;

const hex = (bytes: ArrayBuffer) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('');

// Another version of a file than the one that this worker was built with would make a page of two halves.
async function keep(cache: Cache, url: string, file: ShellFile): Promise<void> {
  const answer = await fetch(new Request(url, { cache: 'no-cache', credentials: 'omit' }));
  if (!answer.ok) throw new Error(`${file.path}: status ${answer.status}`);
  const bytes = await answer.arrayBuffer();
  if (hex(await crypto.subtle.digest('SHA-256', bytes)) !== file.sha256) throw new Error(`${file.path} is of another version`);
  await cache.put(url, new Response(bytes, { headers: { 'content-type': answer.headers.get('content-type') ?? '' } }));
}

async function install(): Promise<void> {
  const cache = await caches.open(kCache);
  for (const [url, file] of kFiles) {
    if (!(await cache.match(url))) await keep(cache, url, file);
  }
}

async function activate(): Promise<void> {
  for (const name of await caches.keys()) {
    if (name.startsWith(kPrefix) && name !== kCache) await caches.delete(name);
  }
  await worker.clients.claim();
}

function isolated(answer: Response): Response {
  if (answer.type === 'opaque' || answer.type === 'opaqueredirect' || answer.type === 'error') return answer;
  const headers = new Headers(answer.headers);
  headers.set('cross-origin-embedder-policy', 'require-corp');
  headers.set('cross-origin-opener-policy', 'same-origin');
  headers.set('cross-origin-resource-policy', 'same-origin');
  return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers });
}

async function answerTo(request: Request, url: string): Promise<Response> {
  const kept = await (await caches.open(kCache)).match(url);
  if (kept) return isolated(kept);
  // The browser threw the cache away, or never filled it.
  return isolated(await fetch(request));
}

// What is shared comes as a form that somebody sent, from no page. One of another site's is left; one that hides where it
// comes from cannot be told from the system's, and ends, as that does, in the composer, where a person sees it.
function isShare(request: Request): boolean {
  return request.method === 'POST' && request.mode === 'navigate' && request.url === kShare;
}

function isStrangers(request: Request): boolean {
  const from = [request.referrer, request.headers.get('origin') ?? ''].filter((address) => /^https?:/.test(address));
  return from.some((address) => new URL(address).origin !== new URL(kShare).origin);
}

async function takeShare(request: Request): Promise<Response> {
  try {
    if (!isStrangers(request)) await keepShared(caches, worker.registration.scope, await request.formData());
  } catch {
    // The page opens without it.
  }
  return Response.redirect(worker.registration.scope, 303);
}

// The file that a request asks for; null: none of ours, which goes its way untouched (models, other folders, whatever is
// sent).
function fileOf(request: Request): string | null {
  if (request.method !== 'GET') return null;
  const url = new URL(request.url);
  url.search = '';
  url.hash = '';
  if (request.mode === 'navigate' && url.href === worker.registration.scope) return kIndex;
  return kFiles.has(url.href) ? url.href : null;
}

worker.addEventListener('install', (event) => event.waitUntil(install()));
worker.addEventListener('activate', (event) => event.waitUntil(activate()));
worker.addEventListener('fetch', (event) => {
  if (isShare(event.request)) return event.respondWith(takeShare(event.request));
  const url = fileOf(event.request);
  return url === null ? undefined : event.respondWith(answerTo(event.request, url));
});
// A new version takes over when somebody says so, never under a page that is being used.
worker.addEventListener('message', (event) => {
  if (event.data === 'take-over') event.waitUntil(worker.skipWaiting());
});
