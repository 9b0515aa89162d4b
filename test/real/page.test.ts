/**
 * The page in a real Chromium (Debian's), against the real daemon with tasks that stop. What it looked like lies in
 * test-output/page/ afterwards.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { account, env, tasks } from '../end-to-end/cloud.ts';
import { Stage, until, writeConfig } from '../end-to-end/daemon.ts';
import { freePort } from '../ports.ts';

const chromiumPath = '/usr/bin/chromium';
const token = 'operate-token-of-the-page-test';
const pictures = join(import.meta.dirname, '../../test-output/page');
const { resolve } = createRequire(import.meta.url);

/** What is used of playwright-core; its types are loaded only where the package is installed. */
interface Locator {
  click(): Promise<void>;
  fill(text: string): Promise<void>;
  press(key: string): Promise<void>;
  count(): Promise<number>;
  innerText(): Promise<string>;
  first(): Locator;
}
interface Tab {
  goto(url: string): Promise<unknown>;
  waitForURL(url: string | RegExp): Promise<void>;
  waitForSelector(selector: string, options?: { readonly state: 'attached' }): Promise<unknown>;
  locator(selector: string): Locator;
  innerText(selector: string): Promise<string>;
  selectOption(selector: string, value: string): Promise<unknown>;
  evaluate<T>(run: string): Promise<T>;
  screenshot(options: { readonly path: string; readonly fullPage: boolean }): Promise<unknown>;
  on(event: string, listener: (said: { type?(): string; text?(): string }) => void): void;
  keyboard: { press(key: string): Promise<void>; type(text: string): Promise<void> };
  context(): {
    newCDPSession(tab: Tab): Promise<{ send(method: string, given: object): Promise<{ result: { value: string } }> }>;
  };
}
interface Context {
  newPage(): Promise<Tab>;
  setDefaultTimeout(ms: number): void;
  close(): Promise<void>;
}
interface Browser {
  newContext(options: object): Promise<Context>;
  close(): Promise<void>;
}

const views = [
  { width: 1440, colorScheme: 'light', locale: 'en-GB' },
  { width: 768, colorScheme: 'dark', locale: 'zh-CN' },
  { width: 390, colorScheme: 'light', locale: 'zh-CN' },
  { width: 1440, colorScheme: 'dark', locale: 'zh-CN' },
  { width: 390, colorScheme: 'dark', locale: 'en-GB' },
] as const;

const missing = existsSync(chromiumPath) ? '' : ' (skipped: no chromium; test/real/install.sh installs it)';

it.skipIf(missing !== '')(`the page shows, holds and releases, as a person sees it${missing}`, async () => {
  await using stage = new Stage();
  const ill = tasks('ill', 2, { stopped: true, life: { restartsInVain: 999 } });
  const cloud = await stage.cloud({
    tasks: [
      ...tasks('steady', 30),
      ...ill.map((task, n) => ({ ...task, title: `世界杯小组赛第0${n + 1}场主信号` })),
      ...tasks('news', 4, { cloudGroup: 'news', stopped: true }),
    ],
  });
  const folder = stage.folder();
  // A browser that stays open comes back to the same port.
  const config = {
    server: {
      listen: `127.0.0.1:${await freePort()}`,
      socket: 'rk.sock',
      tokens: [{ name: 'ops', scope: 'operate', token: token }],
    },
    accounts: [account(cloud, 'main', { poll: { schedule: '*/5 * * * * *', verifyEvery: '1s' } })],
    groups: [{ name: 'vip' }, { name: 'news', mode: 'observe' }],
    defaults: { verifyWithin: '2s', backoff: { initial: '2s', max: '4s' }, storm: false },
  };
  let daemon = await stage.start({ folder, env, config });
  const url = String((await daemon.saying('listening')).url);
  const { chromium } = (await import(resolve('playwright-core'))) as {
    readonly chromium: { launch(options: object): Promise<Browser> };
  };
  const browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] });
  stage.onLeave(() => browser.close());
  const complaints: string[] = [];
  const open = async (options: object): Promise<Tab> => {
    const context = await browser.newContext(options);
    context.setDefaultTimeout(90_000);
    const tab = await context.newPage();
    tab.on('console', (said) => {
      if (said.type?.() === 'error' || said.type?.() === 'warning') complaints.push(said.text?.() ?? '');
    });
    tab.on('pageerror', (error) => complaints.push(String(error)));
    return tab;
  };
  /** By the keyboard alone. */
  const signIn = async (tab: Tab): Promise<void> => {
    await tab.goto(`${url}/`);
    await tab.locator('input[name=token]').press('Tab');
    await tab.locator('input[name=token]').fill(token);
    await tab.locator('input[name=token]').press('Enter');
    await tab.waitForURL(`${url}/`);
  };

  const tab = await open({ locale: 'en-GB', timezoneId: 'Asia/Shanghai' });
  await signIn(tab);
  const shows = (what: RegExp, on = tab) =>
    until(
      `the page shows ${what}`,
      async () => what.test(await on.innerText('#live')),
      () => daemon.tail(),
    );
  await shows(/2 down/);
  await shows(/世界杯小组赛第01[\s\S]*(last attempt|restart was sent|quarantine)/i);

  // A task that stops is on the page within a poll, with its reason, without anybody touching the page.
  cloud.fault({ match: { action: 'restart', taskId: 'steady-0007' }, effect: { kind: 'in-vain' } });
  const stoppedAt = Date.now();
  await tab.evaluate(`document.body.addEventListener('htmx:beforeRequest', ({ detail }) => {
    globalThis.renewedBy = [...(globalThis.renewedBy ?? []), detail.requestConfig.triggeringEvent?.type];
  })`);
  cloud.act({ kind: 'stop', taskId: 'steady-0007' });
  await shows(/✗ 3 down[\s\S]*steady7\b[\s\S]*restart was sent/i);
  console.log(`a task that stops is shown after ${Date.now() - stoppedAt} ms, with a poll every 5 s`);
  // By what happened, not because the page looks every 15 s.
  expect(await tab.evaluate<string[]>('globalThis.renewedBy')).toContain('sse:message');
  cloud.mend();
  await shows(/✗ 2 down/);

  // The buttons of a task that is open come and go with what can come of them.
  await tab.goto(`${url}/tasks/main/steady-0007`);
  const offered = () => tab.locator('.buttons form').count();
  expect(await offered()).toBe(0);
  const vain = cloud.fault({ match: { action: 'restart', taskId: 'steady-0007' }, effect: { kind: 'in-vain' } });
  cloud.act({ kind: 'stop', taskId: 'steady-0007' });
  await until('a restart is offered', async () => (await offered()) > 0);
  cloud.mend(vain);
  await until('nothing is offered for what runs', async () => (await offered()) === 0);

  // A hold by form: what it covers first; then nothing is restarted, and the page says why.
  await tab.goto(`${url}/holds`);
  await tab.selectOption('select[name=target]', 'group/main/vip');
  await tab.locator('input[name=reason]').fill('<b>maintenance</b>');
  await tab.locator('input[name=reason]').press('Enter');
  await until('the preview', async () => /covers: 32 tasks, 2 stopped/.test(await tab.innerText('main')));
  await tab.locator('main form button').first().click();
  await shows(/<b>maintenance<\/b>/);
  cloud.act({ kind: 'stop', taskId: 'steady-0001' });
  await tab.goto(`${url}/tasks?search=steady-0001`);
  await shows(/stopped[\s\S]*A hold covers it/);
  expect(cloud.restarts('steady-0001')).toHaveLength(0);

  // What is ticked, and where the keyboard is, stay while the task is renewed.
  await tab.goto(`${url}/tasks/main/steady-0001`);
  await tab.locator('#force').click();
  await tab.evaluate("document.body.addEventListener('htmx:afterSwap', () => { globalThis.swapped = true; })");
  await until('the page is renewed', () => tab.evaluate<boolean>('globalThis.swapped === true'));
  expect(await tab.evaluate<string>('document.activeElement.id + document.activeElement.checked')).toBe('forcetrue');

  // Its end lets the healing go on; the page follows by itself.
  await tab.goto(`${url}/holds`);
  await tab.locator('#live td button').first().click();
  await tab.goto(`${url}/tasks?search=steady-0001`);
  await shows(/steady1[\s\S]*\bactive\b/);
  expect(cloud.restarts('steady-0001').length).toBeGreaterThan(0);

  // Search and filters; then a task with its story.
  await tab.goto(`${url}/tasks`);
  await tab.locator('input[name=search]').fill('世界杯');
  await tab.selectOption('select[name=state]', 'stopped');
  await tab.locator('form.filters button').first().click();
  await tab.waitForURL(/search=.*state=stopped/);
  expect(await tab.locator('#live tbody tr').count()).toBe(2);
  await tab.locator('#live tbody a').first().click();
  await shows(/What happened[\s\S]*Restart failed[\s\S]*Restart sent[\s\S]*Down/);
  await tab.goto(`${url}/events`);
  await tab.locator('.presets a:last-child').first().click();
  await tab.waitForURL(/changes=true/);
  await shows(/Hold removed[\s\S]*hold removed by ops|Hold removed[\s\S]*by ops/);
  expect(await tab.innerText('#live')).not.toMatch(/Restart sent/);

  await byKeyboard(tab, url, () => cloud.restarts('ill-0002').length);
  await questions(tab, url);

  // A page that stays open while a reload takes away what it shows, and while the daemon is started again, says what it
  // is worth, and goes on by itself.
  const before = complaints.length;
  await tab.goto(`${url}/tasks?group=news`);
  writeConfig(folder, { ...config, groups: [{ name: 'vip' }] });
  daemon.hangUp();
  await tab.waitForSelector('#stale:not([hidden])');
  expect(await tab.innerText('#live')).toContain('news1');
  writeConfig(folder, config);
  daemon.hangUp();
  await tab.waitForSelector('#stale[hidden]', { state: 'attached' });
  await daemon.stop();
  await tab.waitForSelector('#stale:not([hidden])');
  daemon = await stage.start({ folder, env, config });
  await tab.waitForSelector('#stale[hidden]', { state: 'attached' });
  await shows(/news1/);
  // The browser writes down every answer that is none.
  complaints.length = before;

  // Without scripts everything is there, and a hold can be set.
  const plain = await open({ javaScriptEnabled: false, locale: 'en-GB' });
  await signIn(plain);
  expect(await plain.innerText('main')).toMatch(/2 down[\s\S]*UTC[\s\S]*latest \d/);
  for (const path of ['tasks', 'tasks/main/ill-0001', 'groups', 'holds', 'events', 'configuration', 'runbooks']) {
    await plain.goto(`${url}/${path}`);
    expect((await plain.innerText('main')).length, path).toBeGreaterThan(200);
  }
  await plain.goto(`${url}/holds`);
  await plain.selectOption('select[name=target]', 'group/main/news');
  await plain.locator('input[name=reason]').fill('by hand');
  await plain.locator('main form button').first().click();
  await plain.locator('main form button').first().click();
  await shows(/by hand/, plain);

  mkdirSync(pictures, { recursive: true });
  const { readFileSync } = await import('node:fs');
  const axe = readFileSync(resolve('axe-core/axe.min.js'), 'utf8');
  for (const { width, colorScheme, locale } of views) {
    const seen = await open({ viewport: { width, height: 900 }, colorScheme, locale });
    await seen.goto(`${url}/sign-in`);
    const judge = async (name: string) => {
      await seen.screenshot({ path: join(pictures, `${name}-${width}-${colorScheme}.png`), fullPage: true });
      // From the debugger: the page's own policy would refuse a script that is not its own.
      const session = await seen.context().newCDPSession(seen);
      await session.send('Runtime.evaluate', { expression: axe });
      const { result } = await session.send('Runtime.evaluate', {
        expression:
          'axe.run().then(({ violations }) => JSON.stringify(violations.map(({ impact, id, nodes }) => [impact, id, nodes[0].html])))',
        awaitPromise: true,
        returnByValue: true,
      });
      const found = JSON.parse(result.value) as readonly (readonly [string, string, string])[];
      expect(
        found.filter(([impact]) => impact === 'serious' || impact === 'critical'),
        `${name} ${width}`,
      ).toEqual([]);
      expect(
        await seen.evaluate<boolean>('document.documentElement.scrollWidth <= innerWidth'),
        `${name} ${width}`,
      ).toBe(true);
      const chinese = (await seen.evaluate<string>('document.documentElement.lang')) === 'zh-CN';
      expect(chinese).toBe(locale === 'zh-CN');
    };
    await judge('sign-in');
    await signIn(seen);
    for (const path of ['', 'tasks', 'tasks/main/ill-0001', 'groups', 'holds', 'events', 'configuration', 'runbooks']) {
      await seen.goto(`${url}/${path}`);
      await judge(path.replaceAll('/', '-') || 'home');
    }
  }
  expect(complaints).toEqual([]);
});

/** Tab until what has the focus is meant; then nothing but keys. Fails where the keyboard alone does not get to. */
const tabTo = (tab: Tab, what: string) =>
  until(`a Tab leads to ${what}`, async () => {
    await tab.keyboard.press('Tab');
    return tab.evaluate<boolean>(`document.activeElement.matches(${JSON.stringify(what)})`);
  });

/** From home, with Tab, Enter and letters: a restart, and a hold that is set and ended. */
async function byKeyboard(tab: Tab, url: string, restarts: () => number): Promise<void> {
  await tab.goto(`${url}/`);
  await tabTo(tab, 'a.skip');
  await tab.keyboard.press('Enter');
  await tabTo(tab, '#t-main-ill-0002');
  // What has the focus can be seen.
  expect(
    await tab.evaluate<string>(
      'getComputedStyle(document.activeElement).outlineStyle + getComputedStyle(document.activeElement).boxShadow',
    ),
  ).not.toBe('nonenone');
  await tab.keyboard.press('Enter');
  await tab.waitForURL(/ill-0002$/);
  const before = restarts();
  await tab.evaluate('globalThis.pressed = true');
  await tabTo(tab, '.buttons form button');
  await tab.keyboard.press('Enter');
  await until('the restart by hand', () => restarts() > before);
  // The answer brings the same page anew.
  await until('the answer', () => tab.evaluate<boolean>('globalThis.pressed !== true').catch(() => false));
  await tabTo(tab, '.buttons a');
  await tab.keyboard.press('Enter');
  await tab.waitForURL(/holds\?account=main&task=ill-0002/);
  await tabTo(tab, 'input[name=reason]');
  await tab.keyboard.type('by keys alone');
  await tab.keyboard.press('Enter');
  await until('the preview', async () => /covers: 1 task,/.test(await tab.innerText('main')));
  await tabTo(tab, 'main form button');
  await tab.keyboard.press('Enter');
  await until('the hold', async () => /by keys alone/.test(await tab.innerText('#live')));
  await tabTo(tab, '#live td button');
  await tab.keyboard.press('Enter');
  await until('no hold', async () => /None\./.test(await tab.innerText('#live')));
}

/** What somebody new asks, each in at most three clicks from home. */
async function questions(tab: Tab, url: string): Promise<void> {
  await tab.goto(`${url}/`);
  // Which is down longest, why, and when it is tried next: no click.
  const first = await tab.innerText('#live tbody tr:first-child');
  expect(first).toMatch(/世界杯小组赛第0\d/);
  expect(first).toMatch(/\d+[sm]/);
  expect(first).toMatch(/attempt|restart was sent|quarantine/i);
  expect(first).toMatch(/in \d+|now|as soon as/);
  // Its story: one click.
  await tab.locator('#live tbody a').first().click();
  await tab.waitForURL(/tasks\/main\//);
  expect(await tab.innerText('#live')).toMatch(/Why:[\s\S]*What happened/);
  // Who held what: one click. What was changed: two.
  await tab.goto(`${url}/`);
  await tab.locator('nav a[href$="/holds"]').first().click();
  await tab.waitForURL(`${url}/holds`);
  expect(await tab.innerText('#live')).toMatch(/ops/);
  await tab.locator('nav a[href$="/events"]').first().click();
  await tab.waitForURL(`${url}/events`);
  await tab.locator('.presets a:last-child').first().click();
  await tab.waitForURL(/changes=true/);
  expect(await tab.innerText('#live')).toMatch(/Hold set[\s\S]*maintenance/);
}
