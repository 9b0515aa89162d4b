/** The process itself: what only main.ts does. Each start takes a good part of a second, so there are few. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type PretendDaemon, pretendDaemon } from './pretend.ts';

const main = join(import.meta.dirname, '../../src/main.ts');
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'relaykeeper-main-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Whatever a test left running. */
const children = new Set<ChildProcess>();
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
});

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; signal: string | null; out: string; err: string }>;
  /** Resolves when the output contains the text. */
  said(text: string): Promise<void>;
}

function start(args: readonly string[], script = main, nodeArgs: readonly string[] = []): Started {
  const env = { PATH: process.env.PATH, USER: 'lin' };
  const child = spawn(process.execPath, [...nodeArgs, script, ...args], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  let out = '';
  let err = '';
  const waiting: (() => void)[] = [];
  child.stdout.on('data', (piece) => {
    out += piece;
    for (const look of waiting) look();
  });
  child.stderr.on('data', (piece) => {
    err += piece;
  });
  const ended = new Promise<Awaited<Started['ended']>>((resolve) => {
    child.on('close', (code, signal) => {
      children.delete(child);
      resolve({ code, signal, out, err });
    });
  });
  const said = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => out.includes(text) && resolve();
      waiting.push(look);
      void ended.then(() => reject(new Error(`it ended without saying ${text}: ${err}`)));
      look();
    });
  return { child, ended, said };
}

it('ends with the exit code of the command, the message on stderr alone', async () => {
  const { code, out, err } = await start(['status']).ended;
  expect({ code, out }).toEqual({ code: 6, out: '' });
  expect(err).toContain(`on the socket ${join(folder, 'data/relaykeeper.sock')}: there is no such socket`);
  expect(err).toMatch(/Start it: node \S*main\.ts run/);
});

it('check without a configuration says how to come by one, and not only to check again', async () => {
  const { code, out, err } = await start(['check']).ended;
  expect({ code, out }).toEqual({ code: 78, out: '' });
  expect(err).toMatch(
    /no configuration: .*cp config\/minimal\.yaml.*\n {2}Write one, then check it: node \S+ check\n$/s,
  );
});

it('its launcher passes arguments, exit code and signals on, and is called by its own name, through a link too', async () => {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  symlinkSync(join(main, '../relaykeeper'), join(bin, 'relaykeeper'));
  const env = { PATH: `${bin}:${dirname(process.execPath)}:${process.env.PATH}` };
  const launched = spawnSync('relaykeeper', ['status'], { cwd: folder, env, encoding: 'utf8' });
  expect(launched).toMatchObject({ status: 6, stdout: '' });
  expect(launched.stderr).toContain('Start it: relaykeeper run');

  const inCheckout = spawnSync('src/relaykeeper', ['explain'], { cwd: join(main, '../..'), env, encoding: 'utf8' });
  expect(inCheckout.status).toBe(2);
  expect(inCheckout.stderr).toContain('See: src/relaykeeper explain --help');

  const child = spawn('relaykeeper', ['simulate', '--listen', '127.0.0.1:0'], { cwd: folder, env });
  children.add(child);
  child.stdout.once('data', () => child.kill('SIGTERM'));
  expect(await new Promise((resolve) => child.on('close', (...end) => resolve(end)))).toEqual([0, null]);
});

describe.concurrent('a slow reader at the end of a pipe gets everything', () => {
  const demo = join(main, '../../config/demo.yaml');
  /** More than any pipe takes at once: so much must still lie in the process when the command is through. */
  const pipeBytes = 64 * 1024;
  const many = 1000;
  const events = Array.from({ length: many }, (_, n) => ({
    title: null,
    sentence: 'stopped',
    seq: many - n,
    event: { type: 'task-moved', at: 0, account: 'a'.repeat(64), taskId: `task-${n}`, group: 'vip', from: 'news' },
  }));
  let daemon: PretendDaemon;
  let wrong = '';
  beforeAll(async () => {
    daemon = await pretendDaemon({ 'GET /api/v1/events': { json: events } });
    // Its path stands in every message.
    const deep = join(folder, 'd'.repeat(200), 'd'.repeat(200));
    mkdirSync(deep, { recursive: true });
    wrong = join(deep, 'wrong.yaml');
    const unknown = Array.from({ length: 101 }, (_, n) => `  - {name: g${n}, ${'z'.repeat(60)}${n}: 1}\n`);
    writeFileSync(wrong, `accounts: [{name: a}]\ngroups:\n${unknown.join('')}`);
  });
  afterAll(() => daemon.close());

  const slowly = '(sleep 1; cat)';
  /** Its reader takes nothing for a while, then all of it. A pipe of the shell: Node gives its children sockets, which hold more. */
  async function readSlowly(args: readonly string[], pipe = `| ${slowly}`) {
    const script = `"$@" ${pipe}; exit "\${PIPESTATUS[0]}"`;
    const child = spawn('bash', ['-c', script, 'bash', process.execPath, main, ...args], {
      cwd: folder,
      env: { PATH: process.env.PATH },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let text = '';
    child.stdout.on('data', (piece) => {
      text += piece;
    });
    const [code] = await once(child, 'close');
    return { code, text };
  }

  it('plan --json', async () => {
    const { code, text } = await readSlowly(['--config', demo, 'plan', '--json']);
    expect(code).toBe(0);
    expect(text.length).toBeGreaterThan(pipeBytes);
    expect(JSON.parse(text)).toHaveProperty('tasks');
  });
  it('history --limit 1000', async () => {
    const { code, text } = await readSlowly(['history', '--limit', `${many}`, '--socket', daemon.socket]);
    expect({ code, lines: text.split('\n').length - 1 }).toEqual({ code: 0, lines: many });
    expect(text.length).toBeGreaterThan(pipeBytes);
  });
  it('the mistakes of check, on standard error', async () => {
    const { code, text } = await readSlowly(['--config', wrong, 'check'], `2>&1 >/dev/null | ${slowly}`);
    expect(code).toBe(78);
    expect(text.length).toBeGreaterThan(pipeBytes);
    expect(text).toMatch(/mistakes in \S+\n {2}Fix them, then check again: .* check\n$/);
  });
  it('one that reads ten lines and leaves ends it quietly, with 141', async () => {
    const { code, text } = await readSlowly(
      ['history', '--limit', `${many}`, '--socket', daemon.socket],
      '| head -n 10',
    );
    expect({ code, lines: text.split('\n').length - 1 }).toEqual({ code: 141, lines: 10 });
  });
});

it('called by the name it is installed under, it calls itself so', async () => {
  const installed = join(folder, 'relaykeeper');
  symlinkSync(main, installed);
  const { code, err } = await start(['explain'], installed).ended;
  expect(code).toBe(2);
  expect(err).toContain('See: relaykeeper explain --help');
});

it('a reader that has gone ends it quietly, with 128 + SIGPIPE', async () => {
  const { child, ended } = start(['simulate', '--listen', '127.0.0.1:0']);
  child.stdout?.destroy();
  expect(await ended).toMatchObject({ code: 141, err: '' });
});

it('a mistake of its own is one line, and the end', async () => {
  const mistake = 'data:text/javascript,setTimeout(() => Promise.reject(new Error("lost\\ncount")), 200)';
  const { code, err } = await start(['simulate', '--listen', '127.0.0.1:0'], main, ['--import', mistake]).ended;
  expect(code).toBe(1);
  expect(err).toMatch(/^relaykeeper: ended by a bug: Error: lost \| count \| at .*\n$/);
});

// SIGTERM does so too, by way of the launcher, above.
it('SIGINT ends a long command cleanly', async () => {
  const { child, ended, said } = start(['simulate', '--listen', '127.0.0.1:0']);
  await said('credentials');
  child.kill('SIGINT');
  expect(await ended).toMatchObject({ code: 0, signal: null, err: '' });
});

it('a command stopped while the cloud is asked ends as a shell reports the signal, and that is no bug', async () => {
  const stopped = async (command: readonly string[], signal: NodeJS.Signals) => {
    const cloud = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        child.kill(signal);
        // So that nobody waits for an answer that is not to come.
        socket.destroy();
      });
    });
    await once(cloud.listen(0, '127.0.0.1'), 'listening');
    const { port } = cloud.address() as AddressInfo;
    const file = join(folder, `asks-${port}.yaml`);
    const keys = 'credentials: {accessKeyId: AKLTexample, secretAccessKey: not-a-real-key}';
    const account = `{name: main, endpoint: "http://127.0.0.1:${port}", ${keys}}`;
    writeFileSync(file, `accounts: [${account}]\ngroups: [{name: vip}]\n`);
    const { child, ended } = start([...command, '--config', file]);
    const { code, err } = await ended;
    cloud.close();
    return { code, err };
  };
  const ends = await Promise.all([
    stopped(['plan'], 'SIGINT'),
    stopped(['plan', '--json'], 'SIGTERM'),
    stopped(['check', '--cloud'], 'SIGINT'),
  ]);
  expect(ends).toEqual([130, 143, 130].map((code) => ({ code, err: '' })));
});

it.each([
  ['v20.20.2', 'this machine has v20.20.2'],
  ['v22.9.0', 'this machine has v22.9.0'],
  ['v22.18.0', 'this machine has v22.18.0'],
  [undefined, 'this machine has none'],
])(
  'without a Node of its own, on a machine with %s, its launcher says in one line what is needed',
  (version, sentence) => {
    const checkout = mkdtempSync(join(folder, 'checkout-'));
    mkdirSync(join(checkout, 'src'));
    mkdirSync(join(checkout, 'bin'));
    copyFileSync(join(main, '../relaykeeper'), join(checkout, 'src/relaykeeper'));
    for (const tool of ['readlink', 'dirname']) symlinkSync(`/usr/bin/${tool}`, join(checkout, 'bin', tool));
    if (version !== undefined)
      writeFileSync(join(checkout, 'bin/node'), `#!/bin/sh\necho ${version}\n`, { mode: 0o755 });
    const { status, stdout, stderr } = spawnSync('/bin/sh', ['src/relaykeeper', 'status'], {
      cwd: checkout,
      env: { PATH: join(checkout, 'bin') },
      encoding: 'utf8',
    });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^relaykeeper: it needs Node 22\.19 or newer, .*\n$/);
    expect(stderr).toContain(sentence);
  },
);
