// SPDX-License-Identifier: Apache-2.0
import { mount } from 'svelte';
import CannotRun from '../components/CannotRun.svelte';
import { ownScript } from '../engine/own_script';
import { settings } from '../state/settings.svelte';
import { updates } from '../state/updates.svelte';
import { Answering } from './answering';
import { Shell } from './shell';
import { WakeLock } from './wake_lock';

function storage(): Storage {
  try {
    return window.sessionStorage;
  } catch {
    return { getItem: () => null, setItem: () => undefined, removeItem: () => undefined } as unknown as Storage;
  }
}

export const shell = new Shell(
  {
    workers: 'serviceWorker' in navigator ? navigator.serviceWorker : null,
    storage: storage(),
    isIsolated: () => window.crossOriginIsolated,
    reload: () => window.location.reload(),
    ownScript,
    onChange: () => {
      updates.isHere = shell.hasUpdate;
      updates.isKept = shell.isKept;
    },
  },
  window.location.href.split('#')[0]!,
);
export const wakeLock = new WakeLock();
export const answering = new Answering((navigator as Partial<Navigator>).locks);

// True: the page is being loaded again, or has said why it cannot run here.
export async function startShell(): Promise<boolean> {
  document.querySelector('body > .cannot')?.remove();
  if (!window.isSecureContext || window.location.protocol === 'file:') {
    await settings.start();
    mount(CannotRun, { target: document.getElementById('app')! });
    return true;
  }
  updates.take = () => {
    if (updates.isTaking) return;
    updates.isTaking = true;
    void answering.whenNone(() => shell.takeUpdate()).finally(() => (updates.isTaking = false));
  };
  return shell.start();
}
