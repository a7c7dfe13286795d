// SPDX-License-Identifier: Apache-2.0
// The app's side of the page: opened with its first request, before anything that the app says is heard.
import { app } from '../lib/app_hands';
import { onAppPort } from '../lib/app_port';
import { bytes } from '../lib/i18n/format';
import { t } from '../lib/i18n/i18n.svelte';
import type { Transport } from '../lib/transport/transport';
import { passingStore } from '../state/session';
import { ui } from '../state/ui.svelte';
import { appState } from './app_state.svelte';
import { hearApp } from './hear_app';
import { fileToBase64 } from './base64';
import { AppDecoder, AppPictures } from './pictures';
import { PortTransport } from './port_transport';
import { watchPage } from './watch_page.svelte';

const kMostSaved = 64 * 1024 * 1024; // bytes of a file that goes over the port

async function save(name: string, data: Blob): Promise<void> {
  if (data.size > kMostSaved) return ui.tell(t('app.saveTooLarge', { size: bytes(data.size) }));
  appState.bridge.send({ type: 'save', name, mime: data.type || 'application/octet-stream', base64: await fileToBase64(data) });
}

// Links leave the app: the app shows where to, and asks.
function onClick(event: MouseEvent): void {
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  if (!link || link.origin === window.location.origin || !/^(https?|mailto):$/.test(link.protocol)) return;
  event.preventDefault();
  appState.bridge.send({ type: 'open-link', url: link.href });
}

export function openApp(): Transport {
  const { bridge } = appState;
  const port = new PortTransport(bridge);
  const decoder = new AppDecoder(bridge);
  const pictures = new AppPictures(port, decoder, (sha256) => passingStore.picture(sha256));
  app.hands = {
    save: (name, data) => void save(name, data),
    copy: (text) => bridge.send({ type: 'copy', text }),
    takePhoto: () => bridge.send({ type: 'camera' }),
    readable: (file) => decoder.readable(file),
  };
  document.addEventListener('click', onClick, { capture: true });
  document.addEventListener('auxclick', onClick, { capture: true });
  hearApp(bridge, () => pictures.forget());
  watchPage(bridge);
  onAppPort((found) => bridge.attach(found));
  return pictures;
}
