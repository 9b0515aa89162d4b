// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of configuration files.
/** What is read where people name a file, and what is reported of everything that is no file. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as Threads from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../src/clock.ts';
import { loadApart } from '../src/settings/load-apart.ts';
import { fileTrouble, readFileNow, readUserFile, versionOfUserFile } from '../src/user-files.ts';

/** What the system says where it lets this process have no more threads. */
const system = vi.hoisted(() => ({ says: '' }));
vi.mock('node:worker_threads', async (original) => {
  const threads = await original<typeof Threads>();
  class Worker extends threads.Worker {
    constructor(...how: ConstructorParameters<typeof threads.Worker>) {
      if (system.says !== '') throw new Error(system.says);
      super(...how);
    }
  }
  return { ...threads, Worker };
});

let folder = '';
let server: Server;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'user-files-'));
  spawnSync('mkfifo', [join(folder, 'pipe')]);
  mkdirSync(join(folder, 'folder'));
  writeFileSync(join(folder, 'file'), 'text');
  writeFileSync(join(folder, 'full'), 'x'.repeat(1024));
  writeFileSync(join(folder, 'large'), 'x'.repeat(1025));
  symlinkSync('file', join(folder, 'link'));
  symlinkSync('pipe', join(folder, 'link-to-pipe'));
  symlinkSync('circle', join(folder, 'circle'));
  server = createServer();
  await new Promise<void>((resolve) => server.listen(join(folder, 'socket'), resolve));
});
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

const at = (name: string) => (name.startsWith('/') ? name : join(folder, name));

describe.each([
  ['holding its thread', async (path: string) => readFileNow(path, 1024)],
  ['beside other work', (path: string) => readUserFile(path, 1024)],
])('a file is read, %s', (_way, read) => {
  it.each([
    ['pipe', 'it is a named pipe: only a regular file is read'],
    ['link-to-pipe', 'it is a named pipe: only a regular file is read'],
    ['folder', 'it is a directory: only a regular file is read'],
    ['socket', 'it is a socket or a device: only a regular file is read'],
    ['/dev/zero', 'it is a device: only a regular file is read'],
    ['none', 'there is no such file'],
    ['file/none', 'there is no such file'],
    ['circle', 'it is a link that leads in a circle'],
    ['large', 'it is larger than 1 KiB'],
  ])('but not %s', async (name, words) => {
    expect(await read(at(name)).then(() => 'it was read', fileTrouble)).toBe(words);
  });
  it.each([
    ['file', 4],
    ['link', 4],
    ['full', 1024],
  ])('%s', async (name, length) => expect(await read(at(name))).toHaveLength(length));
});

it('many pipes at once keep nobody from a file', async () => {
  const pipes = Array.from({ length: 50 }, (_, n) => readUserFile(at('pipe'), n + 1).catch(fileTrouble));
  expect(await readUserFile(at('file'), 10)).toHaveLength(4);
  expect(new Set(await Promise.all(pipes))).toEqual(new Set(['it is a named pipe: only a regular file is read']));
});

it('a file that is written again, or a link that leads elsewhere, is another version', async () => {
  const before = await versionOfUserFile(at('link'));
  writeFileSync(at('file'), 'longer');
  expect(await versionOfUserFile(at('link'))).not.toBe(before);
  writeFileSync(at('file'), 'text');
});

describe('a configuration that takes long is read without holding up its process', () => {
  const spent = ({ user, system }: NodeJS.CpuUsage) => user + system;
  const head = 'accounts: [{name: a}]\ngroups: [{name: vip}]\n';
  const lines = (count: number, line: (n: number) => string) => Array.from({ length: count }, (_, n) => line(n));
  it.each([
    ['10,000 unknown keys', head + lines(10_000, (n) => `key${n}: 1\n`).join(''), 10_000],
    ['5,000 unknown keys in one line', `{${lines(5_000, (n) => `key${n}: 1`).join(', ')}}`, undefined],
    // What such a file has for keys is not looked at: of `x` nothing is said.
    ['5,000 references without quotes', `${head}x: {${lines(5_000, (n) => `a${n}: $\{X${n}}`).join(', ')}}\n`, 5_000],
    ['5,000 keys twice', head + 'a: 1\n'.repeat(5_000), 4_999],
    ['5,000 unset variables', `${head}x:\n${lines(5_000, (n) => `  - "$\{X${n}}"\n`).join('')}`, 5_001],
  ])('%s: at most 100 mistakes are reported', { timeout: 60_000 }, async (_what, text, mistakes) => {
    const path = at('wrong.yaml');
    writeFileSync(path, text);
    const [here, everywhere] = [process.threadCpuUsage(), process.cpuUsage()];
    const loaded = await loadApart({ path, env: {}, engines: ['sqlite'] }, systemClock);
    const ofThisThread = spent(process.threadCpuUsage(here));
    // Of the processor, in whatever time this machine takes for it: nearly all where the thread of the loop does it.
    expect(ofThisThread / spent(process.cpuUsage(everywhere))).toBeLessThan(1 / 3);
    const errors = loaded.ok ? [] : loaded.errors;
    expect(errors).toHaveLength(101);
    if (mistakes !== undefined) expect(errors.at(-1)?.message).toBe(`and ${mistakes - 100} more mistakes`);
  });
  it('a good one comes through with its secrets', async () => {
    const path = at('good.yaml');
    writeFileSync(path, 'accounts: [{name: a, hookToken: "${HOOK}"}]\ngroups: [{name: vip}]\n');
    const loaded = await loadApart({ path, env: { HOOK: 'hook-0123456789-abc' }, engines: ['sqlite'] }, systemClock);
    const token = loaded.ok ? loaded.settings.accounts[0]?.hookToken : undefined;
    expect(token?.kind === 'value' && token.reveal()).toBe('hook-0123456789-abc');
  });
  it.each(['EAGAIN', 'ENOMEM'])(
    'where no thread can be had (%s) it is read all the same, its mistakes too',
    async (says) => {
      system.says = says;
      onTestFinished(() => {
        system.says = '';
      });
      const load = (text: string) => {
        writeFileSync(at('here.yaml'), text);
        return loadApart({ path: at('here.yaml'), env: {}, engines: ['sqlite'] }, systemClock);
      };
      expect(await load(head)).toMatchObject({ ok: true, settings: { groups: [{ name: 'vip' }] } });
      expect(await load(`${head}logs: {}\n`)).toMatchObject({ ok: false, errors: [{ line: 3, path: 'logs' }] });
    },
  );
  it('a pipe is reported at once', async () => {
    const loaded = await loadApart({ path: at('pipe'), env: {}, engines: ['sqlite'] }, systemClock);
    expect(loaded.ok ? '' : loaded.errors[0]?.message).toBe(
      'cannot be read: it is a named pipe: only a regular file is read',
    );
  });
});
