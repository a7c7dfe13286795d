// SPDX-License-Identifier: Apache-2.0
// ChatStore over the service's routes.
import { ask, bytesOf, errorOf, type Transport } from '../transport/transport';
import type { ChatStore } from './chat_store';
import type {
  Chat, ChatChange, ChatQuery, ListedChat, Message, MessageChange, NewChat, SettingsRecord, Space, StoredPicture,
} from './types';

const kRoot = '/thimble/v1';
const chatPath = (id: string) => `${kRoot}/chats/${encodeURIComponent(id)}`;
const messagePath = (chat: string, id: string) => `${chatPath(chat)}/messages/${encodeURIComponent(id)}`;

export class HttpStore implements ChatStore {
  readonly isJournaled = true;

  constructor(private readonly transport: Transport) {}

  async list(query: ChatQuery): Promise<ListedChat[]> {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined && value !== '' && value !== 0) parameters.set(name, String(value));
    }
    const tail = parameters.size > 0 ? `?${parameters}` : '';
    return (await ask<{ chats: ListedChat[] }>(this.transport, 'GET', `${kRoot}/chats${tail}`)).chats;
  }

  get(id: string) {
    return ask<{ chat: Chat; messages: Message[] }>(this.transport, 'GET', chatPath(id));
  }

  create(chat: NewChat) {
    return ask<Chat>(this.transport, 'POST', `${kRoot}/chats`, chat);
  }

  change(id: string, change: ChatChange) {
    return ask<Chat>(this.transport, 'PATCH', chatPath(id), change);
  }

  async delete(id: string) {
    await ask(this.transport, 'DELETE', chatPath(id));
  }

  async add(chat: string, message: Message) {
    await ask(this.transport, 'POST', `${chatPath(chat)}/messages`, message);
  }

  async changeMessage(chat: string, message: string, change: MessageChange) {
    await ask(this.transport, 'PATCH', messagePath(chat, message), change);
  }

  async deleteMessage(chat: string, message: string) {
    await ask(this.transport, 'DELETE', messagePath(chat, message));
  }

  import(chat: Chat, messages: Message[]) {
    return ask<Chat>(this.transport, 'POST', `${kRoot}/chats/import`, { chat, messages });
  }

  // The service keeps it.
  async journal() {
    return null;
  }

  putPicture(file: Blob) {
    return sendPicture(this.transport, file, true);
  }

  async picture(sha256: string) {
    const answer = await this.transport.request({ method: 'GET', path: `${kRoot}/pictures/${encodeURIComponent(sha256)}` });
    if (answer.status !== 200) throw await errorOf(answer);
    return new Blob([await bytesOf(answer)], { type: answer.header('content-type') ?? '' });
  }

  settings() {
    return ask<SettingsRecord>(this.transport, 'GET', `${kRoot}/settings`);
  }

  async setSettings(settings: SettingsRecord) {
    const body = JSON.stringify(settings);
    const answer = await this.transport.request({
      method: 'PUT',
      path: `${kRoot}/settings`,
      headers: { 'content-type': 'application/json' },
      body,
      outlivesPage: body.length < 60_000, // what a browser lets outlive a page
    });
    if (answer.status < 200 || answer.status > 299) throw await errorOf(answer);
  }

  space() {
    return ask<Space>(this.transport, 'GET', `${kRoot}/space`);
  }
}

// Sends a picture's file; `keep` puts it into the store, too. The service decodes it: its orientation, HEIC and large
// JPEGs are its business.
export async function sendPicture(transport: Transport, file: Blob, keep: boolean): Promise<StoredPicture> {
  const answer = await transport.request({
    method: 'PUT',
    path: `${kRoot}/pictures${keep ? '?keep=1' : ''}`,
    headers: { 'content-type': file.type.startsWith('image/') ? file.type : 'application/octet-stream' },
    body: file,
  });
  if (answer.status < 200 || answer.status > 299) throw await errorOf(answer);
  const told = JSON.parse(new TextDecoder().decode(await bytesOf(answer))) as Partial<StoredPicture> & { id?: string };
  return {
    sha256: told.sha256 ?? told.id ?? '',
    width: told.width ?? 0,
    height: told.height ?? 0,
    tokens: told.tokens ?? null,
    seconds: told.seconds ?? 0,
  };
}
