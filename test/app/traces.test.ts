/** What the log says of a store that fails: once, with what goes on meanwhile, and once that it works again; of lists. */
import { expect, test } from 'vitest';
import { tracesTo } from '../../src/app/traces.ts';
import type { Log } from '../../src/telemetry/log.ts';
import type { Metrics } from '../../src/telemetry/metrics.ts';
import { begin } from '../domain/story.ts';
import { VirtualClock } from '../sim/virtual-clock.ts';
import { account, running } from './running.ts';

const of = (...names: readonly string[]) =>
  `accounts: [${names.map((name) => account(name)).join(', ')}]\ngroups: [{name: every, match: {cloudGroup: ['*']}}]\n`;

type Daemon = Awaited<ReturnType<typeof running>>;

const logged = ({ lines }: Daemon) => lines.filter(({ event }) => event.startsWith('store-')).map(({ msg }) => msg);
const loadFails = 'The store fails: row 7 is ill. Restarts of the accounts that are loaded go on.';
const works = 'The store works again.';

/** `ill` comes with a reload, and its records cannot be read; gives back what mends them. */
async function withIll(daemon: Daemon): Promise<() => void> {
  await daemon.run(20);
  const ledger = daemon.ledgerOf('ill');
  const load = ledger.load.bind(ledger);
  ledger.load = () => Promise.reject(new Error('row 7 is ill'));
  await daemon.reload(of('main', 'ill'));
  await daemon.run(35);
  expect(logged(daemon)).toEqual([loadFails]);
  return () => {
    ledger.load = load;
  };
}

test('records of one account that cannot be read, and can again', async () => {
  await using daemon = await running(of('main'));
  const mend = await withIll(daemon);
  mend();
  await daemon.run(20);
  expect(logged(daemon)).toEqual([loadFails, works]);
});

test('records of an account that a reload takes out are no trouble of the store’s any longer', async () => {
  await using daemon = await running(of('main'));
  await withIll(daemon);
  await daemon.reload(of('main'));
  await daemon.run(20);
  expect(logged(daemon)).toEqual([loadFails, works]);
});

test('a disk that is full meanwhile, and free again before the records can be read', async () => {
  await using daemon = await running(of('main'));
  const mend = await withIll(daemon);
  daemon.ledgerOf('main').failing = true;
  await daemon.run(20);
  const full = 'The store fails: the disk is full. relaykeeper restarts nothing until the store works again.';
  expect(logged(daemon)).toEqual([loadFails, full]);
  daemon.ledgerOf('main').failing = false;
  await daemon.run(20);
  const partly = 'Restarts go on; not all of the store works yet.';
  expect(logged(daemon)).toEqual([loadFails, full, partly]);
  mend();
  await daemon.run(20);
  expect(logged(daemon)).toEqual([loadFails, full, partly, works]);
});

test('each other trouble beside it is logged too, and none of them again and again', async () => {
  await using daemon = await running(of('main'));
  const mend = await withIll(daemon);
  const prune = async (works: boolean) => {
    const work = () => (works ? Promise.resolve() : Promise.reject(new Error('an index is torn')));
    await daemon.watching.run('prune', work).catch(() => undefined);
    await daemon.run(10);
  };
  for (let times = 0; times < 3; times++) await prune(false);
  const torn = 'The store fails: an index is torn. Restarts go on.';
  expect(logged(daemon)).toEqual([loadFails, torn]);
  mend();
  await prune(true);
  expect(logged(daemon)).toEqual([loadFails, torn, works]);
});

test('a field that cannot be read is logged though an item was left out for the same field', () => {
  const lines: string[] = [];
  const log = { notice: (name: string) => lines.push(name) } as unknown as Log;
  const metrics = { cloud: () => {} } as unknown as Metrics;
  const trace = tracesTo(metrics, log, new VirtualClock(begin), () => undefined);
  for (const kind of ['malformed-item', 'unread-field', 'malformed-item', 'unread-field'] as const)
    trace({ kind, account: 'main', where: 'GroupName' });
  expect(lines).toEqual(['malformed-item', 'unread-field']);
});
