// SPDX-License-Identifier: Apache-2.0
// The page over the app's own program, with the built-in model and one that is brought in. THIMBLE_ANDROID_PROGRAM says the program,
// with what runs it before it; the one that the release build makes of the same sources otherwise.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Decision, Readings } from '../../src/android/protocol';
import { expect, test as base } from '../e2e/fixtures';
import { makePng } from '../e2e/png';
import { FakeApp } from './fake_app';
import { Program } from './program';

const root = join(import.meta.dirname, '../../../..');
const command = (process.env['THIMBLE_ANDROID_PROGRAM'] ?? join(root, 'build/android/libthimble.so')).split(' ');
const builtin = join(root, 'build/share/thimble/builtin.gguf');
const cool: Readings = { thermal: 0, headroom: 0.3, battery: 80, charging: false, power_save: false, mode: 'balanced' };

let home = '';
let program: Program;

async function start(): Promise<Program> {
  const one = new Program(command, home, { builtin });
  await one.started;
  return one;
}

const test = base.extend<{ phone: FakeApp }>({
  behind: async ({}, use) => use({ url: '', token: '', isMock: false }), // eslint-disable-line no-empty-pattern -- Playwright wants it so
  app: async ({ page }, use) => {
    const app = new FakeApp(page, { url: '', token: '' }, program);
    await app.install();
    await use(app);
  },
  phone: async ({ app, chat }, use) => {
    if (!app) throw new Error(`${chat.service.url} has no app`);
    hearProgram(app);
    await use(app);
  },
});

// What the app passes on of the program's own accord.
function hearProgram(app: FakeApp): void {
  program.onLine = (line) => {
    if (line['started']) app.event('started', line['started'] as object);
    if (line['decision']) app.event('decision', { decision: line['decision'] as Decision, readings: cool });
  };
}

// As the app's importer: the vision file first, each with what it is in the end.
async function bring(model: string, files: Record<string, string>): Promise<void> {
  for (const [name, path] of Object.entries(files)) {
    const bytes = readFileSync(join(root, 'build/fixtures/gguf', path));
    const { status, body } = await program.get('PUT', `/thimble/v1/models/${model}/${name}`, bytes, [['content-type', 'application/octet-stream']]);
    expect(status, body.toString()).toBeLessThan(300);
  }
}

test.describe.configure({ mode: 'serial', timeout: 120_000 });

test.beforeAll(async () => {
  test.skip(!existsSync(command.at(-1)!) && !process.env['THIMBLE_ANDROID_PROGRAM'], `there is no ${command.at(-1)!}`);
  test.skip(!existsSync(builtin), 'there is no built-in model (scripts/get-builtin)');
  test.setTimeout(300_000); // the built-in model is packed, under an emulator maybe
  home = mkdtempSync(join(tmpdir(), 'thimble-app-'));
  program = await start();
});

test.afterAll(async () => {
  if (!home) return;
  await program.kill();
  rmSync(home, { recursive: true, force: true });
});

test('the built-in model answers before anything is brought in', async ({ chat, phone }) => {
  const { page } = chat;
  await chat.ask('What is the capital of France?');
  const text = chat.answers().last().locator('.markdown');
  await expect(text).toContainText(/\w{3}/); // Paris, most times; tests/android/test_builtin.py asks it without chance
  await expect.poll(() => phone.said('answering').map(({ is }) => is)).toEqual([true, false]);
  const answer = (await text.textContent())!;
  await page.reload();
  await expect(text).toHaveText(answer); // from the program's history
});

test('the phone is too hot: the answer waits, and goes on when it is cooler', async ({ chat, phone }) => {
  const { page } = chat;
  await chat.say('Tell me a long story about a dog and a cat.');
  await expect(chat.answers().last()).toContainText(/\w+ \w+ \w+/);
  program.say({ readings: { ...cool, thermal: 5 } });
  await expect(page.getByTestId('app-paused')).toBeVisible();
  // What was on its way has come when two looks see the same.
  let before = '';
  await expect.poll(async () => before === (before = (await chat.answers().last().textContent()) ?? ''), { intervals: [700] }).toBe(true);
  program.say({ readings: cool });
  await expect(page.getByTestId('app-paused')).toHaveCount(0);
  await expect.poll(async () => (await chat.answers().last().textContent())!.length).toBeGreaterThan(before.length);
  phone.event('stop');
  await expect(chat.answers().last()).toHaveAttribute('data-state', 'stopped');
});

test('the program is killed in the middle of an answer: what came is there, and it is gone on with', async ({ chat, phone }) => {
  const { page } = chat;
  await chat.say('Tell me a long story about the sea.');
  await expect(chat.answers().last()).toContainText(/\w+ \w+ \w+ \w+/);
  const came = ((await chat.answers().last().textContent()) ?? '').slice(0, 12);
  await program.kill();
  phone.die(true);
  await expect(page.getByTestId('app-died')).toContainText('is being started again');
  program = await start();
  phone.service = program;
  hearProgram(phone);
  phone.revive();
  await expect(chat.answers().last()).toHaveAttribute('data-state', 'stopped');
  await expect(chat.answers().last()).toContainText(came);
  const length = async (): Promise<number> => ((await chat.answers().last().locator('.markdown').textContent()) ?? '').length;
  const before = await length();
  await page.getByTestId('continue').click();
  await expect.poll(length).toBeGreaterThan(before);
  await page.getByTestId('stop').click();
  await expect(chat.answers().last()).toHaveAttribute('data-state', 'stopped');
  await expect(chat.answers().last()).toContainText(came);
});

test('a model that sees is brought in, opened, and looks at a picture', async ({ chat, phone }) => {
  const { page } = chat;
  await bring('Fixture-VL', { 'mmproj-vl-f16.gguf': 'mmproj-vl-f16.gguf', 'vl-q8_0.gguf': 'vl-q8_0.gguf' });
  phone.event('import', { name: 'Fixture-VL.gguf', bytes: 100, total: 100, state: 'done' });
  await expect(page.getByTestId('models')).toContainText('Fixture-VL');
  await expect(page.locator('.dot[data-state=ready]').first()).toBeVisible();
  phone.event('shared', { text: 'What is this?', pictures: [{ name: 'x.png', mime: 'image/png', base64: makePng(64, 48).toString('base64') }] });
  await expect(page.getByTestId('picture-preview')).toHaveAttribute('data-state', 'ready');
  await page.getByTestId('send').click();
  await expect(chat.answers()).toHaveCount(1);
  await chat.finished();
  await expect(chat.questions().getByTestId('message-picture').locator('img')).toBeVisible();
  await page.reload();
  await expect(chat.questions().getByTestId('message-picture').locator('img')).toBeVisible(); // from the program's history
});

test('the self-check passes', async ({ chat, phone }) => {
  const { page } = chat;
  await page.evaluate(() => (window.location.hash = '#/check'));
  await page.getByTestId('check-run').click();
  await expect(page.getByTestId('check-verdict')).toHaveAttribute('data-passed', 'true', { timeout: 60_000 });
  await page.getByTestId('check-copy').click();
  await expect.poll(() => phone.said('copy').length + phone.said('share').length).toBeGreaterThan(0);
});
