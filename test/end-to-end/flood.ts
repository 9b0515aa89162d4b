/** Healing measured under a flood at the doors, and without it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { account, env, type PretendCloud, tasks } from './cloud.ts';
import { type Daemon, plainServer, type Stage, sleep, until } from './daemon.ts';

const attackScript = join(import.meta.dirname, '../bench/edges/attack.ts');

export const hostile: Readonly<Record<string, number>> = {
  slowloris: 125,
  pipelining: 125,
  'half-open': 125,
  'endless-body': 125,
  loop: 20,
};

function start(daemon: Daemon, before: readonly string[], kinds: Readonly<Record<string, number>>): ChildProcess {
  const counts = Object.entries(kinds).map(([kind, count]) => `${kind}=${count}`);
  const line = [process.execPath, attackScript, daemon.url, join(daemon.folder, 'rk.sock'), ...counts];
  const [file = '', ...rest] = [...before, ...line];
  return spawn(file, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Attacks with so many of each kind, until the returned function is called. */
export function attack(stage: Stage, daemon: Daemon, kinds: Readonly<Record<string, number>>): () => void {
  const child = start(daemon, ['nice', '-n', '5'], kinds);
  const end = () => void child.kill('SIGKILL');
  stage.onLeave(end);
  return end;
}

const pollEveryMs = 2_000;

export async function startDaemon(stage: Stage, count: number): Promise<{ cloud: PretendCloud; daemon: Daemon }> {
  const cloud = await stage.cloud({ tasks: tasks('vip', count) });
  const daemon = await stage.start({
    folder: stage.folder(),
    env,
    config: {
      server: plainServer,
      // Four of ten calls a second are left for restarts, so a permit is there when one is wanted.
      accounts: [account(cloud, 'main', { storm: false, poll: { schedule: '*/2 * * * * *', verifyEvery: '1s' } })],
      defaults: { storm: false, budget: false, firstSight: 'restart' },
      groups: [{ name: 'vip' }],
    },
  });
  await until('all are known', async () => (await daemon.metric('tasks')) === count);
  // The first saves of all tasks are over.
  await sleep(3_000);
  return { cloud, daemon };
}

/**
 * Stops one task after the other, always at the same moment between two polls. Health is asked for by a process of its
 * own: this one is the cloud as well, and busy with its lists.
 */
export async function measure(stage: Stage, cloud: PretendCloud, daemon: Daemon, taskIds: readonly string[]) {
  const healthyMs: number[] = [];
  const probe = start(daemon, [], { probe: 1 });
  stage.onLeave(() => probe.kill('SIGKILL'));
  probe.stdout?.on('data', (lines) => healthyMs.push(...String(lines).trim().split('\n').map(Number)));
  let memoryMiB = 0;
  const healedMs: number[] = [];
  for (const taskId of taskIds) {
    await sleep(pollEveryMs - (Date.now() % pollEveryMs) + 1_200);
    const before = cloud.restarts(taskId).length;
    const began = performance.now();
    const waitedBefore = waitedForCpuMs(daemon);
    cloud.act({ kind: 'stop', taskId });
    await until(
      `${taskId} is restarted`,
      () => {
        memoryMiB = Math.max(memoryMiB, daemon.memory().now);
        return cloud.restarts(taskId).length > before;
      },
      () => daemon.tail(),
    );
    // What the main thread could not have because others had the processor is the machine's part, not the doors'.
    healedMs.push(performance.now() - began - (waitedForCpuMs(daemon) - waitedBefore));
  }
  const failed = () => probe.exitCode !== null;
  await until('health was answered often enough', () => failed() || healthyMs.length > 15);
  if (failed()) throw new Error('the health check failed');
  probe.kill('SIGKILL');
  return { healedMs, memoryMiB, slowestHealthyMs: Math.max(...healthyMs), threeLateMs: slowestInARow(healthyMs) };
}

/** The quickest of three in a row, at the worst: after so many late ones an orchestrator ends a process. */
const slowestInARow = (figures: readonly number[]): number =>
  Math.max(...figures.slice(2).map((_, index) => Math.min(...figures.slice(index, index + 3))));

/** How long the daemon's main thread was ready to run and had no processor. */
function waitedForCpuMs({ child: { pid } }: Daemon): number {
  const [, waitedNs] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ');
  return Number(waitedNs) / 1e6;
}

export const median = (figures: readonly number[]): number =>
  figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN;

export const mean = (figures: readonly number[]): number => figures.reduce((sum, one) => sum + one, 0) / figures.length;
