// SPDX-License-Identifier: Apache-2.0
// The page with the engine inside: chats, what goes wrong, and what a person is told.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makePng } from '../e2e/png';
import { share } from '../shell/share';
import { expect, hasModules, kSeeing, kText, newerPage, putShare, test, Whole } from './fixtures';

test.skip(!hasModules(), 'the page has no modules (tools/browser_page.mjs)');

test('a first chat: without a model the text stays, with one it is answered, and then without a host', async ({ whole }) => {
  const { page, host } = whole;
  await whole.open();
  await expect(page.getByTestId('no-model')).toBeVisible();
  await whole.hasModel('no model open');
  await whole.send('Hello there');
  await expect(page.getByRole('alert')).toContainText('Your text stays here');
  await expect(page.getByTestId('composer')).toHaveValue('Hello there');
  await whole.choose('model-import', kText);
  await whole.hasModel('reads text');
  await expect(page.getByRole('alert')).toHaveCount(0);
  await page.getByTestId('send').click();
  await expect(whole.answer).toHaveAttribute('data-state', 'done', { timeout: 60_000 });
  await host.stop();
  await whole.reload();
  await whole.hasModel('reads text'); // by itself
  await expect(page.locator('[data-testid=message]')).toHaveCount(2);
  await whole.answers('And once more');
  await expect(page.locator('[data-testid=message]')).toHaveCount(4);
});

test('a chat about a picture', async ({ whole }) => {
  const { page } = whole;
  await whole.begin(kSeeing, 'sees pictures');
  const picture = test.info().outputPath('picture.png');
  writeFileSync(picture, makePng(96, 64));
  await whole.choose('attach', picture);
  await expect(page.getByTestId('picture-preview')).toHaveAttribute('data-state', 'ready');
  const tokens = Number(await page.getByTestId('picture-preview').getAttribute('data-tokens'));
  expect(tokens).toBeGreaterThan(0);
  await whole.answers('What is it?');
  expect(Number(await page.getByTestId('context-bar').getAttribute('data-used'))).toBeGreaterThan(tokens);
});

test('pictures of a chat are decoded one at a time, and one of 50 megapixels is halved', async ({ whole }) => {
  test.setTimeout(240_000);
  const { page } = whole;
  // How many are decoded at a time, and how large the largest is.
  await page.addInitScript(() => {
    const seen = { now: 0, most: 0, all: 0, pixels: 0 };
    Object.assign(window, { seen });
    const decode = window.createImageBitmap.bind(window) as (...args: unknown[]) => Promise<ImageBitmap>;
    window.createImageBitmap = async (...args: unknown[]) => {
      seen.all++;
      seen.most = Math.max(seen.most, ++seen.now);
      const bitmap = await decode(...args);
      seen.pixels = Math.max(seen.pixels, bitmap.width * bitmap.height);
      const close = bitmap.close.bind(bitmap);
      bitmap.close = () => (seen.now--, close());
      return bitmap;
    };
  });
  const seen = () => page.evaluate(() => (window as unknown as { seen: { now: number; most: number; all: number; pixels: number } }).seen);
  const previews = page.getByTestId('picture-preview');
  await whole.begin(kSeeing, 'sees pictures');
  // 200 megapixels in the head alone: nothing decodes it.
  const bomb = makePng(8, 8);
  bomb.writeUInt32BE(20_000, 16);
  bomb.writeUInt32BE(10_000, 20);
  await page.getByTestId('attach-input').setInputFiles({ name: 'huge.png', mimeType: 'image/png', buffer: bomb });
  await expect(page.locator('.composer .fault')).toContainText('huge.png has 200 megapixels');
  expect(await seen()).toMatchObject({ all: 0 });
  await previews.getByRole('button').click();
  await page.getByTestId('attach-input').evaluate(async (input: HTMLInputElement) => {
    const files = new DataTransfer();
    for (const [width, height] of [[800, 600], [8000, 6250], [600, 800]]) {
      const canvas = new OffscreenCanvas(width!, height!);
      canvas.getContext('2d')!.fillRect(0, 0, width! / 2, height!);
      const blob = await canvas.convertToBlob({ type: 'image/jpeg' });
      canvas.width = canvas.height = 1;
      files.items.add(new File([blob], `${width}.jpg`, { type: 'image/jpeg' }));
    }
    input.files = files.files;
    input.dispatchEvent(new Event('change', { bubbles: true }));
  });
  await expect(previews).toHaveCount(3);
  for (let i = 0; i < 3; i++) await expect(previews.nth(i)).toHaveAttribute('data-state', 'ready', { timeout: 60_000 });
  expect(await seen()).toMatchObject({ now: 0, most: 1, pixels: 4000 * 3125 });
  await previews.nth(1).getByRole('button').click(); // too many tokens for this context
  await whole.answers('What are they?');
  // Those of the chat are decoded anew for an engine that does not know them, and another one comes at that moment.
  await whole.reload();
  await whole.hasModel('sees pictures');
  const picture = test.info().outputPath('picture.png');
  writeFileSync(picture, makePng(96, 64));
  const before = (await seen()).all;
  await whole.send('And now?');
  await page.getByTestId('attach-input').setInputFiles([picture, picture]);
  await expect(whole.answer).toHaveAttribute('data-state', 'done', { timeout: 60_000 });
  await expect(previews.nth(1)).toHaveAttribute('data-state', 'ready');
  const after = await seen();
  expect(after).toMatchObject({ now: 0, most: 1 });
  expect(after.all - before).toBeGreaterThanOrEqual(2 + 2 * 2);
});

test('a picture that is shared waits for the model, and is asked about', async ({ whole }) => {
  const { page, host } = whole;
  await whole.begin(kSeeing, 'sees pictures');
  await share(page, host, { text: 'What is it?', files: [{ name: 'shared.png', mimeType: 'image/png', buffer: makePng(96, 64) }] });
  await expect(page.getByTestId('composer')).toHaveValue('What is it?');
  await expect(page.getByTestId('picture-preview')).toHaveAttribute('data-state', 'ready');
  await page.getByTestId('send').click();
  await expect(whole.answer).toHaveAttribute('data-state', 'done', { timeout: 60_000 });
  await expect(page.getByTestId('message-picture')).toHaveCount(1);
});

test('a reload in the middle of an answer keeps what came, and it can be gone on with', async ({ whole }) => {
  await whole.begin();
  await whole.beginLong();
  const before = (await whole.answer.textContent())!.length;
  await whole.reload();
  await expect(whole.answer).toHaveAttribute('data-state', 'stopped');
  const kept = (await whole.answer.textContent())!;
  expect(kept.length).toBeGreaterThan(before / 4);
  await whole.hasModel('reads text');
  await whole.answer.getByTestId('continue').click();
  await expect(whole.answer).toHaveAttribute('data-state', 'done', { timeout: 60_000 });
  expect((await whole.answer.textContent())!.length).toBeGreaterThan(kept.length);
});

test('two tabs: the second says so, and takes over', async ({ whole, context }) => {
  await whole.begin();
  await whole.answers('Hello');
  const second = new Whole(await context.newPage(), whole.host);
  await second.open();
  await expect(second.page.getByTestId('engine-elsewhere')).toBeVisible();
  await second.hasModel('in another tab');
  await whole.page.bringToFront();
  await whole.beginLong();
  await second.page.getByTestId('engine-take-over').click();
  await second.hasModel('reads text');
  await expect(whole.page.getByTestId('engine-elsewhere')).toBeVisible();
  await expect(whole.answer).toHaveAttribute('data-state', 'stopped');
  await second.page.bringToFront();
  await second.answers('Hello here');
  await second.page.close();
  await whole.page.bringToFront();
  await whole.hasModel('reads text'); // back, by itself
  expect(second.faults).toEqual([]);
});

test('a worker that ends in the middle of an answer is told of, and another one goes on', async ({ whole }) => {
  const { page } = whole;
  await whole.begin();
  await whole.beginLong();
  await whole.engineWorker().evaluate(() => self.close()).catch(() => undefined);
  await expect(page.getByTestId('engine-again')).toBeVisible();
  await expect(whole.answer).toHaveAttribute('data-state', 'stopped');
  await whole.hasModel('reads text');
  await whole.answer.getByTestId('continue').click();
  await expect(whole.answer).toHaveAttribute('data-state', 'done', { timeout: 60_000 });
});

test('a model that has no room is refused with both numbers, and what is typed stays', async ({ whole, context }) => {
  const { page, host } = whole;
  await whole.open();
  await expect(page.getByTestId('no-model')).toBeVisible();
  const cdp = await context.newCDPSession(page);
  await cdp.send('Storage.overrideQuotaForOrigin', { origin: new URL(host.url).origin, quotaSize: 20_000_000 });
  await page.getByTestId('composer').fill('Not to be lost');
  await whole.choose('model-import', kText);
  const row = page.getByTestId('model-import-row');
  await expect(row).toHaveAttribute('data-state', 'paused');
  await expect(row).toContainText(/needs 3[0-9.]+ MB .* and [0-9.]+ [kM]?B are free/);
  await expect(page.getByTestId('composer')).toHaveValue('Not to be lost');
  await cdp.send('Storage.overrideQuotaForOrigin', { origin: new URL(host.url).origin });
  await row.getByRole('button', { name: 'Go on' }).click();
  await whole.hasModel('reads text');
  await page.getByTestId('send').click();
  await expect(whole.answer).toHaveAttribute('data-state', 'done', { timeout: 60_000 });
});

test('a file that is cut short, and one that is no model, are refused with a sentence', async ({ whole }) => {
  const { page } = whole;
  await whole.open();
  const short = test.info().outputPath('short.gguf');
  writeFileSync(short, readFileSync(kText).subarray(0, 700_000));
  await whole.choose('model-import', short);
  await expect(page.getByTestId('model-import-row')).toHaveAttribute('data-state', /paused|incomplete/);
  await expect(page.getByTestId('model-import-row').getByRole('status')).toContainText(/short|end|bytes|cut/i);
  const none = test.info().outputPath('none.gguf');
  writeFileSync(none, 'this is no model'.repeat(100));
  await whole.choose('model-import', none);
  await expect(page.getByTestId('model-import-row').last()).toHaveAttribute('data-state', /paused|incomplete/);
  await expect(page.getByTestId('no-model')).toBeVisible();
});

for (const [what, first] of [['head', 0], ['weights', 600_000]] as const) {
  test(`a pack damaged in its ${what} is not opened, and is imported anew`, async ({ whole }) => {
    const { page, host } = whole;
    await whole.begin();
    await whole.answers('Hello');
    host.sent['/app/blank.html'] = '<p>nothing';
    await page.goto(`${host.url}blank.html`);
    await page.evaluate(async (first) => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('thimble-engine');
      let largest: FileSystemFileHandle | null = null;
      let most = 0;
      for await (const handle of (folder as unknown as { values(): AsyncIterable<FileSystemFileHandle> }).values()) {
        const { size } = await handle.getFile();
        if (handle.name.startsWith('slot-') && size > most) [largest, most] = [handle, size];
      }
      const bytes = new Uint8Array(await (await largest!.getFile()).arrayBuffer());
      for (let at = first; at < bytes.length; at += 997) bytes[at]! ^= 0x55;
      const stream = await largest!.createWritable();
      await stream.write(bytes);
      await stream.close();
    }, first);
    await whole.open();
    await expect(page.getByTestId('models')).toContainText('no model open');
    await page.getByTestId('new-chat').or(page.getByTestId('new-chat-bar')).filter({ visible: true }).first().click();
    await expect(page.getByTestId('model-item')).toContainText(/Could not be opened: .+ it is imported anew/);
    // Its files again, and it runs.
    await whole.choose('model-import', kText);
    await expect.poll(async () => (await page.getByTestId('models').textContent()) ?? '', { timeout: 30_000 }).toMatch(/reads text/);
  });
}

test('a new version of the page waits for the end of an answer', async ({ whole }) => {
  const { page, host } = whole;
  await whole.begin();
  host.folder = newerPage();
  await page.evaluate(async () => (await navigator.serviceWorker.getRegistration())!.update());
  await expect(page.getByTestId('take-update')).toBeEnabled();
  await whole.beginLong();
  await expect(page.getByTestId('take-update')).toBeDisabled();
  await expect(whole.answer).toHaveAttribute('data-state', 'done', { timeout: 60_000 });
  await page.getByTestId('take-update').click();
  await page.waitForFunction(() => document.querySelector('meta[name=newer]') !== null);
  await whole.hasModel('reads text');
  await expect(page.locator('[data-testid=message]')).toHaveCount(2);
});

test('a new version waits for an answer in another tab, which stays whole', async ({ whole, context }) => {
  const { page, host } = whole;
  await whole.begin();
  const second = new Whole(await context.newPage(), host);
  await second.open();
  host.folder = newerPage();
  await second.page.evaluate(async () => (await navigator.serviceWorker.getRegistration())!.update());
  await expect(second.page.getByTestId('take-update')).toBeEnabled();
  await page.bringToFront();
  await whole.beginLong();
  const loaded = second.page.waitForEvent('framenavigated').then(() => whole.answer.getAttribute('data-state'));
  await second.page.getByTestId('take-update').click();
  await expect(second.page.getByTestId('take-update')).toBeDisabled();
  await expect(second.page.getByRole('status').filter({ hasText: 'another tab has written its answer' })).toBeVisible();
  expect(await loaded, 'the answer when the page is loaded again').toBe('done');
  await second.page.waitForFunction(() => document.querySelector('meta[name=newer]') !== null);
  // The tab that had the answer goes on, and is told that it is of the version before.
  await expect(whole.answer).toHaveAttribute('data-state', 'done');
  expect(await page.locator('meta[name=newer]').count()).toBe(0);
  await page.getByTestId('take-update').click();
  await page.waitForFunction(() => document.querySelector('meta[name=newer]') !== null);
  await expect(page.locator('[data-testid=message]')).toHaveCount(2);
  expect(second.faults).toEqual([]);
});

test('the screen stays on while an answer is written, and no longer', async ({ whole }) => {
  const { page } = whole;
  await page.addInitScript(() => {
    const held = { now: 0, most: 0 };
    Object.assign(window, { held });
    const request = () => {
      held.most = Math.max(held.most, ++held.now);
      return Promise.resolve({ release: () => Promise.resolve(held.now--) });
    };
    Object.defineProperty(navigator, 'wakeLock', { value: { request } });
  });
  const held = () => page.evaluate(() => (window as unknown as { held: { now: number; most: number } }).held);
  await whole.begin();
  expect(await held()).toEqual({ now: 0, most: 0 });
  await whole.beginLong();
  await expect.poll(async () => (await held()).now).toBe(1);
  await expect(whole.answer).toHaveAttribute('data-state', 'done', { timeout: 60_000 });
  await expect.poll(held).toEqual({ now: 0, most: 1 }); // given back a moment after the answer's end
});

test('the built-in model comes from the host after a click, and goes on after an interruption', async ({ whole, folder }) => {
  const { page, host } = whole;
  const pieces = putShare(folder, kText, 300_000);
  await whole.open();
  await expect(page.getByTestId('builtin')).toContainText(/tiny and often wrong/);
  expect(host.asked.filter((line) => line.endsWith('.bin'))).toEqual([]);
  renameSync(pieces[2]!, `${pieces[2]}.away`);
  await page.getByTestId('builtin-take').click();
  const row = page.getByTestId('model-import-row');
  await expect(row).toHaveAttribute('data-state', 'paused');
  await expect(row).toContainText('it goes on from there');
  renameSync(`${pieces[2]}.away`, pieces[2]!);
  await whole.reload();
  await page.getByTestId('builtin-take').click();
  await whole.hasModel('tiny, often wrong');
  expect(host.asked.filter((line) => line.endsWith('builtin.0.bin')).length, 'what came is not fetched again').toBe(1);
  await whole.answers('Hello');
});

test('a file that is opened without being kept', async ({ whole }) => {
  const { page } = whole;
  await whole.open();
  await whole.choose('model-pick', kText);
  await whole.hasModel('reads text');
  await whole.answers('Hello');
  await page.goto(`${whole.host.url}#/models`);
  await expect(page.getByTestId('model-item')).toHaveCount(1);
  await whole.page.goto(whole.host.url);
  await whole.reload();
  await whole.hasModel('no model open');
  await expect(page.getByTestId('model-item')).toHaveCount(0);
});

test('a model that is dropped on the page is imported', async ({ whole }) => {
  const { page } = whole;
  await whole.open();
  await expect(page.getByTestId('no-model')).toBeVisible();
  const dropped = await page.evaluateHandle((bytes) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(bytes)], 'dropped.gguf'));
    return transfer;
  }, [...readFileSync(kText)]);
  await page.dispatchEvent('body', 'drop', { dataTransfer: dropped });
  await whole.hasModel('dropped');
  await whole.hasModel('reads text');
});

test('over plain http from another device, and as a file, the page says why it cannot run', async ({ page, whole, folder }) => {
  await page.goto(whole.host.url.replace('localhost', 'device.example'));
  await expect(page.getByTestId('cannot-run')).toContainText('https');
  await expect(page.getByTestId('composer')).toHaveCount(0);
  await page.goto(`file://${join(folder, 'index.html')}`);
  await expect(page.locator('body')).toContainText('opened as a file');
  await expect(page.locator('p[lang=ja]')).toBeVisible();
  whole.faults.length = 0; // what a browser says of files is no fault of the page
});
