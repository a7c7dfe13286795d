// SPDX-License-Identifier: Apache-2.0
// A model of 500 MB through a real file choice, as somebody's own would come: progress, room, the pack, the second start.
// It writes 1.5 GB into the temporary folder and takes minutes, so it is run where THIMBLE_WHOLE is set.
import { createHash } from 'node:crypto';
import { createReadStream, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, hasModules, kVocabulary, test } from './fixtures';
import { writeLargeModel } from './large_model';

test.skip(!hasModules(), 'the page has no modules (tools/browser_page.mjs)');
test.skip(!process.env['THIMBLE_WHOLE'], 'minutes long: THIMBLE_WHOLE=1');
test.setTimeout(900_000);

const kReserve = 32 * 1024 * 1024; // as src/engine/room.ts

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(file)) hash.update(piece as Buffer);
  return hash.digest('hex');
}

test('a model of 500 MB is imported, becomes a pack, and opens again', async ({ whole }) => {
  const { page, host } = whole;
  const file = join(test.info().outputDir, 'large.gguf');
  await whole.open();
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
  expect(seen.size, 'lines of progress').toBeGreaterThan(2);
  expect(most - before, 'twice the model and a reserve, as was asked for').toBeLessThanOrEqual(2 * size + kReserve);
  expect(most - before).toBeGreaterThan(size);
  // Only the pack is left, and it says of which file it was made.
  const after = (await usage()) - before;
  expect(after).toBeLessThan(size * 1.1);
  host.sent['/app/blank.html'] = '<p>nothing';
  await page.evaluate(() => (window.location.hash = '#/models'));
  await expect(page.locator('[data-testid=model-item][data-name=large]')).toHaveAttribute('data-open', 'true');
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
