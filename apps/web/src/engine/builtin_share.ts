// SPDX-License-Identifier: Apache-2.0
// The built-in model from the host that the page came from: pieces small enough for any host, each with its digest, into
// the engine's storage. It goes on where it was.
import { ApiError, ask, errorOf, textOf, type Transport } from '../lib/transport/transport';

export interface SharePiece {
  piece: string; // its file, beside the list
  bytes: number;
  sha256: string;
}

export interface Share {
  pieces: SharePiece[];
  bytes: number; // of all
}

export interface ShareParts {
  transport: Transport;
  fetch: typeof fetch;
  base: string; // the address of the folder with the list
  model: string;
  file: string;
}

const kMostPiece = 25 * 1024 * 1024;
const kMostBytes = 4 * 1024 * 1024 * 1024;
const kSend = 8 * 1024 * 1024;
const kName = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

function isPiece(value: unknown): value is SharePiece {
  const { piece, bytes, sha256 } = (value ?? {}) as Partial<SharePiece>;
  return typeof piece === 'string' && kName.test(piece) && Number.isSafeInteger(bytes) && bytes! > 0 && bytes! <= kMostPiece && typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256);
}

export function readShare(list: unknown): Share | null {
  if (!Array.isArray(list) || list.length === 0 || !list.every(isPiece)) return null;
  const bytes = list.reduce((sum, piece) => sum + piece.bytes, 0);
  return bytes <= kMostBytes ? { pieces: list, bytes } : null;
}

// null: this host has none to give.
export async function lookForShare(get: typeof fetch, base: string): Promise<Share | null> {
  try {
    const response = await get(new URL('builtin.json', base).href, { cache: 'no-cache' });
    return response.ok ? readShare(await response.json()) : null;
  } catch {
    return null;
  }
}

async function sizeThere({ transport }: ShareParts, path: string, total: number, signal: AbortSignal): Promise<number> {
  try {
    const told = await ask<{ bytes: number; total: number; whole: boolean }>(transport, 'GET', path, undefined, signal);
    if (told.total !== total) return 0;
    return told.whole ? total : Math.min(told.bytes, total - 1);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return 0;
    throw error;
  }
}

async function fetchPiece({ fetch: get, base }: ShareParts, { piece, bytes, sha256 }: SharePiece, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  let response: Response;
  try {
    response = await get(new URL(piece, base).href, { signal });
    if (!response.ok) throw new ApiError(response.status, 'share_missing', `The host has no ${piece} (status ${response.status}).`);
    const data = new Uint8Array(await response.arrayBuffer());
    if (data.length !== bytes) throw new ApiError(0, 'share_short', `${piece} came with ${data.length} of ${bytes} bytes.`);
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', data));
    const found = [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    if (found !== sha256) throw new ApiError(0, 'share_damaged', `${piece} is not what the list says it is; nothing of it was kept.`);
    return data;
  } catch (error) {
    if (error instanceof ApiError || (error instanceof DOMException && error.name === 'AbortError')) throw error;
    throw new ApiError(0, 'unreachable', String(error));
  }
}

// `progress` hears of bytes that are there. Rejects with ApiError; what came is kept, and a next run goes on behind it.
export async function fetchShare(parts: ShareParts, share: Share, progress: (bytes: number) => void, signal: AbortSignal): Promise<void> {
  const { transport, model, file } = parts;
  const path = `/thimble/v1/models/${encodeURIComponent(model)}/${encodeURIComponent(file)}`;
  const total = share.bytes;
  let there = await sizeThere(parts, path, total, signal);
  progress(there);
  let begin = 0; // of the piece, in the file
  for (const piece of share.pieces) {
    const end = begin + piece.bytes;
    if (there < end) {
      const data = await fetchPiece(parts, piece, signal);
      while (there < end) {
        const until = Math.min(there + kSend, end);
        const answer = await transport.request({
          method: 'PUT',
          path,
          headers: { 'content-type': 'application/octet-stream', 'content-range': `bytes ${there}-${until - 1}/${total}` },
          body: new Blob([data.subarray(there - begin, until - begin)]),
          signal,
        });
        if (answer.status !== 200) throw await errorOf(answer);
        await textOf(answer);
        there = until;
        progress(there);
      }
    }
    begin = end;
  }
}
