// SPDX-License-Identifier: Apache-2.0
// Conversations out of the store into files, and back.
import { t } from '../lib/i18n/i18n.svelte';
import { branchTo } from '../lib/chat/tree';
import { ChatFileError, chatFileText, chatMarkdown, parseChatJson, parseChatMarkdown, type ChatFile } from '../lib/files/chat_file';
import { fileName, saveFile } from '../lib/files/save';
import type { ZipEntry } from '../lib/files/zip';
import { ZipError } from '../lib/files/zip_error';
import { newId, type Message } from '../lib/store/types';
import type { chats as Chats } from './chats.svelte';
import { faultText } from './faults';
import type { OpenChat } from './open_chat.svelte';
import { router } from './router.svelte';
import { keptStore } from './session';
import { ui } from './ui.svelte';

const kMegabyte = 1024 * 1024;
const kLargestJson = 32 * kMegabyte;
const kBounds = { entries: 60_000, entryBytes: 64 * kMegabyte, totalBytes: 8192 * kMegabyte };
const kEndings: Record<string, string> = { 'image/jpeg': 'jpg', 'image/png': 'png', 'image/webp': 'webp', 'image/gif': 'gif', 'image/heic': 'heic', 'image/bmp': 'bmp' };

async function dataUrl(blob: Blob): Promise<string> {
  const reader = new FileReader();
  return new Promise((resolve, reject) => {
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error ?? new Error('unreadable'));
    reader.readAsDataURL(blob);
  });
}

function blobOf(url: string): Blob {
  const comma = url.indexOf(',');
  const bytes = Uint8Array.from(atob(url.slice(comma + 1)), (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type: /^data:([^;,]*)/.exec(url)?.[1] ?? '' });
}

const picturesOf = (messages: readonly Message[]) => new Set(messages.flatMap((message) => message.pictures.map(({ sha256 }) => sha256)));

export async function exportChat(id: string, kind: 'md' | 'json'): Promise<void> {
  const { chat, messages } = await keptStore.get(id);
  const name = fileName(chat.title, 'chat');
  if (kind === 'md') {
    const text = chatMarkdown(chat.title || t('chat.untitled'), branchTo(messages, chat.head), { user: t('talk.you'), assistant: t('talk.model') });
    saveFile(`${name}.md`, new Blob([text], { type: 'text/markdown' }));
    return;
  }
  const pictures: Record<string, string> = {};
  for (const sha256 of picturesOf(messages)) pictures[sha256] = await dataUrl(await keptStore.picture(sha256));
  saveFile(`${name}.json`, new Blob([chatFileText({ chat, messages, pictures })], { type: 'application/json' }));
}

// Every chat with its pictures in one archive.
export async function exportAll(): Promise<void> {
  try {
    const { ZipWriter } = await import('../lib/files/zip');
    const writer = new ZipWriter();
    const encoder = new TextEncoder();
    const done = new Set<string>();
    writer.add('thimble.json', encoder.encode(JSON.stringify({ thimble_archive: 1 })), false);
    let before = 0;
    for (;;) {
      const list = await keptStore.list({ most: 100, ...(before > 0 ? { before } : {}) });
      const fresh = list.filter(({ id }) => !done.has(id));
      for (const { id } of fresh) {
        done.add(id);
        const { chat, messages } = await keptStore.get(id);
        for (const sha256 of picturesOf(messages)) {
          if (done.has(sha256)) continue;
          done.add(sha256);
          const picture = await keptStore.picture(sha256);
          writer.add(`pictures/${sha256}.${kEndings[picture.type] ?? 'bin'}`, new Uint8Array(await picture.arrayBuffer()), false);
        }
        writer.add(`chats/${id}.json`, encoder.encode(chatFileText({ chat, messages, pictures: {} })), true);
      }
      if (fresh.length === 0) break;
      before = list.at(-1)!.updated; // the first page may begin with old ones that are pinned
    }
    saveFile(`thimble-${new Date().toISOString().slice(0, 10)}.zip`, writer.finish());
  } catch (error) {
    ui.tell(faultText(error));
  }
}

// JSON, Markdown or archives; tells how many came in, or what is wrong with the first that did not.
export async function importFiles(chats: typeof Chats, files: File[]): Promise<void> {
  let number = 0;
  try {
    for (const file of files) number += await importFile(file);
    if (files.length > 0) ui.tell(t('transfer.imported', { n: number }));
  } catch (error) {
    const isBroken = error instanceof ChatFileError || error instanceof ZipError;
    ui.tell(isBroken ? t('transfer.broken') : faultText(error));
  }
  await chats.tookIn();
}

async function importFile(file: File): Promise<number> {
  const start = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  if (start[0] === 0x50 && start[1] === 0x4b) return importArchive(file);
  if (file.size > kLargestJson) throw new ChatFileError('too large');
  const text = await file.text();
  await put(/\.(md|markdown|txt)$/i.test(file.name) ? parseChatMarkdown(text) : parseChatJson(text));
  return 1;
}

async function importArchive(file: File): Promise<number> {
  const { readZip } = await import('../lib/files/zip');
  const entries = await readZip(file, kBounds);
  const pictures = new Map<string, ZipEntry>();
  for (const entry of entries) {
    const sha256 = /^pictures\/([0-9a-f]{64})\.[a-z0-9]{1,8}$/.exec(entry.name)?.[1];
    if (sha256) pictures.set(sha256, entry);
  }
  const list = entries.filter((entry) => /^chats\/[A-Za-z0-9]{1,64}\.json$/.test(entry.name) && entry.size <= kLargestJson);
  if (list.length === 0) throw new ChatFileError('no chats');
  // All are looked at before the first is kept.
  for (const entry of list) parseChatJson(new TextDecoder().decode(await entry.read()));
  for (const entry of list) {
    await put(parseChatJson(new TextDecoder().decode(await entry.read())), async (sha256) => {
      const picture = pictures.get(sha256);
      return picture ? new Blob([await picture.read()]) : null;
    });
  }
  return list.length;
}

// Pictures first, then the chat that names them. Pictures that are missing are left out of their messages.
async function put(file: ChatFile, more?: (sha256: string) => Promise<Blob | null>): Promise<void> {
  const names = new Map<string, string>();
  for (const sha256 of picturesOf(file.messages)) {
    const inside = file.pictures[sha256];
    const blob = inside ? blobOf(inside) : ((await more?.(sha256)) ?? null);
    if (blob) names.set(sha256, (await keptStore.putPicture(blob)).sha256);
  }
  for (const message of file.messages) {
    message.pictures = message.pictures.flatMap((picture) => {
      const sha256 = names.get(picture.sha256);
      return sha256 ? [{ ...picture, sha256 }] : [];
    });
  }
  await keptStore.import(file.chat, file.messages);
}

// A new chat that goes on from a message: the branch to it, under new ids.
export async function forkChat(chats: typeof Chats, from: OpenChat, message: Message): Promise<void> {
  const names = new Map<string, string>([['', '']]);
  const messages = branchTo(from.messages, message.id).map((old) => {
    names.set(old.id, newId());
    return { ...old, id: names.get(old.id)!, parent: names.get(old.parent) ?? '' };
  });
  const now = Date.now();
  const chat = { ...$state.snapshot(from.chat), id: newId(), head: names.get(message.id) ?? '', pinned: false, created: now, updated: now };
  try {
    const made = await from.store.import(chat, messages);
    if (from.isKept) await chats.tookIn();
    router.go(`chat/${made.id}`);
  } catch (error) {
    ui.tell(faultText(error));
  }
}
