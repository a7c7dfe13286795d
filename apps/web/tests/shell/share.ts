// SPDX-License-Identifier: Apache-2.0
// Shares something with the page as a system does: a form that is sent to what the manifest names, from no page of ours.
import type { Page } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Host } from './host';

interface ShareTarget {
  action: string;
  method: string;
  enctype: string;
  params: { title: string; text: string; url: string; files: { name: string; accept: string[] }[] };
}

export interface SharedThings {
  title?: string;
  text?: string;
  url?: string;
  files?: { name: string; mimeType: string; buffer: Buffer }[];
}

export function shareTarget(host: Host): ShareTarget {
  return (JSON.parse(readFileSync(join(host.folder, 'manifest.webmanifest'), 'utf8')) as { share_target: ShareTarget }).share_target;
}

// `from`: where the form is; the page's own host where nothing is said.
export async function share(page: Page, host: Host, things: SharedThings, from = host): Promise<void> {
  const { action, method, enctype, params } = shareTarget(host);
  const fields = (['title', 'text', 'url'] as const).map((name) => `<textarea name="${params[name]}">${things[name] ?? ''}</textarea>`);
  from.sent['/app/sharing.html'] = `<form accept-charset="utf-8" method="${method}" enctype="${enctype}" action="${new URL(action, host.url).href}">
    ${fields.join('')}<input type="file" multiple name="${params.files[0]!.name}"><button>share</button></form>`;
  await page.goto(`${from.url}sharing.html`);
  if (things.files) await page.locator('input').setInputFiles(things.files);
  await page.locator('button').click();
  await page.waitForURL((url) => !url.pathname.endsWith('sharing.html'));
}
