// SPDX-License-Identifier: Apache-2.0
// What the engine's carrier asks of the page's browser.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { keepStorage } from '../../src/engine/room';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

describe('keepStorage', () => {
  const withPersist = (persist?: () => Promise<boolean>) => vi.stubGlobal('navigator', { storage: persist ? { persist } : {} });

  it('tells what the browser says', async () => {
    withPersist(async () => true);
    expect(await keepStorage()).toBe(true);
    withPersist(() => Promise.reject(new Error('no')));
    expect(await keepStorage()).toBe(false);
    withPersist();
    expect(await keepStorage()).toBe(false);
  });

  it('does not wait for a browser that asks somebody', async () => {
    withPersist(() => new Promise(() => undefined));
    expect(await keepStorage(5)).toBeNull();
  });
});

describe('ownScript', () => {
  const load = async () => (await import('../../src/engine/own_script')).ownScript;

  it('takes scripts of this page only', async () => {
    const ownScript = await load();
    expect(ownScript('assets/worker.js')).toBe(new URL('assets/worker.js', location.href).href);
    expect(() => ownScript('https://elsewhere.example/worker.js')).toThrow(TypeError);
    expect(() => ownScript('data:text/javascript,0')).toThrow(TypeError);
  });

  it('goes through the one policy where the browser wants one', async () => {
    const names: string[] = [];
    vi.stubGlobal('trustedTypes', {
      createPolicy(name: string, rules: { createScriptURL: (url: string) => string }) {
        names.push(name);
        return { createScriptURL: (url: string) => `trusted ${rules.createScriptURL(url)}` };
      },
    });
    const ownScript = await load();
    expect(ownScript('a.js')).toBe(`trusted ${new URL('a.js', location.href).href}`);
    expect(() => ownScript('https://elsewhere.example/a.js')).toThrow(TypeError);
    expect(names).toEqual(['thimble-worker']);
  });
});
