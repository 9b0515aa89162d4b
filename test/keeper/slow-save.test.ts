/** An intent whose saving takes so long that the account may be another's by the end of the call is given back. */
import { expect, test } from 'vitest';
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
