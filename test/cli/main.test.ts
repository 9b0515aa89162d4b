/** The process itself: what only main.ts does. Each start takes a good part of a second, so there are few. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

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

it('a large output arrives whole through a pipe', async () => {
  const { code, out } = await start(['schema']).ended;
  expect(code).toBe(0);
  expect(JSON.parse(out)).toHaveProperty('properties');
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
  expect(err).toMatch(/^relaykeeper: ended by a mistake of its own: Error: lost \| count \| at .*\n$/);
});

it.each(['SIGTERM', 'SIGINT'] as const)('%s ends a long command cleanly', async (signal) => {
  const { child, ended, said } = start(['simulate', '--listen', '127.0.0.1:0']);
  await said('credentials');
  child.kill(signal);
  expect(await ended).toMatchObject({ code: 0, signal: null, err: '' });
});
