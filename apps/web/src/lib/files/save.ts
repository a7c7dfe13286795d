// SPDX-License-Identifier: Apache-2.0
import { app } from '../app_hands';

// Gives the person a file.
export function saveFile(name: string, data: Blob): void {
  if (app.hands) return app.hands.save(name, data);
  const link = document.createElement('a');
  link.href = URL.createObjectURL(data);
  link.download = name;
  document.body.appendChild(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// A name that every file system takes.
export function fileName(title: string, fallback: string): string {
  const bare = title
    .replace(/[\u0000-\u001f<>:"/\\|?*\u202a-\u202e\u2066-\u2069]+/g, ' ') // eslint-disable-line no-control-regex
    .replace(/\s+/g, ' ')
    .replace(/^[.\s]+/, '');
  return [...bare].slice(0, 60).join('').trim() || fallback;
}
