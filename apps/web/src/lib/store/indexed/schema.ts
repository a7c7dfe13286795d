// SPDX-License-Identifier: Apache-2.0
// The tables of the conversations in the browser's database, and their versions.
import type { Chat, Facts, Message, MessageState } from '../types';
import type { Upgrade } from './database';

export const kDatabaseName = 'thimble:chats';

export type ChatRow = Chat;

// Rows have the order in which they came.
export interface MessageRow extends Message {
  seq: number;
  chat: string;
  shas: string[]; // of its pictures, each once
  running?: 1; // only there while it is
}

export interface PictureRow {
  sha256: string;
  type: string;
  size: number;
  added: number; // milliseconds since 1970
  // Not a Blob: those have been lost in WebKit's databases.
  bytes: ArrayBuffer;
}

// A piece of a running answer; a journal's pieces have the numbers 0, 1, 2, ...
export interface PartRow {
  message: string;
  n: number;
  text: string;
  reasoning: string;
  model: string; // and facts: as of this piece
  facts: Facts;
  state?: MessageState; // how it ended: of the last piece, whose message has not got the answer yet
}

// What most changes touch.
export const kChanged = ['chats', 'messages', 'pictures', 'journals'];

// Version 1. A step that was published is never changed: the next version is a step of its own. It makes new tables, moves
// rows there (moveStore) and verifies them; a step that fails leaves the database as it was.
const makeTables: Upgrade = (database) => {
  database.createObjectStore('chats', { keyPath: 'id' }).createIndex('updated', 'updated');
  const messages = database.createObjectStore('messages', { keyPath: 'seq', autoIncrement: true });
  messages.createIndex('id', 'id', { unique: true });
  messages.createIndex('chat', 'chat');
  messages.createIndex('running', 'running');
  messages.createIndex('shas', 'shas', { multiEntry: true });
  database.createObjectStore('pictures', { keyPath: 'sha256' }).createIndex('added', 'added');
  database.createObjectStore('journals', { keyPath: ['message', 'n'] });
  database.createObjectStore('settings');
};

export const kUpgrades: readonly Upgrade[] = [makeTables];
