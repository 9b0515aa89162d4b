/**
 * The page in a real Chromium (Debian's), against the real daemon with tasks that stop. What it looked like lies in
 * test-output/page/ afterwards.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { account, env, tasks } from '../end-to-end/cloud.ts';
import { Stage, until } from '../end-to-end/daemon.ts';

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
  const cloud = await stage.cloud({
    tasks: [...tasks('steady', 30), ...tasks('ill', 2, { stopped: true, life: { restartsInVain: 999 } })],
  });
  const daemon = await stage.start({
    folder: stage.folder(),
    env,
    config: {
      server: {
        listen: '127.0.0.1:0',
        socket: 'rk.sock',
        tokens: [{ name: 'ops', scope: 'operate', token: token }],
      },
      accounts: [account(cloud)],
      groups: [{ name: 'vip' }],
      defaults: { verifyWithin: '2s', backoff: { initial: '2s', max: '4s' }, storm: false },
    },
  });
  const url = String((await daemon.saying('listening')).url);
  const { chromium } = (await import(resolve('playwright-core'))) as {
    readonly chromium: { launch(options: object): Promise<Browser> };
  };
  const browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] });
  stage.onLeave(() => browser.close());
  const complaints: string[] = [];
  const open = async (options: object): Promise<Tab> => {
    const tab = await (await browser.newContext(options)).newPage();
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
  const shows = (what: RegExp) =>
    until(
      `the page shows ${what}`,
      async () => what.test(await tab.innerText('#live')),
      () => daemon.tail(),
    );
  await shows(/2 down/);
  await shows(/ill1[\s\S]*(last attempt|restart was sent|quarantine)/i);

  // A hold by form: what it covers first; then nothing is restarted, and the page says why.
  await tab.goto(`${url}/holds`);
  await tab.selectOption('select[name=target]', 'group/main/vip');
  await tab.locator('input[name=reason]').fill('<b>maintenance</b>');
  await tab.locator('input[name=reason]').press('Enter');
  await until('the preview', async () => /steady1/.test(await tab.innerText('main')));
  await tab.locator('main form button').first().click();
  await tab.waitForURL(`${url}/holds`);
  expect(await tab.innerText('#live')).toContain('<b>maintenance</b>');
  cloud.act({ kind: 'stop', taskId: 'steady-0001' });
  await tab.goto(`${url}/tasks?search=steady-0001`);
  await shows(/stopped[\s\S]*A hold covers it/);
  expect(cloud.restarts('steady-0001')).toHaveLength(0);

  // Its end lets the healing go on; the page follows by itself.
  await tab.goto(`${url}/holds`);
  await tab.locator('#live td button').first().click();
  await tab.goto(`${url}/tasks?search=steady-0001`);
  await shows(/steady1[\s\S]*\bactive\b/);
  expect(cloud.restarts('steady-0001').length).toBeGreaterThan(0);

  await tab.goto(`${url}/tasks?state=stopped`);
  expect(await tab.locator('#live tbody tr').count()).toBe(2);
  await tab.locator('#live tbody a').first().click();
  await shows(/What happened[\s\S]*restart-failed/);

  // Without scripts everything is there, and a hold can be set.
  const plain = await open({ javaScriptEnabled: false, locale: 'en-GB' });
  await signIn(plain);
  expect(await plain.innerText('main')).toMatch(/2 down[\s\S]*UTC[\s\S]*now \d/);
  await plain.goto(`${url}/holds`);
  await plain.selectOption('select[name=target]', 'account/main');
  await plain.locator('input[name=reason]').fill('by hand');
  await plain.locator('main form button').first().click();
  await plain.locator('main form button').first().click();
  await plain.waitForURL(`${url}/holds`);
  expect(await plain.innerText('#live')).toContain('by hand');

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
    for (const path of ['', 'tasks', 'tasks/main/ill-0001', 'groups', 'holds', 'events', 'configuration']) {
      await seen.goto(`${url}/${path}`);
      await judge(path.replaceAll('/', '-') || 'home');
    }
  }
  expect(complaints).toEqual([]);
});
