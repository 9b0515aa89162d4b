/** What floods at the doors cost healing, memory and the health check: the built daemon with 3,000 tasks. */
import { loadavg } from 'node:os';
import { Stage, sleep } from '../../end-to-end/daemon.ts';
import { attack, hostile, mean, measure, startDaemon } from '../../end-to-end/flood.ts';
import type { BenchOptions } from '../run.ts';

const floods: readonly (readonly [string, Readonly<Record<string, number>>])[] = [
  ['nobody', {}],
  ['500 hostile connections and 20 clients in a loop', hostile],
  ['200 open streams and 20 browsers in a loop', { stream: 200, browser: 20 }],
  ['nobody', {}],
  ['20 clients in a loop', { loop: 20 }],
  ['20 clients, no two requests alike', { 'loop-unlike': 20 }],
  ['100 clients that read a byte a second', { 'byte-a-second': 100 }],
  ['100 with a million characters in address and header', { 'long-header': 100 }],
  ['100 that open a connection for each HEAD', { churn: 100 }],
  ['the operator reloads in four loops', { reload: 4 }],
  ['20 clients in a loop on the socket', { 'loop-socket': 20 }],
];

export async function bench({ quick }: BenchOptions): Promise<void> {
  const tries = quick ? 3 : 6;
  await using stage = new Stage();
  const { cloud, daemon } = await startDaemon(stage, 3_000);
  console.log(`Load of the machine at the start: ${loadavg()[0]?.toFixed(1)}\n`);
  console.log('| at the doors | stop → restart, mean ms | slowest ms | RSS MiB | slowest /-/healthy ms |');
  console.log('|---|--:|--:|--:|--:|');
  let task = 1;
  for (const [name, kinds] of quick ? floods.slice(0, 3) : floods) {
    const end = attack(stage, daemon, kinds);
    await sleep(2_000);
    const taskIds = Array.from({ length: tries }, (_, n) => `vip-${String(task + n).padStart(4, '0')}`);
    const { healedMs, memoryMiB, slowestHealthyMs } = await measure(stage, cloud, daemon, taskIds);
    end();
    task += tries;
    const figures = [mean(healedMs), Math.max(...healedMs), memoryMiB, slowestHealthyMs].map((one) => one.toFixed(0));
    console.log(`| ${name} | ${figures.join(' | ')} |`);
    await sleep(1_000);
  }
}
