// SPDX-License-Identifier: Apache-2.0
// What the page does about what the app says.
import { t } from '../lib/i18n/i18n.svelte';
import { chats } from '../state/chats.svelte';
import { connection } from '../state/connection.svelte';
import type { Arriving } from '../state/model_import.svelte';
import { models } from '../state/models.svelte';
import { router } from '../state/router.svelte';
import { ui } from '../state/ui.svelte';
import { addCost } from './answer_cost';
import { appState } from './app_state.svelte';
import { fromBase64 } from './base64';
import type { Bridge } from './bridge';
import { givenUp, ModelArrival, nameOf } from './model_arrival.svelte';
import type { AppEvents, SharedPicture } from './protocol';

function fileOf({ name, mime, base64 }: SharedPicture): File[] {
  try {
    return [new File([fromBase64(base64)], name || 'picture', { type: mime })];
  } catch {
    return [];
  }
}

function toChat(): void {
  ui.isDrawerOpen = false;
  ui.sheet = '';
  if (router.route.page !== 'chat') router.go(chats.current.isNew ? 'chat' : `chat/${chats.current.chat.id}`);
}

// A message to send, in a new chat; what is typed there already stays before it.
function onShared({ text = '', pictures = [] }: AppEvents['shared']): void {
  if (!chats.current.isNew || chats.current.isBusy) chats.startNew();
  toChat();
  const { current } = chats;
  if (text !== '') current.draft = current.draft.trim() === '' ? text : `${current.draft.trimEnd()}\n\n${text}`;
  current.attachments.add(pictures.flatMap(fileOf));
}

// Whoever brings a model wants it to answer: it is opened where the built-in one did, or none.
async function arrived(one: Arriving): Promise<void> {
  await models.refresh();
  if (chats.isAnswering || !(models.isMissing || models.isBuiltIn) || !models.list.some(({ name }) => name === one.name)) return;
  models.dismiss(one);
  await models.openModel(one.name);
}

function onImport(bridge: Bridge, told: AppEvents['import']): void {
  const isOver = told.state === 'done' || told.state === 'failed';
  // Of no model at all: that another one is on its way.
  if (told.name === '') return told.message ? ui.tell(told.message) : undefined;
  const name = nameOf(told.name);
  if (givenUp.has(name)) {
    if (isOver) givenUp.delete(name);
    if (told.state === 'done') void models.refresh(); // it was faster
    return;
  }
  const rows = models.imports.filter((one): one is ModelArrival => one instanceof ModelArrival);
  let one = rows.find((row) => row.name === name);
  if (!one) {
    // The app brings one model at a time, and counts files that do not say how long they are under their own names.
    for (const row of rows) if (row.state === 'sending' && row.total === 0) models.imports = models.imports.filter((other) => other !== row);
    models.imports.push(new ModelArrival(told.name, bridge));
    one = models.imports.at(-1) as ModelArrival;
    if (router.route.page !== 'models' && !isOver) ui.tell(t('app.adding', { name }));
  }
  const before = one.state;
  one.take(told);
  if (one.state === 'done' && before !== 'done') void arrived(one);
  else if (one.state === 'paused') void models.refresh();
}

function onInsets({ top = 0, right = 0, bottom = 0, left = 0, keyboard = 0 }: AppEvents['insets']): void {
  const { style } = document.documentElement;
  // What is drawn below the keyboard is not seen.
  for (const [name, pixels] of Object.entries({ top, right, bottom: keyboard > 0 ? 0 : bottom, left, keyboard })) {
    if (Number.isFinite(pixels)) style.setProperty(`--inset-${name}`, `${Math.max(0, Math.round(pixels))}px`);
  }
}

// `renewed` is called where the engine has been started again.
export function hearApp(bridge: Bridge, renewed: () => void): void {
  bridge.on('started', (told) => {
    if (appState.end) renewed();
    appState.engine = told;
    appState.isRunning = true;
    void connection.look();
    void models.refresh();
  });
  bridge.on('died', (told) => {
    appState.end = told;
    appState.isRunning = false;
    appState.decision = null;
    void connection.look();
  });
  bridge.on('decision', ({ decision, readings }) => {
    appState.decision = decision;
    if (readings) appState.readings = readings;
  });
  bridge.on('import', (told) => onImport(bridge, told));
  bridge.on('shared', onShared);
  bridge.on('picture', (picture) => {
    toChat();
    chats.current.attachments.add(fileOf(picture));
  });
  // Without an error the person has turned back.
  bridge.on('saved', ({ name, ok, error = '' }) => (ok || error !== '') && ui.tell(ok ? t('app.saved', { name }) : error));
  bridge.on('cost', (cost) => void addCost(cost));
  bridge.on('insets', onInsets);
  bridge.on('stop', () => chats.stopAll());
  bridge.on('new-chat', () => {
    chats.startNew();
    toChat();
  });
}
