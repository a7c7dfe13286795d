// SPDX-License-Identifier: Apache-2.0
// What has to happen when something else changes, for as long as the page lives.
import { untrack } from 'svelte';
import { chats } from './chats.svelte';
import { connection } from './connection.svelte';
import { models } from './models.svelte';
import { router } from './router.svelte';

export function watch(): void {
  $effect.root(() => {
    // The address says which chat is shown.
    $effect(() => {
      const { route } = router;
      untrack(() => {
        if (route.page === 'chat') void chats.show(route.id);
        if (route.page === 'models') void models.refresh();
      });
    });
    // A model that sees came: pictures that waited for it.
    $effect(() => {
      const { attachments } = chats.current;
      if (connection.info?.model.sees) untrack(() => attachments.retryBlind());
    });
    $effect(() => {
      const { title } = chats.current.chat;
      document.title = title ? `${title} · Thimble` : 'Thimble';
    });
  });

  // A phone that slept has lost its connections, and may not know it.
  let hiddenAt = 0;
  const wake = () => {
    if (document.visibilityState === 'hidden') hiddenAt = Date.now();
    else if (hiddenAt > 0 && Date.now() - hiddenAt > 3000) {
      hiddenAt = 0;
      chats.nudge();
      void chats.refresh();
    }
  };
  document.addEventListener('visibilitychange', wake);
  window.addEventListener('pageshow', (event) => event.persisted && chats.nudge());
  window.addEventListener('online', () => chats.nudge());

  // The keyboard of a phone covers the window's end: the page ends above it.
  const viewport = window.visualViewport;
  const fit = () => {
    if (!viewport) return;
    document.documentElement.style.setProperty('--window-height', `${Math.round(viewport.height)}px`);
    if (viewport.offsetTop > 0) window.scrollTo(0, 0);
  };
  viewport?.addEventListener('resize', fit);
  fit();
}
