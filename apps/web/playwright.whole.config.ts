// SPDX-License-Identifier: Apache-2.0
import { defineConfig } from '@playwright/test';
import { join } from 'node:path';
import base from './playwright.config';

// The page with the engine inside (tests/whole), on a desktop's and a phone's window. device.example is this machine, under
// a name that no browser trusts.
// A real server to move chats to and from (tests/e2e/own_server.ts).
const build = join(import.meta.dirname, '../../build');
process.env['THIMBLE_SCRIPTED_SERVER'] ??= join(build, 'tests/scripted_server');
process.env['THIMBLE_SEEING_MODEL'] ??= join(build, 'fixtures/models/vl');

export default defineConfig({
  ...base,
  testDir: 'tests/whole',
  outputDir: 'test-results/whole',
  workers: 1,
  fullyParallel: false,
  timeout: 90_000,
  expect: { timeout: 20_000 },
  projects: (base.projects ?? []).map((project) => {
    const { launchOptions } = project.use!;
    const args = [...(launchOptions?.args ?? []), '--host-resolver-rules=MAP device.example 127.0.0.1'];
    return { ...project, use: { ...project.use, launchOptions: { ...launchOptions, args } } };
  }),
});
