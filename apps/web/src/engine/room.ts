// SPDX-License-Identifier: Apache-2.0
// Room for models in the browser's storage: looked at before gigabytes are sent, and asked to be kept.
import { ApiError, type Transport, type TransportAnswer, type TransportRequest } from '../lib/transport/transport';
import { answerOf } from './made_answer';

export interface Room {
  needed: number; // bytes
  free: number; // -1: the browser does not say
  fits: boolean;
}

// How many of so many bytes can be written; -1: nobody knows.
export type Measure = (bytes: number) => Promise<number>;

// The files of a model and the pack that is made of them stand beside each other until the pack is whole.
const kTimes = 2;
const kReserve = 32 * 1024 * 1024;

// For a model whose files have `bytes`.
export async function roomFor(bytes: number, measure: Measure): Promise<Room> {
  const needed = bytes * kTimes + kReserve;
  const free = await measure(needed).catch(() => -1);
  return { needed, free, fits: free < 0 || free >= needed };
}

// What the browser tells, and what its storage really takes.
export function measureOf(estimate: () => Promise<{ quota?: number; usage?: number }>, really: Measure): Measure {
  return async (bytes) => {
    const { quota, usage } = await estimate().catch(() => ({ quota: undefined, usage: 0 }));
    const told = quota === undefined ? -1 : Math.max(0, quota - (usage ?? 0));
    if (told >= 0 && told < bytes) return told;
    return really(bytes);
  };
}

const inMegabytes = (bytes: number) => `${Math.ceil(bytes / 1e6).toLocaleString('en')} MB`;

export function roomFault({ needed, free }: Room): ApiError {
  return new ApiError(
    507, 'no_room',
    `This model needs ${inMegabytes(needed)} of this browser's storage while it is imported, and ${inMegabytes(free)} are free. Free some space, or open the file without keeping it.`,
  );
}

const kModelFile = /^\/thimble\/v1\/models\/[^/?]+\/[^/?]+$/;
const kRange = /^bytes (\d+)-\d+\/(\d+)$/;

// Refuses the first piece of a model's file where the browser has no room for the whole.
export class RoomTransport implements Transport {
  constructor(
    private readonly inner: Transport,
    private readonly measure: Measure,
  ) {}

  async request(request: TransportRequest): Promise<TransportAnswer> {
    const range = kRange.exec(request.headers?.['content-range'] ?? '');
    if (request.method === 'PUT' && kModelFile.test(request.path) && range?.[1] === '0') {
      const room = await roomFor(Number(range[2]), this.measure);
      if (!room.fits) return answerOf(roomFault(room));
    }
    return this.inner.request(request);
  }
}

// Asks the browser not to clear this page's storage when it needs some. null: it does not answer (Firefox asks the person
// first, and nobody may be looking). Only a page can ask, no worker.
export async function keepStorage(patience = 3000): Promise<boolean | null> {
  if (!navigator.storage?.persist) return false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), patience);
  });
  try {
    return await Promise.race([navigator.storage.persist(), late]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
