// SPDX-License-Identifier: Apache-2.0
// A picture's file as a BMP of all its pixels, decoded by the browser: colours as they stand in the file, oriented once
// (browsers always do), and resized only where a carrier has a bound of its own, since each browser resizes in its own way.
import { ApiError } from '../transport/transport';
import { BmpWriter } from './bmp';
import { kSniffed, sizeFromHead, type Size } from './size';

export const kMostPixels = 40_000_000;
const kRows = 256; // that are copied at once

function refuseLarge({ width, height }: Size): void {
  if (width * height <= kMostPixels) return;
  const megapixels = Math.round((width * height) / 1e6);
  throw new ApiError(
    413, 'picture_too_large',
    `This picture has ${width} x ${height} pixels (${megapixels} megapixels); at most ${kMostPixels / 1e6} megapixels fit into this browser's memory. Make it smaller first.`,
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

// Rejects with ApiError: 413 for what is too large, 415 for what this browser cannot decode. Above `most` pixels it is made
// smaller.
export async function decodeToBmp(file: Blob, most = Infinity): Promise<Uint8Array<ArrayBuffer>> {
  const head = new Uint8Array(await file.slice(0, kSniffed).arrayBuffer());
  const told = sizeFromHead(head);
  if (told) refuseLarge(told);
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file, { premultiplyAlpha: 'none', colorSpaceConversion: 'none' });
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
