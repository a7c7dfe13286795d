// SPDX-License-Identifier: Apache-2.0
// How quick the page is, in Chromium against the real server, with the limits that hold. Prints a line of JSON with every
// figure, and fails over a limit.
//
//   node speed.mjs [--server PROGRAM] [--fixtures FOLDER] [--only load|open|stream|long|heap] [--slack 1]
//
// --slack: what limits of time are multiplied by, on a machine that is known to be slow. Besides, they grow by as much as
// other programs take of the processor, which is measured before and after each figure ("busy", 1: nobody takes any):
// a limit of time says nothing of a page that waits for its turn.
import { get } from 'node:http';
import { check, main, readArguments, startService, Steps } from '../real/real.mjs';
import { startChromium } from '../real/chromium.mjs';

const kAnswer = '[data-testid=message][data-role=assistant]';
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const rounded = (value, digits = 1) => Number(value.toFixed(digits));

// An answer as models write them: paragraphs, lists, code, a table, a formula.
function longAnswer(characters) {
  const part = (i) => `## Part ${i}: what a hedge needs

A hedge of **hornbeam** keeps its leaves over the winter, and *copper beech* does too. Plant it in October, water it in the first two summers, and cut it twice a year; number ${i} of the list in the [garden book](https://example.org/hedges) says why.

- dig a trench that is 40 cm deep and as wide
- put the young plants 30 cm apart, with \`compost\` in between
- water them well, and cover the ground with bark

| kind | height | price |
|---|--:|--:|
| hornbeam | 80 cm | ${i + 2} euro |
| beech | 60 cm | ${i + 3} euro |

\`\`\`python
def plants(length, apart=0.3):
    # one more than there are gaps
    return int(length / apart) + ${i}
\`\`\`

For a length of $l$ metres that makes $n = \\frac{l}{0.3} + 1$ plants.

`;
  let text = '';
  for (let i = 1; text.length < characters; i++) text += part(i);
  return text.slice(0, characters);
}

// How much longer work takes than it keeps the processor.
function busy() {
  const from = performance.now();
  const used = process.cpuUsage();
  let sum = 0;
  while (performance.now() - from < 300) sum += Math.sqrt(sum + 1);
  const { user, system } = process.cpuUsage(used);
  return Math.max(1, (performance.now() - from) / ((user + system) / 1000));
}

class Speed {
  figures = {};
  faults = [];

  constructor(values, service, browser) {
    Object.assign(this, { values, service, browser });
  }

  // What `work` gives, which is to be at most `limit`; a limit of time is looser on a busy machine.
  async figure(name, limit, unit, work) {
    const before = busy();
    const value = await work();
    const slack = unit === 'ms' ? Number(this.values.slack) * Math.max(before, busy()) : 1;
    this.figures[name] = rounded(value, value < 10 ? 2 : 1);
    if (unit === 'ms') this.figures.busy = rounded(Math.max(this.figures.busy ?? 1, slack), 2);
    const line = `${name}: ${this.figures[name]} ${unit} (at most ${limit}${slack > 1.1 ? `, here ${rounded(limit * slack)}: other programs take as much time` : ''})`;
    console.log(`          ${line}`);
    if (value > limit * slack) this.faults.push(line);
  }

  async page(options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    return context.newPage();
  }

  async opened() {
    const page = await this.page();
    await page.goto(this.service.address);
    await page.locator('.dot[data-state=ready]').first().waitFor();
    return page;
  }

  async ask(page, text) {
    const before = await page.locator(kAnswer).count();
    await page.getByTestId('composer').fill(text);
    await page.getByTestId('composer').press('Enter');
    return before;
  }

  async import(chat, texts) {
    const id = (n) => `${chat}${String(n).padStart(24 - chat.length, '0')}`;
    const messages = texts.map((text, i) => ({ id: id(i + 1), parent: i === 0 ? '' : id(i), role: i % 2 ? 'assistant' : 'user', model: 'vl', state: 'done', created: 1_700_000_000_000 + i, text, reasoning: '', pictures: [], facts: {} }));
    const now = Date.now();
    await this.service.request('POST', '/thimble/v1/chats/import', {
      chat: { id: id(0), title: `Long ${chat}`, model: '', instructions: '', folder: '', head: messages.at(-1).id, pinned: false, created: now, updated: now }, messages,
    });
    return { id: id(0), last: messages.at(-1).id };
  }
}

// Bytes that a first visit takes over the wire, compressed with gzip.
async function firstLoad(speed) {
  const page = await speed.page();
  const paths = [];
  page.on('request', (request) => paths.push(new URL(request.url()).pathname));
  await page.goto(speed.service.address);
  await page.locator('.dot[data-state=ready]').first().waitFor();
  await page.waitForLoadState('networkidle');
  await page.context().close();
  const size = (path, encoding) => new Promise((done, fail) => {
    get(speed.service.url + path, { headers: { 'accept-encoding': encoding } }, (answer) => {
      let bytes = 0;
      answer.on('data', (data) => (bytes += data.length));
      answer.on('end', () => done(bytes));
    }).on('error', fail);
  });
  const files = [...new Set(paths)].filter((path) => !/^\/(v1|thimble|health)/.test(path));
  check(files.includes('/') && files.length > 3, `the page is made of ${files.join(' ')}`);
  const sum = async (encoding) => (await Promise.all(files.map((path) => size(path, encoding)))).reduce((a, b) => a + b, 0) / 1024;
  speed.figures.first_load_files = files.length;
  speed.figures.first_load_plain_kib = rounded(await sum('identity'));
  speed.figures.first_load_brotli_kib = rounded(await sum('br'));
  return sum('gzip');
}

// From the start of the navigation until the composer has taken a key: by the clock, and the processor's time of the page's
// main thread until then.
async function untilKey(speed, slowed) {
  const page = await speed.page();
  // The key is pressed as soon as there is something to press it into, without Playwright's own work in the page.
  await page.addInitScript(() => {
    addEventListener('input', () => requestAnimationFrame(() => setTimeout(() => (window.tookKeyAt ??= performance.now()))), true);
    const look = () => {
      const area = document.querySelector('[data-testid=composer]');
      if (!area) return requestAnimationFrame(look);
      area.focus();
      return window.composerIsThere('');
    };
    look();
  });
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.enable');
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  await session.send('Runtime.addBinding', { name: 'composerIsThere' });
  session.once('Runtime.bindingCalled', () => void session.send('Input.dispatchKeyEvent', { type: 'keyDown', key: 'k', text: 'k' }));
  await session.send('Emulation.setCPUThrottlingRate', { rate: slowed });
  const used = async () => 1000 * (await session.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'TaskDuration').value;
  await page.goto(speed.service.address, { waitUntil: 'commit' });
  const at = await (await page.waitForFunction(() => window.tookKeyAt)).jsonValue();
  const work = await used();
  check((await page.getByTestId('composer').inputValue()) === 'k', 'the composer takes no key');
  await page.context().close();
  return { at, work };
}

// On a processor that is slowed four times.
async function interactive(speed) {
  const times = [];
  for (let i = 0; i < 5; i++) times.push((await untilKey(speed, 4)).at);
  speed.figures.interactive_ms_all = times.map((time) => rounded(time, 0));
  return median(times);
}

// The same by the processor's time, which other programs do not lengthen: four times what the page works until then.
async function interactiveWork(speed) {
  const works = [];
  for (let i = 0; i < 3; i++) works.push((await untilKey(speed, 1)).work);
  return 4 * median(works);
}

// Frames and long tasks of a page for as long as `work` takes.
async function watchFrames(page, work) {
  await page.evaluate(() => {
    const seen = (window.seen = { frames: [], tasks: [], isOver: false });
    seen.observer = new PerformanceObserver((list) => seen.tasks.push(...list.getEntries().map(({ duration }) => duration)));
    seen.observer.observe({ type: 'longtask' });
    const frame = (time) => {
      seen.frames.push(time);
      if (!seen.isOver) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  await work();
  const { frames, tasks } = await page.evaluate(() => {
    window.seen.isOver = true;
    window.seen.observer.disconnect();
    return { frames: window.seen.frames, tasks: window.seen.tasks };
  });
  const deltas = frames.slice(1).map((time, i) => time - frames[i]);
  return { share: (100 * deltas.filter((delta) => delta <= 17).length) / deltas.length, tasks, worst: Math.max(...deltas), count: deltas.length };
}

// Processor time of the page's main thread, task by task: what other programs take is not in it.
async function traced(browser, work) {
  const session = await browser.newBrowserCDPSession();
  const events = [];
  session.on('Tracing.dataCollected', ({ value }) => events.push(...value));
  await session.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories: ['toplevel', 'disabled-by-default-devtools.timeline', '__metadata'], recordMode: 'recordAsMuchAsPossible' } });
  const made = await work();
  const complete = new Promise((done) => session.once('Tracing.tracingComplete', done));
  await session.send('Tracing.end');
  await complete;
  await session.detach();
  // Of the process that did the most: Chromium has pages of its own beside ours.
  const mains = new Map(events.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain').map(({ pid, tid }) => [`${pid}/${tid}`, []]));
  for (const { name, pid, tid, ts, tdur } of events) {
    if (name === 'ThreadControllerImpl::RunTask' && tdur !== undefined) mains.get(`${pid}/${tid}`)?.push({ at: ts / 1000, used: tdur / 1000 });
  }
  const sum = (list) => list.reduce((total, { used }) => total + used, 0);
  const tasks = [...mains.values()].sort((one, other) => sum(other) - sum(one))[0] ?? [];
  const frames = new Map();
  for (const { at, used } of tasks) frames.set(Math.floor(at / 16.67), (frames.get(Math.floor(at / 16.67)) ?? 0) + used);
  const within = [...frames.values()].filter((used) => used <= 17).length;
  return { made, count: tasks.length, longest: Math.max(0, ...tasks.map(({ used }) => used)), used: sum(tasks), within: (100 * within) / frames.size };
}

async function streaming(speed) {
  const empty = await speed.page();
  const bare = await watchFrames(empty, () => empty.waitForTimeout(3000));
  await empty.context().close();
  const page = await speed.opened();
  const before = busy();
  const { made: seen, ...main } = await traced(speed.browser, () => watchFrames(page, async () => {
    await speed.ask(page, 'a long answer, please');
    await page.locator(`${kAnswer}[data-state=done]`).waitFor({ timeout: 120_000 });
  }));
  const slack = Number(speed.values.slack) * Math.max(before, busy());
  const tokens = Number(await page.getByTestId('meter').getAttribute('data-tokens'));
  const rate = Number(await page.getByTestId('meter').getAttribute('data-tokens-per-second'));
  await page.context().close();
  check(tokens >= 2000 && main.count > 1000, `${tokens} tokens, ${main.count} tasks`);
  const { figures, faults } = speed;
  Object.assign(figures, {
    busy: rounded(Math.max(figures.busy ?? 1, slack), 2),
    stream_tokens: tokens, stream_tokens_per_second: rate, frames: seen.count, frames_within_17_ms_percent: rounded(seen.share), empty_page_within_17_ms_percent: rounded(bare.share),
    frames_work_within_17_ms_percent: rounded(main.within), worst_frame_ms: rounded(seen.worst), empty_page_worst_frame_ms: rounded(bare.worst),
    long_tasks: seen.tasks.length, longest_task_ms: rounded(Math.max(0, ...seen.tasks)), empty_page_long_tasks: bare.tasks.length,
    longest_task_processor_ms: rounded(main.longest), main_thread_percent: rounded((100 * main.used) / ((tokens / rate) * 1000)),
  });
  console.log(`          frames within 17 ms: ${figures.frames_within_17_ms_percent} % by the clock, ${figures.frames_work_within_17_ms_percent} % by the processor's time (at least 95; an empty page has ${figures.empty_page_within_17_ms_percent} % here)`);
  console.log(`          longest task: ${figures.longest_task_ms} ms by the clock, ${figures.longest_task_processor_ms} of the processor's (at most 50); main thread ${figures.main_thread_percent} %`);
  if (main.within < 95) faults.push(`frames whose work is within 17 ms: ${main.within} %`);
  // Programs that share the caches make even that longer.
  if (main.longest > (slack > 1.15 ? 75 : 50)) faults.push(`a task takes ${main.longest} ms of the processor`);
  // By the clock only where the processor is the page's: a page that waits for its turn has missed no frame itself.
  if (slack > 1.15) console.log(`          the clock's limits do not count: other programs take the processor (busy ${rounded(slack, 2)})`);
  else if (seen.share < Math.min(95, bare.share - 2) || seen.tasks.length > 0) faults.push(`frames within 17 ms: ${seen.share} %, tasks above 50 ms: ${seen.tasks.length}`);
}

// From the click on a chat of 1,000 messages until its end is drawn.
async function longChat(speed) {
  const texts = Array.from({ length: 1000 }, (_, i) => (i % 2 ? longAnswer(900).slice((i % 5) * 20) : `Question ${i}: how far apart do the plants of a hedge stand?`));
  const chats = [];
  for (const name of 'ABCDE') chats.push(await speed.import(name, texts));
  const page = await speed.opened();
  const times = [];
  for (const { id, last } of chats) {
    const item = page.locator(`[data-testid=chat-item][data-id="${id}"] a`);
    await item.waitFor();
    times.push(await page.evaluate(([link, message]) => new Promise((done) => {
      const from = performance.now();
      const look = () => {
        const found = document.querySelector(`[data-testid=message][data-id="${message}"] .markdown *`);
        if (found) requestAnimationFrame(() => setTimeout(() => done(performance.now() - from)));
        else requestAnimationFrame(look);
      };
      document.querySelector(link).click();
      look();
    }), [`[data-testid=chat-item][data-id="${id}"] a`, last]));
    check((await page.locator(`[data-id="${last}"]`).boundingBox()).y < 800, 'the end of the chat is not in view');
  }
  await page.context().close();
  speed.figures.long_chat_ms_all = times.map((time) => rounded(time, 0));
  return median(times);
}

// The heap after collection at answer 200 beside that at answer 20.
async function heap(speed) {
  const page = await speed.opened();
  const session = await page.context().newCDPSession(page);
  const used = async () => {
    await page.waitForTimeout(300);
    for (let i = 0; i < 3; i++) await session.send('HeapProfiler.collectGarbage');
    const { nodes } = await session.send('Memory.getDOMCounters');
    return { bytes: (await session.send('Runtime.getHeapUsage')).usedSize, nodes };
  };
  let early = null;
  for (let i = 1; i <= 200; i++) {
    await page.getByTestId('composer').fill(`Short answer ${i}`);
    await page.getByTestId('composer').press('Enter');
    await page.waitForFunction((text) => {
      const [question, answer] = [...document.querySelectorAll('[data-testid=message]')].slice(-2);
      return question?.textContent.trim() === text && answer?.dataset.role === 'assistant' && answer.dataset.state === 'done' && document.querySelector('[data-testid=send]');
    }, `Short answer ${i}`);
    if (i === 20) early = await used();
  }
  const late = await used();
  Object.assign(speed.figures, { heap_20_mib: rounded(early.bytes / 2 ** 20, 2), heap_200_mib: rounded(late.bytes / 2 ** 20, 2), nodes_20: early.nodes, nodes_200: late.nodes });
  await page.context().close();
  return late.bytes / early.bytes;
}

main(async () => {
  const values = readArguments({ only: '', slack: '1' });
  const steps = new Steps('speed');
  const step = async (name, work) => (values.only === '' || values.only === name ? steps.run(name, work) : undefined);
  const paced = { tokens_per_second: 80, rules: [{ user: 'a long answer', say: longAnswer(Number(process.env['CHARACTERS'] ?? 8000)) }], default: 'Hello.' };
  const service = await startService(values, paced, '--context', '8192');
  const browser = await startChromium();
  const speed = new Speed(values, service, browser);
  await step('load', () => speed.figure('first_load_gzip_kib', 200, 'KiB', () => firstLoad(speed)));
  await step('open', () => speed.figure('interactive_ms', 1000, 'ms', () => interactive(speed)));
  await step('open', () => speed.figure('interactive_work_ms', 1000, 'ms of work', () => interactiveWork(speed)));
  await step('stream', () => streaming(speed));
  await step('long', () => speed.figure('long_chat_ms', 300, 'ms', () => longChat(speed)));
  await step('heap', async () => {
    speed.service = await startService(values, { default: 'Three plants for each metre, and **one more** at the end.\n\n- water them\n- cut them in June' }, '--context', '32768');
    await speed.figure('heap_growth', 1.2, 'times', () => heap(speed));
  });
  await browser.close();
  console.log(JSON.stringify(speed.figures));
  check(speed.faults.length === 0, speed.faults.join('\n'));
  steps.end();
});
