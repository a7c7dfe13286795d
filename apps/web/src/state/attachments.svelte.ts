// SPDX-License-Identifier: Apache-2.0
// Pictures that wait to be sent: decoded and sent to the service one after the other, so that a phone holds one at a time.
import { number } from '../lib/i18n/format';
import { t } from '../lib/i18n/i18n.svelte';
import { headOf, type Head } from '../lib/pictures/head';
import { asJpeg, kMostPictures, makePreview, priceOf, refusalOf } from '../lib/pictures/prepare';
import { areaOf, kMostDecoded, type Size } from '../lib/pictures/size';
import { newId, type Detail, type MessagePicture, type PictureTokens, type StoredPicture } from '../lib/store/types';
import { ApiError } from '../lib/transport/transport';
import type { ChatStore } from '../lib/store/chat_store';
import { connection } from './connection.svelte';
import { faultText, ownSentence } from './faults';
import { rememberPicture } from './picture_urls';
import { transport } from './session';
import { settings } from './settings.svelte';
import { ui } from './ui.svelte';

export interface Attachment {
  id: string;
  name: string;
  state: 'waiting' | 'ready' | 'blind' | 'failed';
  url: string;
  width: number;
  height: number;
  tokens: PictureTokens | null;
  seconds: number;
  sha256: string;
  fault: string;
}

export class Attachments {
  list = $state<Attachment[]>([]);
  chosen = $state<Detail | null>(null); // null: as the settings say
  fault = $state('');
  private readonly files = new Map<string, Blob>();
  private work: Promise<void> = Promise.resolve();

  constructor(private readonly store: ChatStore) {}

  get detail(): Detail {
    return this.chosen ?? settings.values.detail;
  }

  get tokens(): number {
    return this.list.reduce((sum, picture) => sum + (picture.tokens?.[this.detail] ?? 0), 0);
  }

  get isReady(): boolean {
    return this.list.every((picture) => picture.state === 'ready');
  }

  // Why one of them cannot be sent.
  get failure(): string {
    return this.list.find((picture) => picture.state === 'failed')?.fault ?? '';
  }

  // They are looked at when `from` resolves.
  add(files: File[], from?: Promise<void>): void {
    this.fault = '';
    for (const file of files) {
      const refusal = refusalOf(file, connection.info?.limits.picture_bytes ?? 64 * 1024 * 1024);
      if (refusal) {
        this.fault = t({ video: 'picture.video', kind: 'picture.kind', large: 'picture.large' }[refusal] as 'picture.kind', { name: file.name });
        continue;
      }
      if (this.list.length >= kMostPictures) {
        this.fault = t('picture.tooMany', { n: kMostPictures });
        return;
      }
      const id = newId();
      this.files.set(id, file);
      this.list.push({ id, name: file.name, state: 'waiting', url: '', width: 0, height: 0, tokens: null, seconds: 0, sha256: '', fault: '' });
      this.work = this.work.then(() => from).then(() => this.prepare(id));
    }
  }

  remove(id: string): void {
    const picture = this.list.find((other) => other.id === id);
    if (picture?.url) URL.revokeObjectURL(picture.url);
    this.list = this.list.filter((other) => other.id !== id);
    this.files.delete(id);
    this.fault = '';
  }

  // Those that a blind model could not take, once one that sees is open.
  retryBlind(): void {
    for (const { id, state } of this.list) if (state === 'blind') this.work = this.work.then(() => this.prepare(id));
  }

  ready(): MessagePicture[] {
    return this.list
      .filter((picture) => picture.state === 'ready')
      .map(({ sha256, name, width, height, tokens }) => ({
        sha256, name, width, height, detail: this.detail, tokens: tokens?.[this.detail] ?? 0,
      }));
  }

  // Those that were sent. Their small copies go on being shown in the conversation.
  clear(sent: string[]): void {
    this.list = this.list.filter(({ id }) => !sent.includes(id));
    for (const id of sent) this.files.delete(id);
    this.fault = '';
  }

  private async prepare(id: string): Promise<void> {
    const file = this.files.get(id);
    const picture = this.list.find((other) => other.id === id);
    if (!file || !picture) return;
    const head = await headOf(file).catch(() => ({ isVideo: false, width: 0, height: 0 })); // a file that went away
    if (head.isVideo) return this.fail(picture, t('picture.video', { name: picture.name }));
    // No browser has to decode it; the service may read it all the same.
    const isHuge = areaOf(head) > kMostDecoded;
    if (picture.url === '' && isHuge) Object.assign(picture, { width: head.width, height: head.height });
    else if (picture.url === '') Object.assign(picture, await makePreview(file, sizeIn(head)));
    try {
      if (picture.width > 0 && connection.info?.model.sees) picture.tokens = (await priceOf(transport, picture.width, picture.height)).tokens;
      const stored = await this.put(file, head);
      picture.sha256 = stored.sha256;
      picture.width = stored.width || picture.width;
      picture.height = stored.height || picture.height;
      picture.tokens = stored.tokens;
      picture.seconds = stored.seconds;
      if (picture.url) rememberPicture(picture.sha256, picture.url);
      picture.state = stored.tokens ? 'ready' : 'blind';
    } catch (error) {
      if (error instanceof ApiError && error.code === 'model_is_blind') picture.state = 'blind';
      else this.fail(picture, refusal(picture, error, isHuge));
    }
    if (picture.state === 'blind') ui.sheet = 'sees';
  }

  private fail(picture: Attachment, fault: string): void {
    picture.state = 'failed';
    picture.fault = fault;
    this.fault = fault;
  }

  // A kind that the service does not know, and this browser does, goes as a JPEG.
  private async put(file: Blob, head: Head): Promise<StoredPicture> {
    try {
      return await this.store.putPicture(file);
    } catch (error) {
      if (areaOf(head) > kMostDecoded || !(error instanceof ApiError) || (error.status !== 400 && error.status !== 415) || error.code === 'model_is_blind') throw error;
      const jpeg = await asJpeg(file, sizeIn(head));
      if (!jpeg) throw error;
      return this.store.putPicture(jpeg);
    }
  }
}

const sizeIn = ({ width, height }: Head): Size | null => (width > 0 ? { width, height } : null);

// Why the service did not take a picture, in the person's language; what it says itself behind it.
function refusal({ name, width, height }: Attachment, error: unknown, isHuge: boolean): string {
  const status = error instanceof ApiError ? error.status : -1;
  if (isHuge && (status === 400 || status === 413)) return t('picture.pixels', { name, n: number(Math.round((width * height) / 1e6)) });
  if (error instanceof ApiError && (status === 400 || status === 415)) return `${t('picture.kind', { name })} ${ownSentence(error)}`.trim();
  return t('picture.failed', { name, why: faultText(error) });
}
