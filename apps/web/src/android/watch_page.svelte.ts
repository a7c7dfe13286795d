// SPDX-License-Identifier: Apache-2.0
// What the app has to know of the page, and what follows from what the app said, for as long as the page lives.
import { untrack } from 'svelte';
import type { Key } from '../lib/i18n/i18n.svelte';
import { chats } from '../state/chats.svelte';
import { connection } from '../state/connection.svelte';
import { models } from '../state/models.svelte';
import { settings } from '../state/settings.svelte';
import { appState } from './app_state.svelte';
import type { Bridge } from './bridge';

function hintOf(): Key | '' {
  if (!appState.isRunning) return appState.end?.again ? 'own.starting' : 'own.failed';
  if (appState.isPaused && chats.isAnswering) return 'app.pausedShort';
  if (models.isMissing) return 'own.noModel';
  return connection.isReady ? '' : 'own.starting';
}

export function watchPage(bridge: Bridge): void {
  let isTold = false;
  $effect.root(() => {
    $effect(() => {
      connection.hint = hintOf();
    });
    // The system lets an answer be written while the app is not seen, as long as somebody can see that it is.
    $effect(() => {
      const is = chats.isAnswering;
      if (is === isTold) return;
      isTold = is;
      bridge.send({ type: 'answering', is, text: untrack(() => chats.answeringTitle) });
    });
    // Also once at the beginning: the app's side may be a new one.
    $effect(() => {
      if (settings.isLoaded) bridge.send({ type: 'mode', mode: settings.values.mode });
    });
  });
}
