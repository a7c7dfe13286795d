// SPDX-License-Identifier: Apache-2.0
// The pixels that reach the engine, beside those of libjpeg-turbo, libpng and their like (build/tests/decoded_pixels), and
// photos that are too large to be decoded as they are. other_browsers.mjs has the same for Firefox and WebKitGTK.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, kFixtures, test } from './fixtures';
import { hasDecoder, judgeHalved, judgePictures, kMostInHalved, makePictureCases, type Compared } from './picture_cases';

test.use({ wasm: '/nonexistent' });

test('pictures of all kinds have the pixels of the decoders', async ({ engine, scratch }) => {
  test.skip(!hasDecoder(), 'there is no build/tests/decoded_pixels (THIMBLE_DECODED_PIXELS)');
  await engine.open();
  await makePictureCases(scratch, kFixtures);
  await engine.choose(...readdirSync(scratch).map((name) => join(scratch, name)));
  const compare = (mostWhole?: number) => engine.page.evaluate((most) => window.thimble.comparePixels(most), mostWhole) as Promise<Compared[]>;
  expect(judgePictures(await compare(), 'chromium')).toEqual([]);
  expect(judgeHalved(await compare(kMostInHalved), 'chromium')).toEqual([]);
});

test('a photo of 50 megapixels is halved by the browser, and never more than one copy of it is open', async ({ engine }) => {
  await engine.open();
  const told = await engine.page.evaluate(async () => {
    const [width, height] = [6250, 8000];
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d')!;
    for (const [i, colour] of ['#ff0000', '#00ff00', '#0000ff', '#ffffff'].entries()) {
      context.fillStyle = colour;
      context.fillRect((i % 2) * (width / 2), Math.floor(i / 2) * (height / 2), width / 2, height / 2);
    }
    const photo = await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.9 });
    canvas.width = canvas.height = 1;
    const seen = { now: 0, most: 0, pixels: 0 };
    const decode = window.createImageBitmap.bind(window) as (...args: unknown[]) => Promise<ImageBitmap>;
    window.createImageBitmap = async (...args: unknown[]) => {
      seen.most = Math.max(seen.most, ++seen.now);
      const bitmap = await decode(...args);
      seen.pixels = Math.max(seen.pixels, bitmap.width * bitmap.height);
      const close = bitmap.close.bind(bitmap);
      bitmap.close = () => (seen.now--, close());
      return bitmap;
    };
    const bmps = await Promise.all([40e6, 4096 * 4096, 1e6].map((most) => window.thimble.decodeToBmp(photo, most)));
    const found = bmps.map((bmp) => {
      const head = new DataView(bmp.buffer);
      const [wide, high] = [head.getInt32(18, true), head.getInt32(22, true)];
      const at = (x: number, y: number) => {
        const from = 54 + (high - 1 - y) * Math.ceil((wide * 3) / 4) * 4 + x * 3;
        return [bmp[from + 2], bmp[from + 1], bmp[from]].map((value) => Math.round(value! / 255));
      };
      return { size: [wide, high], corners: [at(2, 2), at(wide - 3, 2), at(2, high - 3), at(wide - 3, high - 3)] };
    });
    return { seen, found };
  });
  const corners = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]];
  expect(told.found).toEqual([[3125, 4000], [3125, 4000], [781, 1000]].map((size) => ({ size, corners })));
  expect(told.seen).toEqual({ now: 0, most: 1, pixels: 3125 * 4000 });
});
