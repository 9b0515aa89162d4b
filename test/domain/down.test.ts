/** Down: should run, and does not. What says so, and since when by our clock. */
import { describe, expect, test } from 'vitest';
import { situationOf } from '../../src/domain/memory/situation.ts';
import { groupViews, taskView } from '../../src/domain/views/views.ts';
import type { Policies, Policy } from '../../src/domain/words/policy.ts';
import type { ApartWhy } from '../../src/domain/words/task.ts';
import { at, begin, item, minutes, plainPolicy, policiesOf, refusal, Story } from './story.ts';

const calm = (more: Partial<Policy> = {}): Policies => ({
  ...policiesOf({ ...plainPolicy, storm: false, budget: false, ...more }),
  storm: false,
});
const situation = (story: Story, seconds: number) => situationOf(story.ledger, story.policies, story.moment(seconds));
const group = (story: Story, seconds: number) => groupViews(situation(story, seconds)).groups[0];
/** Seconds since the story's begin at which it went down. */
const downSince = (story: Story, taskId: string, seconds: number) => {
  const since = taskView(story.record(taskId), situation(story, seconds)).downSince;
  return since === null ? undefined : (since - begin) / 1_000;
};
/** By the cloud's clock. */
const stoppedAt = (startsIn: number) => item('t', 'stopped', { startsAt: at(startsIn) });
/** 08:00 to 09:00 in Shanghai: the story's first hour, and the same of the next day. */
const morning = { days: ['mon', 'tue'], fromMinute: 480, toMinute: 540, timezone: 'Asia/Shanghai' } as const;
const firstHour: Partial<Policy> = {
  hours: [morning],
};

describe('a stopped task', () => {
  type Row = readonly [
    sentence: string,
    policy: Partial<Policy>,
    before: (story: Story) => void,
    stands: 'down' | ApartWhy,
  ];
  const rows: readonly Row[] = [
    ['that is due is down', {}, () => {}, 'down'],
    ['whose group observes is not', { mode: 'observe' }, () => {}, 'observed'],
    ['that is only observed since first sight is not', { firstSight: 'observe' }, () => {}, 'observed'],
    ['that is held is not: it is told apart', {}, (story) => void story.hold('h', { kind: 'account' }), 'held'],
    ['outside its hours is not', { hours: [{ ...morning, days: ['sun'] }] }, () => {}, 'outside-hours'],
    [
      'that is held outside its hours, and observed besides, is held: that a person can end',
      { mode: 'observe', hours: [{ ...morning, days: ['sun'] }] },
      (story) => void story.hold('h', { kind: 'account' }),
      'held',
    ],
  ];
  test.each(rows)('%s', (_sentence, policy, before, stands) => {
    const down = stands === 'down' ? 1 : 0;
    const none = { held: 0, 'outside-hours': 0, observed: 0 };
    const story = new Story(calm(policy));
    before(story);
    story.list(0, { t: 'stopped', u: 'active' });
    expect(group(story, 5)).toMatchObject({
      down,
      apart: down === 1 ? none : { ...none, [stands]: 1 },
      oldestOutageAt: down === 1 ? begin : null,
    });
    expect(groupViews(situation(story, 5)).down.map(({ taskId }) => taskId)).toEqual(down === 1 ? ['t'] : []);
    expect(downSince(story, 't', 5)).toBe(down === 1 ? 0 : undefined);
    // What it waits for is told of each.
    if (down === 0) expect(Object.values(group(story, 5)?.waiting ?? {})).toEqual([1]);
  });
  test('that is given up is down all the same, and pages no more', () => {
    const story = new Story(calm({ attempts: 1, quarantine: { retryEveryMs: 10_000, abandonAfterMs: 10 } }));
    story.list(0, { t: 'stopped' }).send(0, refusal('forbidden', 'RequestForbidden'));
    story.list(15, { t: 'stopped' }).send(15, refusal('forbidden', 'RequestForbidden'));
    story.list(30, { t: 'stopped' });
    expect(group(story, 30)).toMatchObject({ down: 1, abandoned: 1, oldestOutageAt: null });
  });
});

describe('hours', () => {
  test('their end opens no outage, and their begin does', () => {
    const story = new Story(calm(firstHour)).list(0, { t: 'active' }).list(minutes(60) + 15, { t: 'stopped' });
    expect(story.told('outage-opened')).toEqual([]);
    expect(group(story, minutes(60) + 15)).toMatchObject({ down: 0, waiting: { 'outside-hours': 1 } });
    story.list(minutes(24 * 60) + 15, { t: 'stopped' });
    expect([story.told('outage-opened').length, story.send(minutes(24 * 60) + 15)]).toEqual([1, ['t']]);
    expect(downSince(story, 't', minutes(24 * 60) + 20)).toBe(minutes(24 * 60) + 15);
  });
  test('nothing is written of a task that stays stopped outside them', () => {
    const story = new Story(calm(firstHour)).list(minutes(61), { t: 'stopped' });
    const told = story.events.length;
    story.list(minutes(61) + 15, { t: 'stopped' }).list(minutes(61) + 30, { t: 'stopped' });
    expect(story.events.slice(told).filter((event) => 'taskId' in event)).toEqual([]);
  });
  test('an outage that they end is the same one when they begin again', () => {
    const story = new Story(calm(firstHour)).list(minutes(59), { t: 'stopped' }).list(minutes(61), { t: 'stopped' });
    expect(group(story, minutes(61))).toMatchObject({ down: 0, oldestOutageAt: null });
    story.list(minutes(24 * 60) + 60, { t: 'stopped' });
    expect(story.told('outage-opened').length).toBe(1);
    expect(downSince(story, 't', minutes(24 * 60) + 60)).toBe(minutes(24 * 60));
  });
  test('a stopped task is restarted before its StartTime, by startLead, in an outage of its own', () => {
    const soon = { t: stoppedAt(600) };
    const story = new Story(calm()).list(0, soon);
    expect(story.told('outage-opened')).toEqual([]);
    story.list(545, soon);
    expect([story.told('outage-opened').length, story.send(545)]).toEqual([1, ['t']]);
    expect(downSince(story, 't', 550)).toBeUndefined();
    expect(downSince(story, 't', 610)).toBe(600);
  });
});

describe('a status that we do not know', () => {
  const untilUnknown = () => new Story(calm()).list(0, { t: 'stopped' }).list(15, { t: 'unknown' });
  test('takes nothing back of an outage: it is down, waiting and the oldest', () => {
    const story = untilUnknown().list(minutes(20), { t: 'unknown' });
    expect(group(story, minutes(20))).toMatchObject({
      down: 1,
      oldestOutageAt: begin,
      waiting: { 'unknown-status': 1 },
      states: { unknown: 1 },
    });
  });
  test('is downtime if it was down before, and nothing if it ran', () => {
    const downtime = (story: Story) =>
      story.events.reduce((sum, event) => sum + (event.type === 'time-accounted' ? event.downtimeMs / 1_000 : 0), 0);
    expect(downtime(untilUnknown().list(30, { t: 'unknown' }).list(45, { t: 'unknown' }))).toBe(45);
    const ran = new Story(calm()).list(0, { t: 'active' }).list(15, { t: 'unknown' }).list(30, { t: 'unknown' });
    expect([downtime(ran), group(ran, 30)?.down]).toEqual([0, 0]);
  });
  test('after it the outage ends as always, and lasted all the time', () => {
    const story = untilUnknown().list(60, { t: 'active' }).list(120, { t: 'active' });
    expect(story.told('outage-ended')).toMatchObject([{ ending: 'external', durationMs: 60_000 }]);
  });
  test('is on no side of a storm, and is not restarted', () => {
    const story = untilUnknown();
    expect(story.ledger.counted?.groups.get('vip')).toMatchObject({ due: 0, stopped: 0, dueForBudget: 0 });
    expect([story.says('t'), story.send(15)]).toEqual(['unknown-status until never', []]);
  });
});

describe('the cloud’s clock is 600 s ahead of ours', () => {
  const ahead = (policies: Policies) => {
    const story = new Story(policies);
    story.clockOffsetMs = 600_000;
    return story;
  };
  test('an outage whose StartTime came 8 s ago by the cloud began 8 s ago by our clock', () => {
    const story = ahead(calm()).list(0, { t: stoppedAt(592) });
    expect(group(story, 0)?.oldestOutageAt).toBe(begin);
    expect(downSince(story, 't', 0)).toBe(0);
    story.list(15, { t: stoppedAt(610) });
    expect([downSince(story, 't', 15), group(story, 15)?.oldestOutageAt]).toEqual([10, at(10)]);
  });
  test('an outage of 45 s is told as 45 s', () => {
    const started = stoppedAt(600);
    const story = ahead(calm()).list(0, { t: started });
    story.list(45, { t: { ...started, status: 'active' } }).list(105, { t: { ...started, status: 'active' } });
    expect(story.told('outage-ended')).toMatchObject([{ durationMs: 45_000 }]);
  });
  test('one that begins with its hours begins with them by our clock', () => {
    const story = ahead(calm(firstHour)).list(minutes(24 * 60) - 1_000, { t: 'stopped' });
    story.list(minutes(24 * 60) - 585, { t: 'stopped' });
    expect(downSince(story, 't', minutes(24 * 60) - 585)).toBe(minutes(24 * 60) - 585);
    const yesterday = ahead(calm(firstHour)).list(minutes(40), { t: 'stopped' });
    yesterday.list(minutes(24 * 60) - 585, { t: 'stopped' });
    expect(downSince(yesterday, 't', minutes(24 * 60) - 585)).toBe(minutes(24 * 60) - 600);
  });
  test('one that its EndTime ends lasted until then', () => {
    const ending = item('t', 'stopped', { endsAt: at(630) });
    const story = ahead(calm()).list(0, { t: ending }).list(30, { t: ending });
    expect(story.told('outage-ended')).toMatchObject([{ ending: 'ended', durationMs: 30_000 }]);
  });
});
