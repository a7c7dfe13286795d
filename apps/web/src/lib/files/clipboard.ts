// SPDX-License-Identifier: Apache-2.0
import { app } from '../app_hands';

// Copies a text. Over plain http there is no clipboard interface; the older way works everywhere.
export async function copyText(text: string): Promise<void> {
  if (app.hands) return app.hands.copy(text);
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'off-screen';
  const host = document.querySelector('dialog[open]') ?? document.body;
  host.appendChild(area);
  const focused = document.activeElement as HTMLElement | null;
  area.select();
  document.execCommand('copy');
  area.remove();
  focused?.focus();
}
