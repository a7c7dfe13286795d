// SPDX-License-Identifier: Apache-2.0
// Pictures as the browser decodes them: one at a time, whoever asks, and never more of one than is wanted of it. A photo
// of 50 megapixels takes 200 MB.
import { areaOf, type Size } from './size';

const kProbe = 64; // the side of a copy that only tells how the browser turns a picture
const kWorthHalving = 4e6; // pixels

let work: Promise<unknown> = Promise.resolve();

export function oneAtATime<T>(decode: () => Promise<T>): Promise<T> {
  const next = work.then(decode);
  work = next.catch(() => undefined);
  return next;
}

// A picture's size as it is seen. Browsers turn photos as their data say; the sides of a copy tell whether they did.
export function seenSize(stored: Size, copy: Size): Size {
  const turned = { width: stored.height, height: stored.width };
  const ratio = ({ width, height }: Size) => Math.log(width / height);
  const distance = (size: Size) => Math.abs(ratio(size) - ratio(copy));
  return distance(turned) < distance(stored) ? turned : stored;
}

// How often both sides are halved.
export function halvings(size: Size, mostPixels: number): number {
  let times = 0;
  while (areaOf(size) / 4 ** times > mostPixels) times++;
  return times;
}

async function openHalved(file: Blob, stored: Size, times: number, options: ImageBitmapOptions): Promise<ImageBitmap> {
  const probe = await createImageBitmap(file, { ...options, resizeWidth: kProbe });
  const seen = seenSize(stored, probe);
  probe.close();
  const side = (length: number) => Math.max(1, Math.round(length / 2 ** times));
  const size = { resizeWidth: side(seen.width), resizeHeight: side(seen.height), resizeQuality: 'medium' as const };
  // Colours of transparent pixels have no part in those of others (and Firefox makes something else of them altogether).
  return createImageBitmap(file, { ...options, premultiplyAlpha: 'default', ...size });
}

// Whole where it has at most so many pixels, or its size is not known; else with its sides halved until it has, by the
// browser, which then gives the whole back before anybody else has it. So, too, where there is no memory for the whole.
export async function openAtMost(file: Blob, stored: Size | null, mostPixels: number, options: ImageBitmapOptions): Promise<ImageBitmap> {
  const times = stored ? halvings(stored, mostPixels) : 0;
  if (stored && times > 0) return openHalved(file, stored, times, options);
  try {
    return await createImageBitmap(file, options);
  } catch (error) {
    if (!stored || areaOf(stored) < kWorthHalving) throw error;
    return openHalved(file, stored, 1, options);
  }
}
