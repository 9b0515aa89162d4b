import { describe, expect, test } from 'vitest';
import { decide } from '../../src/domain/decide/decide.ts';
import { Memory } from '../../src/domain/memory/memory.ts';
import type { Event } from '../../src/domain/words/events.ts';
import type { Policies, Policy } from '../../src/domain/words/policy.ts';
import {
  at,
  begin,
  hours,
  item,
  minutes,
  plainPolicy,
  policiesOf,
  refusal,
  type Shown,
  Story,
  tasks,
  unnoted,
} from './story.ts';

const forbidden = refusal('forbidden', 'RequestForbidden');
const calm = (more: Partial<Policy> = {}): Policies => ({
  ...policiesOf({ ...plainPolicy, storm: false, budget: false, ...more }),
  storm: false,
});
const goneAt = (story: Story, taskId: string) => {
  const { goneAt: gone } = story.record(taskId);
  return gone === undefined ? undefined : (gone - begin) / 1_000;
};

describe('a failed poll', () => {
  test('changes no record, no count and no storm, and tells nothing but itself and that a period of them begins', () => {
    const story = new Story().list(0, { ...tasks(8, 'stopped'), u: 'active' });
    const records = new Map(story.ledger.tasks);
    const { counted, seenNow } = story.ledger;
    const told = story.events.length;
    story.failedList(15);
    expect(new Map(story.ledger.tasks)).toEqual(records);
    expect(story.ledger).toMatchObject({ counted, seenNow });
    expect(story.window('vip')).toBe(3);
    expect(story.events.slice(told).map(({ type }) => type)).toEqual(['polls-failing', 'poll-failed']);
  });
  test('does not confirm: two complete ones must agree', () => {
    const story = new Story(calm({ confirm: 2 })).list(0, { t: 'stopped' }).failedList(15);
    expect(story.says('t')).toBe('confirming until 30');
    expect(story.list(30, { t: 'stopped' }).send(30)).toEqual(['t']);
  });
});

describe('blind: the newest list finished longer ago than we have patience for', () => {
  const rows: readonly [sentence: string, gap: number, took: number, sees: number, blind: number][] = [
    ['a minute at least', 15, 1, 59, 61],
    ['three gaps between polls', 60, 1, 179, 181],
    ['twice the longest of the last three polls', 15, 50, 99, 101],
  ];
  test.each(rows)('%s', (_sentence, gap, took, sees, blind) => {
    const story = new Story(calm());
    story.pollGapMs = gap * 1_000;
    story.list(-15, { t: 'stopped' }, { took }).list(0, { t: 'stopped' });
    expect([story.says('t', sees), story.says('t', blind)]).toEqual(['restart', `blind until ${blind + 15}`]);
  });
  test('a long poll four polls ago is forgotten', () => {
    const story = new Story(calm()).list(-60, { t: 'stopped' }, { took: 50 });
    for (const seconds of [-30, -15, 0]) story.list(seconds, { t: 'stopped' }, { took: 1 });
    expect(story.says('t', 61)).toBe('blind until 76');
  });
});

describe('an outage that ends with the task seen active', () => {
  /** Accepted at 0, not recovered, then left alone until it is seen active. */
  const seenActiveAt = (seconds: number) => {
    const story = new Story(calm()).list(0, { t: 'stopped' });
    story.send(0);
    for (let s = 15; s < seconds; s += 15) story.list(s, { t: 'stopped' });
    return story.list(seconds, { t: 'active' }).list(seconds + 60, { t: 'active' });
  };
  test.each([
    ['10 min after an accepted restart', minutes(10), 't recovered'],
    ['later', minutes(10) + 15, 't external'],
  ])('%s: %s', (_sentence, seconds, ending) => {
    expect(seenActiveAt(seconds).endings()).toEqual([ending]);
  });
  test('an item older than the first active one says nothing', () => {
    const story = new Story(calm()).list(0, { t: 'stopped' });
    story.send(0);
    story.look(10, { t: 'active' }).look(9, { t: 'stopped' });
    expect(story.told('restart-failed')).toEqual([]);
  });
});

describe('confirm: 2', () => {
  const rows: readonly [sentence: string, sights: readonly Shown[], sent: readonly string[]][] = [
    ['stopped once', [{ t: 'stopped' }], []],
    ['stopped twice', [{ t: 'stopped' }, { t: 'stopped' }], ['t']],
    ['stopped, active, stopped do not agree', [{ t: 'stopped' }, { t: 'active' }, { t: 'stopped' }], []],
    ['and then once more', [{ t: 'stopped' }, { t: 'active' }, { t: 'stopped' }, { t: 'stopped' }], ['t']],
    ['an unknown status agrees with nothing', [{ t: 'stopped' }, { t: 'unknown' }, { t: 'stopped' }], []],
  ];
  test.each(rows)('%s', (_sentence, sights, sent) => {
    const story = new Story(calm({ confirm: 2 })).list(0, { t: 'active' });
    sights.forEach((shown, n) => {
      story.list(15 + n * 15, shown);
    });
    expect(story.send(sights.length * 15)).toEqual(sent);
  });
  test('asks once for each outage, also when a restart lasted only shortly', () => {
    const story = new Story(calm({ confirm: 2 })).list(0, { t: 'stopped' }).list(15, { t: 'stopped' });
    story.send(15);
    story.list(30, { t: 'active' }).list(45, { t: 'stopped' });
    expect([story.told('outage-opened').length, story.send(45)]).toEqual([1, ['t']]);
  });
  test('asks once for each outage, not before every attempt', () => {
    const story = new Story(calm({ confirm: 2 })).list(0, { t: 'stopped' }).list(15, { t: 'stopped' });
    story.send(15, forbidden);
    expect(story.list(30, { t: 'stopped' }).send(30)).toEqual(['t']);
  });
});

describe('absence: gone after three complete observations in a row, or after an hour in none', () => {
  const drift = { drift: true };
  const malformed = { malformedItems: 1 };
  const failed = { failedCloudGroups: ['vip'] };
  type Missed = Parameters<Story['list']>[2];
  const rows: readonly [sentence: string, missed: readonly Missed[], gone: number | undefined][] = [
    ['two are too few', [{}, {}], undefined],
    ['three', [{}, {}, {}], 45],
    ['drift says nothing', [drift, drift, drift, drift], undefined],
    ['drift ends the row', [{}, {}, drift, {}, {}], undefined],
    ['which then begins anew', [{}, {}, drift, {}, {}, {}], 90],
    ['with an item that cannot be read, absence says nothing', [malformed, malformed, malformed], undefined],
    ['nor while its cloud group cannot be listed', [failed, failed, failed], undefined],
    ['another group that cannot be listed is no excuse', Array(3).fill({ failedCloudGroups: ['other'] }), 45],
  ];
  test.each(rows)('%s', (_sentence, missed, gone) => {
    const shown = { ...tasks(3, 'active'), t: 'active' } as const;
    const story = new Story(calm()).list(0, shown);
    missed.forEach((more, n) => {
      story.list(15 + n * 15, tasks(3, 'active'), more);
    });
    expect(goneAt(story, 't')).toBe(gone);
  });
  test('a failed poll between them does not end the row', () => {
    const story = new Story(calm()).list(0, { t: 'active', u: 'active' });
    story.list(15, { u: 'active' }).failedList(30).list(45, { u: 'active' }).failedList(60).list(75, { u: 'active' });
    expect(goneAt(story, 't')).toBe(75);
  });
  test('seen once more ends the row', () => {
    const story = new Story(calm()).list(0, { t: 'active', u: 'active' });
    story.list(15, { u: 'active' }).list(30, { u: 'active' }).list(45, { t: 'active', u: 'active' });
    story.list(60, { u: 'active' }).list(75, { u: 'active' });
    expect(goneAt(story, 't')).toBeUndefined();
  });
  test('under drift for an hour it is gone after that hour', () => {
    const story = new Story(calm()).list(0, { t: 'active', u: 'active' });
    for (let minute = 1; minute <= 60; minute++) story.list(minute * 60, { u: 'active' }, drift);
    expect(goneAt(story, 't')).toBeUndefined();
    story.list(minutes(61), { u: 'active' }, drift);
    expect(goneAt(story, 't')).toBe(minutes(61));
  });
  test('an hour without any list concludes nothing', () => {
    const story = new Story(calm()).list(0, { t: 'active' });
    for (let minute = 1; minute <= 70; minute++) story.failedList(minute * 60);
    expect(goneAt(story, 't')).toBeUndefined();
  });
  test('under drift what was seen counts: a stopped task is restarted', () => {
    const story = new Story(calm()).list(0, { t: 'active' }).list(15, { t: 'stopped' }, drift);
    expect(story.send(15)).toEqual(['t']);
  });
  test('its outage ends as gone, once', () => {
    const story = new Story(calm()).list(0, { t: 'stopped', u: 'active' });
    for (const seconds of [15, 30, 45, 60, 75]) story.list(seconds, { u: 'active' });
    expect(story.endings()).toEqual(['t gone']);
    expect(story.told('task-gone').length).toBe(1);
  });
  test('nothing is awaited of a gone task any more', () => {
    const story = new Story(calm()).list(0, { t: 'active', u: 'active' });
    story.byHand(0, 't');
    for (const seconds of [15, 30, 45]) story.list(seconds, { u: 'active' });
    expect([goneAt(story, 't'), [...story.ledger.unsettled]]).toEqual([45, []]);
  });
  test('a task that comes back is known, with its attempts, and no outage of before', () => {
    const story = new Story(calm()).list(0, { t: 'stopped', u: 'active' });
    story.send(0, forbidden);
    for (const seconds of [15, 30, 45]) story.list(seconds, { u: 'active' });
    story.list(60, { t: 'stopped', u: 'active' });
    expect(story.record('t')).toMatchObject({ goneAt: undefined, attempts: 1, row: 1, outage: { since: at(60) } });
    expect(story.told('task-found').length).toBe(2);
  });
  test('records of gone tasks are kept 8 days', () => {
    const story = new Story(calm()).list(0, { t: 'active', u: 'active' });
    for (const seconds of [15, 30, 45]) story.list(seconds, { u: 'active' });
    const kept = hours(8 * 24);
    expect(story.list(45 + kept, { u: 'active' }).ledger.tasks.has('t')).toBe(true);
    expect(story.list(46 + kept, { u: 'active' }).ledger.tasks.has('t')).toBe(false);
  });
});

describe('a list with fewer than half of the tasks of before, and at least 5 fewer or empty, is suspect', () => {
  const rows: readonly [sentence: string, before: number, after: number, suspect: boolean][] = [
    ['half of 20 is half', 20, 10, false],
    ['9 of 20', 20, 9, true],
    ['3 of 8: 5 fewer', 8, 3, true],
    ['3 of 7: only 4 fewer', 7, 3, false],
    ['1 of 5: only 4 fewer', 5, 1, false],
    ['none of one', 1, 0, true],
    ['none of 300', 300, 0, true],
    ['none of none', 0, 0, false],
  ];
  test.each(rows)('%s', (_sentence, before, after, suspect) => {
    const story = new Story(calm()).list(0, tasks(before, 'active')).list(15, tasks(after, 'active'));
    expect(story.told('poll-suspect').length).toBe(suspect ? 1 : 0);
    expect(story.told('poll-completed').length).toBe(suspect ? 1 : 2);
  });

  /** 20 running tasks, then from second 15 on, every 15 s, a list of these only. */
  const shrunk = (shown: Shown, until: number): Story => {
    const story = new Story(calm()).list(0, tasks(20, 'active'));
    for (let seconds = 15; seconds <= until; seconds += 15) story.list(seconds, shown);
    return story;
  };
  test('known tasks in it count', () => {
    expect(shrunk({ t00: 'stopped' }, 15).send(15)).toEqual(['t00']);
  });
  test('absence does not, for 15 min', () => {
    expect(shrunk({ t00: 'active' }, minutes(15)).told('task-missed')).toEqual([]);
  });
  test('new tasks do not: somebody else’s are not healed', () => {
    const story = shrunk({ foreign: 'stopped' }, minutes(15));
    expect([story.ledger.tasks.has('foreign'), story.send(minutes(15))]).toEqual([false, []]);
  });
  test('after 15 min it is believed: new tasks count, the others begin to be missed', () => {
    const story = shrunk({ foreign: 'stopped' }, minutes(15) + 15);
    expect(story.told('list-believed').length).toBe(1);
    expect(story.send(minutes(15) + 15)).toEqual(['foreign']);
    expect(goneAt(story, 't00')).toBeUndefined();
    story.list(minutes(15) + 30, { foreign: 'stopped' }).list(minutes(15) + 45, { foreign: 'stopped' });
    expect(goneAt(story, 't00')).toBe(minutes(15) + 45);
    expect(story.told('list-believed').length).toBe(1);
  });
  test('a full list in between begins the 15 min anew', () => {
    const story = shrunk({ t00: 'active' }, minutes(14)).list(minutes(14) + 15, tasks(20, 'active'));
    for (let seconds = minutes(14) + 30; seconds < minutes(29) + 30; seconds += 15) story.list(seconds, {});
    expect([story.told('list-believed').length, story.told('task-missed').length]).toEqual([0, 0]);
  });
  test('a failed poll in between does not', () => {
    const story = shrunk({ t00: 'active' }, minutes(14))
      .failedList(minutes(15))
      .list(minutes(15) + 15, {
        t00: 'active',
      });
    expect(story.told('list-believed').length).toBe(1);
  });
  test('it is measured by the last list that was believed, not by the suspect one', () => {
    const story = shrunk({}, 15).list(30, tasks(9, 'active'));
    expect(story.told('poll-suspect').length).toBe(2);
    expect(story.list(45, tasks(10, 'active')).told('poll-suspect').length).toBe(2);
  });
  test('a task that it does not show is not restarted', () => {
    const story = new Story(calm()).list(0, { ...tasks(20, 'active'), t19: 'stopped' }).list(15, { t00: 'active' });
    expect([story.says('t19'), story.send(15)]).toEqual(['blind until 30', []]);
  });
  test('300 tasks, then none for 5 min: no call, no ending, and all is as before', () => {
    const story = new Story(calm()).list(0, { ...tasks(300, 'active'), t00: 'stopped' });
    story.send(0);
    story.look(5, { t00: 'active' });
    for (let seconds = 15; seconds <= minutes(5); seconds += 15) {
      story.list(seconds, {});
      expect(story.send(seconds)).toEqual([]);
    }
    story.list(minutes(5) + 15, tasks(300, 'active'));
    expect([story.told('poll-suspect').length, story.told('task-gone').length]).toEqual([20, 0]);
    expect(story.endings()).toEqual(['t00 recovered']);
  });
  test('a cloud group that cannot be listed costs its tasks, not the poll', () => {
    const other = (taskId: string) => item(taskId, 'active', { cloudGroup: 'other' });
    const others = Object.fromEntries(Object.keys(tasks(12, 'active', 'o')).map((taskId) => [taskId, other(taskId)]));
    const story = new Story(calm()).list(0, { ...tasks(8, 'active'), ...others });
    story.list(15, { ...tasks(8, 'active'), fresh: 'stopped' }, { failedCloudGroups: ['other'] });
    expect(story.told('poll-suspect')).toEqual([]);
    expect(story.send(15)).toEqual(['fresh']);
  });
  test('items that cannot be read cost themselves, not the page', () => {
    const story = new Story(calm()).list(0, tasks(20, 'active'));
    story.list(15, { ...tasks(8, 'active'), fresh: 'stopped' }, { malformedItems: 12 });
    expect([story.told('poll-suspect').length, story.send(15)]).toEqual([0, ['fresh']]);
  });
});

describe('statuses', () => {
  test('an unknown one is told once for each value', () => {
    const strange = (text: string) => item('t', 'unknown', { statusText: text });
    const story = new Story(calm()).list(0, { t: strange('维护中'), u: strange('维护中') });
    story.list(15, { t: strange('维护中') }).list(30, { t: strange('冻结') });
    expect(story.told('status-unknown')).toMatchObject([{ statusText: '维护中' }, { statusText: '冻结' }]);
  });
  test('an unknown one neither opens an outage nor ends one', () => {
    const story = new Story(calm()).list(0, { t: 'unknown', u: 'stopped' });
    for (let seconds = 15; seconds <= 120; seconds += 15) story.list(seconds, { t: 'unknown', u: 'unknown' });
    expect([story.told('outage-opened').length, story.endings()]).toEqual([1, []]);
  });
  test('a task that ended leaves nothing awaited, also without an outage', () => {
    const story = new Story(calm()).list(0, { t: 'active' });
    story.byHand(0, 't');
    story.list(15, { t: 'ended' });
    expect([...story.ledger.unsettled]).toEqual([]);
  });
});

describe('overdue: 未开始 long after StartTime', () => {
  test.each([
    ['four minutes after StartTime is not long', 240, 0],
    ['six minutes are', 360, 1],
  ])('%s', (_sentence, seconds, told) => {
    const waiting = item('t', 'not-started', { startsAt: begin });
    const story = new Story(calm()).list(0, { t: waiting }).list(seconds, { t: waiting });
    expect(story.told('task-overdue').length).toBe(told);
    expect([story.says('t'), story.send(seconds)]).toEqual(['none', []]);
  });
  test('is told once for each StartTime', () => {
    const story = new Story(calm());
    const waiting = (startsAt: number) => item('t', 'not-started', { startsAt });
    for (const seconds of [400, 415, 430]) story.list(seconds, { t: waiting(begin) });
    for (const seconds of [445, 900, 915]) story.list(seconds, { t: waiting(at(500)) });
    expect(story.told('task-overdue').length).toBe(2);
  });
  test('counts as downtime', () => {
    const waiting = item('t', 'not-started', { startsAt: begin });
    const story = new Story(calm()).list(400, { t: waiting }).list(415, { t: waiting });
    expect(story.told('time-accounted')).toMatchObject([{ group: 'vip', expectedMs: 15_000, downtimeMs: 15_000 }]);
  });
});

describe('edited tasks', () => {
  const rows: readonly [sentence: string, more: Parameters<typeof item>[2], fields: readonly string[]][] = [
    ['another StartTime', { startsAt: at(-60) }, ['startTime']],
    ['another EndTime', { endsAt: at(hours(50)) }, ['endTime']],
    ['another source', { source: 'elsewhere' }, ['source']],
    ['all three', { startsAt: at(-60), endsAt: at(hours(50)), source: 'x' }, ['startTime', 'endTime', 'source']],
    ['another title is none of them', { title: 'other' }, []],
  ];
  test.each(rows)('%s', (_sentence, more, fields) => {
    const story = new Story(calm()).list(0, { t: 'active' }).list(15, { t: item('t', 'active', more) });
    expect(story.told('task-edited').flatMap((event) => ('fields' in event ? event.fields : []))).toEqual(fields);
  });
  test('an EndTime moved ahead gives a stopped task back its life', () => {
    const story = new Story(calm()).list(0, { t: item('t', 'stopped', { endsAt: at(10) }) });
    story.list(15, { t: item('t', 'stopped', { endsAt: at(10) }) });
    expect([story.says('t'), story.endings()]).toEqual(['ended until never', ['t ended']]);
    story.list(30, { t: item('t', 'stopped', { endsAt: at(hours(2)) }) });
    expect(story.send(30)).toEqual(['t']);
  });
});

describe('groups', () => {
  const named = (name: string, cloudGroup: string): Policy => ({
    ...plainPolicy,
    storm: false,
    budget: false,
    name,
    match: { ...plainPolicy.match, cloudGroup: [cloudGroup] },
  });
  const two: Policies = { account: 'main', storm: false, groups: [named('a', 'a'), named('b', 'b')] };
  const inGroup = (cloudGroup: string) => item('t', 'stopped', { cloudGroup });
  test('a task that moves keeps its attempts and its outage', () => {
    const story = new Story(two).list(0, { t: inGroup('a') });
    story.send(0, forbidden);
    const { id } = story.record('t').outage ?? { id: '' };
    story.list(10, { t: inGroup('b') });
    expect(story.record('t')).toMatchObject({ group: 'b', attempts: 1, row: 1, outage: { id } });
    expect([story.endings(), story.says('t')]).toEqual([[], 'backoff until 15']);
    expect(story.told('task-moved')).toMatchObject([{ from: 'a', group: 'b' }]);
  });
  test('one that no group has for ten minutes ends its outage, and nothing is awaited of it', () => {
    const story = new Story(two).list(0, { t: inGroup('a') });
    story.send(0);
    story.list(15, { t: inGroup('elsewhere') });
    expect([story.endings(), story.says('t')]).toEqual([[], 'unmanaged until never']);
    story.list(16 + minutes(10), { t: inGroup('elsewhere') });
    expect([story.endings(), story.says('t')]).toEqual([['t unmanaged'], 'unmanaged until never']);
    expect([...story.ledger.unsettled]).toEqual([]);
  });
  test('also when the call was still out', () => {
    const story = new Story(two).list(0, { t: inGroup('a') });
    story.intend(0);
    story.list(15, { t: inGroup('elsewhere') }).answer(16, 't', { kind: 'accepted', requestId: undefined });
    story.list(16 + minutes(10), { t: inGroup('elsewhere') });
    expect([...story.ledger.unsettled]).toEqual([]);
  });
  test('one that a group gets while it is stopped has an outage from then on', () => {
    const story = new Story(two).list(0, { t: inGroup('elsewhere') }).list(15, { t: inGroup('b') });
    expect(story.record('t').outage).toMatchObject({ since: at(15) });
    expect(story.send(15)).toEqual(['t']);
  });
  test('a group that has matched nothing for ten minutes is told once, until it has matched again', () => {
    const story = new Story(two);
    const told = () => story.told('group-empty').map((event) => ('group' in event ? event.group : ''));
    for (let seconds = 0; seconds < 600; seconds += 60) story.list(seconds, { t: inGroup('a') });
    expect(told()).toEqual([]);
    story.list(600, { t: inGroup('a') }).list(660, { t: inGroup('a') });
    expect(told()).toEqual(['b']);
    story.list(720, { t: inGroup('b') });
    for (let seconds = 780; seconds <= 1_440; seconds += 60) story.list(seconds, { t: inGroup('b') });
    expect(told()).toEqual(['b', 'a']);
  });
});

describe('due time and downtime', () => {
  const sums = (story: Story) => {
    let [expectedMs, downtimeMs] = [0, 0];
    for (const event of story.events)
      if (event.type === 'time-accounted') {
        expectedMs += event.expectedMs;
        downtimeMs += event.downtimeMs;
      }
    return [expectedMs / 1_000, downtimeMs / 1_000];
  };
  const rows: readonly [
    sentence: string,
    shown: Shown,
    expected: number,
    downtime: number,
    policy?: Partial<Policy>,
  ][] = [
    ['one running task', { t: 'active' }, 15, 0],
    ['one stopped of two', { t: 'stopped', u: 'active' }, 30, 15],
    ['a task that has not started is not due', { t: item('t', 'not-started', { startsAt: at(3_600) }) }, 0, 0],
    ['nor one that ended', { t: 'ended' }, 0, 0],
    ['nor one with an unknown status', { t: 'unknown' }, 0, 0],
    [
      'nor one outside its hours',
      { t: 'stopped' },
      0,
      0,
      { hours: [{ days: ['sun'], fromMinute: 0, toMinute: 60, timezone: 'UTC' }] },
    ],
    ['a group that observes is measured too', { t: 'stopped' }, 15, 15, { mode: 'observe' }],
    ['one only observed since first sight is not', { t: 'stopped', u: 'active' }, 15, 0, { firstSight: 'observe' }],
  ];
  test.each(rows)('%s', (_sentence, shown, expected, downtime, policy) => {
    expect(sums(new Story(calm(policy)).list(0, shown).list(15, shown))).toEqual([expected, downtime]);
  });
  test('held tasks are left out', () => {
    const story = new Story(calm()).list(0, { u: 'active' }).hold('h', { kind: 'task', taskId: 't' });
    story.list(15, { t: 'stopped', u: 'active' }).list(30, { t: 'stopped', u: 'active' });
    expect(sums(story)).toEqual([30, 0]);
  });
  test('a failed poll between two lists is bridged', () => {
    expect(sums(new Story(calm()).list(0, { t: 'stopped' }).failedList(15).list(30, { t: 'stopped' }))).toEqual([
      30, 30,
    ]);
  });
  test('a gap in which we were blind is nobody’s', () => {
    expect(sums(new Story(calm()).list(0, { t: 'stopped' }).list(90, { t: 'stopped' }))).toEqual([0, 0]);
  });
  test('nor is the time before taking over', () => {
    const story = new Story(calm()).list(0, { t: 'stopped' });
    story.tell([{ type: 'owner-gained', at: at(5), account: 'main', epoch: 2 }]);
    expect(sums(story.list(15, { t: 'stopped' }))).toEqual([0, 0]);
  });
  test('given-up tasks are down all the same', () => {
    const story = new Story(calm({ attempts: 1 })).list(0, { t: 'stopped' });
    story.send(0, forbidden);
    expect(sums(story.list(15, { t: 'stopped' }).list(30, { t: 'stopped' }))).toEqual([30, 30]);
  });
});

describe('other tasks in the place of those of before', () => {
  test('a key of another account shows as many tasks, all unknown: suspect, and none of them is restarted', () => {
    const story = new Story().list(0, tasks(20, 'active'));
    const foreign = Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [`foreign${index}`, 'stopped'] as const),
    );
    story.list(15, foreign);
    expect([story.told('poll-suspect').length, story.send(15), story.told('task-found').length]).toEqual([1, [], 20]);
  });
  test('after an hour without a list they are no surprise', () => {
    const story = new Story().list(0, tasks(20, 'active'));
    const successors = Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [`next${index}`, 'active'] as const),
    );
    story.list(hours(1), successors);
    expect(story.told('poll-suspect')).toEqual([]);
  });
  test('a small account may replace its four tasks at once', () => {
    const story = new Story().list(0, tasks(4, 'active'));
    story.list(15, { a: 'active', b: 'active', c: 'active', d: 'stopped' });
    expect([story.told('poll-suspect').length, story.send(15)]).toEqual([0, ['d']]);
  });
});

test('a long list tells its facts slice by slice, each of them once', () => {
  const told: Event[] = [];
  const memory = new Memory('main', { ...unnoted, note: (event) => told.push(event) });
  const items = Array.from({ length: 1_700 }, (_, n) => item(`t${n}`, 'active', { requestedAt: at(0) }));
  const observation = {
    kind: 'complete',
    items,
    startedAt: at(0),
    finishedAt: at(0),
    drift: false,
    failedCloudGroups: [],
    malformedItems: 0,
  } as const;
  const steps = decide(memory, observation, policiesOf(plainPolicy), new Story().moment(0));
  const slices: number[] = [];
  let before = 0;
  let step = steps.next();
  for (; ; step = steps.next()) {
    slices.push(told.length - before);
    before = told.length;
    if (step.done) break;
  }
  expect(Math.max(...slices)).toBeLessThanOrEqual(501);
  const found = told.flatMap((event) => (event.type === 'task-found' ? [event.taskId] : []));
  expect(found).toEqual(items.map(({ taskId }) => taskId));
});

describe('a list that does not add up', () => {
  const drift = { drift: true };
  const story = () => new Story(calm()).list(0, tasks(2, 'active'));
  const told = (one: Story) => [one.told('list-incomplete').length, one.told('list-complete').length];

  test('in three polls in a row is told once, and its end too', () => {
    const one = story().list(15, tasks(2, 'active'), drift).list(30, tasks(2, 'active'), drift);
    expect(told(one)).toEqual([0, 0]);
    expect(told(one.list(45, tasks(2, 'active'), drift).list(60, tasks(2, 'active'), drift))).toEqual([1, 0]);
    expect(one.told('list-incomplete')[0]).toMatchObject({ since: at(15), polls: 3, tasks: 2, cloudGroups: [] });
    expect(told(one.list(75, tasks(2, 'active')).list(90, tasks(2, 'active')))).toEqual([1, 1]);
  });
  test('because a cloud group cannot be read: that one is named', () => {
    const one = story();
    for (const seconds of [15, 30, 45]) one.list(seconds, tasks(2, 'active'), { failedCloudGroups: ['other'] });
    expect(one.told('list-incomplete')[0]).toMatchObject({ cloudGroups: ['other'] });
  });
  test('now and then is a list that others change: it is not told', () => {
    const one = story();
    for (let n = 1; n < 10; n++) one.list(15 * n, tasks(2, 'active'), { drift: n % 3 !== 0 });
    expect(told(one)).toEqual([0, 0]);
  });
  test('a failed poll in between neither ends it nor counts', () => {
    const one = story().list(15, tasks(2, 'active'), drift).list(30, tasks(2, 'active'), drift).failedList(45);
    expect(told(one)).toEqual([0, 0]);
    expect(told(one.list(60, tasks(2, 'active'), drift))).toEqual([1, 0]);
  });
  test('what it shows is healed all the same', () => {
    const one = story();
    for (const seconds of [15, 30, 45]) one.list(seconds, { t00: 'stopped', t01: 'active' }, drift);
    expect(one.send(45)).toEqual(['t00']);
  });
});
