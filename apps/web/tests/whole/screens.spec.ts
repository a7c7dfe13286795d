// SPDX-License-Identifier: Apache-2.0
// The screens that only the page with its engine inside has: looked at by axe, and kept as pictures in test-results/screens.
import AxeSource from 'axe-core';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { expect, hasModules, kText, putShare, test } from './fixtures';

test.skip(!hasModules(), 'the page has no modules (tools/browser_page.mjs)');

const kScreens = join(import.meta.dirname, '../../test-results/screens');

async function look(page: Page, name: string): Promise<void> {
  await page.waitForTimeout(250);
  await page.screenshot({ path: join(kScreens, `own-${name}-${test.info().project.name}.png`) });
  // Through the debugger's own world: the page's policy lets nobody else's script in.
  await page.evaluate(AxeSource.source);
  const found = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run: (options: object) => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } };
    const { violations } = await axe.run({ resultTypes: ['violations'] });
    return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
  });
  expect(found, name).toEqual([]);
  // Nobody here has a server to start. (The list of changes tells of all of Thimble.)
  if (!name.startsWith('about')) await expect(page.locator('body')).not.toContainText('thimble serve');
}

for (const theme of ['light', 'dark']) {
  test(`screens, ${theme}`, async ({ whole, folder, context }) => {
    const { page, host } = whole;
    putShare(folder, kText, 300_000);
    await whole.open(`?theme=${theme}`);
    await expect(page.getByTestId('builtin')).toBeVisible();
    await look(page, `none-${theme}`);
    await page.getByTestId('which-files').click();
    await look(page, `files-${theme}`);
    await page.keyboard.press('Escape');
    // No room: a sentence; then on its way.
    const cdp = await context.newCDPSession(page);
    await cdp.send('Storage.overrideQuotaForOrigin', { origin: new URL(host.url).origin, quotaSize: 20_000_000 });
    await whole.choose('model-import', kText);
    await expect(page.getByTestId('model-import-row')).toHaveAttribute('data-state', 'paused');
    await look(page, `no-room-${theme}`);
    await cdp.send('Storage.overrideQuotaForOrigin', { origin: new URL(host.url).origin });
    await page.getByTestId('model-import-row').getByRole('button').last().click();
    await host.hold(async () => {
      await page.getByTestId('builtin-take').click();
      await expect(page.getByTestId('model-import-row')).toContainText(' of ');
      await look(page, `import-${theme}`);
    });
    await whole.hasModel('tiny, often wrong');
    await whole.answers('Hello there');
    await look(page, `chat-${theme}`);
    for (const name of ['models', 'device', 'proof', 'about']) {
      await page.evaluate((hash) => (window.location.hash = hash), `#/${name}`);
      await expect(page.getByTestId(`page-${name}`)).toBeVisible();
      if (name === 'models') await expect(page.getByTestId('space')).toContainText('1');
      await look(page, `${name}-${theme}`);
    }
  });
}
