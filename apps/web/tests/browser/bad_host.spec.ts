// SPDX-License-Identifier: Apache-2.0
// Hosts and browsers that lack something, and pictures: what needs no module.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makePng } from '../e2e/png';
import { expect, test, type EnginePage } from './fixtures';

// A folder of files that only have the modules' names.
function broken(): string {
  const folder = mkdtempSync(join(tmpdir(), 'thimble-broken-'));
  for (const variant of ['relaxed-threads', 'simd-threads', 'simd']) writeFileSync(join(folder, `thimble-${variant}.wasm`), 'no module');
  return folder;
}

interface Pixels {
  width: number;
  height: number;
  found: number[][];
}

test.describe('a page served without its modules', () => {
  test.use({ wasm: '/nonexistent' });

  test('says which file is missing', async ({ engine }) => {
    await engine.open();
    const state = await engine.until('failed');
    expect(state).toMatchObject({ code: 'no_module' });
    expect(JSON.stringify(state)).toContain('thimble-simd.wasm');
    expect((await engine.lines()).filter((line) => line.includes('status 404')).length).toBe(3);
    expect((await engine.call('chat', 'Hello')).fault).toMatchObject({ status: 0, code: 'engine_no_module' });
  });
});

test.describe('modules that are none', () => {
  test.use({ wasm: broken() });

  test('are passed over, and the last one is a sentence', async ({ engine }) => {
    await engine.open();
    const state = await engine.until('failed');
    expect(state).toMatchObject({ code: 'no_wasm' });
    expect((await engine.lines()).filter((line) => line.includes('the next module is tried')).length).toBe(3);
  });
});

async function pixels(engine: EnginePage, file: string, at: [number, number][]): Promise<Pixels> {
  await engine.choose(file);
  return engine.value<Pixels>('pixels', at);
}

test.describe('pictures', () => {
  test.use({ wasm: '/nonexistent' });

  test('a PNG comes through unchanged, whatever its size', async ({ engine, scratch }) => {
    await engine.open();
    const file = join(scratch, 'circle.png');
    writeFileSync(file, makePng(301, 700)); // rows that need padding, and more of them than are copied at once
    const column = [...Array(700).keys()];
    const { width, height, found } = await pixels(engine, file, [...column.map((y): [number, number] => [150, y]), [0, 0], [300, 699]]);
    expect([width, height]).toEqual([301, 700]);
    const circle = [200, 50, 31];
    const ground = [90, 122, 70];
    const isIn = (y: number) => (150 - 150.5) ** 2 + (y - 350) ** 2 < (301 / 3) ** 2;
    expect(found).toEqual([...column.map((y) => (isIn(y) ? circle : ground)), ground, ground]);
  });

  test('transparent pixels are white, half transparent ones lighter', async ({ engine }) => {
    await engine.open();
    const file = await engine.page.evaluate(async () => {
      const canvas = new OffscreenCanvas(4, 4);
      const context = canvas.getContext('2d')!;
      context.fillStyle = 'rgba(200, 100, 50, 0.5)';
      context.fillRect(0, 0, 2, 4);
      return [...new Uint8Array(await (await canvas.convertToBlob({ type: 'image/png' })).arrayBuffer())];
    });
    await engine.page.getByTestId('files').setInputFiles({ name: 'alpha.png', mimeType: 'image/png', buffer: Buffer.from(file) });
    const { found } = await engine.value<Pixels>('pixels', [[3, 0], [0, 0]]);
    expect(found[0]).toEqual([255, 255, 255]);
    for (const [i, wanted] of [228, 178, 153].entries()) expect(Math.abs(found[1]![i]! - wanted)).toBeLessThanOrEqual(2);
  });

  test('a photo is turned once', async ({ engine }) => {
    await engine.open();
    // 32 x 16, left half red, right half blue; "turned by 90 degrees" stands in its EXIF data.
    const file = await engine.page.evaluate(async () => {
      const canvas = new OffscreenCanvas(32, 16);
      const context = canvas.getContext('2d')!;
      context.fillStyle = '#ff0000';
      context.fillRect(0, 0, 16, 16);
      context.fillStyle = '#0000ff';
      context.fillRect(16, 0, 16, 16);
      return [...new Uint8Array(await (await canvas.convertToBlob({ type: 'image/jpeg', quality: 1 })).arrayBuffer())];
    });
    const exif = [0xff, 0xe1, 0, 34, ...Buffer.from('Exif\0\0MM\0*'), 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0];
    await engine.page.getByTestId('files').setInputFiles({ name: 'photo.jpg', mimeType: 'image/jpeg', buffer: Buffer.from([...file.slice(0, 2), ...exif, ...file.slice(2)]) });
    const { width, height, found } = await engine.value<Pixels>('pixels', [[4, 2], [4, 29]]);
    expect([width, height]).toEqual([16, 32]);
    expect(found[0]![0]).toBeGreaterThan(230); // red above
    expect(found[1]![2]).toBeGreaterThan(230);
  });

  test('200 megapixels and what is no picture are sentences', async ({ engine, scratch }) => {
    await engine.open();
    const file = join(scratch, 'huge.png');
    const png = makePng(8, 8);
    png.writeUInt32BE(20000, 16);
    png.writeUInt32BE(10000, 20);
    writeFileSync(file, png);
    await engine.choose(file);
    const huge = await engine.call('pixels', []);
    expect(huge.fault).toMatchObject({ status: 413, code: 'picture_too_large' });
    expect(huge.fault!.message).toContain('200 megapixels');
    writeFileSync(file, 'no picture');
    await engine.choose(file);
    expect((await engine.call('pixels', [])).fault).toMatchObject({ status: 415, code: 'picture_unreadable' });
  });
});
