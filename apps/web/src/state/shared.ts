// SPDX-License-Identifier: Apache-2.0
// What was shared with this page from another program goes into the composer, and no further: a person sends it.
import { t } from '../lib/i18n/i18n.svelte';
import { takeShared } from '../shell/share_box';
import { chats } from './chats.svelte';
import { connection } from './connection.svelte';

const kPause = 200; // milliseconds

// Without a model nobody knows what a picture costs: they wait for one.
async function modelIsOpen(): Promise<void> {
  while (!connection.isReady || !connection.info?.model.open) await new Promise((resolve) => setTimeout(resolve, kPause));
}

export async function composeShared(): Promise<void> {
  const shared = await takeShared(window.caches, new URL('./', window.location.href).href).catch(() => null);
  if (!shared) return;
  const chat = chats.current;
  if (shared.text !== '') chat.draft = chat.draft === '' ? shared.text : `${chat.draft}\n${shared.text}`;
  if (shared.files.length > 0) chat.attachments.add(shared.files, modelIsOpen());
  if (shared.leftOut.length > 0 && chat.attachments.fault === '') chat.attachments.fault = t('picture.large', { name: shared.leftOut.join(', ') });
}
