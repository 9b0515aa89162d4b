/** Histories that an on-call person would recognize, at the level of the rules: who is called when. */
import { expect, test } from 'vitest';
import { Memory } from '../../src/domain/memory/memory.ts';
import type { Policies, Policy } from '../../src/domain/words/policy.ts';
import {
  accepted,
  at,
  hours,
  item,
  minutes,
  plainPolicy,
  policiesOf,
  refusal,
  type Shown,
  Story,
  tasks,
  unanswered,
  unnoted,
} from './story.ts';

const forbidden = refusal('forbidden', 'RequestForbidden');
const calm = (more: Partial<Policy> = {}): Policies => ({
  ...policiesOf({ ...plainPolicy, storm: false, budget: false, ...more }),
  storm: false,
});

/** A list every 15 s and a look every 5 s while something is awaited; gives when each call went. */
const watched = (story: Story, from: number, to: number, shown: (seconds: number) => Shown): readonly number[] => {
  const calls: number[] = [];
  for (let seconds = from; seconds <= to; seconds += 5) {
    if (seconds % 15 === 0) story.list(seconds, shown(seconds));
    else if (story.ledger.unsettled.size > 0) story.look(seconds, shown(seconds));
    for (const _ of story.send(seconds)) calls.push(seconds);
  }
  return calls;
};

test('EndTime inside a backoff: stopped at 0, EndTime at 200 s, never curable', () => {
  const shown = () => ({ t: item('t', 'stopped', { endsAt: at(200) }) });
  const story = new Story(calm());
  expect(watched(story, 0, 600, shown)).toEqual([0, 75]);
  expect(story.endings()).toEqual(['t ended']);
});

test('one dead task: each call is awaited for a minute, then the backoff grows to five', () => {
  const story = new Story(calm());
  const calls = watched(story, 0, 1_500, () => ({ t: 'stopped' }));
  // Awaited until an item requested after 60 s, sent with the next list: 75 s; from the fifth on the backoff is longer.
  expect(calls).toEqual([0, 75, 150, 225, 345, 585, 885, 1_185]);
  expect(story.says('t')).toMatch(/^quarantined/);
});

test('a flapper that runs five minutes each time is called for ever, at most every five minutes', () => {
  const story = new Story(calm());
  let upUntil = -1;
  const calls: number[] = [];
  for (let seconds = 0; seconds <= hours(6); seconds += 15) {
    story.list(seconds, { t: seconds < upUntil ? 'active' : 'stopped' });
    for (const _ of story.send(seconds)) {
      calls.push(seconds);
      upUntil = seconds + minutes(5);
    }
  }
  expect(story.told('task-quarantined')).toEqual([]);
  expect(new Set(story.endings())).toEqual(new Set(['t recovered']));
  // Up for 300 s, and stopped until the next list at most once the backoff has reached its maximum.
  expect(calls.length).toBeGreaterThan(hours(6) / 330);
  expect(calls.slice(8).every((seconds, n, all) => n === 0 || seconds - (all[n - 1] ?? 0) >= 300)).toBe(true);
});

test('a task that runs 30 s each time fails each time, and goes into quarantine', () => {
  const story = new Story(calm());
  let upUntil = -1;
  for (let seconds = 0; seconds <= hours(1); seconds += 15) {
    story.list(seconds, { t: seconds < upUntil ? 'active' : 'stopped' });
    if (story.send(seconds).length > 0) upUntil = seconds + 31;
  }
  expect(story.told('task-quarantined').length).toBe(1);
  const causes = story.told('restart-failed').map((event) => 'cause' in event && event.cause);
  expect(new Set(causes)).toEqual(new Set(['stopped-again']));
  expect(story.endings()).toEqual([]);
});

test('a reload in the middle of an outage: the new waits apply, the attempts stay', () => {
  const story = new Story(calm()).list(0, { t: 'stopped' });
  story.send(0, forbidden);
  story.list(15, { t: 'stopped' }).send(15, forbidden);
  story.reload(16, calm({ backoff: { ...plainPolicy.backoff, initialMs: 100_000 } }));
  // The third: 100 s × 2 from the second.
  expect(story.says('t')).toBe('backoff until 215');
  story.reload(17, calm({ backoff: { ...plainPolicy.backoff, initialMs: 1_000 } }));
  expect(story.says('t', 18)).toBe('restart');
  expect(story.record('t')).toMatchObject({ attempts: 2, row: 2 });
});

test('a reload that takes its group away while its restart waits in the queue: it does not go', () => {
  const story = new Story(calm()).list(0, { t: 'stopped' });
  story.reload(1, calm({ match: { ...plainPolicy.match, cloudGroup: ['other'] } }));
  expect([story.send(1), story.says('t')]).toEqual([[], 'unmanaged until never']);
});

test('a reload that gives it to another group: its storm and hours are those of the other', () => {
  const story = new Story(calm()).list(0, { t: 'stopped' });
  const closed = [{ days: ['sun'], fromMinute: 0, toMinute: 60, timezone: 'UTC' }] as const;
  story.reload(1, {
    account: 'main',
    storm: false,
    groups: [{ ...plainPolicy, name: 'new', hours: closed }],
  });
  expect(story.record('t').group).toBe('new');
  expect(story.says('t')).toMatch(/^outside-hours/);
});

test('a newer list speaks while the restart waits in the queue: it runs again, and nothing goes', () => {
  const story = new Story(calm()).list(0, { t: 'stopped' });
  const { queue } = story;
  story.list(15, { t: 'active' });
  story.queue = queue;
  expect(story.send(15)).toEqual([]);
});

test('EndTime passes while the restart waits in the queue: nothing goes', () => {
  const story = new Story(calm()).list(0, { t: item('t', 'stopped', { endsAt: at(75) }) });
  expect(story.says('t', 14)).toBe('restart');
  expect(story.send(15)).toEqual([]);
});

test('a key rotated to one that sees nothing for ten minutes: no call, no ending, and then as before', () => {
  const shown = { ...tasks(50, 'active'), t00: 'stopped' } as const;
  const story = new Story(calm()).list(0, shown);
  story.send(0, forbidden);
  for (let seconds = 15; seconds <= 600; seconds += 15) {
    story.list(seconds, {});
    expect(story.send(seconds)).toEqual([]);
  }
  story.list(615, shown);
  expect([story.endings(), story.told('task-gone'), story.send(615)]).toEqual([[], [], ['t00']]);
});

test('a clock an hour off: StartTime, EndTime and hours go by the cloud’s, waits by ours', () => {
  const eight = [{ days: ['mon'], fromMinute: 60, toMinute: 120, timezone: 'UTC' }] as const;
  const story = new Story(calm({ hours: eight }));
  story.clockOffsetMs = hours(1) * 1_000;
  story.list(0, {
    open: 'stopped',
    ending: item('ending', 'stopped', { endsAt: at(hours(1) + 59) }),
    ahead: item('ahead', 'stopped', { startsAt: at(hours(1) + 90) }),
  });
  expect(story.says('open')).toBe('restart');
  expect(story.says('ending')).toBe('near-end until never');
  expect(story.says('ahead')).toBe('before-start until 30');
  story.send(0, forbidden, 1);
  expect(story.says('open')).toBe('backoff until 15');
});

test('the end guard goes by the cloud’s clock too', () => {
  const story = new Story(calm());
  story.clockOffsetMs = hours(1) * 1_000;
  story.hold('h', { kind: 'account' }, at(500));
  story.list(0, { t: item('t', 'stopped', { endsAt: at(hours(1) + 540) }) });
  expect(story.says('t')).toBe('held until never');
});

test.each([
  ['forward', 3_600],
  ['back', -3_600],
])('this machine’s clock steps an hour %s: every wait is as long as it was', (_sentence, step) => {
  const story = new Story(calm()).list(0, tasks(3, 'stopped'));
  story.send(0, (taskId) => (taskId === 't00' ? forbidden : taskId === 't01' ? accepted : unanswered()));
  story.memory.stepClock(step * 1_000);
  expect(story.says('t00', 1 + step)).toBe(`backoff until ${15 + step}`);
  expect(story.says('t01', 1 + step)).toBe(`verifying until ${60 + step}`);
  expect(story.says('t02', 1 + step)).toBe(`verifying until ${60 + step}`);
  story.list(75 + step, { t00: 'active', t01: 'stopped', t02: 'active' });
  expect(story.record('t01').row).toBe(1);
});

test('the clock is set back an hour after an attempt that was given back: its task does not wait for that hour', () => {
  const story = new Story(calm()).list(0, { t: 'stopped' });
  const left = { ...story.record('t'), outage: undefined, lastAttemptAt: at(0) };
  const memory = new Memory('main', unnoted, { tasks: [left], holds: [], accountRecord: undefined, budget: [] });
  memory.stepClock(-3_600_000);
  expect(memory.ledger.tasks.get('t')?.lastAttemptAt).toBe(at(-3_600));
});

test('the clock is set back to the moment of an attempt, and the next one is another one', () => {
  const story = new Story(calm()).list(0, { t: 'stopped' });
  story.send(0, forbidden);
  story.memory.stepClock(-15_000);
  story.list(0, { t: 'stopped' });
  expect(story.send(0, forbidden)).toEqual(['t']);
  const ids = story.told('restart-intended').map((event) => 'attemptId' in event && event.attemptId);
  expect(new Set(ids).size).toBe(2);
});

test('the list is down for ten minutes: nothing goes, and what stopped meanwhile goes with the first list', () => {
  const story = new Story(calm()).list(0, { t: 'active', u: 'stopped' });
  story.send(0);
  for (let seconds = 15; seconds <= 600; seconds += 15) {
    story.failedList(seconds);
    expect(story.send(seconds)).toEqual([]);
  }
  story.list(615, { t: 'stopped', u: 'active' });
  expect(story.send(615)).toEqual(['t']);
  expect(story.told('restart-worked')).toMatchObject([{ taskId: 'u', activeAt: at(615) }]);
});

test('a fresh process takes what was in flight as unanswered, and waits for one complete list', () => {
  const story = new Story(calm()).list(0, { t: 'stopped', u: 'stopped' });
  story.intend(0);
  story.tell([{ type: 'owner-gained', at: at(5), account: 'main', epoch: 2 }]);
  story.answer(5, 't', unanswered('network'));
  expect([story.says('u'), story.send(5)]).toEqual(['blind until 20', []]);
  story.list(15, { t: 'stopped', u: 'stopped' });
  expect([story.says('t'), story.send(15)]).toEqual(['verifying until 65', ['u']]);
});

test('six tasks are always refused with CommonErr and come first: the 34 others are healed, the six quarantined', () => {
  const story = new Story(policiesOf(plainPolicy));
  const bad = tasks(6, 'stopped', 'bad');
  const up = new Set<string>();
  // 40 of 200 are no storm, so they go in the order of their ids.
  const shown = (): Shown => ({
    ...bad,
    ...tasks(160, 'active', 'up'),
    ...Object.fromEntries(
      Object.keys(tasks(34, 'stopped', 'ok')).map((taskId) => [taskId, up.has(taskId) ? 'active' : 'stopped'] as const),
    ),
  });
  let healedAt: number | undefined;
  for (let seconds = 0; seconds <= minutes(45); seconds += 5) {
    if (seconds % 15 === 0) story.list(seconds, shown());
    else story.look(seconds, shown());
    for (const taskId of story.send(seconds, (id) => (id in bad ? refusal('common', 'CommonErr') : accepted), 50))
      if (!(taskId in bad)) up.add(taskId);
    if (up.size === 34) healedAt ??= seconds;
  }
  // Five refusals in a row open the circuit; the first probe is the sixth of them, the second closes it.
  expect(story.told('circuit-opened').length).toBe(1);
  expect(healedAt).toBe(60);
  expect(story.told('task-quarantined').length).toBe(6);
});
