/** Names that no task has are judged by the configuration that they were looked for with. */
import { expect, it } from 'vitest';
import { watchNames } from '../../src/app/name-watch.ts';
import { systemClock } from '../../src/clock.ts';
import { emptyAccountRecord } from '../../src/domain/memory/ledger.ts';
import type { Keeper } from '../../src/keeper/keeper.ts';
import { record } from '../store/shapes.ts';
import { settingsOf } from './running.ts';

const settings = (group: string) =>
  settingsOf(`{version: 1, accounts: [{name: main, provider: simulator}],
    groups: [{name: ${group}, match: {cloudGroup: [news, nwes]}}]}`);

it('a group that a reload renames while cloud groups are asked for is not said to have no task', async () => {
  const warnings: string[] = [];
  const answers: ((names: readonly string[]) => void)[] = [];
  let look = () => {};
  const known = record('t1');
  const keeper = {
    account: 'main',
    ledger: {
      owned: true,
      fresh: false,
      accountRecord: emptyAccountRecord,
      tasks: new Map([['t1', { ...known, group: 'vip', item: { ...known.item, cloudGroup: 'news' } }]]),
    },
    cloud: { cloudGroups: () => new Promise((resolve) => answers.push(resolve)) },
  } as unknown as Keeper;
  const names = watchNames({
    clock: {
      ...systemClock,
      after: (_, then) => {
        look = then;
        return () => {};
      },
    },
    keepers: () => [keeper],
    warn: (warning) => warnings.push(warning),
  });
  names.begin(settings('vip'));
  look();
  names.begin(settings('gold'));
  answers[0]?.(['news']);
  await new Promise(setImmediate);
  expect(warnings).toEqual([expect.stringMatching(/^group vip: no task is in a cloud group nwes/)]);
});
