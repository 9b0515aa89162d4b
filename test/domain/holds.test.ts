/** Which tasks a hold covers and when: an operator's, planned or not, and the recurring ones of the configuration. */
import { describe, expect, test } from 'vitest';
import { situationOf } from '../../src/domain/memory/situation.ts';
import { holdPreview, holdViews, targetWords } from '../../src/domain/views/covered.ts';
import { groupViews } from '../../src/domain/views/views.ts';
import type { Hold } from '../../src/domain/words/events.ts';
import type { Maintenance, Policies } from '../../src/domain/words/policy.ts';
import { wallSchedule } from '../../src/settings/schedule.ts';
import { accepted, at, holdAdded, hours, item, minutes, plainPolicy, policiesOf, Story, tasks } from './story.ts';

const hold = (target: Hold['target'], more: Partial<Hold> = {}): Hold => ({
  id: 'h1',
  account: 'main',
  target,
  author: 'ann',
  reason: 'encoder is moved',
  createdAt: at(0),
  endsAt: undefined,
  ...more,
});

const cup = { c1: item('c1', 'stopped', { title: '世界杯01' }), n1: item('n1', 'stopped', { title: '新闻01' }) };
const situation = (story: Story, seconds?: number) => situationOf(story.ledger, story.policies, story.moment(seconds));
const reason = (story: Story, taskId: string, seconds: number) => {
  const verdict = story.verdict(taskId, seconds);
  return verdict.kind === 'wait' ? verdict.reason : verdict.kind;
};

describe('what a hold covers', () => {
  test.each<[string, Hold['target'], readonly string[]]>([
    ['one task', { kind: 'task', taskId: 'c1' }, ['held', 'restart']],
    ['titles, by a glob', { kind: 'title', title: '世界杯*' }, ['held', 'restart']],
    ['titles, one character', { kind: 'title', title: '新闻0?' }, ['restart', 'held']],
    ['titles, capitals and the whole of it count', { kind: 'title', title: '世界杯' }, ['restart', 'restart']],
    ['a group', { kind: 'group', group: 'vip' }, ['held', 'held']],
    ['another group', { kind: 'group', group: 'news' }, ['restart', 'restart']],
    ['the account', { kind: 'account' }, ['held', 'held']],
  ])('%s', (_what, target, expected) => {
    const story = new Story().list(0, cup);
    const preview = holdPreview(situation(story), target);
    story.tell([holdAdded(hold(target), at(0))]);
    expect(['c1', 'n1'].map((taskId) => reason(story, taskId, 1))).toEqual(expected);
    const held = expected.filter((one) => one === 'held').length;
    expect([preview.covers.tasks, preview.first.length]).toEqual([held, held]);
  });
});

describe('when a hold is in force', () => {
  const planned = hold({ kind: 'account' }, { startsAt: at(100), endsAt: at(200) });
  test.each([
    [99, 'restart'],
    [100, 'held'],
    [199, 'held'],
    [200, 'restart'],
  ])('planned from 100 s to 200 s: at %i s %s', (seconds, expected) => {
    const story = new Story().list(0, cup);
    story.tell([holdAdded(planned, at(0))]);
    story.list(90, cup).list(150, cup);
    expect(reason(story, 'c1', seconds)).toBe(expected);
    expect(holdViews(situation(story, seconds)).map(({ inForce }) => inForce)).toEqual(
      seconds < 200 ? [expected === 'held'] : [],
    );
  });

  test('an extended one ends later, and is told with its end before', () => {
    const story = new Story().list(0, cup);
    story.tell([holdAdded(planned, at(0))]);
    const extended = { ...planned, endsAt: at(300) };
    story.tell([{ type: 'hold-extended', at: at(150), account: 'main', hold: extended, by: 'bob', was: at(200) }]);
    story.list(250, cup);
    expect(reason(story, 'c1', 250)).toBe('held');
    story.list(300, cup);
    expect(story.ledger.holds.size).toBe(0);
    expect(story.events.filter(({ type }) => type.startsWith('hold-')).map(({ type }) => type)).toEqual([
      'hold-added',
      'hold-extended',
      'hold-expired',
    ]);
  });
});

describe('a hold that ends releases its tasks in a paced way', () => {
  test.each<[string, (story: Story) => void]>([
    [
      'removed',
      (story) =>
        story.tell([
          {
            type: 'hold-removed',
            at: at(300),
            account: 'main',
            hold: hold({ kind: 'group', group: 'vip' }),
            by: 'ann',
          },
        ]),
    ],
    ['its end came', () => {}],
  ])('%s: three at a time, more as they come up', (_how, end) => {
    const story = new Story();
    const stopped = tasks(60, 'stopped');
    story.tell([holdAdded(hold({ kind: 'group', group: 'vip' }, { endsAt: at(300) }), at(0))]);
    for (let second = 0; second < 300; second += 15) story.list(second, stopped);
    expect(story.send(290, accepted)).toEqual([]);
    end(story);
    story.list(300, stopped);
    const first = story.send(300, accepted);
    expect(first).toHaveLength(3);
    const up = Object.fromEntries(first.map((taskId) => [taskId, 'active'] as const));
    story.list(315, { ...stopped, ...up });
    expect(story.send(315, accepted)).toHaveLength(9);
  });

  test('a recurring one too', () => {
    const story = new Story({ ...policiesOf(plainPolicy), maintenance: [nightly()] });
    const stopped = tasks(60, 'stopped');
    const begin = hours(19.5); // 03:30 in Shanghai
    for (let second = begin; second < begin + minutes(45); second += 60) story.list(second, stopped);
    expect(story.send(begin + minutes(44), accepted)).toEqual([]);
    story.list(begin + minutes(45), stopped);
    expect(story.send(begin + minutes(45), accepted)).toHaveLength(3);
  });
});

function nightly(more: Partial<Maintenance> = {}, schedule = '0 30 3 * * *', timezone = 'Asia/Shanghai'): Maintenance {
  return {
    id: 'maintenance-1',
    when: wallSchedule(schedule, timezone),
    forMs: 45 * 60_000,
    match: { ...plainPolicy.match, cloudGroup: ['*'] },
    reason: 'the CDN is updated',
    ...more,
  };
}

describe('maintenance of the configuration', () => {
  const begin = hours(19.5); // 03:30 of the Tuesday in Shanghai
  const of = (...maintenance: readonly Maintenance[]): Policies => ({ ...policiesOf(plainPolicy), maintenance });
  const withExclusion = { ...plainPolicy.match, title: ['世界杯*'], exclude: { title: ['*HOLD*'], taskId: ['c9'] } };

  test.each<[string, Partial<Maintenance>, number, string]>([
    ['a second before it begins', {}, begin - 1, 'restart'],
    ['when it begins', {}, begin, 'held'],
    ['a second before it ends', {}, begin + minutes(45) - 1, 'held'],
    ['when it ends', {}, begin + minutes(45), 'restart'],
    ['it does not match the title', { match: { ...plainPolicy.match, title: ['新闻*'] } }, begin, 'restart'],
    ['it does not match the cloud group', { match: { ...plainPolicy.match, cloudGroup: ['news'] } }, begin, 'restart'],
    ['it matches by title', { match: withExclusion }, begin, 'held'],
    ['it excludes the id', { match: { ...withExclusion, exclude: { title: [], taskId: ['c1'] } } }, begin, 'restart'],
    [
      'it excludes the title',
      { match: { ...withExclusion, exclude: { title: ['*杯01'], taskId: [] } } },
      begin,
      'restart',
    ],
  ])('%s', (_what, more, seconds, expected) => {
    const story = new Story(of(nightly(more)));
    story.list(seconds - 1, cup);
    expect(reason(story, 'c1', seconds)).toBe(expected);
  });

  test('it says until when, why, and what it covers; and is in the list also before it begins', () => {
    const story = new Story(of(nightly(), nightly({ id: 'maintenance-2' }, '0 0 12 * * 7')));
    story.list(begin + 60, cup);
    expect(story.verdict('c1', begin + 60)).toMatchObject({
      until: at(begin + minutes(45)),
      objection: { kind: 'held', author: 'maintenance', reason: 'the CDN is updated' },
    });
    const views = holdViews(situation(story, begin + 60));
    expect(views.map(({ id, inForce, startsAt, covers }) => [id, inForce, startsAt, covers.tasks])).toEqual([
      ['maintenance-1', true, at(begin), 2],
      ['maintenance-2', false, Date.UTC(2026, 0, 11, 4), 2],
    ]);
    const [group] = groupViews(situation(story, begin + 60)).groups;
    expect([group?.holds, group?.holdEndsAt, group?.down]).toEqual([1, null, 0]);
  });

  test("it goes by the cloud's clock, as `hours` do", () => {
    const story = new Story(of(nightly()));
    story.clockOffsetMs = 600_000;
    story.list(begin - 605, cup);
    expect(reason(story, 'c1', begin - 601)).toBe('restart');
    expect(story.verdict('c1', begin - 600)).toMatchObject({ reason: 'held', until: at(begin - 600 + minutes(45)) });
  });

  test('an operator passes it only by force', () => {
    const story = new Story(of(nightly())).list(begin, cup);
    expect(story.byHand(begin, 'c1')).toContain('held: held by maintenance: the CDN is updated; add --force');
    expect(story.byHand(begin, 'c1', accepted, true)).toBe('sent');
  });
});

test.each<[Hold['target'], string]>([
  [{ kind: 'match', match: { ...plainPolicy.match, cloudGroup: ['*'] } }, 'account main'],
  [{ kind: 'match', match: { ...plainPolicy.match, title: ['CDN*'] } }, 'cloud group vip, titles CDN*'],
  [
    { kind: 'match', match: { ...plainPolicy.match, type: ['vod'], exclude: { title: ['*X'], taskId: ['t1'] } } },
    'cloud group vip, type vod, not *X, t1',
  ],
  [{ kind: 'title', title: 'CDN*' }, 'titles CDN*'],
])('%j in words: %s', (target, words) => {
  expect(targetWords({ account: 'main', target })).toBe(words);
});
