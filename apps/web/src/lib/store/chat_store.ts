// SPDX-License-Identifier: Apache-2.0
// ChatStore: where conversations are kept. Calls reject with ApiError: 404 for what is not here, 409 for ids that are
// taken, 507 where there is no room; a call that fails changes nothing.
import type { AnswerJournal } from './journal';
import type {
  Chat, ChatChange, ChatQuery, ListedChat, Message, MessageChange, NewChat, SettingsRecord, Space, StoredPicture,
} from './types';

export interface ChatStore {
  // Whether the service itself writes running answers into it and finishes them.
  readonly isJournaled: boolean;
  // Newest first, pinned before all others. Pinned ones are on the first page (without `before`) and on no other; with
  // the last one's `updated` as `before` the next page comes.
  list(query: ChatQuery): Promise<ListedChat[]>;
  get(id: string): Promise<{ chat: Chat; messages: Message[] }>;
  create(chat: NewChat): Promise<Chat>;
  change(id: string, change: ChatChange): Promise<Chat>;
  delete(id: string): Promise<void>;
  // The message becomes its chat's head. Its pictures must be here. Who adds an answer that is running is to finish it.
  add(chat: string, message: Message): Promise<void>;
  changeMessage(chat: string, message: string, change: MessageChange): Promise<void>;
  // With all that follows it.
  deleteMessage(chat: string, message: string): Promise<void>;
  // A whole conversation, or nothing of it. Ids that are taken become new ones.
  import(chat: Chat, messages: Message[]): Promise<Chat>;
  // For whoever writes an answer whose message is running. 409: another tab does. null: the service does (isJournaled).
  journal(chat: string, message: string): Promise<AnswerJournal | null>;
  putPicture(file: Blob): Promise<StoredPicture>;
  picture(sha256: string): Promise<Blob>;
  settings(): Promise<SettingsRecord>;
  setSettings(settings: SettingsRecord): Promise<void>;
  space(): Promise<Space>;
}
