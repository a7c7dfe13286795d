// SPDX-License-Identifier: Apache-2.0
// How quick the page is. Run with THIMBLE_PERF=1 on a machine that does nothing else: numbers of a busy one say nothing.
//   THIMBLE_PERF=1 node node_modules/@playwright/test/cli.js test perf.spec --project=desktop --workers=1
import type { CDPSession } from '@playwright/test';
import { expect, test } from './fixtures';

test.skip(!process.env['THIMBLE_PERF'], 'THIMBLE_PERF=1 measures');
test.describe.configure({ mode: 'serial', timeout: 600_000 });

const kWords = 'A paragraph with some **bold** words, `code` and a [link](https://example.org) that goes on for a while, as answers do.';
const longText = (paragraphs: number) => Array.from({ length: paragraphs }, (_, i) => (i % 7 === 3 ? `- item ${i}\n- another` : `${i}. ${kWords}`)).join('\n\n');

async function heap(session: CDPSession): Promise<number> {
  for (let i = 0; i < 3; i++) await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  return usedSize;
}

test('2,000 tokens at 80 a second @desktop', async ({ chat }) => {
  const { page } = chat;
  // The answer comes from here, so that the pace is right whatever the server does.
  await page.route('**/v1/chat/completions', (route) => route.continue());
  await page.evaluate((text) => {
    const fetchBefore = window.fetch.bind(window);
    window.fetch = async (input, init) => {
      if (!String(input).endsWith('/v1/chat/completions')) return fetchBefore(input, init);
      const pieces = text.match(/\s*\S{1,5}/g)!.slice(0, 2000);
      const stream = new ReadableStream({
        async start(controller) {
          const began = performance.now();
          for (const [i, piece] of pieces.entries()) {
            const due = began + i * 12.5 - performance.now();
            if (due > 1) await new Promise((resolve) => setTimeout(resolve, due));
            controller.enqueue(new TextEncoder().encode(`data: ${JSON.stringify({ choices: [{ delta: { content: piece } }] })}\n\n`));
          }
          controller.enqueue(new TextEncoder().encode('data: [DONE]\n\n'));
          controller.close();
        },
      });
      return new Response(stream, { status: 200 });
    };
    const seen = window as unknown as { frames: number[]; tasks: number[] };
    seen.frames = [];
    seen.tasks = [];
    new PerformanceObserver((list) => seen.tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: 'longtask' });
    let last = performance.now();
    const frame = (now: number) => {
      seen.frames.push(now - last);
      last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }, longText(160));
  await chat.say('Go');
  await expect(chat.answers()).toHaveAttribute('data-state', 'done', { timeout: 60_000 });
  const { frames, tasks } = await page.evaluate(() => {
    const { frames: all, tasks: long } = window as unknown as { frames: number[]; tasks: number[] };
    return { frames: all.slice(30).sort((a, b) => a - b), tasks: long };
  });
  console.log(`frames: ${frames.length}, 95 % within ${frames[Math.floor(frames.length * 0.95)]!.toFixed(1)} ms; long tasks: ${tasks.map(Math.round).join(', ') || 'none'}`);
});

test('a chat of 1,000 messages opens @desktop', async ({ chat }) => {
  const { page } = chat;
  const messages = Array.from({ length: 1000 }, (_, i) => ({ role: i % 2 ? 'assistant' : 'user', content: i % 2 ? `${longText(4)}\n\nAnswer ${i}` : `Question ${i}` }));
  await page.getByTestId('import-input').setInputFiles({ name: 'many.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(messages)) });
  const link = page.getByTestId('chat-item').first().locator('a');
  await expect(link).toBeVisible();
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    await page.reload();
    await expect(link).toBeVisible();
    times.push(await link.evaluate(async (element: HTMLElement) => {
      const began = performance.now();
      element.click();
      while (!document.querySelector('.talk')?.textContent?.includes('Answer 999')) await new Promise((resolve) => requestAnimationFrame(resolve));
      await new Promise((resolve) => requestAnimationFrame(resolve));
      return performance.now() - began;
    }));
    await page.evaluate(() => (window.location.hash = '#/chat'));
  }
  times.sort((a, b) => a - b);
  console.log(`1,000 messages: median ${times[2]!.toFixed(0)} ms (${times.map((time) => time.toFixed(0)).join(', ')})`);
});

test('the heap at answer 200 is about that at answer 20 @desktop', async ({ chat }) => {
  const { page } = chat;
  const session = await page.context().newCDPSession(page);
  let early = 0;
  for (let i = 1; i <= 200; i++) {
    const before = i === 1 ? '' : await chat.answers().last().getAttribute('data-id');
    await chat.say('Hello there');
    await expect(chat.answers().last()).not.toHaveAttribute('data-id', before ?? '');
    await chat.finished();
    if (i === 20) early = await heap(session);
  }
  const late = await heap(session);
  console.log(`heap: ${(early / 1e6).toFixed(2)} MB at 20 answers, ${(late / 1e6).toFixed(2)} MB at 200: ${(late / early).toFixed(2)} times`);
});

test('the first load with a processor slowed four times @desktop', async ({ chat }) => {
  const { page, service } = chat;
  const session = await page.context().newCDPSession(page);
  await session.send('Emulation.setCPUThrottlingRate', { rate: 4 });
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    await page.goto('about:blank');
    const began = Date.now();
    await page.goto(`${service.url}/#token=${service.token}`);
    await expect(page.getByTestId('composer')).toBeEditable();
    times.push(Date.now() - began);
  }
  times.sort((a, b) => a - b);
  console.log(`interactive: median ${times[2]} ms (${times.join(', ')})`);
});
