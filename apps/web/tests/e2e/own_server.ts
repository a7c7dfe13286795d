// SPDX-License-Identifier: Apache-2.0
// A real server of a test's own, for what the others' would not survive: kills, new homes, models that come and go.
// tests/with_server.mjs says where the programs and the fixtures are.
import { test } from '@playwright/test';
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Service } from './fixtures';

const { THIMBLE_SCRIPTED_SERVER: scripted = '', THIMBLE_SEEING_MODEL: seeing = '', THIMBLE_BLIND_MODEL: blind = '' } = process.env;
const thimble = join(dirname(scripted), '../thimble');
export const fixtures = join(dirname(seeing), '..'); // build/fixtures

export class OwnServer {
  private child: ChildProcess | null = null;
  private readonly folder = mkdtempSync(join(tmpdir(), 'thimble-own-'));
  private home = '';
  private port = 0;

  // Replies from tests/e2e/script.json, at a pace; or `thimble serve` with a model that writes what it likes.
  constructor(private readonly tokensPerSecond = 0) {
    test.skip(scripted === '', 'needs the real server: tests/with_server.mjs');
    if (tokensPerSecond === 0 && !existsSync(thimble)) throw new Error(`there is no ${thimble}: build the target thimble, too`);
    this.moveHome();
  }

  // The next start has an empty home, and so another token.
  moveHome(): void {
    this.home = mkdtempSync(join(this.folder, 'home-'));
    chmodSync(this.home, 0o700);
  }

  // At the same port each time.
  async start(): Promise<Service> {
    const script = join(this.folder, 'script.json');
    const says = JSON.parse(readFileSync(join(import.meta.dirname, 'script.json'), 'utf8')) as object;
    writeFileSync(script, JSON.stringify({ ...says, tokens_per_second: this.tokensPerSecond }));
    const [program, ...args] =
      this.tokensPerSecond > 0 ? [scripted, seeing, script, '--home', this.home, '--context', '4096'] : [thimble, 'serve', blind, '--json', '--no-open'];
    const child = spawn(program!, [...args, '--port', String(this.port)], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, THIMBLE_HOME: this.home } });
    this.child = child;
    const line = await new Promise<string>((resolve, reject) => {
      child.once('exit', (status) => reject(new Error(`${program} ended with ${status}`)));
      createInterface({ input: child.stdout }).once('line', resolve);
    });
    const { url, token, port } = JSON.parse(line) as { url: string; token: string; port: number };
    this.port = port;
    if (!(await (await fetch(url)).text()).includes('id="app"')) throw new Error(`${program} has no page inside: run scripts/build-page and build it again`);
    return { url, token, isMock: false };
  }

  async kill(): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  async end(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}
