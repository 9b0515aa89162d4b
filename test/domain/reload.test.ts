/** What a new configuration, or a moment without one, costs the tasks: nothing that they had. */
import { describe, expect, test } from 'vitest';
import { regroup } from '../../src/domain/decide/regroup.ts';
import type { Policies, Policy } from '../../src/domain/words/policy.ts';
import { accepted, at, item, minutes, plainPolicy, policiesOf, refusal, Story, tasks } from './story.ts';

const forbidden = refusal('forbidden', 'RequestForbidden');
const group = (name: string, more: Partial<Policy['match']> = {}): Policy => ({
  ...plainPolicy,
  name,
  match: { ...plainPolicy.match, ...more },
});
const calm = (...groups: readonly Policy[]): Policies => ({
  ...policiesOf(...groups.map((policy) => ({ ...policy, storm: false as const, budget: false as const }))),
  storm: false,
});
const vip = calm(group('vip'));
const nothing = calm(group('other', { cloudGroup: ['elsewhere'] }));

describe('holds follow the tasks that they covered', () => {
  const rows: readonly [sentence: string, then: Policies, held: readonly string[]][] = [
    ['the group is renamed', calm(group('gold')), ['t00', 't01', 'x']],
    ['the group is taken out', nothing, ['t00', 't01', 'x']],
    [
      'the group is split, and keeps one of them',
      calm(group('gold', { title: ['title t*'] }), group('vip')),
      ['t00', 't01', 'x'],
    ],
    ['only its policy changes', calm({ ...group('vip'), attempts: 2 }), ['t00', 't01', 'x']],
  ];
  test.each(rows)('%s', (_sentence, then, held) => {
    const shown = { ...tasks(2, 'stopped'), x: 'stopped' } as const;
    const story = new Story(vip).list(0, shown).hold('h', { kind: 'group', group: 'vip' }, at(minutes(30)));
    story.reload(10, then).list(15, shown);
    expect(story.send(15)).toEqual([]);
    // Whoever has them next: the hold is on the tasks.
    story.reload(20, calm(group('again'))).list(30, shown);
    for (const taskId of held) expect(story.says(taskId)).toBe(`held until ${minutes(30)}`);
    for (const hold of story.ledger.holds.values())
      expect(hold).toMatchObject({ author: 'eve', reason: 'maintenance', endsAt: at(minutes(30)) });
    story.list(minutes(30), shown);
    expect(story.send(minutes(30))).toHaveLength(3);
    expect(story.ledger.holds.size).toBe(0);
  });
  test('what the group gets later it did not cover, and a hold on the group that is gone is none any more', () => {
    const story = new Story(vip).list(0, { t00: 'stopped' }).hold('h', { kind: 'group', group: 'vip' });
    story.reload(10, calm(group('gold'))).list(15, { t00: 'stopped', new: 'stopped' });
    expect([...story.ledger.holds.values()].map(({ target }) => target)).toEqual([{ kind: 'task', taskId: 't00' }]);
    expect(story.told('hold-removed')).toMatchObject([{ hold: { id: 'h' }, by: 'a new configuration' }]);
    expect(story.send(15)).toEqual(['new']);
  });
  test('each is told, with its number of tasks, for the answer of the reload', () => {
    const story = new Story(vip).list(0, tasks(3, 'stopped')).hold('h', { kind: 'group', group: 'vip' });
    expect(regroup(story.memory, calm(group('gold')), at(10))).toMatchObject([
      { hold: { id: 'h', author: 'eve' }, tasks: 3, groupGone: true },
    ]);
    expect(story.told('hold-added')).toHaveLength(1 + 3);
  });
  test('holds on a task, on the account and on other groups stay as they are', () => {
    const story = new Story(vip).list(0, tasks(2, 'stopped'));
    story
      .hold('a', { kind: 'task', taskId: 't00' })
      .hold('b', { kind: 'account' })
      .hold('c', { kind: 'group', group: 'gold' });
    expect(regroup(story.memory, calm(group('gold')), at(10))).toEqual([]);
    expect([...story.ledger.holds.keys()]).toEqual(['a', 'b', 'c']);
  });
});

describe('up to ten minutes without a group end nothing', () => {
  /** Out for nine minutes with two failures, then unmanaged for so long, then managed as before. */
  const away = (seconds: number, meanwhile: 'stopped' | 'active' | 'absent' = 'stopped') => {
    const story = new Story(vip).list(0, { t: 'stopped' });
    story.send(0, forbidden);
    story.list(15, { t: 'stopped' }).send(15, forbidden);
    story.list(540, { t: 'stopped' }).reload(540, nothing);
    for (let second = 545; second < 540 + seconds; second += 15)
      story.list(second, meanwhile === 'absent' ? { other: 'active' } : { t: meanwhile, other: 'active' });
    return story.reload(540 + seconds, vip);
  };
  const short: readonly [sentence: string, seconds: number, meanwhile?: 'stopped' | 'active' | 'absent'][] = [
    ['for 8 s', 8],
    ['for 10 min', minutes(10)],
    ['for 9 min, in which its cloud group is not even listed', minutes(9), 'absent'],
  ];
  test.each(short)('%s: the outage, its attempts and its begin are what they were', (_sentence, seconds, meanwhile) => {
    const story = away(seconds, meanwhile);
    story.list(540 + seconds, { t: 'stopped' });
    expect(story.endings()).toEqual([]);
    expect(story.told('outage-opened')).toHaveLength(1);
    expect(story.record('t')).toMatchObject({ attempts: 2, row: 2, outage: { since: at(0), attempts: 2 } });
    story.list(555 + seconds, { t: 'active' }).list(615 + seconds, { t: 'active' });
    expect(story.told('outage-ended')).toMatchObject([{ group: 'vip', durationMs: (555 + seconds) * 1_000 }]);
  });
  test('longer ends the outage as unmanaged, when it ceased to be managed', () => {
    const story = away(minutes(10) + 30);
    expect(story.told('outage-ended')).toMatchObject([{ group: 'vip', ending: 'unmanaged', durationMs: 540_000 }]);
  });
  test('longer, and gone from the list, too', () => {
    const story = away(minutes(12), 'absent');
    expect(story.told('outage-ended')).toMatchObject([{ group: 'vip', ending: 'unmanaged', durationMs: 540_000 }]);
  });
  test('a running task’s attempts are not forgotten for it', () => {
    const story = away(minutes(5), 'active');
    story.list(900, { t: 'stopped' });
    expect(story.record('t')).toMatchObject({ attempts: 2, row: 2 });
  });
  test('an attempt that was awaited is settled when it is back', () => {
    const story = new Story(vip).list(0, { t: 'stopped' });
    story.send(0, accepted);
    story.reload(5, nothing).list(15, { t: 'active' }).reload(20, vip).list(30, { t: 'active' });
    expect(story.told('restart-worked')).toMatchObject([{ taskId: 't', group: 'vip' }]);
  });
  test('edits at every poll to and fro end nothing either', () => {
    const story = new Story(vip).list(0, { t: 'stopped' });
    story.send(0, forbidden);
    for (let n = 1; n < 40; n++) story.reload(n * 15 - 5, n % 2 ? nothing : vip).list(n * 15, { t: 'stopped' });
    expect(story.told('outage-opened')).toHaveLength(1);
    expect(story.endings()).toEqual([]);
  });
});

describe('absence for a moment forgets no attempt', () => {
  test.each([1, 2, 3, 20])('missing in %i lists', (lists) => {
    const story = new Story(vip).list(0, { t: 'stopped', u: 'active' });
    story.send(0, forbidden);
    story.list(15, { t: 'active', u: 'active' });
    let second = 30;
    for (let n = 0; n < lists; n++, second += 15) story.list(second, { u: 'active' });
    second = Math.max(second, minutes(10) + 30);
    story.list(second, { t: 'active', u: 'active' });
    // Nobody saw it active all the time.
    expect(story.record('t').attempts).toBe(1);
    story.list(second + minutes(10), { t: 'active', u: 'active' });
    expect(story.record('t').attempts).toBe(0);
  });
});

describe('a shrunken list: only cloud groups that were read both times are compared', () => {
  const of = (count: number, cloudGroup: string, prefix: string) =>
    Object.fromEntries(
      Object.keys(tasks(count, 'active', prefix)).map((taskId) => [taskId, item(taskId, 'active', { cloudGroup })]),
    );
  const [x, y] = [of(6, 'x', 'x'), of(10, 'y', 'y')];
  const all = calm(group('all', { cloudGroup: ['*'] }));
  const rows: readonly [
    sentence: string,
    lists: readonly [shown: Parameters<Story['list']>[1], failed?: readonly string[]][],
    suspect: boolean,
  ][] = [
    ['x cannot be read, then y is empty', [[{ ...x, ...y }], [y, ['x']], [x]], true],
    ['x cannot be read and y is empty', [[{ ...x, ...y }], [{}, ['x']]], true],
    ['x cannot be read', [[{ ...x, ...y }], [y, ['x']]], false],
    ['x cannot be read, then both are as before', [[{ ...x, ...y }], [y, ['x']], [{ ...x, ...y }]], false],
    ['now one, now the other', [[{ ...x, ...y }], [y, ['x']], [x, ['y']], [{ ...x, ...y }]], false],
    [
      'a large one cannot be read, and the small one shrinks',
      [[{ ...of(600, 'x', 'x'), ...y }], [of(4, 'y', 'y'), ['x']]],
      true,
    ],
    [
      'x cannot be read for long, then y is empty',
      [[{ ...x, ...y }], [y, ['x']], [y, ['x']], [y, ['x']], [{}, ['x']]],
      true,
    ],
    ['y is empty, and all can be read', [[{ ...x, ...y }], [x]], true],
  ];
  test.each(rows)('%s', (_sentence, lists, suspect) => {
    const story = new Story(all);
    lists.forEach(([shown, failedCloudGroups = []], n) => {
      story.list(n * 15, shown, { failedCloudGroups });
    });
    expect(story.ledger.accountRecord.suspect !== undefined).toBe(suspect);
  });
  test('it stays suspect until it has stayed so for a quarter of an hour, and nobody is gone before', () => {
    const story = new Story(all).list(0, { ...x, ...y }).list(15, y, { failedCloudGroups: ['x'] });
    for (let second = 30; second < 30 + minutes(15); second += 15) story.list(second, x);
    expect([story.ledger.accountRecord.suspect !== undefined, story.told('task-gone').length]).toEqual([true, 0]);
    for (let second = 30 + minutes(15); second < minutes(17); second += 15) story.list(second, x);
    expect([story.ledger.accountRecord.suspect, story.told('task-gone').length]).toEqual([undefined, 10]);
  });
});
