/**
 * A step of this machine's clock between polls: waits go on as they were, whoever notices it first, and a process
 * that takes over does not move what the one before it has moved already.
 */
import { expect, test } from 'vitest';
import { begin, policiesOf } from '../domain/story.ts';
import { defaultPolicy, Stage, tasks } from '../sim/stage.ts';

const hourMs = 3_600_000;
const dead = { stopped: true, life: { restartsInVain: Number.POSITIVE_INFINITY } };

test.each([
  ['forward', hourMs],
  ['back', -hourMs],
])(
  'a restart is verified for its whole time when the clock steps an hour %s right after its answer',
  async (_name, stepMs) => {
    const stage = new Stage({ policies: policiesOf(defaultPolicy), tasks: tasks(1, dead), pollEveryMs: 60_000 });
    await stage.run(3); // the first list, the restart, its answer
    expect(stage.restarts()).toHaveLength(1);
    stage.clock.step(stepMs);
    await stage.run(50);
    expect(stage.told('restart-failed')).toEqual([]);
    await stage.run(20);
    expect(stage.told('restart-failed')).toHaveLength(1);
  },
);

test('a list that was read across a step decides nothing, and is read again at once', async () => {
  const stage = new Stage({ policies: policiesOf(defaultPolicy), tasks: tasks(1), pollEveryMs: 60_000 });
  await stage.run(120.02); // the third request is under way, 50 ms each way
  const polls = stage.told('poll-completed').length;
  const calls = stage.arrivals.length;
  stage.clock.step(-hourMs / 6); // by more the cloud would refuse the next call
  await stage.run(0.5);
  expect(stage.arrivals).toHaveLength(calls + 2);
  expect(stage.told('poll-completed')).toHaveLength(polls + 1);
});

test('a look that begins after a step is used, though nobody has noticed the step before it', async () => {
  const stage = new Stage({
    policies: policiesOf(defaultPolicy),
    tasks: tasks(1, { stopped: true }),
    pollEveryMs: 60_000,
  });
  await stage.run(3); // the first list, the restart, its answer
  expect(stage.restarts()).toHaveLength(1);
  stage.clock.step(hourMs / 6);
  await stage.run(10); // one look
  expect(stage.told('restart-worked')).toHaveLength(1);
  expect(stage.told('poll-completed')).toHaveLength(1);
});

test('a look across a step back is not used: by its old time the task would have had its whole minute', async () => {
  const stage = new Stage({ policies: policiesOf(defaultPolicy), tasks: tasks(1, dead), pollEveryMs: 60_000 });
  await stage.run(3); // the first list, the restart, its answer
  const calls = stage.arrivals.length;
  while (stage.arrivals.length === calls) await stage.run(0.02);
  stage.clock.step(-hourMs / 6); // the look's answer is under way
  await stage.run(5);
  expect(stage.told('restart-failed')).toEqual([]);
});

test('a standby that takes over leaves times alone that it saw step while it stood by', async () => {
  let waitsMs = 0;
  const stage = new Stage({
    policies: policiesOf(defaultPolicy),
    tasks: tasks(1, dead),
    ownership: (clock) => ({
      acquire: async (_account, signal) => {
        await clock.sleep(waitsMs, signal);
        return { epoch: 1, lost: new AbortController().signal };
      },
      remainingMs: () => Number.POSITIVE_INFINITY,
    }),
  });
  await stage.run(3);
  await stage.stop();
  const [stored] = stage.store.tasks.values();
  expect(stored?.lastAttemptAt).toBeGreaterThan(begin);
  waitsMs = 30_000;
  stage.start();
  await stage.run(10);
  stage.clock.step(-hourMs / 6);
  await stage.run(25);
  expect(stage.keeper.ledger.owned).toBe(true);
  expect(stage.keeper.ledger.tasks.get(stored?.taskId ?? '')?.lastAttemptAt).toBe(stored?.lastAttemptAt);
});

test.each([
  ['forward', hourMs],
  ['back', -hourMs],
])('a poll is made when it was due, or before, when the clock steps an hour %s in the gap', async (_name, stepMs) => {
  const stage = new Stage({ policies: policiesOf(defaultPolicy), tasks: tasks(1), pollEveryMs: 60_000 });
  await stage.run(5);
  const polls = stage.told('poll-completed').length;
  stage.clock.step(stepMs);
  await stage.run(57);
  expect(stage.told('poll-completed').length).toBeGreaterThan(polls);
});

test.each([
  ['no step', 0],
  ['half an hour back', -hourMs / 2],
  ['half an hour forward', hourMs / 2],
])('an open restart circuit asks the curable tasks after the dead one: %s', async (_name, stepMs) => {
  const stage = new Stage({
    policies: policiesOf({ ...defaultPolicy, storm: false, budget: false }),
    tasks: [...tasks(5, { stopped: true }), ...tasks(20, {}, 'fine')],
    // So often that the dead one is in the queue again before the next probe.
    pollEveryMs: 15_000,
  });
  const failing = { kind: 'error', code: 'CommonErr', status: 200 } as const;
  // Five answers open the circuit; from then on only the dead task fails.
  stage.fault({ match: { action: 'restart' }, effect: failing, count: 5 });
  await stage.run(5);
  expect(stage.told('circuit-opened')).toHaveLength(1);
  const [dead] = stage.restarts();
  stage.fault({ match: { action: 'restart', taskId: dead?.taskId ?? '' }, effect: failing });
  if (stepMs !== 0) stage.clock.step(stepMs);
  // The probe of the dead task, one of a curable task, and a poll.
  await stage.run(30 + 30 + 60 + 60);
  expect(new Set(stage.told('restart-worked').map(({ taskId }) => taskId)).size).toBe(4);
});

test('a group that matches nothing is reported after ten minutes, whatever the clock does', async () => {
  const empty = { ...defaultPolicy, name: 'empty', match: { ...defaultPolicy.match, cloudGroup: ['empty'] } };
  const stage = new Stage({ policies: policiesOf(defaultPolicy, empty), tasks: tasks(1) });
  await stage.run(60);
  stage.clock.step(hourMs);
  await stage.run(500);
  expect(stage.told('group-empty')).toEqual([]);
  await stage.run(90);
  expect(stage.told('group-empty')).toHaveLength(1);
});

/** A restart is out; a look ends while the next list is taken in, and the clock has stepped an hour before its last page. */
async function lookAmidList(restartsInVain: number): Promise<Stage> {
  const restarted = tasks(1, { life: { restartsInVain, startsInMs: [50, 50] } });
  const stage = new Stage({ policies: policiesOf(defaultPolicy), tasks: [...restarted, ...tasks(999, {}, 'u')] });
  await stage.run(20);
  const listed = Promise.withResolvers<void>();
  let looks = 0;
  await stage.wrapCloud((cloud) => ({
    observe: async (signal, known) => {
      const seen = await cloud.observe(signal, known);
      if (stage.restarts().length > 0) listed.resolve();
      return seen;
    },
    look: async (cloudGroups, signal) => {
      const seen = await cloud.look(cloudGroups, signal);
      if (looks++ > 0) return seen;
      await listed.promise;
      while (!stage.keeper.ledger.midway) await Promise.resolve();
      stage.clock.step(hourMs);
      return { ...seen, items: seen.items.map((item) => ({ ...item, requestedAt: stage.clock.now() })) };
    },
  }));
  stage.act({ kind: 'stop', taskId: 't00000' });
  await stage.until(() => looks > 0, 30);
  await stage.run(30);
  expect(stage.clock.now() - begin).toBeGreaterThan(hourMs);
  return stage;
}

test('a look that ends amid a list, and the clock steps before: a dead task has its whole minute', async () => {
  const stage = await lookAmidList(Number.POSITIVE_INFINITY);
  expect(stage.told('restart-failed')).toEqual([]);
  await stage.run(60);
  expect(stage.told('restart-failed')).toHaveLength(1);
});

test('a look that ends amid a list, and the clock steps before: a task runs since its list showed it', async () => {
  const stage = await lookAmidList(0);
  const { activeAt = Number.NaN } = stage.keeper.ledger.tasks.get('t00000')?.outage ?? {};
  expect(Math.abs(stage.clock.now() - activeAt)).toBeLessThan(60_000);
});
