// SPDX-License-Identifier: Apache-2.0
// What follows from the engine's state where it is in the page, for as long as the page lives.
import type { Key } from '../lib/i18n/i18n.svelte';
import { answering, wakeLock } from '../shell/start';
import { chats } from './chats.svelte';
import { connection } from './connection.svelte';
import { engine } from './engine.svelte';
import { models } from './models.svelte';

function hintOf(): Key | '' {
  switch (engine.link?.state) {
    case 'ready':
      if (models.isMissing) return 'own.noModel';
      return connection.info?.model.open ? '' : 'connection.loading';
    case 'elsewhere':
      return 'own.elsewhere';
    case 'failed':
    case 'stopped':
      return 'own.failed';
    default:
      return engine.own ? 'own.starting' : 'own.failed';
  }
}

export function watchEngine(): void {
  $effect.root(() => {
    $effect(() => {
      connection.hint = hintOf();
    });
    // With its screen off a phone computes nothing.
    $effect(() => wakeLock.want(chats.isAnswering));
    $effect(() => answering.want(chats.isAnswering));
  });
}
