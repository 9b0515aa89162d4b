/** Saves that fail, hang, or take so long that the account may be another's: nothing is sent, and that is said. */
import { expect, test } from 'vitest';
import { taskView } from '../../src/domain/views/views.ts';
import { policiesOf } from '../domain/story.ts';
import { defaultPolicy, Stage, tasks } from '../sim/stage.ts';

test('a lease that runs down while the intent is saved: nothing is sent, the attempt is given back', async () => {
  let leaseEndsAt = Number.POSITIVE_INFINITY;
  const stage = new Stage({
    policies: policiesOf(defaultPolicy),
    tasks: tasks(1),
    ownership: (clock) => ({
      acquire: async () => ({ epoch: 1, lost: new AbortController().signal }),
      remainingMs: () => leaseEndsAt - clock.monotonic(),
    }),
  });
  await stage.run(20);
  const save = stage.store.save.bind(stage.store);
  stage.store.save = async (account, changes) => {
    if (changes.events.some(({ type }) => type === 'restart-intended')) await stage.clock.sleep(4_000);
    return save(account, changes);
  };
  stage.act({ kind: 'stop', taskId: 't00000' });
  leaseEndsAt = 30_000 + 12_000; // enough for a call of 10 s from the next list, and not for one 4 s later
  await stage.run(25);
  expect(stage.restarts()).toEqual([]);
  expect(stage.told('restart-given-back').map(({ why }) => why)).toContain('not-sent');
  leaseEndsAt = Number.POSITIVE_INFINITY;
  await stage.run(20);
  expect(stage.restarts()).toHaveLength(1);
});

const calm = { ...policiesOf({ ...defaultPolicy, storm: false }), storm: false } as const;

test('while no save succeeds every view says why nothing is restarted, and the log once for each cause; an operator may try', async () => {
  const stage = new Stage({ policies: calm, tasks: tasks(3) });
  await stage.run(20);
  stage.store.failing = true;
  stage.act({ kind: 'stop', taskId: 't00000' });
  await stage.run(120);
  expect(stage.restarts()).toEqual([]);
  const verdict = () => {
    const record = stage.keeper.ledger.tasks.get('t00000');
    return record && taskView(record, stage.keeper.situation()).verdict;
  };
  expect(verdict()).toMatchObject({
    kind: 'wait',
    reason: 'standby',
    sentence: expect.stringContaining('the store fails'),
  });
  expect(stage.complaints).toHaveLength(1);
  const save = stage.store.save.bind(stage.store);
  stage.store.save = () => Promise.reject(new Error('the database takes no writes'));
  await stage.run(120);
  expect(stage.complaints).toHaveLength(2);
  let saves = 0;
  stage.store.save = () => Promise.reject(new Error(saves++ % 2 ? 'the disk is full' : 'the database takes no writes'));
  await stage.run(120);
  expect(stage.complaints).toHaveLength(2);
  stage.store.save = save;
  const asked = stage.keeper.operator.restart('t00000', 'eve', false);
  await expect(Promise.all([asked, stage.run(5)])).rejects.toThrow('the store fails');
  stage.store.failing = false;
  const byHand = stage.keeper.operator.restart('t00000', 'eve', false);
  await stage.run(1);
  expect(await byHand).toMatchObject({ kind: 'accepted' });
  expect(verdict()).not.toMatchObject({ reason: 'standby' });
  stage.act({ kind: 'stop', taskId: 't00001' });
  await stage.run(40);
  expect(stage.areActive()).toBe(true);
});

test('a hold whose save hangs is answered: it is in force, and not told as done', async () => {
  const stage = new Stage({ policies: calm, tasks: tasks(1) });
  await stage.run(20);
  const save = stage.store.save.bind(stage.store);
  const disk = Promise.withResolvers<void>();
  stage.store.save = async (account, changes) => {
    await disk.promise;
    return save(account, changes);
  };
  const at = stage.clock.now();
  const target = { kind: 'task', taskId: 't00000' } as const;
  const hold = { id: 'h', account: 'main', target, author: 'eve', reason: 'repair', createdAt: at, endsAt: undefined };
  const held = stage.keeper.operator.changeHold({ type: 'hold-added', at, account: 'main', hold });
  await expect(Promise.all([held, stage.run(11)])).rejects.toThrow('in force but not saved');
  expect(stage.keeper.ledger.holds.has('h')).toBe(true);
  disk.resolve();
  await stage.run(20);
  expect(stage.store.holds.has('h')).toBe(true);
});

/** Polled every 10 minutes, and its backoff of 3 minutes ends between two polls. The store fails at the last poll before. */
async function refusedAndUnsaved(): Promise<Stage> {
  const backoff = { ...defaultPolicy.backoff, initialMs: 180_000, jitterPercent: 0 };
  const policies = policiesOf({ ...defaultPolicy, backoff });
  const stage = new Stage({ policies, tasks: tasks(2), pollEveryMs: 600_000 });
  await stage.run(20);
  stage.fault({ match: { action: 'restart' }, effect: { kind: 'error', code: 'Forbidden' }, count: 1 });
  stage.act({ kind: 'stop', taskId: 't00001' });
  stage.keeper.pollSoon();
  await stage.run(20);
  stage.store.failing = true;
  stage.keeper.pollSoon();
  await stage.run(5);
  expect([stage.restarts().length, stage.keeper.situation().storeFails]).toEqual([1, true]);
  return stage;
}

test.each<[how: string, heals: (stage: Stage) => unknown]>([
  ['as the loop finds out', () => {}],
  ['as it is told', ({ keeper, clock }) => keeper.learned({ type: 'store-back', since: clock.now() })],
])('a store that works again between two polls, %s: a backoff ends when it is said to end', async (_how, heals) => {
  const stage = await refusedAndUnsaved();
  stage.store.failing = false;
  heals(stage);
  await stage.run(250);
  const [first, second] = stage.restarts();
  expect((second?.at ?? Number.NaN) - (first?.at ?? 0)).toBeLessThan(185);
});

test('a store that works again after a restart was due is found within seconds, however far the next poll is', async () => {
  const stage = await refusedAndUnsaved();
  await stage.run(260);
  expect(stage.restarts()).toHaveLength(1);
  stage.store.failing = false;
  const freeAt = stage.clock.monotonic();
  await stage.run(7);
  expect(stage.restarts()).toHaveLength(2);
  expect((stage.restarts()[1]?.at ?? Number.NaN) - freeAt).toBeLessThan(6_000);
});
