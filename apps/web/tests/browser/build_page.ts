// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

export default function buildPage(): void {
  const top = join(import.meta.dirname, '../..');
  execFileSync(process.execPath, [join(top, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'error', '-c', join(import.meta.dirname, 'vite.config.ts')], { cwd: top, stdio: 'inherit' });
}
