// SPDX-License-Identifier: Apache-2.0
// Photos as cameras make them, and what only looks like one.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, type ChatPage } from './fixtures';
import { makePng } from './png';

// The page itself makes JPEGs of that size, and hands them to the file choice.
async function chooseJpegs(chat: ChatPage, sizes: [number, number][]): Promise<void> {
  await chat.page.getByTestId('attach-input').evaluate(async (input: HTMLInputElement, wanted) => {
    const files = new DataTransfer();
    for (const [width, height] of wanted) {
      const canvas = new OffscreenCanvas(width!, height!);
      const context = canvas.getContext('2d')!;
      for (let i = 0; i < 400; i++) {
        context.fillStyle = `hsl(${(i * 47) % 360} 60% 50%)`;
        context.fillRect(((i * 7919) % 97) * (width! / 97), ((i * 104729) % 89) * (height! / 89), width! / 6, height! / 6);
      }
      const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.9 });
      files.items.add(new File([blob], `${width}x${height}.jpg`, { type: 'image/jpeg' }));
      canvas.width = canvas.height = 1;
    }
    input.files = files.files;
    input.dispatchEvent(new Event('change', { bubbles: true }));
  }, sizes);
}

test('photos of 12 and 50 megapixels are read one after the other, priced and sent', async ({ chat }) => {
  const { page } = chat;
  test.setTimeout(120_000);
  // How many pictures are decoded at the same time, and how large a copy is kept of them.
  await page.evaluate(() => {
    const seen = window as unknown as { now: number; most: number; sides: number[] };
    Object.assign(seen, { now: 0, most: 0, sides: [] });
    const decode = window.createImageBitmap.bind(window) as (...args: unknown[]) => Promise<ImageBitmap>;
    window.createImageBitmap = async (...args: unknown[]) => {
      seen.most = Math.max(seen.most, ++seen.now);
      const bitmap = await decode(...args);
      const close = bitmap.close.bind(bitmap);
      bitmap.close = () => (seen.now--, close());
      return bitmap;
    };
    const toBlob = HTMLCanvasElement.prototype.toBlob;
    HTMLCanvasElement.prototype.toBlob = function (...args) {
      seen.sides.push(Math.max(this.width, this.height));
      toBlob.apply(this, args);
    };
  });
  await page.getByTestId('composer').fill('What is this?');
  await chooseJpegs(chat, [[4000, 3000], [8000, 6250], [6250, 8000]]);
  const previews = page.getByTestId('picture-preview');
  await expect(previews).toHaveCount(3);
  for (let i = 0; i < 3; i++) {
    await expect(previews.nth(i)).toHaveAttribute('data-state', 'ready', { timeout: 60_000 });
    await expect(previews.nth(i)).toHaveAttribute('data-tokens', /^[1-9]\d*$/);
    await expect(previews.nth(i).locator('img')).toBeVisible();
  }
  const { now, most, sides } = await page.evaluate(() => {
    const { now, most, sides } = window as unknown as { now: number; most: number; sides: number[] };
    return { now, most, sides };
  });
  expect([now, most]).toEqual([0, 1]);
  expect(Math.max(...sides)).toBeLessThanOrEqual(320);
  await page.getByTestId('picture-preview').nth(2).getByRole('button').click();
  await chat.ask('What is this?');
  await expect(chat.questions().getByTestId('message-picture')).toHaveCount(2);
});

test('what cannot be read is a sentence, and the typed text stays', async ({ chat }) => {
  const { page } = chat;
  const preview = page.getByTestId('picture-preview');
  const fault = page.locator('.composer .fault');
  const choose = async (name: string, mimeType: string, buffer: Buffer, wanted: RegExp | string) => {
    await page.getByTestId('attach-input').setInputFiles({ name, mimeType, buffer });
    await expect(fault).toContainText(wanted);
    await expect(page.getByTestId('composer')).toHaveValue('My question');
    for (const button of await preview.getByRole('button').all()) await button.click();
    await expect(preview).toHaveCount(0);
    await expect(fault).toHaveCount(0);
  };
  await page.getByTestId('composer').fill('My question');
  // 200 megapixels in the header alone, as a bomb has.
  const bomb = makePng(8, 8);
  bomb.writeUInt32BE(20_000, 16);
  bomb.writeUInt32BE(10_000, 20);
  await choose('huge.png', 'image/png', bomb, 'huge.png has 200 megapixels');
  // A video under a picture's name, with the type that a browser gives it for its name.
  const video = Buffer.concat([Buffer.from([0, 0, 0, 0x18]), Buffer.from('ftypmp42\0\0\0\0mp42isom'), Buffer.alloc(4000, 5)]);
  await choose('holiday.jpg', 'image/jpeg', video, /^holiday\.jpg is a video/);
  await choose('clip.heic', 'image/heic', Buffer.concat([Buffer.from([0, 0, 0, 0x14]), Buffer.from('ftypqt  \0\0\0\0qt  '), Buffer.alloc(400, 5)]), /^clip\.heic is a video/);
  await choose('film.webp', 'image/webp', Buffer.from([0x1a, 0x45, 0xdf, 0xa3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]), /^film\.webp is a video/);
  await choose('broken.jpg', 'image/jpeg', Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16]), Buffer.from('JFIF\0no more')]), 'broken.jpg is no picture that can be read');
  await choose('empty.png', 'image/png', Buffer.alloc(0), /^empty\.png/);
  // The text goes without them.
  await page.getByTestId('send').click();
  await chat.finished();
});

test('a HEIC photo, which this browser cannot show, has a price and is sent', async ({ chat }) => {
  test.skip(chat.service.isMock, 'the service decodes it');
  const { page } = chat;
  const cases = JSON.parse(readFileSync(join(import.meta.dirname, '../../../../tests/data/image/decode_cases.json'), 'utf8')) as { decoded: { name: string; file: string; width: number; height: number }[] };
  const photo = cases.decoded.find(({ name }) => name.startsWith('heic'))!;
  await page.getByTestId('attach-input').setInputFiles({ name: 'photo.heic', mimeType: 'image/heic', buffer: Buffer.from(photo.file, 'hex') });
  const preview = page.getByTestId('picture-preview');
  await expect(preview).toHaveAttribute('data-state', /ready|failed/);
  if ((await preview.getAttribute('data-state')) === 'failed') {
    // A build without libheif says so.
    await expect(page.locator('.composer .fault')).toContainText(/^photo\.heic is no picture .* save it as JPEG or PNG/);
    return;
  }
  await expect(preview).toHaveAttribute('data-tokens', /^[1-9]\d*$/);
  await expect(preview.locator('img')).toHaveCount(0);
  await chat.ask('What is this?');
  await page.reload();
  await expect(chat.questions().getByTestId('message-picture')).toContainText('photo.heic');
});
