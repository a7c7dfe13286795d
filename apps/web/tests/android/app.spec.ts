// SPDX-License-Identifier: Apache-2.0
// What only the page of the Android app does: what comes from the app and what goes to it.
import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import type { Cost, Decision, Readings } from '../../src/android/protocol';
import { makePng } from '../e2e/png';
import { expect, test } from './test';

const picture = (name: string) => ({ name, mime: 'image/png', base64: makePng(320, 240).toString('base64') });
const decision: Decision = { threads: 4, pause_ms: 0, thinking: null, detail: 'auto', stop: false, reason: 'cool' };
const readings: Readings = { thermal: 1, headroom: 0.62, battery: 71, charging: false, power_save: false, mode: 'balanced' };

test('a text and pictures of another app become a message that is not sent yet', async ({ chat, phone }) => {
  const { page } = chat;
  await chat.ask('Hello there');
  await page.evaluate(() => (window.location.hash = '#/settings'));
  phone.event('shared', { text: 'Which mushroom is this?', pictures: [picture('forest.png'), { ...picture('x'), base64: 'no base64!' }] });
  await expect(page.getByTestId('composer')).toHaveValue('Which mushroom is this?');
  await expect(page.getByTestId('picture-preview')).toHaveCount(1);
  await expect(page.getByTestId('picture-preview')).toHaveAttribute('data-state', 'ready');
  await expect(chat.answers()).toHaveCount(0); // a chat of its own, in which nothing was asked
  // What comes next goes behind it.
  phone.event('shared', { text: 'And where does it grow?' });
  await expect(page.getByTestId('composer')).toHaveValue('Which mushroom is this?\n\nAnd where does it grow?');
  await page.getByTestId('send').click();
  await chat.finished();
  await expect(chat.questions().getByTestId('message-picture').locator('img')).toBeVisible();
});

test('a new chat from the home screen, and a photo from the camera', async ({ chat, phone }) => {
  const { page } = chat;
  await chat.ask('Hello there');
  await page.evaluate(() => (window.location.hash = '#/models'));
  phone.event('new-chat');
  await expect(page.getByTestId('composer')).toBeVisible();
  await expect(chat.answers()).toHaveCount(0);
  await page.getByTestId('camera').click();
  await expect.poll(() => phone.said('camera').length).toBe(1);
  phone.event('picture', picture('photo.jpg'));
  await expect(page.getByTestId('picture-preview')).toHaveAttribute('data-state', 'ready');
});

test('the app hears when an answer begins and ends, and its notification stops it', async ({ chat, phone }) => {
  const { page } = chat;
  await chat.say('Tell me something long');
  await expect(chat.answers()).toContainText('Two comes next');
  await expect.poll(() => phone.said('answering')).toEqual([{ type: 'answering', is: true, text: 'Tell me something long' }]);
  phone.event('stop');
  await expect(chat.answers()).toHaveAttribute('data-state', 'stopped');
  await expect(chat.answers()).not.toContainText('The very last sentence');
  await expect(page.getByTestId('meter')).toHaveAttribute('data-finish', 'stopped');
  await expect.poll(() => phone.said('answering').map(({ is }) => is)).toEqual([true, false]);
});

test('what an answer took of the phone stands in its line, and stays there', async ({ chat, phone }) => {
  const { page } = chat;
  await chat.ask('Hello there');
  phone.event('cost', { cpu_seconds: 12.3, battery_percent: 2, thermal: 2 } satisfies Cost);
  const cost = page.getByTestId('cost');
  await expect(cost).toHaveText(/2%\s*of the battery\s*phone warm/);
  await expect(cost).toHaveAttribute('data-cpu-seconds', '12.3');
  // The battery's level did not move: nothing is said of it.
  await chat.ask('Hello again');
  phone.event('cost', { cpu_seconds: 1.5, battery_percent: null, thermal: 0 } satisfies Cost);
  await expect(cost).toHaveCount(2);
  await expect(cost.last()).not.toContainText('battery');
  await page.reload();
  await expect(cost).toHaveCount(2);
  await expect(cost.first()).toContainText('2%');
});

test('it says when the phone is too hot to go on, only while something waits for it', async ({ chat, phone }) => {
  const { page } = chat;
  const paused = page.getByTestId('app-paused');
  await chat.say('Tell me something long');
  await expect(chat.answers()).toContainText('Two comes');
  phone.event('decision', { decision: { ...decision, stop: true, reason: 'severe' }, readings: { ...readings, thermal: 3 } });
  await expect(paused).toContainText('the phone is hot');
  await expect(page.getByTestId('models')).toContainText('paused, hot');
  phone.event('decision', { decision, readings });
  await expect(paused).toHaveCount(0);
  await chat.finished();
  phone.event('decision', { decision: { ...decision, stop: true, reason: 'severe' }, readings: { ...readings, thermal: 3 } });
  await expect(page.getByTestId('models')).not.toContainText('paused');
  await expect(paused).toHaveCount(0);
});

test('how hard the phone works is chosen, kept, and told at each start', async ({ chat, phone }) => {
  const { page } = chat;
  await expect.poll(() => phone.said('mode')).toEqual([{ type: 'mode', mode: 'balanced' }]);
  await page.evaluate(() => (window.location.hash = '#/settings'));
  const setting = page.getByTestId('setting-mode');
  await setting.getByText('cool', { exact: true }).click();
  await expect(setting).toContainText('The phone stays cool');
  await expect.poll(() => phone.said('mode').at(-1)).toEqual({ type: 'mode', mode: 'cool' });
  await expect.poll(() => phone.requests.some(({ method, path, text = '' }) => method === 'PUT' && path === '/thimble/v1/settings' && text.includes('"mode":"cool"'))).toBe(true);
  await page.reload();
  await expect(page.getByTestId('setting-mode').getByRole('radio', { name: 'cool' })).toBeChecked();
  await expect.poll(() => phone.said('mode').at(-1)).toEqual({ type: 'mode', mode: 'cool' });
  // One service has the settings of all tests.
  await setting.getByText('balanced', { exact: true }).click();
  await expect.poll(() => phone.requests.filter(({ method, path }) => method === 'PUT' && path === '/thimble/v1/settings').at(-1)?.text).toContain('"mode":"balanced"');
});

test('the page keeps clear of what the system draws over it, and of its keyboard', async ({ chat, phone }) => {
  const { page } = chat;
  const box = (selector: string) => page.locator(selector).first().boundingBox();
  phone.event('insets', { top: 48, right: 0, bottom: 34, left: 10 });
  await expect.poll(async () => (await box('.bar .model-chip'))!.y).toBeGreaterThanOrEqual(48);
  const room = await box('.composer .box');
  expect(915 - room!.y - room!.height).toBeGreaterThanOrEqual(34);
  expect(room!.x).toBeGreaterThanOrEqual(10);
  phone.event('insets', { top: 48, right: 0, bottom: 34, left: 10, keyboard: 320 });
  await expect.poll(async () => { const field = await box('.composer'); return field!.y + field!.height; }).toBeLessThanOrEqual(915 - 320);
  await chat.showRail();
  expect((await box('.rail .mark'))!.y).toBeGreaterThanOrEqual(48);
});

// A JPEG that the page makes, as base64.
function jpegOf(page: Page, width: number, height: number): Promise<string> {
  return page.evaluate(async ([w, h]) => {
    const canvas = new OffscreenCanvas(w!, h!);
    canvas.getContext('2d')!.fillRect(0, 0, w! / 2, h!);
    const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: 'image/jpeg' })).arrayBuffer());
    canvas.width = canvas.height = 1;
    let text = '';
    for (const byte of bytes) text += String.fromCharCode(byte);
    return btoa(text);
  }, [width, height]);
}

test('photos of 12 megapixels are decoded by the web view, one of 50 by the app', async ({ chat, phone }) => {
  const { page } = chat;
  test.setTimeout(120_000);
  const [small, large] = [Buffer.from(await jpegOf(page, 4000, 3000), 'base64'), Buffer.from(await jpegOf(page, 8000, 6250), 'base64')];
  phone.decoded = { base64: await jpegOf(page, 2000, 1562) };
  await page.getByTestId('attach-input').setInputFiles([{ name: 'small.jpg', mimeType: 'image/jpeg', buffer: small }, { name: 'large.jpg', mimeType: 'image/jpeg', buffer: large }]);
  const previews = page.getByTestId('picture-preview');
  for (const i of [0, 1]) {
    await expect(previews.nth(i)).toHaveAttribute('data-state', 'ready', { timeout: 60_000 });
    await expect(previews.nth(i).locator('img')).toBeVisible();
  }
  expect(phone.said('decode').map(({ name, base64 }) => [name, base64.length])).toEqual([['large.jpg', large.toString('base64').length]]);
  const sizes = phone.requests.filter(({ method, path }) => method === 'PUT' && path === '/thimble/v1/pictures').map(({ base64 }) => {
    const bmp = Buffer.from(base64!, 'base64');
    return [bmp.readInt32LE(18), bmp.readInt32LE(22)];
  });
  expect(sizes).toEqual([[2047, 1536], [2000, 1562]].map(([width]) => [expect.closeTo(width!, -1), expect.any(Number)]));
  await chat.ask('What is this?');
});

test('turned, in a split screen, and with everything drawn large, all of it can be reached', async ({ chat, phone }) => {
  const { page } = chat;
  await chat.ask('Show me code and a table');
  phone.event('cost', { cpu_seconds: 123.4, battery_percent: 3, thermal: 3 } satisfies Cost);
  for (const [width, height] of [[915, 412], [412, 430], [280, 600]] as const) {
    await page.setViewportSize({ width, height });
    for (const name of ['models', 'settings', 'proof', 'device', 'check', 'chat']) {
      await page.evaluate((hash) => (window.location.hash = hash), `#/${name}`);
      if (name === 'chat') await expect(page.getByTestId('composer')).toBeInViewport();
      else await expect(page.getByTestId(`page-${name}`)).toBeVisible();
      expect(await page.evaluate(() => document.documentElement.scrollWidth), `${name}, ${width} x ${height}`).toBeLessThanOrEqual(width);
    }
  }
});

test('a photo that only the app can decode is shown, sent and kept', async ({ chat, phone }) => {
  const { page } = chat;
  phone.decoded = { base64: await jpegOf(page, 400, 300) };
  const heic = Buffer.concat([Buffer.from([0, 0, 0, 0x18]), Buffer.from('ftypheic\0\0\0\0mif1heic'), Buffer.alloc(2000, 5)]);
  await page.getByTestId('attach-input').setInputFiles({ name: 'photo.heic', mimeType: 'image/heic', buffer: heic });
  const preview = page.getByTestId('picture-preview');
  await expect(preview).toHaveAttribute('data-state', 'ready');
  await expect(preview.locator('img')).toBeVisible();
  expect(phone.said('decode').map(({ name, base64 }) => [name, base64])).toEqual([['photo.heic', heic.toString('base64')]]); // once
  const put = phone.requests.find(({ method, path }) => method === 'PUT' && path === '/thimble/v1/pictures')!;
  expect(Buffer.from(put.base64!, 'base64').subarray(0, 2).toString()).toBe('BM');
  await chat.ask('What is this?');
  await page.reload();
  const image = chat.questions().getByTestId('message-picture').locator('img');
  await expect(image).toBeVisible();
  expect(await image.evaluate((element: HTMLImageElement) => [element.naturalWidth, element.naturalHeight])).toEqual([400, 300]);
});

test('a picture with more pixels than the model can read goes over the port smaller', async ({ chat, phone }) => {
  const { page } = chat;
  await page.getByTestId('attach-input').setInputFiles({ name: 'large.png', mimeType: 'image/png', buffer: makePng(4000, 3000) });
  await expect(page.getByTestId('picture-preview')).toHaveAttribute('data-state', 'ready');
  const put = phone.requests.find(({ method, path }) => method === 'PUT' && path === '/thimble/v1/pictures')!;
  const bmp = Buffer.from(put.base64!, 'base64');
  const [width, height] = [bmp.readInt32LE(18), bmp.readInt32LE(22)];
  expect(width * height).toBeLessThanOrEqual(3_145_728);
  expect(width * height).toBeGreaterThan(3_100_000);
  expect(width / height).toBeCloseTo(4 / 3, 2);
});

test('chats are saved by the app, answers are copied, shared, and their links opened by it', async ({ chat, phone }) => {
  const { page } = chat;
  await chat.ask('attack');
  await chat.answers().first().getByTestId('copy').click();
  await chat.answers().first().getByTestId('share').click();
  await chat.answers().locator('.markdown a').click();
  await expect.poll(() => phone.said('open-link')).toEqual([{ type: 'open-link', url: 'https://evil.test/login' }]);
  expect(phone.said('copy')[0]!.text).toContain('a bank');
  expect(phone.said('share')).toEqual([{ type: 'share', title: 'attack', text: phone.said('copy')[0]!.text }]);
  expect(page.url()).toContain('thimble.invalid');

  await chat.menu('attack', 'chat-export-json');
  await expect.poll(() => phone.said('save').length).toBe(1);
  const file = phone.said('save')[0]!;
  expect([file.name, file.mime]).toEqual(['attack.json', 'application/json']);
  expect(JSON.parse(Buffer.from(file.base64, 'base64').toString())).toMatchObject({ thimble_chat: 1, chat: { title: 'attack' } });
  phone.event('saved', { name: file.name, ok: true });
  await expect(page.locator('.toast')).toHaveText('attack.json is saved.');
  phone.event('saved', { name: file.name, ok: false, error: 'attack.json could not be saved.' });
  await expect(page.locator('.toast')).toHaveText('attack.json could not be saved.');
  // And in again, through the system's picker.
  await page.getByTestId('import-input').setInputFiles({ name: 'attack.json', mimeType: 'application/json', buffer: Buffer.from(file.base64, 'base64') });
  await expect(page.getByTestId('chat-item').filter({ hasText: 'attack' })).toHaveCount(2);
});

test('instructions of a chat go over the port with the question', async ({ chat, phone }) => {
  const { page } = chat;
  await page.getByTestId('instructions').click();
  await page.getByTestId('instructions-own').fill('Answer as a pirate.');
  await page.getByRole('button', { name: 'Save' }).click();
  await chat.ask('Hello there');
  const asked = phone.requests.find(({ path }) => path === '/v1/chat/completions')!;
  expect((JSON.parse(asked.text!) as { messages: unknown[] }).messages[0]).toEqual({ role: 'system', content: 'Answer as a pirate.' });
  expect(asked.headers.map(([name]) => name).filter((name) => /token|authorization/.test(name))).toEqual([]);
});

test('a full phone is a sentence, and the typed text stays', async ({ chat, phone }) => {
  const { page } = chat;
  await chat.ask('Hello there');
  const id = /chat\/(\w+)$/.exec(page.url())![1];
  phone.instead.set(`POST /thimble/v1/chats/${id}/messages`, { status: 507, body: { error: { message: 'full' } } });
  await chat.say('Typed on a full phone');
  await expect(page.locator('.composer .fault')).toContainText('This phone has no room left');
  await expect(page.getByTestId('composer')).toHaveValue('Typed on a full phone');
  phone.instead.clear();
  await page.getByTestId('send').click();
  await chat.finished();
});

test('a model that the app does not open says why, as the app puts it', async ({ chat, phone }) => {
  test.skip(!chat.service.isMock, 'a scripted server has one model');
  const { page } = chat;
  const why = 'It needs 4.2 GB, and this phone gives apps about 1.9 GB: take 0.8B.';
  phone.instead.set('POST /thimble/v1/models/builtin/open', { status: 409, body: { error: { message: why, code: 'refused_by_app' } } });
  await page.getByTestId('models').click();
  await page.getByTestId('model-item').filter({ hasText: 'Mini' }).getByTestId('model-open').click();
  await expect(page.locator('.page .fault')).toHaveText(why);
});

test('why nothing leaves this phone, and how a person sees that', async ({ chat }) => {
  const { page } = chat;
  await page.getByTestId('proof').click();
  const items = page.locator('.evidence-item');
  await expect(items).toHaveCount(5);
  for (const item of await items.all()) {
    await expect(item).toHaveAttribute('data-holds', 'true');
    await item.locator('summary').click();
  }
  await expect(items.first()).toContainText('no permission for it (INTERNET)');
  await expect(items.first()).toContainText('Permissions');
  await expect(page.locator('.page')).toContainText('airplane mode');
  await expect(items.nth(3)).toContainText("default-src 'none'");
  await expect(items.nth(3)).not.toContainText('connect-src');
  await expect(page.locator('.page')).not.toContainText('thimble serve');
});

test('nothing of a server, and no engine of its own, is in the page', async ({ chat }) => {
  const { page } = chat;
  await chat.ask('Hello there');
  for (const name of ['models', 'settings', 'proof', 'device', 'check']) {
    await page.evaluate((hash) => (window.location.hash = hash), `#/${name}`);
    await expect(page.getByTestId(`page-${name}`)).toBeVisible();
    await expect(page.locator('body')).not.toContainText(/thimble serve|this browser/i);
  }
  expect(await page.evaluate(async () => [performance.getEntriesByType('resource').filter(({ name }) => !name.startsWith(window.location.origin) && !name.startsWith('blob:')).length, await navigator.serviceWorker.getRegistrations().then((all) => all.length)])).toEqual([0, 0]);
});

test.describe('without a model that sees', () => {
  test.use({ isBlind: true });
  test('which files to get, in a sheet that links nowhere', async ({ chat }) => {
    await chat.page.getByTestId('models').click();
    await chat.page.getByTestId('which-files').click();
    await expect(chat.page.getByTestId('sheet-sees')).toContainText('mmproj');
    await expect(chat.page.getByTestId('sheet-sees').locator('a')).toHaveCount(0);
  });
});

// The page's licences, as everywhere, and those of the program that the app carries.
test('about', async ({ chat }) => {
  const { page } = chat;
  await page.evaluate(() => (window.location.hash = '#/about'));
  const listIn = (name: string) => JSON.parse(readFileSync(new URL(`../../src/${name}`, import.meta.url), 'utf8')) as unknown;
  const licences = listIn('licences.json') as unknown[];
  const { android } = listIn('program_licences.json') as { android: { name: string; licence: string }[] };
  await expect(page.locator('.licence')).toHaveCount(licences.length + android.length);
  await page.locator('details.fold').first().locator('> summary').click();
  const behind = page.getByTestId('behind');
  for (const { name, licence } of android) await expect(behind.getByRole('listitem').filter({ hasText: name })).toContainText(licence);
  await behind.getByText('musl', { exact: true }).click();
  await expect(behind).toContainText('Rich Felker');
  await expect(behind.locator('pre').filter({ hasText: 'Rich Felker' })).toContainText('The AArch64 memcpy and memset code');
});
