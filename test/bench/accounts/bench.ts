/** What an account with a list of 100,000 costs the account beside it in the same process: the built daemon. */
import { account, env, tasks } from '../../end-to-end/cloud.ts';
import { plainServer, Stage, sleep, until } from '../../end-to-end/daemon.ts';
import { mean, measure, median } from '../../end-to-end/flood.ts';
import type { BenchOptions } from '../run.ts';
import { benchKey } from '../scale/cloud.ts';
import { openBenchCloud } from '../scale/contender.ts';

const count = 200;

async function healedMs(beside: string | undefined, tries: number): Promise<readonly number[]> {
  await using stage = new Stage();
  const cloud = await stage.cloud({ tasks: tasks('vip', count) });
  const own = account(cloud, 'main', { storm: false, poll: { schedule: '*/2 * * * * *', verifyEvery: '1s' } });
  const other = { name: 'other', endpoint: beside, credentials: benchKey };
  const rest = { name: 'rest', match: { account: 'other' } };
  const daemon = await stage.start({
    folder: stage.folder(),
    env,
    config: {
      server: plainServer,
      accounts: beside === undefined ? [own] : [own, other],
      defaults: { storm: false, budget: false, firstSight: 'restart' },
      groups: [{ name: 'vip' }, ...(beside === undefined ? [] : [rest])],
    },
  });
  await until('all are known', async () => (await daemon.metric('tasks', { account: 'main' })) === count);
  // Two polls of 200 pages, half of the calls a second at most.
  if (beside !== undefined) await sleep(90_000);
  const ids = Array.from({ length: tries }, (_, n) => `vip-${String(n + 1).padStart(4, '0')}`);
  return (await measure(stage, cloud, daemon, ids)).healedMs;
}

export async function bench({ quick }: BenchOptions): Promise<void> {
  const tries = quick ? 5 : 20;
  const long = quick ? 10_000 : 100_000;
  const other = await openBenchCloud(long);
  console.log('| beside the account of 200 tasks | stop → restart, median ms | mean ms | slowest ms |');
  console.log('|---|--:|--:|--:|');
  for (const [name, url] of [
    ['nobody', undefined],
    [`an account whose list is ${long.toLocaleString('en')} long`, other.url],
  ] as const) {
    const ms = await healedMs(url, tries);
    console.log(`| ${name} | ${[median(ms), mean(ms), Math.max(...ms)].map((one) => one.toFixed(0)).join(' | ')} |`);
  }
  other.close();
}
