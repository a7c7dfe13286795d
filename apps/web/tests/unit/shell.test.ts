// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it, vi } from 'vitest';
import { Answering } from '../../src/shell/answering';
import { Shell, isOwnWorker, type ShellParts } from '../../src/shell/shell';
import { isOwnScript } from '../../src/engine/own_script';
import { WakeLock } from '../../src/shell/wake_lock';

const kPage = 'https://host.example/tools/thimble/index.html?lang=de#/chat/x';
const kTop = 'https://host.example/tools/thimble/';

describe('scripts of the page', () => {
  it('are those of its folder', () => {
    expect(isOwnScript('./assets/engine.js', kTop)).toBe(true);
    expect(isOwnScript('https://host.example/tools/thimble/sw.js', kTop)).toBe(true);
    for (const foreign of ['https://elsewhere.example/tools/thimble/a.js', '/tools/other.js', '../a.js', 'data:text/javascript,1', 'blob:https://host.example/1', 'javascript:1', 'http://host.example/tools/thimble/a.js', '//elsewhere.example/tools/thimble/x.js', 'https://host.example/tools/thimble/../x.js', 'https://host.example/tools/thimblex/x.js', 'http://[']) {
      expect(isOwnScript(foreign, kTop), foreign).toBe(false);
    }
  });

  it('have one worker among them', () => {
    expect(isOwnWorker('https://host.example/tools/thimble/sw.js', kPage)).toBe(true);
    expect(isOwnWorker('https://host.example/tools/thimble/other.js', kPage)).toBe(false);
    expect(isOwnWorker('https://host.example/sw.js', kPage)).toBe(false);
  });
});

// A container of workers that does what it is told.
function makeWorkers(foreign: { scriptURL: string; scope: string }[] = []) {
  const gone: string[] = [];
  const waiting = { postMessage: vi.fn() };
  const listeners = new Map<string, () => void>();
  const registration = { active: { scriptURL: 'https://host.example/tools/thimble/sw.js' }, waiting: null as unknown, installing: null, addEventListener: vi.fn(), update: vi.fn(async () => undefined) };
  const container = {
    controller: {} as unknown,
    ready: Promise.resolve(registration),
    addEventListener: (kind: string, take: () => void) => listeners.set(kind, take),
    getRegistrations: async () => foreign.map((one) => ({ ...one, active: { scriptURL: one.scriptURL }, waiting: null, installing: null, unregister: async () => gone.push(one.scriptURL) })),
    register: vi.fn(async () => registration),
  };
  return { container: container as unknown as ServiceWorkerContainer, registration, waiting, gone, listeners };
}

function makeShell(workers: ServiceWorkerContainer | null, isIsolated = false, canRemember = true) {
  const kept = new Map<string, string>();
  const reload = vi.fn();
  const parts: ShellParts = {
    workers,
    storage: { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void (canRemember && kept.set(key, value)), removeItem: (key) => void kept.delete(key) },
    isIsolated: () => isIsolated,
    reload,
    onChange: () => undefined,
    ownScript: (url) => url,
  };
  return { shell: new Shell(parts, kPage), reload, kept, parts };
}

describe('isolation', () => {
  it('takes one reload, and not a second one', async () => {
    const { container } = makeWorkers();
    const { shell, reload, parts } = makeShell(container);
    expect(await shell.start()).toBe(true);
    expect(reload).toHaveBeenCalledTimes(1);
    expect(await new Shell(parts, kPage).start()).toBe(false);
    expect(reload).toHaveBeenCalledTimes(1);
  });

  it('that is there takes none, and may be lost and asked for again', async () => {
    const { container } = makeWorkers();
    const { shell, reload, kept } = makeShell(container, true);
    kept.set('thimble:isolation', '1');
    expect(await shell.start()).toBe(false);
    expect(reload).not.toHaveBeenCalled();
    expect(kept.size).toBe(0);
  });

  it('is not tried where nothing can be remembered, where there are no workers, or where they fail', async () => {
    const forgetful = makeShell(makeWorkers().container, false, false);
    expect(await forgetful.shell.start()).toBe(false);
    expect(forgetful.reload).not.toHaveBeenCalled();
    expect(await makeShell(null).shell.start()).toBe(false);
    const { container } = makeWorkers();
    vi.mocked(container.register).mockRejectedValue(new Error('SecurityError'));
    expect(await makeShell(container).shell.start()).toBe(false);
  });
});

describe('workers of strangers', () => {
  it('go where they would answer for this page from a folder above, and stay elsewhere', async () => {
    const { container, gone } = makeWorkers([
      { scriptURL: 'https://host.example/old.js', scope: 'https://host.example/' },
      { scriptURL: 'https://host.example/tools/thimble/sw.js', scope: 'https://host.example/tools/thimble/' },
      { scriptURL: 'https://host.example/shop/sw.js', scope: 'https://host.example/shop/' },
    ]);
    await makeShell(container, true).shell.start();
    expect(gone).toEqual(['https://host.example/old.js']);
  });

  it('in this very folder are replaced at once, without a question', async () => {
    const { container, registration, waiting } = makeWorkers();
    registration.active.scriptURL = 'https://host.example/tools/thimble/old.js';
    registration.waiting = waiting;
    const { shell } = makeShell(container, true);
    await shell.start();
    expect(shell.hasUpdate).toBe(false);
    expect(waiting.postMessage).toHaveBeenCalledWith('take-over');
  });
});

describe('a new version', () => {
  it('waits to be taken, and then loads the page again', async () => {
    const { container, registration, waiting, listeners } = makeWorkers();
    registration.waiting = waiting;
    const { shell, reload } = makeShell(container, true);
    await shell.start();
    expect(shell.hasUpdate).toBe(true);
    listeners.get('controllerchange')!();
    expect(reload, 'another tab took it: this one is not cut').not.toHaveBeenCalled();
    shell.takeUpdate();
    expect(waiting.postMessage).toHaveBeenCalledWith('take-over');
    listeners.get('controllerchange')!();
    expect(reload).toHaveBeenCalledTimes(1);
  });

  it('that another tab took is told of, and is one loading away', async () => {
    const { container, registration, waiting, listeners } = makeWorkers();
    const { shell, reload } = makeShell(container, true);
    await shell.start();
    listeners.get('controllerchange')!();
    expect(shell.hasUpdate, 'the first worker of this page').toBe(false);
    Object.assign(container, { controller: registration.active });
    listeners.get('controllerchange')!();
    expect(shell.hasUpdate).toBe(false);
    listeners.get('controllerchange')!();
    expect(shell.hasUpdate).toBe(true);
    expect(reload).not.toHaveBeenCalled();
    shell.takeUpdate();
    expect(reload).toHaveBeenCalledTimes(1);
    expect(waiting.postMessage).not.toHaveBeenCalled();
  });
});

// The browser's locks, as far as they are used: granted in order, shared ones beside each other.
function makeLocks() {
  let shared = 0;
  const request = async (_name: string, { mode }: LockOptions, use: (lock: Lock | null) => unknown): Promise<unknown> => {
    if (mode !== 'shared') return use(shared === 0 ? ({} as Lock) : null);
    shared++;
    try {
      return await use({} as Lock);
    } finally {
      shared--;
    }
  };
  return { request } as unknown as LockManager;
}

describe('answers of all tabs', () => {
  it('are waited for, those that begin meanwhile, too', async () => {
    const locks = makeLocks();
    const [one, two, three] = [new Answering(locks), new Answering(locks), new Answering(locks)];
    one.want(true);
    one.want(true);
    const work = vi.fn();
    const taken = three.whenNone(work, 1);
    const later = () => new Promise((resolve) => setTimeout(resolve, 20));
    await later();
    two.want(true);
    one.want(false);
    one.want(false);
    await later();
    expect(work).not.toHaveBeenCalled();
    two.want(false);
    await taken;
    expect(work).toHaveBeenCalledTimes(1);
    one.want(true);
    one.want(false);
    await new Answering(locks).whenNone(work, 1);
    expect(work).toHaveBeenCalledTimes(2);
  });

  it("are this tab's where there are no locks", async () => {
    const work = vi.fn();
    const alone = new Answering(undefined);
    alone.want(true);
    const taken = alone.whenNone(work, 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(work).not.toHaveBeenCalled();
    alone.want(false);
    await taken;
    expect(work).toHaveBeenCalledTimes(1);
  });
});

describe('the screen', () => {
  it('stays on while it is wanted, also after the page was hidden', async () => {
    const release = vi.fn(async () => undefined);
    const request = vi.fn(async () => ({ release }));
    let onChange: () => void = () => undefined;
    const page = { visibilityState: 'visible', addEventListener: (_: string, take: () => void) => (onChange = take) };
    const lock = new WakeLock({ request }, page as unknown as Document);
    lock.want(true);
    lock.want(true);
    expect(request).toHaveBeenCalledTimes(1);
    page.visibilityState = 'hidden';
    onChange();
    page.visibilityState = 'visible';
    onChange();
    expect(request).toHaveBeenCalledTimes(2);
    lock.want(false);
    await vi.waitFor(() => expect(release).toHaveBeenCalledTimes(1));
    onChange();
    expect(request).toHaveBeenCalledTimes(2);
  });

  it('is left alone where that is refused, or unknown', () => {
    const page = { visibilityState: 'visible', addEventListener: () => undefined } as unknown as Document;
    const refused = new WakeLock({ request: async () => Promise.reject(new Error('NotAllowedError')) }, page);
    refused.want(true);
    refused.want(false);
    new WakeLock(undefined, page).want(true);
  });
});
