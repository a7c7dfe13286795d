// SPDX-License-Identifier: Apache-2.0
import { ownScript } from '../engine/own_script';
import { updates } from '../state/updates.svelte';
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

// True: the page is being loaded again.
export function startShell(): Promise<boolean> {
  updates.take = () => shell.takeUpdate();
  return shell.start();
}
