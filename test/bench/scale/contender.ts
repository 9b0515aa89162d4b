/** The processes of the scale bench: the cloud, and who is measured against it, each started, asked and ended from here. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { benchKey, type FromCloud, groupName, type ToCloud } from './cloud.ts';
import type { Reading, ToGauge } from './reading.ts';

export const groups = 200;
export const roundTripMs = 40;
export const perSecond = 10;
export const pageSize = 500;

const here = import.meta.dirname;
export const launcher = join(here, '../../../src/relaykeeper');
export const gauge = join(here, 'gauge.mjs');

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

// ---- the cloud -------------------------------------------------------------------------------------------------

export interface BenchCloud {
  readonly url: string;
  stop(count: number): Promise<void>;
  /** What happened since the last time. */
  collect(): Promise<Extract<FromCloud, { kind: 'collected' }>>;
  close(): void;
}

export async function openBenchCloud(tasks: number): Promise<BenchCloud> {
  const child = fork(join(here, 'cloud.ts'));
  const ask = async (message: ToCloud): Promise<FromCloud> => {
    child.send(message);
    const [answer] = await once(child, 'message');
    return answer;
  };
  const opened = await ask({ kind: 'open', tasks, groups, roundTripMs });
  if (opened.kind !== 'opened') throw new Error('the cloud did not open');
  return {
    url: opened.url,
    stop: async (count) => void (await ask({ kind: 'stop', count })),
    async collect() {
      const collected = await ask({ kind: 'collect' });
      if (collected.kind !== 'collected') throw new Error('the cloud did not report');
      return collected;
    },
    close: () => child.disconnect(),
  };
}

// ---- who is measured -------------------------------------------------------------------------------------------

export interface Contender {
  readonly name: string;
  /** From the start of the process until it said that it is ready; undefined: it never says so. */
  readonly pid?: number | undefined;
  readonly readyAfterMs: number | undefined;
  /** A poll of so many tasks takes so many calls. */
  callsPerPoll(tasks: number): number;
  /** How long each poll took, oldest first. */
  polls(): Promise<readonly number[]>;
  /** Begins to watch the event loop anew. */
  watch(): void;
  watchNoLonger(): void;
  read(): Promise<Reading>;
  /** How long a scrape takes, if it has any, and what `polls` would give. */
  scrape: (() => Promise<{ readonly tookMs: number; readonly polls: readonly number[] }>) | undefined;
  end(): Promise<void>;
}

/** The gauge answers what it is asked; everything else that the process sends is somebody else's. */
export function gauged(child: ChildProcess) {
  return {
    watch: () => void child.send('start' satisfies ToGauge),
    watchNoLonger: () => void child.send('stop' satisfies ToGauge),
    read: (): Promise<Reading> => {
      const answer = new Promise<Reading>((resolve) => {
        const listen = (message: object) => {
          if (!('cpuMs' in message)) return;
          child.off('message', listen);
          resolve(message as Reading);
        };
        child.on('message', listen);
      });
      child.send('read' satisfies ToGauge);
      return answer;
    },
  };
}

export interface DaemonFolder {
  readonly path: string;
  remove(): void;
}

export function daemonFolder(cloudUrl: string, everySeconds: number, level = 'info'): DaemonFolder {
  const path = mkdtempSync(join(tmpdir(), 'rk-scale-'));
  const config = {
    version: 1,
    log: { level },
    server: { listen: '127.0.0.1:0', socket: 'rk.sock' },
    store: 'sqlite:rk.db',
    accounts: [
      {
        name: 'main',
        endpoint: cloudUrl,
        credentials: benchKey,
        poll: { schedule: `*/${everySeconds} * * * * *`, pageSize },
        rateLimit: { perSecond },
      },
    ],
    groups: Array.from({ length: groups }, (_, index) => ({ name: groupName(index) })),
  };
  writeFileSync(join(path, 'relaykeeper.yaml'), JSON.stringify(config));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export async function startDaemon(folder: DaemonFolder, nodeFlags: readonly string[] = []): Promise<Contender> {
  const startedAt = performance.now();
  const flags = ['--import', gauge, ...nodeFlags, process.env.SCALE_FLAGS ?? ''];
  const child = spawn(launcher, ['run', '--config', 'relaykeeper.yaml'], {
    cwd: folder.path,
    env: { PATH: `${dirname(process.execPath)}:${process.env.PATH}`, NODE_OPTIONS: flags.join(' ') },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const url = await listening(child);
  while ((await fetch(`${url}/-/ready`)).status !== 200) await sleep(5);
  const readyAfterMs = performance.now() - startedAt;
  const metrics = async () => (await fetch(`${url}/metrics`)).text();
  let known = { sum: 0, count: 0 };
  const durations: number[] = [];
  const pollsIn = (text: string): readonly number[] => {
    const [sum, count] = ['sum', 'count'].map((what) =>
      Number(new RegExp(`^relaykeeper_poll_duration_seconds_${what}\\{[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1] ?? 0),
    );
    const more = (count ?? 0) - known.count;
    for (let poll = 0; poll < more; poll++) durations.push((((sum ?? 0) - known.sum) / more) * 1_000);
    known = { sum: sum ?? 0, count: count ?? 0 };
    return [...durations];
  };
  return {
    name: '**relaykeeper**',
    pid: child.pid,
    readyAfterMs,
    // 200 named cloud groups are asked for in lists of fifty.
    callsPerPoll: (tasks) => (groups / 50) * Math.ceil(tasks / (groups / 50) / pageSize),
    ...gauged(child),
    polls: async () => pollsIn(await metrics()),
    async scrape() {
      const from = performance.now();
      const text = await metrics();
      return { tookMs: performance.now() - from, polls: pollsIn(text) };
    },
    end: () => ended(child),
  };
}

/** Its log goes nowhere but for the address. */
export function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    let found = false;
    child.stdout?.on('data', (piece: Buffer) => {
      if (found) return;
      text += piece.toString();
      const url = /"url":"(http[^"]+)"/.exec(text)?.[1];
      if (url === undefined) return;
      found = true;
      resolve(url);
    });
    child.once('exit', (code) => reject(new Error(`the daemon ended with ${code}: ${text}`)));
  });
}

export async function startScript(cloudUrl: string, everySeconds: number): Promise<Contender> {
  const child = fork(join(here, 'script.ts'), [cloudUrl, `${everySeconds * 1_000}`], {
    execArgv: ['--import', gauge],
    env: {
      PATH: process.env.PATH ?? '',
      NO_PROXY: '127.0.0.1',
      no_proxy: '127.0.0.1',
      // As the daemon does for itself.
      NODE_COMPILE_CACHE: join(here, '../../../node_modules/.cache/relaykeeper'),
    },
  });
  const durations: number[] = [];
  child.on('message', (message: object) => {
    if ('polledMs' in message) durations.push(Number(message.polledMs));
  });
  return {
    name: 'plain script',
    readyAfterMs: undefined,
    callsPerPoll: (tasks) => Math.ceil(tasks / pageSize),
    ...gauged(child),
    polls: async () => [...durations],
    scrape: undefined,
    end: () => ended(child),
  };
}

export async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}
