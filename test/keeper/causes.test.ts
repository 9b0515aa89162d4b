/** What a circuit was opened by may have ended with its process, its owner or its keys: then it is probed at once. */
import { expect, test } from 'vitest';
import { policiesOf } from '../domain/story.ts';
import { defaultPolicy, Stage, tasks } from '../sim/stage.ts';

const stageOf = () => new Stage({ policies: policiesOf(defaultPolicy), tasks: tasks(3) });
const refused = { kind: 'error', code: 'InvalidAccessKey', status: 401 } as const;

/** A list or restarts refused for so long that the next probe is minutes away; one task is stopped. */
async function longRefused(action: 'list' | 'restart') {
  const stage = stageOf();
  await stage.run(5);
  const fault = stage.fault({ match: { action }, effect: refused });
  stage.act({ kind: 'stop', taskId: 't00001' });
  await stage.run(1_000);
  expect(stage.keeper.ledger.accountRecord.circuits[action].kind).toBe('open');
  return { stage, fault, mend: () => stage.world.faults.splice(0), calls: stage.arrivals.length };
}

test.each(['list', 'restart'] as const)('a fresh process probes an open circuit at once (%s)', async (action) => {
  const { stage, mend } = await longRefused(action);
  await stage.stop();
  mend();
  stage.start();
  await stage.run(10);
  expect(stage.statusOf('t00001')).toBe('生效中');
  expect(stage.keeper.ledger.accountRecord.circuits[action].kind).toBe('closed');
});

test.each(['list', 'restart'] as const)('other keys probe an open circuit at once (%s)', async (action) => {
  const { stage, mend } = await longRefused(action);
  mend();
  stage.keeper.probeSoon();
  await stage.run(10);
  expect(stage.statusOf('t00001')).toBe('生效中');
});

test.each(['list', 'restart'] as const)('a probe in vain leaves the waits as they were (%s)', async (action) => {
  const { stage } = await longRefused(action);
  const failed = () =>
    stage.arrivals.filter(({ action: one, outcome }) => outcome === 'InvalidAccessKey' && one !== '').length;
  const before = failed();
  stage.keeper.probeSoon();
  await stage.run(200);
  expect(failed() - before).toBeGreaterThanOrEqual(1);
  // One that was asked for, one that was due.
  expect(failed() - before).toBeLessThanOrEqual(2);
});

test('an owner that takes over probes at once', async () => {
  const { stage, mend } = await longRefused('list');
  mend();
  // The other process goes away; this one reads the same ledger.
  await stage.stop();
  stage.start();
  await stage.run(3);
  expect(stage.told('circuit-closed').map(({ circuit }) => circuit)).toContain('list');
});

test('what the old keys were still refused for after others came in leaves the probe to come at once', async () => {
  const stage = stageOf();
  await stage.run(5);
  stage.fault({ match: { action: 'restart' }, effect: refused, count: 1 });
  stage.fault({ match: { action: 'restart' }, effect: { kind: 'slow-down', ms: [4_000, 4_000] } });
  stage.act({ kind: 'stop', taskId: 't00001' });
  await stage.until(() => stage.restarts().length > 0, 60);
  stage.world.faults.splice(0);
  await stage.keeper.configure(stage.settings());
  stage.keeper.probeSoon();
  await stage.run(30);
  // The old client's answer did come, and opened it.
  expect(stage.told('circuit-opened').map(({ circuit }) => circuit)).toEqual(['restart']);
  expect(stage.statusOf('t00001')).toBe('生效中');
});
