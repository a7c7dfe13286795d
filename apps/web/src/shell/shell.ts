// SPDX-License-Identifier: Apache-2.0
// The page as plain files: its service worker, the isolation that shared memory needs, and new versions.

export interface ShellParts {
  workers: ServiceWorkerContainer | null; // null: this browser, or this kind of address, has none
  storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
  isIsolated: () => boolean;
  onChange: () => void; // of hasUpdate, isKept
  reload: () => void;
  ownScript: (url: string) => string; // what may be loaded as a worker
}

const kTried = 'thimble:isolation';
const kWorker = 'sw.js';
const kMostWait = 20_000; // milliseconds for the first load to be kept
const kPause = 50;
const kAskAgain = 1000;

// Whether a worker at this address is the page's own.
export function isOwnWorker(script: string, page: string): boolean {
  return script === new URL(kWorker, new URL('./', page)).href;
}

export class Shell {
  // A new version is here and waits to be taken.
  hasUpdate = false;
  // Everything is kept: the page opens without a network.
  isKept = false;
  private registration: ServiceWorkerRegistration | null = null;
  private takesOver = false;
  private isReloading = false;
  private isBehind = false; // another tab took the new version: this page's own files are gone

  constructor(
    private readonly parts: ShellParts,
    private readonly page: string,
  ) {}

  // True: the page is being loaded again, isolated this time. What fails here leaves a page with one thread.
  async start(): Promise<boolean> {
    const { workers } = this.parts;
    if (!workers) return false;
    try {
      await this.dropStrangers(workers);
      this.registration = await workers.register(this.parts.ownScript(new URL(kWorker, new URL('./', this.page)).href), { updateViaCache: 'none' });
      this.watch(workers, this.registration);
      if (this.parts.isIsolated()) {
        this.parts.storage.removeItem(kTried);
        return false;
      }
      return await this.isolate(this.registration);
    } catch {
      return false;
    }
  }

  // Loads the new version. Not while an answer is being written, here or in another tab: it would be cut.
  takeUpdate(): void {
    if (this.isBehind) return this.parts.reload();
    if (this.takesOver) return;
    this.takesOver = true;
    this.askToTakeOver();
  }

  // Until the page is loaded again: an order to take over has been seen to have no effect, and a version that was shown as waiting
  // to wait no more, with nothing said of it. Then loading shows what there is.
  private askToTakeOver(): void {
    if (this.isReloading) return;
    const waiting = this.registration?.waiting;
    if (!waiting) return this.reload();
    waiting.postMessage('take-over');
    setTimeout(() => this.askToTakeOver(), kAskAgain);
  }

  private reload(): void {
    this.isReloading = true;
    this.parts.reload();
  }

  // Those of folders above this one: this page's worker would not keep them from it. One of this very folder is replaced
  // by the page's own.
  private async dropStrangers(workers: ServiceWorkerContainer): Promise<void> {
    const folder = new URL('./', this.page).href;
    for (const one of await workers.getRegistrations()) {
      if (folder.startsWith(one.scope) && one.scope !== folder) await one.unregister();
    }
  }

  private isOwn(worker: ServiceWorker | null): boolean {
    return worker !== null && isOwnWorker(worker.scriptURL, this.page);
  }

  private watch(workers: ServiceWorkerContainer, registration: ServiceWorkerRegistration): void {
    const look = () => {
      const isOwn = this.isOwn(registration.active);
      this.hasUpdate = (registration.waiting !== null || this.isBehind) && isOwn;
      this.isKept = isOwn;
      if (registration.active && !isOwn) registration.waiting?.postMessage('take-over'); // a stranger's has nothing to lose
      this.parts.onChange();
    };
    registration.addEventListener('updatefound', () => registration.installing?.addEventListener('statechange', look));
    registration.installing?.addEventListener('statechange', look);
    let { controller } = workers;
    workers.addEventListener('controllerchange', () => {
      this.isBehind ||= this.isOwn(controller);
      controller = workers.controller;
      look();
      if (this.takesOver) this.reload();
    });
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') void registration.update().catch(() => undefined);
    });
    look();
  }

  // One reload, guarded: a browser that does not isolate the page through the worker is not asked twice.
  private async isolate(registration: ServiceWorkerRegistration): Promise<boolean> {
    const { storage } = this.parts;
    if (storage.getItem(kTried) !== null) return false;
    storage.setItem(kTried, '1');
    if (storage.getItem(kTried) === null) return false; // nothing can be remembered: it would go round for ever
    for (let waited = 0; !this.isOwn(registration.active); waited += kPause) {
      if (waited >= kMostWait) return false;
      await new Promise((resolve) => setTimeout(resolve, kPause));
    }
    this.parts.reload();
    return true;
  }
}
