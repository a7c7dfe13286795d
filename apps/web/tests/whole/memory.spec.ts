// SPDX-License-Identifier: Apache-2.0
// Browsers that give little memory, and an engine that runs out of it: a sentence, and nothing lost.
import { rmSync } from 'node:fs';
import { changeEngineWorker, expect, hasModules, kText, test, type Whole } from './fixtures';
import { writeLargeModel } from './large_model';

test.skip(!hasModules(), 'the page has no modules (tools/browser_page.mjs)');

const kMiB = 1024 * 1024;
const kLarge = 'large.gguf';

// The browser's memory, refused above so many MiB (shared memory alone where `what` says so).
const refusing = (most: number, what = 'true') => `{
  const Real = WebAssembly.Memory;
  WebAssembly.Memory = function (how) {
    if (${what} && how.maximum * 65536 > ${most * kMiB}) throw new RangeError('could not allocate memory');
    return new Real(how);
  };
}
`;
// One that says yes, and gives less.
const lying = (most: number) => `{
  const Real = WebAssembly.Memory;
  WebAssembly.Memory = function (how) {
    return new Real({ ...how, maximum: Math.min(how.maximum, ${(most * kMiB) / 65536}) });
  };
}
`;

async function deviceLine(whole: Whole, name: string) {
  await whole.page.evaluate(() => (window.location.hash = '#/device'));
  const line = whole.page.locator(`[data-testid=device-line][data-name=${name}]`);
  await expect(line).toBeVisible();
  return line;
}

test('a model that needs more memory than there is is refused with a sentence, and a smaller one answers', async ({ whole, folder }) => {
  const { page } = whole;
  changeEngineWorker(folder, refusing(256));
  const large = test.info().outputPath(kLarge);
  writeLargeModel(large, { layers: 16, vocabulary: kText });
  await whole.begin();
  await whole.answers('Hello there');
  const memory = await deviceLine(whole, 'memory');
  await expect(memory).toContainText(/up to 268 MB .*refused more/);
  await expect(memory).toHaveAttribute('data-good', 'false');
  await page.evaluate(() => (window.location.hash = '#/models'));
  await whole.choose('model-import', large);
  const item = page.locator('[data-testid=model-item][data-name=large]');
  await expect(item).toBeVisible({ timeout: 60_000 });
  rmSync(large);
  await expect(item.getByTestId('model-too-large')).toContainText(/needs more than 3\d\d MB of memory, and this browser gives the engine 268 MB. This would fit: text-tied-q8_0/);
  await expect(item.getByTestId('model-open')).toBeDisabled();
  // Nothing is lost: the one that is open goes on, after a reload too.
  await page.evaluate(() => (window.location.hash = '#/chat'));
  await whole.reload();
  await whole.hasModel('reads text');
  await page.getByTestId('new-chat').or(page.getByTestId('new-chat-bar')).filter({ visible: true }).first().click();
  await whole.answers('And now?');
});

test('memory that threads share is refused: one thread computes, and the page says so', async ({ whole, folder }) => {
  changeEngineWorker(folder, refusing(0, 'how.shared'));
  await whole.begin();
  await whole.answers('Hello there');
  await expect(await deviceLine(whole, 'threads')).toContainText('1 thread');
  await expect(await deviceLine(whole, 'one-thread')).toContainText('gave no memory that threads can share');
});

// A request that is larger than all memory, from within the worker: no page could show such a text in the time of a test.
const filling = `new BroadcastChannel('test:fill').onmessage = () => {
  const text = JSON.stringify({ messages: [{ role: 'user', content: 'word '.repeat(3000000) }] });
  const head = { method: 'POST', path: '/v1/chat/completions', query: '', headers: [['content-type', 'application/json']] };
  self.onmessage({ data: { kind: 'request', id: 1000000, head, body: new TextEncoder().encode(text).buffer } });
};
`;

// A trap, not a kill: the browser gives less than it said, so nothing can be foreseen.
test('an engine that runs out of memory is started again, once, and what was written stays', async ({ whole, folder }) => {
  const { page } = whole;
  changeEngineWorker(folder, lying(80) + filling);
  await whole.begin();
  await whole.beginLong();
  let started = 0;
  page.on('worker', (worker) => (started += /engine_worker/.test(worker.url()) ? 1 : 0));
  const before = (await whole.answer.textContent())!.length;
  await page.evaluate(() => new BroadcastChannel('test:fill').postMessage(''));
  await expect(page.getByTestId('engine-again')).toBeVisible({ timeout: 60_000 });
  await expect(whole.answer).toHaveAttribute('data-state', 'stopped');
  expect((await whole.answer.textContent())!.length).toBeGreaterThan(before / 4);
  await whole.hasModel('reads text');
  expect(started).toBe(1);
  await expect(page.getByTestId('engine-failed')).toHaveCount(0);
  await whole.answer.getByTestId('continue').click();
  await expect(whole.answer).toHaveAttribute('data-state', 'done', { timeout: 60_000 });
  // The next start opens the model: it was not being opened when the engine ended.
  await whole.reload();
  await whole.hasModel('reads text');
  await expect(page.getByTestId('engine-crashed')).toHaveCount(0);
  await expect(page.getByTestId('engine-again')).toHaveCount(0);
});
