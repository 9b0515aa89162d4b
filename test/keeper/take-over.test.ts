/** A process that has just become the owner, on a disk that does not take what it says yet. */
import { expect, test } from 'vitest';
import type { Hold } from '../../src/domain/words/events.ts';
import { begin, policiesOf } from '../domain/story.ts';
import { defaultPolicy, Stage, tasks } from '../sim/stage.ts';

test('a hold that came while the disk was full is in force when the disk takes writes again', async () => {
  const stage = new Stage({ policies: policiesOf(defaultPolicy), tasks: tasks(1, { stopped: true }) });
  stage.store.failing = true;
  await stage.run(3);
  expect(stage.complaints).toContainEqual(expect.stringContaining('the ledger could not be saved'));
  const hold: Hold = {
    id: 'h1',
    account: 'main',
    target: { kind: 'account' },
    author: 'eve',
    reason: 'repair',
    createdAt: begin + 3_000,
    endsAt: undefined,
  };
  const held = stage.keeper.operator.changeHold({ type: 'hold-added', at: begin + 3_000, account: 'main', hold });
  await expect(held).rejects.toThrow('it is in force but not saved');
  stage.store.failing = false;
  await stage.run(60);
  expect(stage.told('poll-completed').length).toBeGreaterThan(2);
  expect(stage.restarts()).toEqual([]);
  expect([...stage.store.holds.keys()]).toEqual(['h1']);
  expect(stage.told('owner-gained')).toHaveLength(1);
});
