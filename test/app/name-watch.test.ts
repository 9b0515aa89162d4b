/** Names that no task has are judged by the configuration that they were looked for with. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { watchNames } from '../../src/app/name-watch.ts';
import { systemClock } from '../../src/clock.ts';
import { emptyAccountRecord } from '../../src/domain/memory/ledger.ts';
import type { Keeper } from '../../src/keeper/keeper.ts';
import { record } from '../store/shapes.ts';
import { settingsOf } from './running.ts';

const settings = (group: string) =>
  settingsOf(`{version: 1, accounts: [{name: main, provider: simulator}],
    groups: [{name: ${group}, match: {cloudGroup: [news, nwes]}}]}`);

/** One account whose cloud groups are asked for by `look`, and answered as `cloudGroups` says. */
function watched(cloudGroups: Keeper['cloud']['cloudGroups']) {
  const warnings: string[] = [];
  const known = record('t1');
  const keeper = {
    account: 'main',
    ledger: {
      owned: true,
      fresh: false,
      accountRecord: emptyAccountRecord,
      tasks: new Map([['t1', { ...known, group: 'vip', item: { ...known.item, cloudGroup: 'news' } }]]),
    },
    cloud: { cloudGroups },
  } as unknown as Keeper;
  let look = () => {};
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
  return { names, warnings, look: () => look() };
}

it('a group that a reload renames while cloud groups are asked for is not said to have no task', async () => {
  const answers: ((names: readonly string[]) => void)[] = [];
  const { names, warnings, look } = watched(() => new Promise((resolve) => answers.push(resolve)));
  look();
  await new Promise(setImmediate);
  names.begin(settings('gold'));
  answers[0]?.(['news']);
  await new Promise(setImmediate);
  expect(warnings).toEqual([expect.stringMatching(/^group vip: no task is in a cloud group nwes/)]);
});

describe('while cloud groups are asked for', () => {
  const closed = new Error('the client of this account is closed');
  const unheard: unknown[] = [];
  const hear = (reason: unknown) => unheard.push(reason);
  beforeEach(() => {
    unheard.length = 0;
    process.on('unhandledRejection', hear);
  });
  afterEach(() => void process.off('unhandledRejection', hear));

  it.each<[string, (settle: PromiseWithResolvers<readonly string[] | undefined>) => void, number]>([
    [
      'a client that a reload or the end closes does not end the daemon, and nobody is warned',
      ({ reject }) => reject(closed),
      0,
    ],
    ['a list that cannot be read leaves the warning without other names', ({ resolve }) => resolve(undefined), 1],
    ['a list that is read is asked for the nearest name', ({ resolve }) => resolve(['nwes-2']), 1],
  ])('%s', async (_, answer, warned) => {
    const asked = Promise.withResolvers<readonly string[] | undefined>();
    const { warnings, look } = watched(() => asked.promise);
    look();
    answer(asked);
    await new Promise(setImmediate);
    expect([unheard, warnings.length]).toEqual([[], warned]);
  });
});
