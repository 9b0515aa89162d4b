/**
 * An account is handed over when nothing that was sent for it can be counted in its next owner's time, which begins one
 * window later; and a call is sent only under a lease that covers it, however often it is sent.
 */
import { describe, expect, test } from 'vitest';
import type { Effect } from '../../src/simulator/faults.ts';
import { policiesOf } from '../domain/story.ts';
import { defaultPolicy, Stage, type StageOptions, tasks } from '../sim/stage.ts';

/** One account with a lease that the test ends: by a hand-over to another replica, or by letting it run out. */
function leased(more: Partial<StageOptions> = {}) {
  const lost = new AbortController();
  const lease = { endsAt: Number.POSITIVE_INFINITY };
  let handedOverAt: number | undefined;
  let owned = false;
  const stage: Stage = new Stage({
    policies: policiesOf(defaultPolicy),
    tasks: tasks(1),
    ...more,
    ownership: (clock) => ({
      acquire: (_account, signal) => {
        if (owned) return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal)));
        owned = true;
        const handOver = async () => {
          handedOverAt = clock.monotonic();
        };
        return Promise.resolve({ epoch: 1, lost: lost.signal, handOver });
      },
      remainingMs: () => Math.max(0, lease.endsAt - clock.monotonic()),
    }),
  });
  return { stage, lease, lost, handedOverAt: () => (handedOverAt ?? Number.NaN) / 1_000 };
}

describe('an account is handed over', () => {
  // The list of 30 s leaves at 30,000 and arrives 50 ms later; a restart follows it at 30,100.
  test.each<[string, string, Effect | undefined, number, number]>([
    ['at once when nothing is out', 'list', undefined, 29, 29],
    ['when the list that is out has been answered', 'list', { kind: 'slow-down', ms: [600, 600] }, 30.01, 30.7],
    [
      'and a list that gets no answer is given up after a second and waited out',
      'list',
      { kind: 'stall', when: 'after' },
      30.01,
      35,
    ],
    [
      'when the restart that is out has been answered',
      'restart',
      { kind: 'slow-down', ms: [3_000, 3_000] },
      30.3,
      33.2,
    ],
    ['and a restart that gets no answer is waited out', 'restart', { kind: 'stall', when: 'after' }, 30.3, 44.1],
    ['also when the restart was given up before', 'restart', { kind: 'stall', when: 'after' }, 42, 44.1],
    ['at once when that is long ago', 'restart', { kind: 'stall', when: 'after' }, 44.5, 44.5],
  ])('%s', async (_sentence, action, effect, lostAt, handedOverAt) => {
    const { stage, lost, handedOverAt: seconds } = leased();
    await stage.run(29);
    stage.act({ kind: 'stop', taskId: 't00000' });
    if (effect) stage.fault({ effect, match: { action }, count: 1 });
    await stage.run(lostAt - 29);
    lost.abort(new Error('another replica has fewer accounts'));
    await stage.run(20);
    expect(seconds()).toBeGreaterThanOrEqual(handedOverAt - 0.01);
    expect(seconds()).toBeLessThan(handedOverAt + 0.2);
  });

  test('after the answer to a restart whose intent was being saved', async () => {
    const { stage, lost, handedOverAt } = leased({ policies: policiesOf({ ...defaultPolicy, mode: 'observe' }) });
    await stage.run(20);
    stage.act({ kind: 'stop', taskId: 't00000' });
    // The list of 45 s is out for a while: nobody else waits for that save.
    await stage.run(24);
    stage.fault({ effect: { kind: 'slow-down', ms: [3_000, 3_000] }, match: { action: 'list' } });
    await stage.run(1.5);
    const save = stage.store.save.bind(stage.store);
    const saved: string[] = [];
    stage.store.save = async (account, changes) => {
      if (changes.events.some(({ type }) => type === 'restart-intended')) await stage.clock.sleep(6_000);
      saved.push(...changes.events.map(({ type }) => `${type} ${handedOverAt() > 0 ? 'late' : 'in time'}`));
      return save(account, changes);
    };
    const answer = stage.keeper.operator.restart('t00000', 'eve', false);
    await stage.run(0.5);
    lost.abort(new Error('another replica has fewer accounts'));
    await stage.run(10);
    expect(await answer).toMatchObject({ kind: 'accepted' });
    expect(handedOverAt()).toBeGreaterThan(stage.restarts()[0]?.at ?? Number.POSITIVE_INFINITY);
    expect(saved).toContain('restart-answered in time');
    expect(saved.filter((one) => one.endsWith('late'))).toEqual([]);
  });

  test('with no call out that an operator asked for meanwhile', async () => {
    const observing = policiesOf({ ...defaultPolicy, mode: 'observe' });
    const { stage, lost, handedOverAt } = leased({ tasks: tasks(2, { stopped: true }), policies: observing });
    stage.fault({ effect: { kind: 'slow-down', ms: [3_000, 3_000] }, match: { action: 'restart' } });
    await stage.run(31);
    const answer = stage.keeper.operator.restart('t00000', 'eve', false);
    await stage.run(0.5);
    lost.abort(new Error('another replica has fewer accounts'));
    await stage.run(0.5);
    const refused = expect(stage.keeper.operator.restart('t00001', 'eve', true)).rejects.toThrow('lost the account');
    await stage.run(10);
    await refused;
    expect(await answer).toMatchObject({ kind: 'accepted' });
    expect(handedOverAt()).toBeGreaterThan(34);
    expect(stage.restarts()).toHaveLength(1);
  });

  test('at once while its turn to be read has not come, and nothing is complained of', async () => {
    const { stage, lost, handedOverAt } = leased();
    stage.store.load = (_account: string, _since: number, signal?: AbortSignal) =>
      new Promise<never>((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    await stage.run(5);
    lost.abort(new Error('another replica has fewer accounts'));
    await stage.run(1);
    expect(handedOverAt()).toBeLessThan(5.1);
    expect(stage.complaints).toEqual([]);
  });

  test('at once when its lease has run out: another may have it already', async () => {
    const { stage, lease, lost, handedOverAt } = leased();
    await stage.run(29);
    stage.act({ kind: 'stop', taskId: 't00000' });
    stage.fault({ effect: { kind: 'stall', when: 'after' }, match: { action: 'restart' } });
    await stage.run(13);
    lease.endsAt = 42_000;
    lost.abort(new Error('its lease has run out'));
    await stage.run(0.2);
    expect(handedOverAt()).toBeLessThan(42.1);
  });
});

describe('a restart that is to be sent again', () => {
  test.each<[string, Effect]>([
    ['by another action', { kind: 'error', code: 'InvalidActionOrVersion' }],
    ['by the cloud’s time', { kind: 'error', code: 'InvalidTimestamp' }],
  ])('%s is not, under a lease that may end before its answer; the attempt is given back', async (_how, effect) => {
    const { stage, lease } = leased();
    await stage.run(29);
    stage.act({ kind: 'stop', taskId: 't00000' });
    stage.fault({ effect, match: { action: 'RestartPullToPushTask' }, count: 1 });
    stage.fault({
      effect: { kind: 'slow-down', ms: [3_000, 3_000] },
      match: { action: 'RestartPullToPushTask' },
      count: 1,
    });
    // Enough for a call of 10 s from the list of 30 s on, and not for one that is sent 3 s later.
    lease.endsAt = 42_000;
    await stage.run(10);
    expect(stage.restarts()).toHaveLength(1);
    expect(stage.told('restart-given-back').map(({ why }) => why)).toEqual(['not-sent']);
    expect(stage.told('circuit-opened')).toEqual([]);
    lease.endsAt = Number.POSITIVE_INFINITY;
    await stage.run(30);
    expect(stage.restarts()).toHaveLength(2);
    expect(stage.statusOf('t00000')).toBe('生效中');
  });
});
