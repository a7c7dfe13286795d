// SPDX-License-Identifier: Apache-2.0
import { defineConfig } from '@playwright/test';
import base from './playwright.config';

// The page as plain files (tests/shell), without a server of ours.
export default defineConfig({ ...base, testDir: 'tests/shell', workers: 1, projects: base.projects?.filter(({ name }) => name === 'desktop') ?? [] });
