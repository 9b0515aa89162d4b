/**
 * How long pages take and how large they are, with 10,000 tasks of which 200 are down: the built daemon, one reader. Beside
 * the time on the clock stands what the daemon's threads had of the processor for it, which others on the machine do not
 * change.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { loadavg } from 'node:os';
import { type Daemon, Stage, sleep, until } from '../../end-to-end/daemon.ts';
import { median, startDaemon } from '../../end-to-end/flood.ts';
import type { BenchOptions } from '../run.ts';

const paths = [
  '/',
  '/tasks',
  '/tasks?search=vip99&state=active',
  '/tasks?state=stopped',
  '/tasks/main/vip-0001',
  '/groups',
  '/holds',
  '/events',
  '/configuration',
  '/api/v1/tasks',
  '/api/v1/status',
  '/metrics',
];

interface Loaded {
  readonly ms: number;
  readonly cpu: Cpu;
  readonly gzipped: number;
}

/** Milliseconds on the processor: of the thread that decides and answers, and of all threads with it. */
interface Cpu {
  readonly main: number;
  readonly all: number;
}

function cpuOf({ pid }: Daemon): Cpu {
  const of = (thread: string) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) => of(thread));
  return { main: of(String(pid)), all: threads.reduce((sum, one) => sum + one, 0) };
}

function load(daemon: Daemon, path: string): Promise<Loaded> {
  const { url } = daemon;
  const before = cpuOf(daemon);
  const began = performance.now();
  return new Promise((resolve, reject) => {
    request(url + path, { headers: { 'accept-encoding': 'gzip' }, agent: false }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`${path}: ${response.statusCode}`));
      let gzipped = 0;
      response.on('data', (chunk: Buffer) => {
        gzipped += chunk.length;
      });
      response.on('end', () => {
        const ms = performance.now() - began;
        const { main, all } = cpuOf(daemon);
        resolve({ ms, cpu: { main: main - before.main, all: all - before.all }, gzipped });
      });
    })
      .on('error', reject)
      .end();
  });
}

export async function bench({ quick }: BenchOptions): Promise<void> {
  await using stage = new Stage();
  const { cloud, daemon } = await startDaemon(stage, 10_000);
  cloud.fault({ match: { action: 'restart' }, effect: { kind: 'in-vain' } });
  for (let n = 1; n <= 200; n++) cloud.act({ kind: 'stop', taskId: `vip-${String(n).padStart(4, '0')}` });
  await until('200 are down', async () => (await daemon.metric('tasks_down')) === 200);
  console.log(`Load of the machine at the start: ${loadavg()[0]?.toFixed(1)}\n`);
  console.log('| page | median ms | slowest ms | main thread, median ms of CPU | all threads | kB gzipped |');
  console.log('|---|--:|--:|--:|--:|--:|');
  for (const path of paths) {
    const loads: Loaded[] = [];
    for (let n = 0; n < (quick ? 5 : 30); n++) {
      loads.push(await load(daemon, path));
      await sleep(200);
    }
    const times = loads.map(({ ms }) => ms);
    const figures = [
      median(times).toFixed(0),
      Math.max(...times).toFixed(0),
      median(loads.map(({ cpu }) => cpu.main)).toFixed(0),
      median(loads.map(({ cpu }) => cpu.all)).toFixed(0),
      ((loads[0]?.gzipped ?? 0) / 1_000).toFixed(1),
    ];
    console.log(`| ${path} | ${figures.join(' | ')} |`);
  }
}
