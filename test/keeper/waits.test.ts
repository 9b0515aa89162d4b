/** A wait ends when it is said to end: with a poll a minute nobody waits for the poll after. */
import { expect, test } from 'vitest';
import { policiesOf } from '../domain/story.ts';
import { defaultPolicy, Stage, tasks } from '../sim/stage.ts';

const plain = { ...defaultPolicy, backoff: { ...defaultPolicy.backoff, jitterPercent: 0 } };

const restartsOf = (stage: Stage, taskId: string) => stage.restarts(taskId).map(({ at }) => Math.round(at));

test.each([
  ['throttled', { kind: 'error', code: 'FlowLimitExceeded' }, 5],
  ['throttled, and asked to stay away for 20 s', tooMany(20), 20],
] as const)('%s: the others go when the account’s wait ends', async (_sentence, effect, waitSeconds) => {
  // Slow enough that the first answer comes before the second call is due.
  const stage = new Stage({ policies: policiesOf(plain), tasks: tasks(100), pollEveryMs: 60_000, perSecond: 2 });
  await stage.run(30);
  stage.fault({ match: { action: 'restart' }, effect, count: 1 });
  for (const { taskId } of tasks(3)) stage.act({ kind: 'stop', taskId });
  await stage.run(60);
  const [throttled, ...others] = stage.restarts();
  const endsAt = (throttled?.at ?? Number.NaN) + waitSeconds;
  expect(new Set(others.slice(0, 2).map(({ taskId }) => taskId)).add(throttled?.taskId ?? '').size).toBe(3);
  for (const { at } of others.slice(0, 2)) {
    expect(at).toBeGreaterThanOrEqual(endsAt);
    // The rate is halved, and the second waits for the first one's answer.
    expect(at).toBeLessThan(endsAt + 3);
  }
});

/** Stopped, and refused at second 60, so that its backoff of 70 s ends half-way between two polls. */
async function refusedOnce(): Promise<Stage> {
  const policy = { ...plain, backoff: { ...plain.backoff, initialMs: 70_000, maxMs: 600_000 } };
  const stage = new Stage({ policies: policiesOf(policy), tasks: tasks(2), pollEveryMs: 60_000 });
  await stage.run(30);
  const effect = { kind: 'error', code: 'Forbidden' } as const;
  stage.fault({ match: { action: 'restart', taskId: 't00001' }, effect, count: 1 });
  stage.act({ kind: 'stop', taskId: 't00001' });
  await stage.run(70);
  return stage;
}

test('the backoff of a task ends between two polls, and the restart goes then', async () => {
  const stage = await refusedOnce();
  await stage.run(70);
  expect(restartsOf(stage, 't00001')).toEqual([60, 130]);
});

test('what the newest list shows running is not restarted when a wait ends', async () => {
  const stage = await refusedOnce();
  stage.act({ kind: 'start', taskId: 't00001' });
  await stage.run(140);
  expect(restartsOf(stage, 't00001')).toEqual([60]);
});

function tooMany(seconds: number) {
  return { kind: 'error', code: 'FlowLimitExceeded', headers: { 'Retry-After': String(seconds) } } as const;
}
