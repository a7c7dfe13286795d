// SPDX-License-Identifier: Apache-2.0
// A model of 500 MB through a real file choice, as somebody's own would come: progress, room, the pack, the second start.
// It writes 1.7 GB into the temporary folder and takes a minute, so it is run where THIMBLE_WHOLE is set.
import { createHash } from 'node:crypto';
import { createReadStream, rmSync } from 'node:fs';
import { join } from 'node:path';
import { changeEngineWorker, expect, hasModules, kVocabulary, test } from './fixtures';
import { writeLargeModel } from './large_model';

test.skip(!hasModules(), 'the page has no modules (tools/browser_page.mjs)');
test.skip(!process.env['THIMBLE_WHOLE'], 'a minute and 1.7 GB: THIMBLE_WHOLE=1');
test.setTimeout(900_000);

const kReserve = 32 * 1024 * 1024; // as src/engine/room.ts

// Tells what the store answers to pieces of a file.
const telling = `{
  const send = self.postMessage.bind(self);
  const tests = new BroadcastChannel('test:told');
  self.postMessage = (message, how) => {
    for (const { bytes } of message.kind === 'answers' ? message.parts : []) {
      const text = bytes && bytes.length < 4096 ? new TextDecoder().decode(bytes) : '';
      if (text.includes('"sha256"')) tests.postMessage(text);
    }
    send(message, how);
  };
}
`;

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(file)) hash.update(piece as Buffer);
  return hash.digest('hex');
}

test('a model of 500 MB is imported, becomes a pack, and opens again', async ({ whole, folder }) => {
  const { page } = whole;
  const file = join(test.info().outputDir, 'large.gguf');
  changeEngineWorker(folder, telling);
  await whole.open();
  await page.evaluate(() => {
    const told: string[] = [];
    new BroadcastChannel('test:told').onmessage = ({ data }: MessageEvent<string>) => told.push(data);
    Object.assign(window, { told });
  });
  const size = writeLargeModel(test.info().outputPath('large.gguf'), { layers: 12, vocabulary: kVocabulary });
  expect(size).toBeGreaterThan(500e6);
  const digest = await digestOf(file);
  // What the storage takes, at its highest.
  let most = 0;
  const usage = () => page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0);
  const before = await usage();
  const began = Date.now();
  await whole.choose('model-import', file);
  const row = page.getByTestId('model-import-row');
  const seen = new Set<string>();
  await expect
    .poll(
      async () => {
        most = Math.max(most, await usage());
        const line = await row.textContent({ timeout: 1000 }).catch(() => '');
        if (/ of 5\d\d MB/.test(line ?? '')) seen.add(line!);
        return page.getByTestId('models').textContent();
      },
      { timeout: 600_000, intervals: [100] },
    )
    .toContain('reads text');
  const imported = Date.now() - began;
  const told = await page.evaluate(() => (window as unknown as { told: string[] }).told);
  expect(JSON.parse(told.at(-1)!)).toMatchObject({ whole: true, model: true, total: size, sha256: digest });
  expect(seen.size, 'lines of progress').toBeGreaterThan(2);
  expect(most - before, 'twice the model and a reserve, as was asked for').toBeLessThanOrEqual(2 * size + kReserve);
  expect(most - before).toBeGreaterThan(size);
  // Only the pack is left, and it says of which file it was made.
  const after = (await usage()) - before;
  expect(after).toBeLessThan(size * 1.1);
  await page.evaluate(() => (window.location.hash = '#/models'));
  await expect(page.locator('[data-testid=model-item][data-name=large]')).toHaveAttribute('data-open', 'true');
  await page.evaluate(() => (window.location.hash = '#/chat'));
  // Opened again, from the pack.
  const again = Date.now();
  await whole.reload();
  await whole.hasModel('reads text');
  const reopened = Date.now() - again;
  await whole.answersHaveAtMost(4);
  await whole.answers('Hello there');
  console.log(`import of ${Math.round(size / 1e6)} MB: ${(imported / 1000).toFixed(1)} s; opened again after a reload: ${(reopened / 1000).toFixed(1)} s; storage at its highest ${Math.round((most - before) / 1e6)} MB, afterwards ${Math.round(after / 1e6)} MB; SHA-256 ${digest.slice(0, 16)}`);
  rmSync(file);
});
