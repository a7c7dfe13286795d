// SPDX-License-Identifier: Apache-2.0
// What the page and the Android app say to each other over their port: strings, each a JSON object, and from the app also an
// array of them (all of one frame).

export type Mode = 'cool' | 'balanced' | 'fast';

export type ToApp =
  | { type: 'request'; id: number; method: string; path: string; query: string; headers: [name: string, value: string][]; text?: string; base64?: string }
  | { type: 'cancel'; id: number }
  | { type: 'pick-model' }
  | { type: 'cancel-import'; name: string }
  | { type: 'share'; title: string; text: string }
  | { type: 'save'; name: string; mime: string; base64: string }
  | { type: 'camera' }
  | { type: 'decode'; id: number; name: string; base64: string }
  | { type: 'open-link'; url: string }
  | { type: 'mode'; mode: Mode }
  | { type: 'answering'; is: boolean; text: string }
  | { type: 'copy'; text: string };

// Of one request. `text` of what is text, cut between letters; else `base64`.
export type AppAnswer =
  | { type: 'answer'; id: number; status: number; headers: [name: string, value: string][] }
  | { type: 'part'; id: number; text?: string; base64?: string }
  | { type: 'end'; id: number }
  | { type: 'failed'; id: number; message: string };

export interface SharedPicture {
  name: string;
  mime: string;
  base64: string;
}

// What the phone tells of itself. What Android does not say is null, or below zero.
export interface Readings {
  thermal: number; // 0 to 6, as PowerManager has it: none, light, moderate, severe, critical, emergency, shutdown
  headroom: number | null; // 1: where Android begins to slow the phone down
  battery: number | null; // percent
  charging: boolean;
  power_save: boolean;
  mode: Mode;
}

// What the engine's governor makes of them.
export interface Decision {
  threads: number;
  pause_ms: number; // between two tokens
  thinking: number | null; // most tokens of thoughts
  detail: 'low' | 'auto' | 'high';
  stop: boolean; // nothing is computed until the phone is cooler
  reason: string;
}

// What an answer took of the phone.
export interface Cost {
  cpu_seconds: number;
  battery_percent: number | null; // null: the battery's level has not moved
  thermal: number;
}

export interface AppEvents {
  started: { version: string; isa: string; threads: number };
  died: { message: string; again: boolean }; // again: it is being started again
  import: { name: string; bytes: number; total: number; state: 'copying' | 'packing' | 'done' | 'failed'; message?: string };
  shared: { text?: string; pictures?: SharedPicture[] };
  picture: SharedPicture;
  saved: { name: string; ok: boolean; error?: string };
  decision: { decision: Decision; readings: Readings | null };
  cost: Cost;
  insets: { top: number; right: number; bottom: number; left: number; keyboard?: number }; // CSS pixels
  stop: object;
  'new-chat': object;
}
export type EventName = keyof AppEvents;

export const kEvents: readonly EventName[] = ['started', 'died', 'import', 'shared', 'picture', 'saved', 'decision', 'cost', 'insets', 'stop', 'new-chat'];

// `event` tells which: `name` is a field of some. Where there is none, `name` tells it, and what such an event names stands in `file`.
export interface AppEvent {
  type: 'event';
  event?: string;
  name?: string;
  [field: string]: unknown;
}

export type FromApp = AppAnswer | AppEvent | { type: 'decoded'; id: number; base64?: string; error?: string };
