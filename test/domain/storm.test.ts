import { describe, expect, test } from 'vitest';
import { inOrder } from '../../src/domain/decide/queue.ts';
import { applyToTask, newRecord } from '../../src/domain/memory/apply.ts';
import { Memory } from '../../src/domain/memory/memory.ts';
import { situationOf } from '../../src/domain/memory/situation.ts';
import { hashOf } from '../../src/domain/words/hash.ts';
import type { Policies, Policy } from '../../src/domain/words/policy.ts';
import type { RestartAnswer } from '../../src/domain/words/task.ts';
import {
  accepted,
  at,
  hours,
  item,
  minutes,
  notSent,
  plainPolicy,
  policiesOf,
  refusal,
  type Shown,
  Story,
  someStopped,
  tasks,
  throttled,
  unnoted,
} from './story.ts';

/** One group whose storm is looked at alone: the account's is off. */
const groupAlone = (more: Partial<Policy> = {}): Policies => ({
  ...policiesOf({ ...plainPolicy, ...more }),
  storm: false,
});
const forbidden = refusal('forbidden', 'RequestForbidden');

test.each([
  ['list', 15],
  ['look', 14],
] as const)('what one %s settles changes the window alike in every order of its tasks', (sight, second) => {
  const windows = [false, true].map((reversed) => {
    const story = new Story().list(0, tasks(20, 'stopped'));
    const [first = '', next = '', last = ''] = story.send(0);
    story.look(5, { [first]: 'active' }).look(6, { [next]: 'stopped' });
    const entries = Object.entries({ ...tasks(20, 'stopped'), [first]: 'stopped', [last]: 'active' } as const);
    story[sight](second, Object.fromEntries(reversed ? entries.toReversed() : entries));
    return story.window('vip');
  });
  expect(windows[1]).toBe(windows[0]);
});

describe('a storm is on while at least 5 and at least 40 % of the due tasks are stopped', () => {
  const rows: readonly [sentence: string, stopped: number, due: number, storm: boolean][] = [
    ['4 of 4 are too few', 4, 4, false],
    ['5 of 5', 5, 5, true],
    ['5 of 12 are 41.7 %', 5, 12, true],
    ['5 of 13 are 38.5 %', 5, 13, false],
    ['39 of 100', 39, 100, false],
    ['40 of 100', 40, 100, true],
  ];
  test.each(rows)('%s', (_sentence, stopped, due, storm) => {
    const story = new Story(groupAlone()).list(0, someStopped(stopped, due));
    expect(story.window('vip')).toBe(storm ? 3 : 'calm');
    expect(story.window()).toBe('calm');
  });
  test.each(rows)('of the account: %s', (_sentence, stopped, due, storm) => {
    const policies = policiesOf({ ...plainPolicy, storm: false });
    const story = new Story(policies).list(0, someStopped(stopped, due));
    expect(story.window()).toBe(storm ? 3 : 'calm');
    expect(story.window('vip')).toBe('calm');
  });
});

describe('it is off once the stopped are below half of either number', () => {
  const rows: readonly [sentence: string, before: number, after: number, due: number, storm: boolean][] = [
    ['20 of 100 are half of the percentage: still on', 40, 20, 100, true],
    ['19 of 100 are below half of 40 %', 40, 19, 100, false],
    ['3 of 5 are above half of both: still on', 5, 3, 5, true],
    ['2 of 5 are below half of 5, though they are 40 %', 5, 2, 5, false],
    ['3 of 15 are 20 %: still on', 6, 3, 15, true],
    ['3 of 16 are below 20 %, though above half of 5', 7, 3, 16, false],
  ];
  test.each(rows)('%s', (_sentence, before, after, due, storm) => {
    const story = new Story(groupAlone()).list(0, someStopped(before, due));
    expect(story.window('vip')).toBe(3);
    story.list(15, someStopped(after, due));
    expect(story.window('vip')).toBe(storm ? 3 : 'calm');
    expect(story.told('storm-ended').length).toBe(storm ? 0 : 1);
  });
});

describe('who counts', () => {
  /** Five dead tasks that one failure has put into quarantine, five others stopped, five (or six) running. */
  const besideQuarantined = (stopped: number, running: number, policy: Partial<Policy>, seconds: number) => {
    const story = new Story(groupAlone({ attempts: 1, ...policy })).list(0, someStopped(0, 5, 'dead'));
    for (const taskId of Object.keys(tasks(5, 'stopped', 'dead'))) {
      story.list(0, { ...tasks(5, 'active', 'dead'), [taskId]: 'stopped' });
      story.send(0, forbidden);
    }
    return story.list(seconds, {
      ...tasks(5, 'stopped', 'dead'),
      ...tasks(stopped, 'stopped', 's'),
      ...tasks(running, 'active', 'r'),
    });
  };
  test('quarantined tasks are not among the stopped: 4 others of 4 are too few', () => {
    expect(besideQuarantined(4, 0, {}, 15).window('vip')).toBe('calm');
  });
  test('nor among the due: 5 others of 12 are 40 %', () => {
    expect(besideQuarantined(5, 7, {}, 15).window('vip')).toBe(3);
    expect(besideQuarantined(5, 8, {}, 15).window('vip')).toBe('calm');
  });
  test('abandoned tasks are on neither side', () => {
    const quarantine = { retryEveryMs: 1_000, abandonAfterMs: 10_000 };
    const besideAbandoned = (stopped: number, running: number) => {
      const story = new Story(groupAlone({ attempts: 1, budget: false, quarantine }));
      const dead = tasks(5, 'stopped', 'dead');
      for (let seconds = 0; story.told('task-abandoned').length < 5; seconds += 15) {
        if (seconds > 300) throw new Error('all five must be abandoned by now');
        story.list(seconds, dead).send(seconds, forbidden);
      }
      return story.list(315, { ...dead, ...tasks(stopped, 'stopped', 's'), ...tasks(running, 'active', 'r') });
    };
    expect(besideAbandoned(4, 0).window('vip')).toBe('calm');
    expect(besideAbandoned(5, 7).window('vip')).toBe(3);
    expect(besideAbandoned(5, 8).window('vip')).toBe('calm');
  });
  test('held tasks are not counted: of 6 stopped 2 are held', () => {
    const story = new Story(groupAlone());
    story.hold('a', { kind: 'task', taskId: 't00' }).hold('b', { kind: 'task', taskId: 't01' });
    expect(story.list(0, tasks(6, 'stopped')).window('vip')).toBe('calm');
    expect(story.list(15, tasks(7, 'stopped')).window('vip')).toBe(3);
  });
  test('tasks that are not due are not counted: StartTime is ahead, though within startLead', () => {
    const ahead = Object.fromEntries(
      Object.keys(tasks(5, 'stopped', 'a')).map((taskId) => [taskId, item(taskId, 'stopped', { startsAt: at(30) })]),
    );
    const story = new Story(groupAlone()).list(0, { ...ahead, ...tasks(4, 'stopped') });
    expect([story.window('vip'), story.send(0).length]).toEqual(['calm', 9]);
  });
  test('observed tasks are not counted', () => {
    const story = new Story(groupAlone({ firstSight: 'observe' })).list(0, {
      ...tasks(6, 'stopped', 'old'),
      ...tasks(4, 'active'),
    });
    expect(story.window('vip')).toBe('calm');
    story.list(15, { ...tasks(6, 'stopped', 'old'), ...tasks(4, 'stopped') });
    expect([story.window('vip'), story.send(15).length]).toEqual(['calm', 4]);
  });
});

test("a failure of a task that nobody manages any more makes the account's window smaller by one", () => {
  const story = new Story().list(0, tasks(20, 'stopped'));
  const seen = Object.fromEntries(story.send(0).map((taskId) => [taskId, 'active'] as const));
  story.look(5, seen);
  const before = story.window();
  const taskId = story.intend(6) ?? '';
  const { match } = plainPolicy;
  story.reload(7, policiesOf({ ...plainPolicy, match: { ...match, exclude: { title: [], taskId: [taskId] } } }));
  story.answer(8, taskId, forbidden);
  expect([before, story.window()]).toEqual([9, 8]);
});

describe('the window', () => {
  const twenty = () => new Story(groupAlone()).list(0, tasks(20, 'stopped'));
  const seenActive = (story: Story, seconds: number, taskIds: readonly string[]) =>
    story.look(seconds, Object.fromEntries(taskIds.map((taskId) => [taskId, 'active'] as const)));

  test('is 3 at first: the fourth waits for the storm', () => {
    const story = twenty();
    const sent = story.send(0);
    expect(sent.length).toBe(3);
    const waiting = Object.keys(tasks(20, 'stopped')).find((taskId) => !sent.includes(taskId)) ?? '';
    expect(story.says(waiting)).toBe('storm until 15');
  });
  test('a call that is out is one of the three, however long its answer takes', () => {
    const story = twenty();
    const sendsOne = (seconds: number) => story.intend(seconds) !== undefined;
    expect([sendsOne(0), sendsOne(1), sendsOne(2), sendsOne(3)]).toEqual([true, true, true, false]);
    story.list(195, tasks(20, 'stopped'));
    expect(sendsOne(195)).toBe(false);
  });
  test('+2 for each task seen active, and the lane goes on before the next list', () => {
    const story = twenty();
    seenActive(story, 5, story.send(0));
    expect([story.window('vip'), story.unsettled('vip')]).toEqual([9, 0]);
    expect(story.send(5, accepted, 20).length).toBe(9);
    expect(story.send(6)).toEqual([]);
  });
  test('one of three is seen active: two are unsettled, five may be, so three more go', () => {
    const story = twenty();
    seenActive(story, 5, story.send(0).slice(0, 1));
    expect(story.send(5, accepted, 20).length).toBe(3);
  });
  test('a task that stops again within verifyWithin takes its 2 back, and one more', () => {
    const story = twenty();
    const sent = story.send(0);
    seenActive(story, 5, sent);
    story.look(10, { [sent[0] ?? '']: 'stopped' });
    expect(story.window('vip')).toBe(6);
  });
  test('−1 for a refusal', () => {
    const story = twenty();
    seenActive(story, 5, story.send(0));
    story.send(5, forbidden, 2);
    expect(story.window('vip')).toBe(7);
  });
  test('−1 for one that did not recover', () => {
    const story = twenty();
    const [first = '', ...others] = story.send(0);
    seenActive(story, 5, others);
    story.look(61, { [first]: 'stopped' });
    expect(story.window('vip')).toBe(6);
  });
  test('never below 3, and failures at 3 cost nothing later', () => {
    const story = twenty();
    story.send(0, forbidden, 10);
    expect(story.window('vip')).toBe(3);
    seenActive(story, 5, story.send(1, accepted, 1));
    expect(story.window('vip')).toBe(5);
  });
  const givenBack: readonly [string, RestartAnswer][] = [
    ['throttled', throttled],
    ['not sent', notSent],
  ];
  test.each(givenBack)('%s: given back, unsettled no longer, and the window stays as it is', (_sentence, answer) => {
    const story = twenty();
    seenActive(story, 5, story.send(0));
    story.send(5, answer, 1);
    expect([story.window('vip'), story.unsettled('vip')]).toEqual([9, 0]);
  });
  test('a storm that ends and comes again starts anew', () => {
    const story = twenty();
    seenActive(story, 5, story.send(0));
    story.list(15, tasks(20, 'active')).list(30, tasks(20, 'stopped'));
    expect(story.window('vip')).toBe(3);
  });
  test('a new owner starts anew', () => {
    const story = twenty();
    seenActive(story, 5, story.send(0));
    story.tell([{ type: 'owner-gained', at: at(6), account: 'main', epoch: 2 }]);
    expect(story.window('vip')).toBe('calm');
    expect(story.list(15, tasks(20, 'stopped')).window('vip')).toBe(3);
  });
});

describe('account and group both apply', () => {
  const groups = (account: Policies['storm'], big: Policy['storm']): Policies => ({
    account: 'main',
    storm: account,
    groups: [
      { ...plainPolicy, name: 'big', match: { ...plainPolicy.match, title: ['title big*'] }, storm: big },
      { ...plainPolicy, name: 'small', match: { ...plainPolicy.match, title: ['title small*'] } },
    ],
  });
  const shown: Shown = { ...tasks(8, 'stopped', 'big'), ...tasks(2, 'stopped', 'small') };
  const limits = { percent: 40, atLeast: 5 };
  const rows: readonly [string, Policies, number, number][] = [
    ['both on: three of the account', groups(limits, limits), 3, 3],
    ['the account alone: three', groups(limits, false), 3, 3],
    ['the group alone: three of it, and both of the other', groups(false, limits), 5, 3],
    ['both off: all ten', groups(false, false), 10, 8],
  ];
  test.each(rows)('%s', (_sentence, policies, all, most) => {
    const story = new Story(policies).list(0, shown);
    const sent = story.send(0, accepted, 20);
    expect(sent.length).toBe(all);
    expect(sent.filter((taskId) => taskId.startsWith('big')).length).toBeLessThanOrEqual(most);
  });
});

describe('the order of restarts', () => {
  const match = (title: string) => ({ ...plainPolicy.match, title: [title] });
  const two = (more: Partial<Policy> = {}): readonly Policy[] => [
    { ...plainPolicy, ...more, name: 'first', match: match('title a*') },
    { ...plainPolicy, ...more, name: 'second', match: match('title b*') },
  ];
  test('calm: fewest attempts, then file order, then oldest outage, then task id', () => {
    const story = new Story({ account: 'main', storm: false, groups: two({ storm: false }) });
    const running = { a0: 'active', a1: 'active', a2: 'active', a3: 'active', b0: 'active' } as const;
    story.list(0, { ...running, b0: 'stopped', a3: 'stopped' });
    expect(story.send(1, forbidden, 1)).toEqual(['a3']);
    story.list(15, { ...running, b0: 'stopped', a3: 'stopped', a2: 'stopped' });
    story.list(30, { a0: 'stopped', a1: 'stopped', a2: 'stopped', a3: 'stopped', b0: 'stopped' });
    // a2 is out longest of its group, a1 and a0 equally long; b0 is older, but its group is later; a3 was tried.
    expect(story.queue).toEqual(['a2', 'a0', 'a1', 'b0', 'a3']);
  });
  test('in a storm of the account: fewest attempts, then groups by turns, then the hash of task id and attempt number', () => {
    const policies: Policies = { account: 'main', storm: { percent: 40, atLeast: 5 }, groups: two() };
    const story = new Story(policies).list(0, { ...tasks(9, 'stopped', 'a'), ...tasks(9, 'stopped', 'b') });
    const [tried = ''] = story.send(0, forbidden, 1);
    story.list(30, { ...tasks(9, 'stopped', 'a'), ...tasks(9, 'stopped', 'b') });
    const byHash = (prefix: string) =>
      Object.keys(tasks(9, 'stopped', prefix))
        .filter((taskId) => taskId !== tried)
        .sort((one, other) => hashOf(one, 1) - hashOf(other, 1));
    const mine = byHash(tried.charAt(0));
    // The group whose last call is longest ago begins.
    const byTurns = byHash(tried.startsWith('a') ? 'b' : 'a').flatMap((taskId, turn) => [
      taskId,
      ...mine.slice(turn, turn + 1),
    ]);
    expect(story.queue).toEqual([...byTurns, tried]);
    expect(mine).not.toEqual([...mine].sort());
  });
  const turns: readonly [
    sentence: string,
    waiting: Readonly<Record<string, [calls: number, calledAgoMs: number]>>,
    order: string[],
  ][] = [
    ['an untried one goes first', { old: [1, 600_000], fresh: [0, 0] }, ['fresh', 'old']],
    ['one call before two, however long ago', { twice: [2, 600_000], once: [1, 1_000] }, ['once', 'twice']],
    [
      'from three on by turns: a veteran that waited longer',
      { young: [3, 90_000], veteran: [25, 100_000] },
      ['veteran', 'young'],
    ],
    [
      'from three on by turns: the other has its turn next',
      { veteran: [26, 1_000], young: [3, 90_000] },
      ['young', 'veteran'],
    ],
  ];
  test.each(turns)('%s', (_sentence, waiting, expected) => {
    const now = at(3_600);
    const policies = policiesOf(plainPolicy);
    const memory = new Memory('main', unnoted);
    const records = Object.entries(waiting).map(([taskId, [calls, calledAgoMs]]) => {
      const found = {
        type: 'task-found',
        at: now,
        account: 'main',
        taskId,
        group: 'vip',
        item: item(taskId, 'stopped'),
      } as const;
      const opened = {
        type: 'outage-opened',
        at: now,
        account: 'main',
        taskId,
        group: 'vip',
        outageId: taskId,
        firstSight: false,
      } as const;
      const record = applyToTask(newRecord(found), opened);
      if (!record.outage) throw new Error('an outage was opened');
      const lastCallAt = calls === 0 ? undefined : now - calledAgoMs;
      return { ...record, outage: { ...record.outage, calls, lastCallAt } };
    });
    const moment = { now, clockOffsetMs: 0, nextPollAt: now, pollGapMs: 15_000 };
    const order = () => inOrder(records, situationOf(memory.ledger, policies, moment)).map(({ taskId }) => taskId);
    expect(order()).toEqual(expected);
    const [scope, by] = [{ group: 'vip' }, { stopped: true, budget: false }];
    memory.tell(now, { type: 'storm-started', scope, by, stopped: 9, due: 9, failures: 0 });
    expect(order()).toEqual(expected);
  });
  test('neighbours land far apart, and another attempt has another place', () => {
    const ids = Array.from({ length: 100 }, (_, n) => `task${n}`);
    const firstHalf = ids.filter((taskId) => hashOf(taskId, 1) < 0.5).length;
    expect(firstHalf).toBeGreaterThan(30);
    expect(firstHalf).toBeLessThan(70);
    const order = (n: number) => [...ids].sort((one, other) => hashOf(one, n) - hashOf(other, n));
    expect(order(1)).not.toEqual(order(2));
  });
});

describe('the budget', () => {
  /** Failures come fast, and quarantine is far. */
  const quick = { initialMs: 1_000, factor: 1, maxMs: 1_000, jitterPercent: 0, resetAfterMs: 600_000 };
  const budget = (restarts: number, perTask: number) => ({ restarts, perTask, perMs: 3_600_000 });
  const patient = (more: Partial<Policy>): Policies => groupAlone({ attempts: 100, backoff: quick, ...more });
  /** A list every 15 s, and one refused attempt of t00 after each, so many times. */
  const failing = (policies: Policies, shown: Shown, times: number): Story => {
    const story = new Story(policies);
    for (let n = 0; n < times; n++) {
      story.list(n * 15, shown);
      expect(story.send(n * 15, forbidden)).toEqual(['t00']);
    }
    return story.list(times * 15, shown);
  };
  const rows: readonly [string, Partial<Policy>, shown: Shown, failures: number, storm: boolean][] = [
    ['2 of 3 are spent', { budget: budget(3, 2) }, { t00: 'stopped' }, 2, false],
    ['3 of 3 are spent', { budget: budget(3, 2) }, { t00: 'stopped' }, 3, true],
    ['with two due tasks it is 2 × 2', { budget: budget(3, 2) }, { t00: 'stopped', t01: 'active' }, 3, false],
    ['and 4 spend it', { budget: budget(3, 2) }, { t00: 'stopped', t01: 'active' }, 4, true],
    ['what is not due does not make it larger', { budget: budget(3, 2) }, { t00: 'stopped', t01: 'ended' }, 3, true],
    ['without a budget nothing is spent', { budget: false }, { t00: 'stopped' }, 20, false],
    ['a quarantined task is among the due', { budget: budget(1, 2), attempts: 1 }, { t00: 'stopped' }, 1, false],
    ['with `storm: false` it is still kept', { budget: budget(3, 2), storm: false }, { t00: 'stopped' }, 3, true],
  ];
  test.each(rows)('%s', (_sentence, policy, shown, failures, storm) => {
    expect(failing(patient(policy), shown, failures).window('vip')).toBe(storm ? 3 : 'calm');
  });
  test('an abandoned task makes it no larger', () => {
    const of = (abandonAfterMs: number) =>
      patient({ budget: budget(1, 3), attempts: 1, quarantine: { retryEveryMs: 1_000, abandonAfterMs } });
    expect(failing(of(10_000), { t00: 'stopped' }, 2).window('vip')).toBe(3);
    expect(failing(of(20_000), { t00: 'stopped' }, 2).window('vip')).toBe('calm');
  });
  test('a given-back attempt is not counted', () => {
    const story = new Story(patient({ budget: budget(1, 0) })).list(0, { t00: 'stopped' });
    story.send(0, throttled);
    expect(story.list(15, { t00: 'stopped' }).window('vip')).toBe('calm');
  });
  test('an attempt by hand is not counted', () => {
    const story = new Story(patient({ budget: budget(1, 0) })).list(0, { t00: 'stopped' });
    story.byHand(0, 't00', forbidden);
    expect(story.list(15, { t00: 'stopped' }).window('vip')).toBe('calm');
  });
  test('it slides: three failures at 0, 15 and 30 s; off once fewer than 1.5 are within the hour', () => {
    const story = failing(patient({ budget: budget(3, 0) }), { t00: 'stopped' }, 3);
    story.hold('h', { kind: 'task', taskId: 't00' });
    expect(story.list(hours(1) + 1, { t00: 'stopped' }).window('vip')).toBe(3);
    expect(story.list(hours(1) + 16, { t00: 'stopped' }).window('vip')).toBe('calm');
  });
  test('it follows the name of the group: another group has its own', () => {
    const other = { ...plainPolicy, name: 'other', match: { ...plainPolicy.match, title: ['title x'] } };
    const { groups } = patient({ budget: budget(3, 0) });
    const policies = { account: 'main', storm: false, groups: [other, ...groups] } as const;
    const story = failing(policies, { t00: 'stopped', x: 'active' }, 3);
    expect([story.window('other'), story.window('vip')]).toEqual(['calm', 3]);
  });

  describe('while only the budget keeps a storm on', () => {
    /** Four dead tasks of twenty have spent the budget, and three of them fill the window. */
    const spent = () => {
      const story = new Story(patient({ budget: budget(4, 0) }));
      story.list(0, someStopped(4, 20));
      expect(story.send(0, forbidden).length).toBe(4);
      story.list(15, someStopped(4, 20));
      expect(story.send(15).length).toBe(3);
      return story;
    };
    test('the first attempt of an outage passes, the second of another does not', () => {
      const story = spent().list(30, someStopped(5, 20));
      expect(story.send(30)).toEqual(['t04']);
    });
    test('it is not counted in the window, neither as unsettled nor when it is seen active', () => {
      const story = spent().list(30, someStopped(5, 20));
      story.send(30);
      expect(story.unsettled('vip')).toBe(3);
      story.look(35, { t04: 'active' });
      expect(story.window('vip')).toBe(3);
    });
    test('its second attempt waits for the window like any other', () => {
      const story = spent().list(30, someStopped(5, 20));
      story.send(30, forbidden);
      expect(story.list(45, someStopped(5, 20)).says('t04')).toBe('storm until 60');
    });
    test('too many stopped end that: nothing passes', () => {
      const story = spent().list(30, someStopped(10, 20));
      expect(story.send(30)).toEqual([]);
    });
  });
});

test('90 dead tasks in quarantine do not keep 10 others waiting', () => {
  const story = new Story(policiesOf({ ...plainPolicy, attempts: 1 }));
  const dead = tasks(90, 'stopped', 'dead');
  story.list(0, { ...dead, ...tasks(110, 'active') });
  for (let seconds = 0; story.told('restart-failed').length < 90; seconds += 1) {
    if (seconds > minutes(5)) throw new Error('the dead ones must have been tried by now');
    story.list(seconds, { ...dead, ...tasks(110, 'active') });
    story.send(seconds, forbidden, 100);
  }
  story.list(400, { ...dead, ...someStopped(10, 110) });
  expect([story.window(), story.window('vip')]).toEqual(['calm', 'calm']);
  expect(story.send(400, accepted, 20).length).toBe(10);
});

describe('what the owner before has out fills the window of the next one', () => {
  const inVip = { ...plainPolicy, match: { ...plainPolicy.match, cloudGroup: ['*'] } };
  const shown = { ...tasks(20, 'stopped'), ...tasks(10, 'active', 'r') } as const;
  const leave = (answered: boolean) => {
    const before = new Story(policiesOf(inVip)).list(0, shown);
    const sent = answered ? before.send(0, accepted, 20) : [before.intend(0), before.intend(0), before.intend(0)];
    expect(sent).toHaveLength(3);
    const { tasks: left, holds, accountRecord, budget } = before.ledger;
    return { sent, stored: { tasks: [...left.values()], holds: [...holds.values()], accountRecord, budget } };
  };
  test.each([
    ['answered', true],
    ['without an answer', false],
  ])('%s: from its first moment on, and while its lists do not show them', (_sentence, answered) => {
    const { sent, stored } = leave(answered);
    const story = new Story(policiesOf(inVip), stored, 10);
    story.reload(10, policiesOf(inVip));
    expect(story.unsettled('vip')).toBe(3);
    const others = Object.fromEntries(Object.entries(shown).filter(([taskId]) => !sent.includes(taskId)));
    for (const seconds of [15, 30, 45]) {
      story.list(seconds, others, { failedCloudGroups: ['vip'] });
      expect(story.window('vip')).toBe(3);
      expect(story.send(seconds, accepted, 20)).toEqual([]);
    }
  });
});
