// SPDX-License-Identifier: Apache-2.0
// Addresses (blob:) of kept pictures, made when they are first shown. An <img> cannot send the token, so the page fetches.
import type { ChatStore } from '../lib/store/chat_store';

const urls = new Map<string, string>();
const kMost = 200;

export function rememberPicture(sha256: string, url: string): void {
  urls.set(sha256, url);
  if (urls.size <= kMost) return;
  const [oldest, gone] = urls.entries().next().value!;
  urls.delete(oldest);
  URL.revokeObjectURL(gone);
}

export async function pictureUrl(store: ChatStore, sha256: string): Promise<string> {
  const known = urls.get(sha256);
  if (known) return known;
  const blob = await store.picture(sha256);
  const url = URL.createObjectURL(blob);
  rememberPicture(sha256, url);
  return url;
}
