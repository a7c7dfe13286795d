// SPDX-License-Identifier: Apache-2.0
import { mount } from 'svelte';
import App from './App.svelte';
import { isOfBrowser, isOfServer } from './lib/carrier_kind';
import { dropForeignWorkers } from './lib/foreign_worker';
import { watchRequests } from './lib/proof';
import { chats } from './state/chats.svelte';
import { connection } from './state/connection.svelte';
import { models } from './state/models.svelte';
import { router } from './state/router.svelte';
import { hasToken, onNewToken, readToken } from './state/session';
import { settings } from './state/settings.svelte';
import { ui } from './state/ui.svelte';
import { watch } from './state/watch.svelte';
import './styles/index.css';

watchRequests();
if (isOfBrowser()) {
  const { startShell } = await import('./shell/start');
  if (await startShell()) await new Promise(() => undefined); // the page is being loaded again
} else if (isOfServer()) {
  void dropForeignWorkers();
  await readToken(); // before the router reads the fragment
  onNewToken(() => {
    router.restore();
    void settings.load();
    void connection.look();
  });
}
await settings.start();
router.start();
ui.start();
chats.start();
watch();
connection.onBack(() => {
  void models.refresh();
  void chats.refresh();
  chats.nudge();
});
if (hasToken()) void settings.load();
connection.start();
mount(App, { target: document.getElementById('app')! });
if (isOfBrowser()) void import('./state/shared').then(({ composeShared }) => composeShared());
