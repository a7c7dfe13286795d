// SPDX-License-Identifier: Apache-2.0
// Conversations as they are kept, in the service's form (docs/serve.md).

export type MessageState = 'done' | 'running' | 'stopped' | 'failed';
export type Role = 'user' | 'assistant';
export type Detail = 'low' | 'auto' | 'high';

export interface Chat {
  id: string; // 24 letters and digits
  title: string;
  model: string; // that answered last
  instructions: string;
  folder: string;
  head: string; // the leaf of the branch that is shown
  pinned: boolean;
  created: number; // milliseconds since 1970
  updated: number;
  messages: number;
  tokens: number;
  pictures: number;
}

export interface MessagePicture {
  sha256: string;
  name: string;
  width: number;
  height: number;
  detail: Detail;
  tokens: number;
}

export interface Timings {
  cache_n: number;
  prompt_n: number;
  prompt_ms: number;
  predicted_n: number;
  predicted_ms: number;
  predicted_per_second: number;
  cpu_ms?: number;
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
}

// What is kept with an answer. The service writes timings, usage and finish.
export interface Facts {
  timings?: Timings;
  usage?: Usage;
  finish?: string;
  dropped?: number;
  thinking_ms?: number;
  ttft_ms?: number;
  error?: string;
  error_code?: string;
  edited?: boolean;
  // What it took of a phone. `battery_percent`: null where the battery's level did not move.
  cost?: { cpu_seconds: number; battery_percent: number | null; thermal: number };
  // While an answer is gone on with: how many letters it had before. A stream has only what is new.
  continues?: { text: number; reasoning: number };
}

export interface Message {
  id: string;
  parent: string; // empty: it begins the conversation
  role: Role;
  model: string;
  state: MessageState;
  created: number;
  text: string;
  reasoning: string;
  pictures: MessagePicture[];
  facts: Facts;
}

export type ListedChat = Chat & { hit?: { message: string; excerpt: string } };

export interface ChatQuery {
  search?: string;
  folder?: string;
  before?: number;
  most?: number;
}

export type ChatChange = Partial<Pick<Chat, 'title' | 'instructions' | 'folder' | 'head' | 'pinned'>>;
export type MessageChange = Partial<Pick<Message, 'text' | 'reasoning' | 'model' | 'state' | 'pictures' | 'facts'>>;
export type NewChat = Partial<Pick<Chat, 'id' | 'title' | 'instructions' | 'folder'>>;

export interface PictureTokens {
  low: number;
  auto: number;
  high: number;
}

export interface StoredPicture {
  sha256: string; // or the service's name for one that is not kept
  width: number;
  height: number;
  tokens: PictureTokens | null; // null: no model here can see
  seconds: number;
}

export interface Space {
  models: number;
  packs: number;
  chats: number;
  pictures: number;
  backups: number;
}

export type SettingsRecord = Record<string, unknown>;

const kLetters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

// crypto.randomUUID needs a secure context; a page over plain http has none.
export function newId(): string {
  let id = '';
  while (id.length < 24) {
    for (const byte of crypto.getRandomValues(new Uint8Array(32))) {
      if (byte < 248 && id.length < 24) id += kLetters[byte % 62];
    }
  }
  return id;
}
