import { describe, expect, test } from 'vitest';
import { rules } from '../../src/domain/decide/rules.ts';
import type { Policy } from '../../src/domain/words/policy.ts';
import { reasons } from '../../src/domain/words/reason.ts';
import {
  accepted,
  at,
  begin,
  hours,
  type ItemFields,
  item,
  minutes,
  plainPolicy,
  policiesOf,
  refusal,
  Story,
  unanswered,
} from './story.ts';

test('the rules are asked in the order of authority', () => {
  expect(Object.keys(rules)).toEqual([...reasons]);
});

describe('each reason, at second 0 of one stopped task', () => {
  const rows: readonly [sentence: string, setting: Setting, says: string][] = [
    ['a stopped task is restarted at once', {}, 'restart'],
    ['no group has it', { item: { cloudGroup: 'elsewhere' } }, 'unmanaged until never'],
    [
      'its title is excluded',
      { policy: { match: { ...plainPolicy.match, exclude: { title: ['title *'], taskId: [] } } } },
      'unmanaged until never',
    ],
    ['its EndTime has passed', { item: { endsAt: at(-1) } }, 'ended until never'],
    ['the cloud says it ended', { item: { status: 'ended' } }, 'ended until never'],
    [
      'its status means nothing to us',
      { item: { status: 'unknown', statusText: '维护中' } },
      'unknown-status until never',
    ],
    [
      'another process owns the account',
      { before: (story) => story.tell([{ type: 'owner-lost', at: begin, account: 'main' }]) },
      'standby until 15',
    ],
    [
      'a hold of an hour covers it',
      { before: (story) => story.hold('h', { kind: 'task', taskId: 't' }, at(3600)) },
      'held until 3600',
    ],
    [
      'a hold without end covers its group',
      { before: (story) => story.hold('h', { kind: 'group', group: 'vip' }) },
      'held until never',
    ],
    [
      'a hold covers the whole account',
      { before: (story) => story.hold('h', { kind: 'account' }, at(60)) },
      'held until 60',
    ],
    [
      'its hours begin at 09:00 in Shanghai',
      { policy: { hours: [{ days: ['mon'], fromMinute: 540, toMinute: 600, timezone: 'Asia/Shanghai' }] } },
      'outside-hours until 3600',
    ],
    [
      'its hours are now',
      { policy: { hours: [{ days: ['mon'], fromMinute: 480, toMinute: 600, timezone: 'Asia/Shanghai' }] } },
      'restart',
    ],
    ['StartTime is 10 minutes ahead', { item: { startsAt: at(600) } }, 'before-start until 540'],
    ['StartTime is within startLead', { item: { startsAt: at(59) } }, 'restart'],
    ['EndTime is within endGuard', { item: { endsAt: at(60) } }, 'near-end until never'],
    ['EndTime is just outside endGuard', { item: { endsAt: at(61) } }, 'restart'],
    ['two sights must agree', { policy: { confirm: 2 } }, 'confirming until 15'],
    ['its group observes', { policy: { mode: 'observe' } }, 'observing until never'],
    [
      'it was stopped at first sight, and that is only observed',
      { policy: { firstSight: 'observe' } },
      'observing until never',
    ],
  ];
  test.each(rows)('%s', (_sentence, { item: more = {}, policy = {}, before }, says) => {
    const story = new Story(policiesOf({ ...plainPolicy, ...policy }));
    before?.(story);
    story.list(0, { t: item('t', 'stopped', more) });
    expect(story.says('t')).toBe(says);
  });
});

interface Setting {
  readonly item?: ItemFields;
  readonly policy?: Partial<Policy>;
  readonly before?: (story: Story) => void;
}

describe('the first rule that says no is the reason, the latest time is when', () => {
  test('held for a minute, and its hours begin in an hour', () => {
    const policy = {
      ...plainPolicy,
      hours: [{ days: ['mon'], fromMinute: 540, toMinute: 600, timezone: 'Asia/Shanghai' }],
    } as const;
    const story = new Story(policiesOf(policy));
    story.hold('h', { kind: 'task', taskId: 't' }, at(60));
    story.list(0, { t: 'stopped' });
    expect(story.says('t')).toBe('held until 3600');
  });
  test('a wait that goes past the end guard is never', () => {
    const story = new Story();
    story.hold('h', { kind: 'task', taskId: 't' }, at(500));
    story.list(0, { t: item('t', 'stopped', { endsAt: at(540) }) });
    expect(story.says('t')).toBe('held until never');
  });
  test('the clock of the cloud decides about StartTime and EndTime', () => {
    const story = new Story();
    story.clockOffsetMs = hours(1) * 1_000;
    story.list(0, {
      early: item('early', 'stopped', { startsAt: at(3_000) }),
      late: item('late', 'stopped', { endsAt: at(3_600) }),
    });
    expect([story.says('early'), story.says('late')]).toEqual(['restart', 'ended until never']);
  });
});

describe('blind', () => {
  test('nothing is decided before the first complete list', () => {
    const story = new Story();
    story.list(0, { t: 'active' }).tell([{ type: 'owner-gained', at: at(10), account: 'main', epoch: 2 }]);
    const stopped = item('t', 'stopped');
    story.tell([{ type: 'task-seen', at: at(10), account: 'main', taskId: 't', group: 'vip', item: stopped }]);
    expect(story.says('t', 10)).toBe('blind until 25');
  });
  test.each([
    ['one minute after the last list it still sees', 59.9, 'restart'],
    ['a minute without a list is too long', 60, 'blind until 75'],
  ])('%s', (_sentence, seconds, says) => {
    const story = new Story().list(0, { t: 'stopped' });
    expect(story.says('t', seconds)).toBe(says);
  });
  test('a task that the newest list lacks is not restarted, whatever the one before said', () => {
    const story = new Story().list(0, { t: 'stopped', u: 'active' });
    story.list(15, { u: 'active' });
    expect([story.says('t'), story.send(15)]).toEqual(['blind until 30', []]);
  });
  test('a failed list decides nothing and changes no record', () => {
    const story = new Story().list(0, { t: 'active' });
    const before = story.record('t');
    story.failedList(15).failedList(30);
    expect(story.record('t')).toBe(before);
  });
});

describe('backoff', () => {
  test('the waits before attempts 2 to 8 are 15, 30, 60, 120, 240, 300, 300 s', () => {
    const story = new Story();
    const waits: number[] = [];
    let seconds = 0;
    for (let n = 1; n <= 7; n++) {
      story.list(seconds, { t: 'stopped' });
      expect(story.send(seconds, refusal('forbidden', 'RequestForbidden'))).toEqual(['t']);
      const verdict = story.verdict('t', seconds);
      if (verdict.kind !== 'wait') throw new Error('it must wait');
      waits.push((verdict.until - at(seconds)) / 1_000);
      seconds = (verdict.until - begin) / 1_000;
    }
    expect(waits).toEqual([15, 30, 60, 120, 240, 300, 300]);
  });
  test('jitter adds at most its percentage, and the same each time it is asked', () => {
    const policy = { ...plainPolicy, backoff: { ...plainPolicy.backoff, jitterPercent: 25 } };
    for (const taskId of ['a', 'b', 'c', 'd', 'e', 'f']) {
      const story = new Story(policiesOf(policy)).list(0, { [taskId]: 'stopped' });
      story.send(0, refusal('not-found', 'ResourceNotFound'));
      const verdict = story.verdict(taskId, 1);
      if (verdict.kind !== 'wait') throw new Error('it must wait');
      expect(verdict.until).toBeGreaterThanOrEqual(at(15));
      expect(verdict.until).toBeLessThanOrEqual(at(18.75));
      expect(story.verdict(taskId, 2)).toEqual(verdict);
    }
  });
  test('a policy that a reload changes applies to the wait that runs', () => {
    const story = new Story().list(0, { t: 'stopped' });
    story.send(0, refusal('forbidden', 'RequestForbidden'));
    story.policies = policiesOf({ ...plainPolicy, backoff: { ...plainPolicy.backoff, initialMs: 100_000 } });
    expect(story.says('t', 1)).toBe('backoff until 100');
  });
});

describe('what becomes of an attempt', () => {
  const sent = () => {
    const story = new Story().list(0, { t: 'stopped' });
    story.send(0);
    return story;
  };
  test('while it is awaited the task is verifying', () => {
    expect(sent().says('t', 1)).toBe('verifying until 60');
  });
  test('stopped before the deadline settles nothing', () => {
    expect(sent().look(59, { t: 'stopped' }).record('t').row).toBe(0);
  });
  test('stopped in an item requested after the deadline is a failure', () => {
    const story = sent().list(60, { t: 'stopped' }).look(61, { t: 'stopped' });
    expect([story.record('t').row, story.says('t')]).toEqual([1, 'restart']);
    expect(story.told('restart-failed')).toMatchObject([{ cause: 'not-recovered', row: 1 }]);
  });
  test('not started counts as working before StartTime', () => {
    const story = sent().look(5, { t: 'not-started' });
    expect(story.told('restart-worked')).toMatchObject([{ activeAt: at(5) }]);
  });
  test('an unknown status settles nothing', () => {
    expect(sent().look(61, { t: 'unknown' }).record('t').attempt?.phase.kind).toBe('verifying');
  });
  test('active for verifyWithin: recovered, from first stopped to first active sight', () => {
    const story = sent().look(5, { t: 'active' }).list(15, { t: 'active' }).list(60, { t: 'active' });
    expect(story.endings()).toEqual([]);
    story.list(75, { t: 'active' });
    expect(story.told('outage-ended')).toMatchObject([{ ending: 'recovered', durationMs: 5_000 }]);
  });
  test('active, then stopped within verifyWithin: failed, and the outage goes on', () => {
    const story = sent().look(5, { t: 'active' }).list(15, { t: 'active' }).list(45, { t: 'stopped' });
    expect([story.endings(), story.told('outage-opened').length, story.record('t').row]).toEqual([[], 1, 1]);
    expect(story.told('restart-failed')).toMatchObject([{ cause: 'stopped-again' }]);
  });
  test('an item requested before the answer settles nothing', () => {
    const story = new Story().list(0, { t: 'stopped' });
    story.intend(1);
    story.answer(3, 't', accepted);
    story.look(2, { t: 'active' });
    expect(story.record('t').attempt?.phase.kind).toBe('verifying');
  });
  test('while the call is out nothing else is sent', () => {
    const story = new Story().list(0, { t: 'stopped' });
    story.intend(1);
    expect(story.list(15, { t: 'stopped' }).says('t')).toBe('in-flight until 30');
    expect(story.send(15)).toEqual([]);
  });
  test('an unanswered one is not sent again before an item after verifyWithin says stopped', () => {
    const story = new Story().list(0, { t: 'stopped' });
    story.send(0, unanswered());
    for (const seconds of [15, 30, 45, 60]) expect(story.list(seconds, { t: 'stopped' }).send(seconds)).toEqual([]);
    expect(story.list(75, { t: 'stopped' }).send(75)).toEqual(['t']);
  });
  test('InvalidParam is no failure if the next look shows it running', () => {
    const story = new Story().list(0, { t: 'stopped' });
    story.send(0, refusal('invalid', 'InvalidParam'));
    expect(story.says('t', 1)).toBe('verifying until 16');
    story.look(5, { t: 'active' });
    expect([story.record('t').row, story.record('t').attempt]).toEqual([0, undefined]);
  });
  test('InvalidParam is a failure if the next look shows it stopped', () => {
    const story = new Story().list(0, { t: 'stopped' });
    story.send(0, refusal('invalid', 'InvalidParam'));
    story.look(5, { t: 'stopped' });
    expect(story.told('restart-failed')).toMatchObject([{ cause: 'InvalidParam', row: 1 }]);
  });
});

describe('attempts', () => {
  test('a restart that lasted clears the row, but not the backoff', () => {
    const story = new Story().list(0, { t: 'stopped' });
    story.send(0, refusal('forbidden', 'RequestForbidden'));
    story.list(15, { t: 'stopped' }).send(15);
    story.list(30, { t: 'active' }).list(90, { t: 'active' }).list(105, { t: 'stopped' });
    expect(story.record('t')).toMatchObject({ row: 0, attempts: 2 });
    expect(story.send(105)).toEqual(['t']); // the third comes 30 s after the second, which was at 15
    expect(story.record('t').attempts).toBe(3);
  });
  test('ten minutes of active lists forget them', () => {
    const story = new Story().list(0, { t: 'stopped' });
    story.send(0);
    for (let seconds = 15; seconds <= 15 + minutes(10); seconds += 15) story.list(seconds, { t: 'active' });
    expect(story.record('t')).toMatchObject({ attempts: 0, row: 0, lastAttemptAt: undefined });
  });
  test('ten minutes less one poll do not', () => {
    const story = new Story().list(0, { t: 'stopped' });
    story.send(0);
    for (let seconds = 15; seconds <= minutes(10); seconds += 15) story.list(seconds, { t: 'active' });
    expect(story.record('t').attempts).toBe(1);
  });
  test('a restart in the console does not forget them', () => {
    const story = new Story().list(0, { t: 'stopped' });
    story.send(0, refusal('forbidden', 'RequestForbidden'));
    for (let seconds = 615; seconds <= 705; seconds += 15) story.list(seconds, { t: 'active' });
    expect(story.endings()).toEqual(['t external']);
    expect(story.record('t')).toMatchObject({ attempts: 1, row: 1 });
  });
});
