// SPDX-License-Identifier: Apache-2.0
// Pictures before they are sent: what may be one, a small preview, and what it will cost.
import { app } from '../app_hands';
import { ask, type Transport } from '../transport/transport';
import type { PictureTokens } from '../store/types';

export const kAccept = 'image/*,.heic,.heif,.avif,.jxl';
export const kMostPictures = 16;
const kPreviewSide = 320;
// Above this no browser decodes a picture for a preview: it would take 400 MB. The service may read it all the same.
export const kMostPreviewPixels = 100e6;

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

function onCanvas(source: ImageBitmap, width: number, height: number): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  canvas.getContext('2d')?.drawImage(source, 0, 0, width, height);
  return canvas;
}

const blobOf = (canvas: HTMLCanvasElement, type: string) =>
  new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, type, 0.85));

// Decodes the file, in its orientation, once, and keeps only a small copy.
export async function makePreview(file: Blob): Promise<Preview> {
  let bitmap: ImageBitmap;
  try {
    const shown = app.hands ? await app.hands.readable(file) : file;
    bitmap = await createImageBitmap(shown, { imageOrientation: 'from-image' });
  } catch {
    return { url: '', width: 0, height: 0 };
  }
  const { width, height } = bitmap;
  const scale = Math.min(1, kPreviewSide / Math.max(width, height));
  const canvas = onCanvas(bitmap, Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
  bitmap.close();
  const small = await blobOf(canvas, 'image/webp');
  return { url: small ? URL.createObjectURL(small) : '', width, height };
}

// The picture as a JPEG, for a kind that this browser can decode and the service cannot; null where it cannot either.
export async function asJpeg(file: Blob): Promise<Blob | null> {
  try {
    const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' });
    const scale = Math.min(1, 4096 / Math.max(bitmap.width, bitmap.height));
    const canvas = onCanvas(bitmap, Math.max(1, Math.round(bitmap.width * scale)), Math.max(1, Math.round(bitmap.height * scale)));
    bitmap.close();
    return await blobOf(canvas, 'image/jpeg');
  } catch {
    return null;
  }
}

export function priceOf(transport: Transport, width: number, height: number): Promise<{ tokens: PictureTokens; seconds?: number }> {
  return ask(transport, 'GET', `/thimble/v1/picture-price?width=${width}&height=${height}`);
}

// The files of a paste or a drop.
export function filesOf(data: DataTransfer | null): File[] {
  return data ? [...data.files] : [];
}
