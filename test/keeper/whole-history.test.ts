/** The history of a store that works has every event, however many a list or a reload tells at once. */
import { expect, test } from 'vitest';
import type { Cloud } from '../../src/domain/ports/cloud-port.ts';
import { type EventType, isRecorded } from '../../src/domain/words/events.ts';
import type { TaskStatus } from '../../src/domain/words/task.ts';
import { item, policiesOf } from '../domain/story.ts';
import { defaultPolicy, Stage } from '../sim/stage.ts';

/** More than are kept for a store that fails. */
const many = 60_000;
const ids = Array.from({ length: many }, (_, n) => `t${String(n).padStart(5, '0')}`);
const timeout = 300_000;

/** From the next poll on the list has all of these tasks. The pretend cloud would take a minute for that. */
async function showAll(stage: Stage, status: (taskId: string) => TaskStatus): Promise<void> {
  const observe: Cloud['observe'] = async () => {
    const now = stage.clock.now();
    const items = ids.map((taskId) => item(taskId, status(taskId), { requestedAt: now }));
    const whole = { drift: false, failedCloudGroups: [], malformedItems: 0 };
    return { kind: 'complete', items, startedAt: now, finishedAt: now, ...whole };
  };
  await stage.wrapCloud(() => ({ observe }));
}

const historyOf = (stage: Stage, wanted: EventType) =>
  stage.store.events.flatMap((event) => (event.type === wanted && 'taskId' in event ? [event.taskId] : []));

test('a list of 60,000 new, stopped tasks, and a reload that moves them all, are told whole and in order', {
  timeout,
}, async () => {
  const observing = { ...defaultPolicy, mode: 'observe' } as const;
  const stage = new Stage({ policies: policiesOf(observing) });
  await stage.run(1);
  await showAll(stage, () => 'stopped');
  await stage.run(1);
  expect([...stage.store.tasks.keys()]).toEqual(ids);
  for (const type of ['task-found', 'outage-opened', 'restart-withheld'] as const)
    expect(historyOf(stage, type), type).toEqual(ids);
  await stage.reload({ policies: policiesOf({ ...observing, name: 'renamed' }) });
  await stage.run(1);
  expect(historyOf(stage, 'task-moved')).toEqual(ids);
  expect(stage.complaints).toEqual([]);
});

test('a store that takes a minute for the events of a list delays no restart by that, and has all of them before a stop', {
  timeout,
}, async () => {
  const stage = new Stage({ policies: policiesOf(defaultPolicy) });
  await stage.run(1);
  const save = stage.store.save.bind(stage.store);
  stage.store.save = async (account, changes) => {
    await stage.clock.sleep(changes.events.length);
    return save(account, changes);
  };
  await showAll(stage, (taskId) => (taskId === 't59999' ? 'stopped' : 'active'));
  const inSeconds = await stage.until(() => stage.restarts('t59999').length > 0, 120);
  expect(inSeconds).toBeLessThan(25);
  expect(historyOf(stage, 'task-found').length).toBeLessThan(many);
  const stopping = stage.stop();
  await stage.run(60);
  await stopping;
  expect(historyOf(stage, 'task-found')).toEqual(ids);
});

test('a save that fails amid the events of a list costs the history none of them', { timeout }, async () => {
  const stage = new Stage({ policies: policiesOf(defaultPolicy) });
  await stage.run(1);
  const save = stage.store.save.bind(stage.store);
  stage.store.save = async (account, changes) => {
    await save(account, changes);
    // The first part of them is there.
    stage.store.failing ||= historyOf(stage, 'task-found').length === 5_000;
  };
  await showAll(stage, () => 'active');
  await stage.until(() => stage.store.failing, 120);
  await stage.run(60);
  stage.store.failing = false;
  await stage.run(60);
  expect(historyOf(stage, 'task-found')).toEqual(ids);
  expect(stage.complaints.filter((said) => said.includes('given up'))).toEqual([]);
});

test('a store that fails stops no poll, costs no record, and how many events it cost is said', {
  timeout,
}, async () => {
  const stage = new Stage({ policies: policiesOf(defaultPolicy) });
  await stage.run(1);
  stage.store.failing = true;
  // Known to fail before the list comes.
  await showAll(stage, () => 'active');
  await stage.run(31);
  expect(stage.told('poll-completed').length).toBeGreaterThan(2);
  stage.store.failing = false;
  await stage.run(31);
  expect([...stage.store.tasks.keys()]).toEqual(ids);
  const found = historyOf(stage, 'task-found');
  expect(found).toEqual(ids.slice(-found.length));
  const said = stage.complaints.map((said) => Number(/^(\d+) events are given up/.exec(said)?.[1] ?? 0));
  const given = said.reduce((sum, one) => sum + one, 0);
  expect(given + stage.store.events.length).toBe(stage.events.filter(isRecorded).length);
  expect(stage.store.events.length).toBeGreaterThanOrEqual(25_000);
});
