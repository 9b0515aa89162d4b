/** Operators' restarts, however many: those that the daemon makes by itself wait for one of them at most. */
import { expect, test } from 'vitest';
import { policiesOf } from '../domain/story.ts';
import { defaultPolicy, Stage, tasks } from '../sim/stage.ts';

const group = (name: string, mode: 'heal' | 'observe') => ({
  ...defaultPolicy,
  name,
  mode,
  match: { ...defaultPolicy.match, cloudGroup: [name] },
});
const dead = tasks(60, {
  cloudGroup: 'studio',
  stopped: true,
  life: { restartsInVain: Number.POSITIVE_INFINITY },
});
const ids = dead.map(({ taskId = '' }) => taskId);

test.each([
  ['60 tasks at once', ids, 60],
  ['half of them, and once more', [...ids.slice(30), ...ids.slice(30)], 60],
  ['one task 60 times at once: all but one are refused', ids.map(() => String(ids[0])), 1],
])('%s', async (_sentence, asked, sent) => {
  const stage = new Stage({
    policies: policiesOf(group('vip', 'heal'), group('studio', 'observe')),
    tasks: [...dead, ...tasks(9, {}, 'well')],
  });
  await stage.run(29.5);
  stage.act({ kind: 'stop', taskId: 'well00003' });
  const answers = asked.map((taskId) => stage.keeper.operator.restart(taskId, 'eve', false));
  const settled = Promise.allSettled(answers);
  await stage.run(15);
  const [well] = stage.restarts('well00003');
  expect(well?.at).toBeGreaterThan(30);
  expect(well?.at).toBeLessThan(31);
  // Nobody who asked was forgotten for it.
  expect((await settled).filter(({ status }) => status === 'fulfilled')).toHaveLength(sent);
  expect(stage.restarts()).toHaveLength(sent + 1);
});

test('a task that is unknown by the time its permit comes: it is refused, and the permit goes to others', async () => {
  const lost = new AbortController();
  const stage = new Stage({
    policies: policiesOf(group('vip', 'observe')),
    tasks: tasks(1, { stopped: true }),
    perSecond: 1,
    pollEveryMs: 5_000,
    ownership: () => ({
      acquire: async () => ({ epoch: 1, lost: lost.signal.aborted ? new AbortController().signal : lost.signal }),
      remainingMs: () => Number.POSITIVE_INFINITY,
    }),
  });
  await stage.run(20);
  // It waits for the window that a new owner waits, and what that one reads does not have its task.
  lost.abort(new Error('another process had it'));
  stage.store.tasks.clear();
  const asked = stage.keeper.operator.restart('t00000', 'eve', false);
  await expect(Promise.all([asked, stage.run(4)])).rejects.toThrow('no task t00000');
  const polls = stage.told('poll-completed').length;
  await stage.run(20);
  expect(stage.told('poll-completed').length).toBeGreaterThan(polls);
});
