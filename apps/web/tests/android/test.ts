// SPDX-License-Identifier: Apache-2.0
// A page over a played app, which is open, and the app.
import { expect, test as base } from '../e2e/fixtures';
import type { FakeApp } from './fake_app';

export const test = base.extend<{ phone: FakeApp }>({
  phone: async ({ app, chat }, use) => {
    if (!app) throw new Error(`${chat.service.url} is no app's page: playwright.android.config.ts`);
    await use(app);
  },
});
export { expect };
