// SPDX-License-Identifier: Apache-2.0
// A model on its way into the store: its files in pieces, so that a lost connection costs one piece at most.
import { ApiError, ask, errorOf, textOf } from '../lib/transport/transport';
import { modelName, sendingOrder } from '../lib/files/model_files';
import { faultText } from './faults';
import { transport } from './session';

const kPiece = 8 * 1024 * 1024;

interface SentFile {
  model?: boolean;
  missing?: string;
}

// A model on its way in, from wherever.
export interface Arriving {
  readonly name: string;
  readonly total: number; // bytes
  readonly sent: number;
  readonly state: 'sending' | 'paused' | 'done' | 'incomplete';
  readonly fault: string;
  readonly secondsLeft: number;
  run(): Promise<void>;
  stop(): void;
}

// Before so many bytes are sent: why they should not be; empty: nothing is against it.
export type Prepare = (bytes: number) => Promise<string>;

export class ModelImport implements Arriving {
  readonly name: string;
  readonly total: number;
  sent = $state(0);
  state = $state<'sending' | 'paused' | 'done' | 'incomplete'>('sending');
  fault = $state('');
  secondsLeft = $state(0);
  private readonly abort = new AbortController();
  private readonly files: File[];

  constructor(
    files: File[],
    private readonly prepare: Prepare,
    private readonly whenDone: (one: Arriving) => void,
  ) {
    this.files = sendingOrder(files);
    this.name = modelName(files);
    this.total = files.reduce((sum, file) => sum + file.size, 0);
  }

  stop(): void {
    this.abort.abort();
  }

  async run(): Promise<void> {
    this.state = 'sending';
    this.fault = '';
    this.sent = 0;
    let last: SentFile = {};
    try {
      const there: number[] = [];
      for (const file of this.files) there.push(await this.sizeThere(file));
      const before = there.reduce((sum, bytes) => sum + bytes, 0); // bytes that were there already
      // Room is asked for twice the bytes, of which these have theirs.
      this.fault = before < this.total ? await this.prepare(this.total - before / 2) : '';
      if (this.fault !== '') {
        this.state = 'paused';
        return;
      }
      this.sent = before;
      const began = Date.now();
      for (const [i, file] of this.files.entries()) {
        for (let at = there[i]!; at < file.size; at += kPiece) {
          last = await this.sendPiece(file, at);
          this.sent += Math.min(kPiece, file.size - at);
          const rate = (this.sent - before) / Math.max(1, Date.now() - began);
          this.secondsLeft = (this.total - this.sent) / rate / 1000;
        }
      }
      this.state = last.missing ? 'incomplete' : 'done';
      this.fault = last.missing ?? '';
    } catch (error) {
      if (this.abort.signal.aborted) return;
      this.state = 'paused';
      this.fault = faultText(error);
    }
    this.whenDone(this);
  }

  private path(file: File): string {
    return `/thimble/v1/models/${encodeURIComponent(this.name)}/${encodeURIComponent(file.name)}`;
  }

  private async sizeThere(file: File): Promise<number> {
    try {
      const told = await ask<{ bytes: number; total: number; whole: boolean }>(transport, 'GET', this.path(file), undefined, this.abort.signal);
      if (told.total !== file.size) return 0;
      return told.whole ? file.size : Math.min(told.bytes, file.size - 1);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return 0;
      throw error;
    }
  }

  private async sendPiece(file: File, at: number): Promise<SentFile> {
    const end = Math.min(at + kPiece, file.size);
    const answer = await transport.request({
      method: 'PUT',
      path: this.path(file),
      headers: { 'content-type': 'application/octet-stream', 'content-range': `bytes ${at}-${end - 1}/${file.size}` },
      body: file.slice(at, end),
      signal: this.abort.signal,
    });
    if (answer.status !== 200) throw await errorOf(answer);
    return JSON.parse(await textOf(answer)) as SentFile;
  }
}
