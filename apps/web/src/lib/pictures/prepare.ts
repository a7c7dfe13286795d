// SPDX-License-Identifier: Apache-2.0
// Pictures before they are sent: what may be one, a small preview, and what it will cost.
import { app } from '../app_hands';
import { ask, type Transport } from '../transport/transport';
import type { PictureTokens } from '../store/types';
import { oneAtATime, openAtMost, seenSize } from './bitmap';
import { areaOf, type Size } from './size';

export const kAccept = 'image/*,.heic,.heif,.avif,.jxl';
export const kMostPictures = 16;
const kPreviewSide = 320;
// Above this only a small copy of a picture is asked of the browser.
const kMostWholePreview = 4e6;
const kMostSide = 4096; // of a picture that goes as a JPEG

export type Refusal = 'video' | 'kind' | 'large';

// Why a file is no picture for us; null: it may be one. The service has the last word.
export function refusalOf(file: { type: string; name: string; size: number }, mostBytes: number): Refusal | null {
  if (file.type.startsWith('video/') || /\.(mp4|mov|mkv|webm|avi)$/i.test(file.name)) return 'video';
  const isPicture = file.type.startsWith('image/') || (file.type === '' && /\.(jpe?g|png|webp|gif|heic|heif|avif|bmp)$/i.test(file.name));
  if (!isPicture || file.type === 'image/svg+xml') return 'kind';
  return file.size > mostBytes ? 'large' : null;
}

export interface Preview {
  url: string; // of a small picture; empty where this browser cannot decode the file
  width: number;
  height: number;
}

// On a canvas whose longer side is at most so long.
function drawn(source: ImageBitmap, mostSide: number): HTMLCanvasElement {
  const scale = Math.min(1, mostSide / Math.max(source.width, source.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(source.width * scale));
  canvas.height = Math.max(1, Math.round(source.height * scale));
  canvas.getContext('2d')?.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

const blobOf = (canvas: HTMLCanvasElement, type: string) =>
  new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, type, 0.85));

// Decodes the file, in its orientation, once, and keeps only a small copy. `stored`: its size as the file says, where that
// is known.
export function makePreview(file: Blob, stored: Size | null): Promise<Preview> {
  return oneAtATime(async () => {
    let bitmap: ImageBitmap;
    let isLarge = stored !== null && areaOf(stored) > kMostWholePreview;
    try {
      const shown = app.hands ? await app.hands.readable(file) : file;
      isLarge &&= shown === file; // the app makes what it decodes smaller itself
      bitmap = await createImageBitmap(shown, { imageOrientation: 'from-image', ...(isLarge ? { resizeWidth: 2 * kPreviewSide, resizeQuality: 'medium' } : null) });
    } catch {
      return { url: '', width: 0, height: 0 };
    }
    const { width, height } = isLarge && stored ? seenSize(stored, bitmap) : bitmap;
    const canvas = drawn(bitmap, kPreviewSide);
    bitmap.close();
    const small = await blobOf(canvas, 'image/webp');
    return { url: small ? URL.createObjectURL(small) : '', width, height };
  });
}

// The picture as a JPEG, for a kind that this browser can decode and the service cannot; null where it cannot either.
export function asJpeg(file: Blob, stored: Size | null): Promise<Blob | null> {
  return oneAtATime(async () => {
    try {
      const bitmap = await openAtMost(file, stored, kMostSide * kMostSide, { imageOrientation: 'from-image' });
      const canvas = drawn(bitmap, kMostSide);
      bitmap.close();
      return await blobOf(canvas, 'image/jpeg');
    } catch {
      return null;
    }
  });
}

export function priceOf(transport: Transport, width: number, height: number): Promise<{ tokens: PictureTokens; seconds?: number }> {
  return ask(transport, 'GET', `/thimble/v1/picture-price?width=${width}&height=${height}`);
}

// The files of a paste or a drop.
export function filesOf(data: DataTransfer | null): File[] {
  return data ? [...data.files] : [];
}
