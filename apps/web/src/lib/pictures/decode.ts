// SPDX-License-Identifier: Apache-2.0
// A picture's file as a BMP of its pixels, decoded by the browser: colours as they stand in the file, oriented once
// (browsers always do), and whole as far as memory goes, since each browser resizes in its own way.
import { ApiError } from '../transport/transport';
import { oneAtATime, openAtMost } from './bitmap';
import { BmpWriter } from './bmp';
import { withoutColours } from './colours';
import { areaOf, kMostDecoded, sizeOf, type Size } from './size';

// Above this the engine gets a picture at half its sides or less: page and engine hold 9 bytes a pixel at a time. What is
// left, 4 megapixels at least, is twice what a model reads of a picture in a context of 4,096 tokens. The 12 megapixels
// that phones take by default stay whole everywhere.
export const kMostWhole = 40_000_000;
export const kMostWholeOnPhone = 4096 * 4096;
const kRows = 256; // that are copied at once

function refuseLarge(size: Size): void {
  if (areaOf(size) <= kMostDecoded) return;
  const megapixels = Math.round(areaOf(size) / 1e6);
  throw new ApiError(
    413, 'picture_too_large',
    `This picture has ${size.width} x ${size.height} pixels (${megapixels} megapixels); at most ${kMostDecoded / 1e6} megapixels fit into this browser's memory. Make it smaller first.`,
  );
}

function canvasOf(width: number, height: number): CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D | null {
  // Read by the processor all the time: no graphics card has to be asked.
  if (typeof OffscreenCanvas === 'function') {
    const found = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
    if (found) return found;
  }
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  return canvas.getContext('2d', { willReadFrequently: true });
}

function bmpOf(bitmap: ImageBitmap): Uint8Array<ArrayBuffer> {
  const { width, height } = bitmap;
  const writer = new BmpWriter(width, height);
  const rows = Math.min(kRows, height);
  const context = canvasOf(width, rows);
  if (!context) throw new ApiError(507, 'no_canvas', 'This browser has no room to decode the picture.');
  for (let top = 0; top < height; top += rows) {
    context.clearRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, -top);
    writer.addRows(top, context.getImageData(0, 0, width, Math.min(rows, height - top)).data);
  }
  return writer.bytes;
}

// The bitmap, or one of at most so many pixels in its place.
async function within(bitmap: ImageBitmap, most: number): Promise<ImageBitmap> {
  const { width, height } = bitmap;
  if (width * height <= most) return bitmap;
  const scale = Math.sqrt(most / (width * height));
  const smaller = await createImageBitmap(bitmap, {
    resizeWidth: Math.max(1, Math.floor(width * scale)),
    resizeHeight: Math.max(1, Math.floor(height * scale)),
    resizeQuality: 'high',
  });
  bitmap.close();
  return smaller;
}

async function decode(file: Blob, mostWhole: number, most: number): Promise<Uint8Array<ArrayBuffer>> {
  const stored = await sizeOf(file);
  if (stored) refuseLarge(stored);
  let bitmap: ImageBitmap;
  try {
    bitmap = await openAtMost(await withoutColours(file), stored, mostWhole, { premultiplyAlpha: 'none', colorSpaceConversion: 'none' });
  } catch (error) {
    throw new ApiError(415, 'picture_unreadable', `This browser cannot read the picture: ${String(error)}`);
  }
  try {
    refuseLarge(bitmap);
    bitmap = await within(bitmap, most);
    return bmpOf(bitmap);
  } finally {
    bitmap.close();
  }
}

// Rejects with ApiError: 413 for what is too large, 415 for what this browser cannot decode. Above `mostWhole` pixels it is
// halved while it is decoded, above `most` made as large as that afterwards.
export function decodeToBmp(file: Blob, mostWhole = kMostWhole, most = Infinity): Promise<Uint8Array<ArrayBuffer>> {
  return oneAtATime(() => decode(file, mostWhole, most));
}
