/** One task's trouble stays its own: what it may cost the others, in seconds. */
import { describe, expect, test } from 'vitest';
import { situationOf } from '../../src/domain/memory/situation.ts';
import { awaitedCloudGroups } from '../../src/domain/memory/windows.ts';
import { ruleViews } from '../../src/domain/views/views.ts';
import type { Policies, Policy } from '../../src/domain/words/policy.ts';
import type { RestartAnswer, TaskStatus } from '../../src/domain/words/task.ts';
import {
  accepted,
  failureOf,
  hours,
  item,
  minutes,
  notSent,
  plainPolicy,
  policiesOf,
  refusal,
  type Shown,
  Story,
  tasks,
  throttled,
  unanswered,
} from './story.ts';

const situation = (story: Story) => situationOf(story.ledger, story.policies, story.moment());
const said = (story: Story, taskId: string, reason: string) =>
  ruleViews(story.record(taskId), situation(story)).find((view) => view.reason === reason)?.detail;

describe('a task that is always answered so leaves the account to the others', () => {
  /**
   * A list every 15 s for two hours. `ill` is always stopped and always answered so; of five others one stops every
   * three minutes. Gives how long each of the 40 waited for its restart.
   */
  const waitsBeside = (ill: readonly string[], answer: RestartAnswer): readonly number[] => {
    const story = new Story();
    const stoppedAt = new Map<string, number>();
    const waits: number[] = [];
    for (let second = 0; second < hours(2); second++) {
      if (second % 180 === 30) stoppedAt.set(`t0${((second / 90) % 5) | 0}`, second);
      if (second % 15 === 0) {
        const shown: Record<string, TaskStatus> = tasks(5, 'active');
        for (const taskId of [...ill, ...stoppedAt.keys()]) shown[taskId] = 'stopped';
        story.list(second, shown);
      }
      for (const taskId of story.send(second, (taskId) => (ill.includes(taskId) ? answer : accepted), 1)) {
        const since = stoppedAt.get(taskId);
        if (since === undefined) continue;
        waits.push(second - since);
        stoppedAt.delete(taskId);
      }
    }
    return waits;
  };
  const rows: readonly [sentence: string, answer: RestartAnswer][] = [
    ['denied', refusal('permission', 'AccessDenied')],
    ['forbidden', refusal('forbidden', 'RequestForbidden')],
    ['throttled', throttled],
    ['never sent', notSent],
    ['refused with CommonErr', refusal('common', 'CommonErr')],
    ['unanswered', unanswered('server', 'InternalError')],
    ['refused as invalid', refusal('invalid', 'InvalidParam')],
  ];
  test.each(rows)('%s: 40 stops of others, each restarted within a minute', (_sentence, answer) => {
    const waits = waitsBeside(['ill'], answer);
    expect(waits).toHaveLength(40);
    expect(Math.max(...waits)).toBeLessThanOrEqual(60);
  });
  test.each(rows)('two of them %s: each of the 40 waits for a probe at most', (_sentence, answer) => {
    const waits = waitsBeside(['ill', 'sick'], answer);
    expect(waits).toHaveLength(40);
    expect(Math.max(...waits)).toBeLessThanOrEqual(60);
  });
});

describe('whose turn it is when all may go', () => {
  const calm: Policies = { ...policiesOf({ ...plainPolicy, storm: false, budget: false }), storm: false };
  const stormy = policiesOf(plainPolicy);
  const rows: readonly [sentence: string, policies: Policies, answer: RestartAnswer, then: number][] = [
    ['a call that was throttled', calm, throttled, 5],
    ['a call that never left', calm, notSent, 5],
    ['in a storm a call that was throttled', stormy, throttled, 5],
    ['in a storm a call that never left', stormy, notSent, 5],
    ['a call that opened the circuit', calm, refusal('auth', 'InvalidAccessKey'), 300],
  ];
  test.each(rows)('%s counts: its task goes last', (_sentence, policies, answer, then) => {
    const story = new Story(policies).list(0, tasks(6, 'stopped'));
    const [first = ''] = story.send(0, answer, 1);
    expect(story.record(first)).toMatchObject({ attempts: 0, outage: { attempts: 0, calls: 1 } });
    story.list(then, tasks(6, 'stopped'));
    expect(story.queue.at(-1)).toBe(first);
  });
  test('an operator’s call counts too: the others had none yet', () => {
    const story = new Story(calm).list(0, tasks(3, 'stopped'));
    story.byHand(0, 't00', refusal('forbidden'));
    expect(story.list(15, tasks(3, 'stopped')).queue).toEqual(['t01', 't02', 't00']);
  });
  test('the next outage begins without any', () => {
    const story = new Story(calm).list(0, { t00: 'stopped', t01: 'active' });
    story.send(0);
    story.list(15, { t00: 'active', t01: 'active' }).list(90, { t00: 'active', t01: 'active' });
    story.list(900, { t00: 'stopped', t01: 'active' }).list(915, { t00: 'stopped', t01: 'stopped' });
    expect(story.queue).toEqual(['t00', 't01']);
  });
});

describe('in a storm, a cloud group whose tasks are all dead', () => {
  const everywhere = policiesOf({ ...plainPolicy, match: { ...plainPolicy.match, cloudGroup: ['*'] } });
  const of = (cloudGroup: string, count: number, status: TaskStatus): Shown =>
    Object.fromEntries(
      Object.keys(tasks(count, status, cloudGroup)).map((taskId) => [taskId, item(taskId, status, { cloudGroup })]),
    );
  /** Three of x are tried at second 0 and found dead at 75; meanwhile some of w stop. */
  const next = (dead: number, stopped: number) => {
    const story = new Story(everywhere).list(0, { ...of('x', dead, 'stopped'), ...of('w', 8, 'active') });
    expect(story.send(0, accepted, 20)).toHaveLength(3);
    const shown = { ...of('x', dead, 'stopped'), ...of('w', 8, 'active'), ...of('w', stopped, 'stopped') };
    expect(story.list(30, shown).send(30, accepted, 20)).toEqual([]);
    // Found dead by a look, so that two of x are out again, or not.
    story.look(65, of('x', dead, 'stopped'));
    return { story, shown };
  };
  test.each([20, 60, 200])('of %i leaves the next place to the others, and every second one', (dead) => {
    const { story, shown } = next(dead, 4);
    const sent = story.list(75, shown).send(75, accepted, 20);
    expect(sent.map((taskId) => taskId[0])).toEqual(['w', 'x', 'w']);
  });
  test('takes those that the others leave', () => {
    const { story, shown } = next(20, 1);
    const sent = story.list(75, shown).send(75, accepted, 20);
    expect(sent.map((taskId) => taskId[0])).toEqual(['w', 'x', 'x']);
  });
  test.each([20, 60, 200])('so does a group of %i within a cloud group, among others of it', (dead) => {
    const group = (name: string): Policy => ({
      ...plainPolicy,
      name,
      match: { ...plainPolicy.match, title: [`${name}*`] },
    });
    const titled = (name: string, count: number, status: TaskStatus): Shown =>
      Object.fromEntries(
        Object.keys(tasks(count, status, name)).map((taskId) => [taskId, item(taskId, status, { title: taskId })]),
      );
    const story = new Story(policiesOf(group('x'), group('w')));
    story.list(0, { ...titled('x', dead, 'stopped'), ...titled('w', 8, 'active') });
    expect(story.send(0, accepted, 20)).toHaveLength(3);
    const shown = { ...titled('x', dead, 'stopped'), ...titled('w', 8, 'active'), ...titled('w', 4, 'stopped') };
    story.list(30, shown).look(65, titled('x', dead, 'stopped'));
    const sent = story.list(75, shown).send(75, accepted, 20);
    expect(sent.map((taskId) => taskId[0]).sort()).toEqual(['w', 'w', 'x']);
  });
  test('shares with another such', () => {
    const { story, shown } = next(8, 8);
    const sent: string[] = [];
    for (let seconds = 75; seconds < minutes(40); seconds += 15)
      sent.push(...story.list(seconds, shown).send(seconds, accepted, 20));
    const ofX = sent.filter((taskId) => taskId.startsWith('x')).length;
    expect(ofX).toBeGreaterThan(sent.length / 3);
    expect(ofX).toBeLessThan((sent.length * 2) / 3);
  });
});

describe('a denial is the account’s when the list is denied too, or two tasks in a row are', () => {
  const denied = refusal('permission', 'AccessDenied');
  const calm: Policies = { ...policiesOf({ ...plainPolicy, storm: false, budget: false }), storm: false };
  const isOpen = (story: Story) => story.ledger.accountRecord.circuits.restart.kind === 'open';
  const rows: readonly [sentence: string, answers: readonly RestartAnswer[], open: boolean][] = [
    ['one', [denied], false],
    ['two', [denied, denied], true],
    ['one, a success, one', [denied, accepted, denied], false],
    ['one, a success, two', [denied, accepted, denied, denied], true],
    ['one, a throttled one, one', [denied, throttled, denied], true],
    ['four with CommonErr and one', [...Array(4).fill(refusal('common')), denied], false],
  ];
  test.each(rows)('%s', (_sentence, answers, open) => {
    const story = new Story(calm);
    answers.forEach((answer, n) => {
      story.list(n * 15, tasks(6, 'stopped'));
      story.send(n * 15, answer, 1);
    });
    expect(isOpen(story)).toBe(open);
  });
  test('one is its task’s failed attempt, told with its code', () => {
    const story = new Story(calm).list(0, tasks(2, 'stopped'));
    story.send(0, denied, 1);
    expect(story.told('restart-failed')).toMatchObject([
      { taskId: 't00', cause: 'AccessDenied', class: 'permission', row: 1 },
    ]);
  });
  test('two give both attempts back, and theirs is the turn after 30 s', () => {
    const story = new Story(calm).list(0, tasks(2, 'stopped'));
    expect(story.send(0, denied)).toEqual(['t00', 't01']);
    for (const taskId of ['t00', 't01']) expect(story.record(taskId)).toMatchObject({ attempts: 0, row: 0 });
    expect(story.says('t00')).toBe('circuit until 30');
  });
  test('the same task twice opens nothing', () => {
    const story = new Story(calm).list(0, { t00: 'stopped' });
    story.send(0, denied);
    story.list(15, { t00: 'stopped' });
    expect([story.send(15, denied), isOpen(story)]).toEqual([['t00'], false]);
  });
  test('one whose call was out while the list came to be denied opens it, and is no attempt', () => {
    const story = new Story(calm).list(0, tasks(2, 'stopped'));
    const taskId = story.intend(0) ?? '';
    story.failedList(15, 'permission').answer(16, taskId, denied);
    expect([isOpen(story), story.record(taskId).row]).toEqual([true, 0]);
  });
  test('an operator’s denied restart opens nothing', () => {
    const story = new Story(calm).list(0, tasks(2, 'stopped'));
    story.byHand(0, 't00', denied);
    story.send(1, denied, 1);
    expect(isOpen(story)).toBe(false);
  });
});

describe('an open circuit asks others at once, until five were answered so: before, it may be their own trouble', () => {
  const calm: Policies = {
    ...policiesOf({
      ...plainPolicy,
      match: { ...plainPolicy.match, cloudGroup: ['*'] },
      storm: false,
      budget: false,
      attempts: 100,
    }),
    storm: false,
  };
  const restart = (story: Story) => story.ledger.accountRecord.circuits.restart;
  const of = (cloudGroup: string, count: number): Shown =>
    Object.fromEntries(
      Object.keys(tasks(count, 'stopped', cloudGroup)).map((taskId) => [
        taskId,
        item(taskId, 'stopped', { cloudGroup }),
      ]),
    );
  const classes: readonly [code: string, answer: RestartAnswer][] = [
    ['InvalidAccessKey', refusal('auth', 'InvalidAccessKey')],
    ['BillingStatus', refusal('billing', 'RequestForbidden.BillingStatus')],
    ['InvalidTimestamp', refusal('clock', 'InvalidTimestamp')],
    ['InvalidActionOrVersion', refusal('retired', 'InvalidActionOrVersion')],
  ];
  test.each(classes)('%s of one task: the next is asked at once, and its success closes it', (_code, answer) => {
    const story = new Story(calm).list(0, { ill: 'stopped' });
    story.send(0, answer);
    story.list(15, { ill: 'stopped', well: 'stopped' });
    expect([story.says('ill'), story.says('well')]).toEqual(['circuit until 300', 'circuit until 15']);
    expect(story.send(15, accepted, 1)).toEqual(['well']);
    expect(restart(story).kind).toBe('closed');
  });
  test.each(classes)('%s of the same task after that: its own failed attempt, and nobody waits', (code, answer) => {
    const story = new Story(calm).list(0, { ill: 'stopped' });
    story.send(0, answer);
    story.list(15, { ill: 'stopped', well: 'stopped' }).send(15, accepted, 1);
    story.list(30, { ill: 'stopped', well: 'active' });
    expect(story.send(30, answer)).toEqual(['ill']);
    expect([restart(story).kind, story.record('ill').row]).toEqual(['closed', 1]);
    expect(story.told('restart-failed')).toMatchObject([
      { taskId: 'ill', cause: answer.kind === 'refused' && answer.failure.code },
    ]);
    expect(code).not.toBe('');
  });
  test('of another task after that: it opens again, and others are asked at once again', () => {
    const [, answer = accepted] = classes[0] ?? [];
    const story = new Story(calm).list(0, { ill: 'stopped', well: 'stopped' });
    story.send(0, (taskId) => (taskId === 'ill' ? answer : accepted));
    story.list(15, { ill: 'stopped', well: 'active', sick: 'stopped' });
    expect(story.send(15, answer)).toEqual(['sick', 'ill']);
    expect([restart(story).kind, story.record('sick').row, story.record('ill').row]).toEqual(['open', 0, 0]);
    story.list(30, { ill: 'stopped', sick: 'stopped', well: 'active', new: 'stopped' });
    expect(story.send(30, accepted, 1)).toEqual(['new']);
  });
  test('while the list is refused in such words too, it is no task’s own', () => {
    const [, answer = accepted] = classes[0] ?? [];
    const story = new Story(calm).list(0, { ill: 'stopped', well: 'stopped' });
    story.send(0, (taskId) => (taskId === 'ill' ? answer : accepted));
    story.list(15, { ill: 'stopped', well: 'active' });
    expect(story.intend(15)).toBe('ill');
    story.failedList(16, 'auth').answer(17, 'ill', answer);
    expect([restart(story).kind, story.record('ill').row]).toEqual(['open', 0]);
  });
  test('calls that are out count among the five', () => {
    const [, answer = accepted] = classes[0] ?? [];
    const story = new Story(calm).list(0, tasks(9, 'stopped'));
    story.send(0, answer, 1);
    const out = Array.from({ length: 9 }, () => story.intend(1)).filter(Boolean);
    expect(out).toEqual(['t01', 't02', 't03', 't04']);
  });
  test('a cloud group of which none was asked is asked at once, however many of another were answered so', () => {
    const denied = refusal('permission', 'AccessDenied');
    const story = new Story(calm).list(0, of('x', 9));
    expect(story.send(0, denied)).toHaveLength(5);
    const other = { w00: item('w00', 'stopped', { cloudGroup: 'w' }) };
    story.list(15, { ...of('x', 9), ...other });
    expect(story.send(15, accepted, 1)).toEqual(['w00']);
    expect(restart(story).kind).toBe('closed');
  });
  test('of many cloud groups five are asked', () => {
    const denied = refusal('permission', 'AccessDenied');
    const story = new Story(calm).list(0, of('x', 9));
    story.send(0, denied);
    story.list(15, Object.assign(of('x', 9), ...['a', 'b', 'c', 'd', 'e', 'f'].map((name) => of(name, 3))));
    expect(story.send(15, denied)).toEqual(['a00', 'b00', 'c00', 'd00']);
    expect(story.says('e00')).toBe('circuit until 45');
  });
});

describe('a task that is throttled again, while others were answered since, is throttled alone', () => {
  const calm: Policies = { ...policiesOf({ ...plainPolicy, storm: false, budget: false }), storm: false };
  const later = (kind: 'throttled' | 'unanswered' | 'refused', errorClass: 'throttled' | 'server' | 'common') => ({
    kind,
    failure: { ...failureOf(errorClass), retryAfterMs: 60_000 },
  });
  /** t00 is answered so at second 0, and again at 105. */
  const twice = (answer: RestartAnswer) => {
    const story = new Story(calm).list(0, { t00: 'stopped' });
    expect(story.send(0, answer)).toEqual(['t00']);
    story.list(90, { t00: 'stopped', t01: 'active', t02: 'stopped' }).send(90, accepted, 1);
    story.list(105, { t00: 'stopped', t01: 'active', t02: 'active', t03: 'stopped' });
    expect(story.send(105, (taskId) => (taskId === 't00' ? answer : refusal('forbidden')), 2)).toContain('t00');
    return story;
  };
  const rows: readonly [sentence: string, answer: RestartAnswer][] = [
    ['throttled', throttled],
    ['throttled, and asked to stay away', later('throttled', 'throttled')],
    ['unanswered, and asked to stay away', later('unanswered', 'server')],
    ['refused, and asked to stay away', later('refused', 'common')],
  ];
  test.each(rows)('%s: nobody else waits', (_sentence, answer) => {
    const story = twice(answer);
    story.list(120, { t00: 'stopped', t01: 'active', t02: 'active', t03: 'active', t04: 'stopped' });
    expect(story.says('t04')).toBe('restart');
  });
  test('it is then a failed attempt of its own, with its backoff', () => {
    const story = twice(throttled);
    expect(story.told('restart-failed')).toMatchObject([
      { taskId: 't03' },
      { taskId: 't00', class: 'throttled', row: 1 },
    ]);
    expect(story.list(106, { t00: 'stopped' }).says('t00')).toBe('backoff until 120');
  });
  test('the first time everybody waits, and so does everybody if nobody else was answered', () => {
    const story = new Story(calm).list(0, { t00: 'stopped' });
    story.send(0, throttled);
    story.list(5, { t00: 'stopped' }).send(5, throttled);
    story.list(6, { t00: 'stopped', t01: 'stopped' });
    expect([story.says('t01'), story.record('t00').row]).toEqual(['backoff until 15', 0]);
  });
  test('another task that is throttled makes everybody wait again', () => {
    const story = twice(throttled);
    story.list(120, { t00: 'stopped', t04: 'stopped', t05: 'stopped' });
    story.send(120, throttled, 1);
    expect(story.says('t05')).toBe('backoff until 125');
  });
  test('one that was never sent is nobody’s own', () => {
    const story = twice(notSent);
    expect(story.record('t00').row).toBe(0);
  });
  test('it goes last, and before it the others of its cloud group', () => {
    const inTwo = policiesOf({ ...plainPolicy, match: { ...plainPolicy.match, cloudGroup: ['*'] } });
    const story = new Story({ ...inTwo, storm: false }).list(0, { t00: 'stopped' });
    story.send(0, throttled);
    const other = { z: item('z', 'stopped', { cloudGroup: 'other' }) };
    story.list(15, { t00: 'stopped', t01: 'stopped', ...other });
    expect(story.send(15)).toEqual(['z', 't01', 't00']);
  });
  test('by hand it is given back, and nobody waits', () => {
    const story = twice(throttled);
    const { row } = story.record('t00');
    story.byHand(110, 't00', throttled);
    story.list(120, { t00: 'stopped', t04: 'stopped' });
    expect([story.says('t04'), story.record('t00').row]).toEqual(['restart', row]);
  });
  test('the next outage begins without it', () => {
    const story = twice(throttled);
    story.list(121, { t00: 'active' }).list(200, { t00: 'active' }).list(900, { t00: 'active' });
    story.list(915, { t00: 'stopped', t04: 'stopped' });
    expect(story.send(915, throttled, 1)).toEqual(['t00']);
    expect(story.says('t04')).toBe('backoff until 920');
  });
});

describe('an operator who restarts one task again and again keeps nobody else waiting', () => {
  const calm: Policies = { ...policiesOf({ ...plainPolicy, storm: false, budget: false }), storm: false };
  const away = (kind: 'throttled' | 'unanswered' | 'refused', errorClass: 'throttled' | 'server' | 'common') => ({
    kind,
    failure: { ...failureOf(errorClass), retryAfterMs: 60_000 },
  });
  /**
   * The `ill` are stopped from the beginning and always answered so; the first of them is restarted by hand as often,
   * each call out for a second. Another of their cloud group stops at second 100. Gives how long it waited.
   */
  const waitOfWell = (ill: number, answer: RestartAnswer, everySeconds: number): number => {
    const story = new Story(calm);
    let byHand = false;
    for (let second = 0; second < minutes(15); second++) {
      if (byHand) story.answer(second, 't00', answer);
      byHand = false;
      if (second % 15 === 0)
        story.list(second, { ...tasks(ill, 'stopped'), well: second < 100 ? 'active' : 'stopped' });
      if (second % everySeconds === 0) byHand = story.byHand(second, 't00', 'out', true) === 'sent';
      if (story.send(second, (taskId) => (taskId === 'well' ? accepted : answer), 20).includes('well'))
        return second - 100;
    }
    return Number.POSITIVE_INFINITY;
  };
  const rows: readonly [sentence: string, ill: number, answer: RestartAnswer][] = [
    ['throttled', 1, throttled],
    ['throttled, and asked to stay away', 1, away('throttled', 'throttled')],
    ['unanswered, and asked to stay away', 1, away('unanswered', 'server')],
    ['refused, and asked to stay away', 1, away('refused', 'common')],
    ['never sent', 1, notSent],
    ['denied as all of twelve are', 12, refusal('permission', 'AccessDenied')],
    ['refused with CommonErr as all of twelve are', 12, refusal('common', 'CommonErr')],
    ['not paid for as all of twelve are', 12, refusal('billing', 'RequestForbidden.BillingStatus')],
  ];
  test.each(rows)('%s: another one waits a minute at most', (_sentence, ill, answer) => {
    for (const everySeconds of [1, 7, 20])
      expect(waitOfWell(ill, answer, everySeconds), `every ${everySeconds} s`).toBeLessThanOrEqual(60);
  });
  test('the first throttled answer to a restart of the rules makes everybody wait as ever', () => {
    const story = new Story(calm).list(0, tasks(3, 'stopped'));
    expect(story.byHand(0, 't00', throttled)).toBe('sent');
    expect(story.says('t01')).toBe('restart');
    story.send(1, throttled, 1);
    expect(story.says('t02')).toBe('backoff until 6');
  });
  test('while his call is out after a throttled answer, the next restart of the rules goes all the same', () => {
    const story = new Story(calm).list(0, tasks(3, 'stopped'));
    story.send(0, throttled, 1);
    expect(story.byHand(6, 't00', 'out')).toBe('sent');
    expect(story.intend(6)).toBe('t01');
    expect(story.intend(6)).toBeUndefined();
  });
});

describe('who stopped after the trouble began is asked before those that it began with', () => {
  const calm: Policies = { ...policiesOf({ ...plainPolicy, storm: false, budget: false }), storm: false };
  const stayAway = { kind: 'throttled', failure: { ...failureOf('throttled'), retryAfterMs: 60_000 } } as const;
  const rows: readonly [sentence: string, answer: RestartAnswer][] = [
    ['throttled', throttled],
    ['throttled, and asked to stay away for a minute', stayAway],
    ['denied', refusal('permission', 'AccessDenied')],
    ['refused with CommonErr', refusal('common', 'CommonErr')],
    ['refused for a wrong key', refusal('auth', 'InvalidAccessKey')],
    ['not paid for', refusal('billing', 'RequestForbidden.BillingStatus')],
  ];
  /** So many are stopped from the beginning, and another of their cloud group from second 200 on. */
  const waitOfWell = (ill: number, answer: RestartAnswer): number => {
    const story = new Story(calm);
    for (let second = 0; second < minutes(15); second++) {
      if (second % 15 === 0)
        story.list(second, { ...tasks(ill, 'stopped'), well: second < 200 ? 'active' : 'stopped' });
      const sent = story.send(second, (taskId) => (taskId === 'well' ? accepted : answer), 20);
      // From the list that shows it.
      if (sent.includes('well')) return second - 210;
    }
    return Number.POSITIVE_INFINITY;
  };
  test.each(rows)('%s: it waits a minute at most', (_sentence, answer) => {
    for (const ill of [6, 12, 50]) expect(waitOfWell(ill, answer), `of ${ill}`).toBeLessThanOrEqual(60);
  });
});

describe('an attempt of which nothing is seen leaves the storm’s window after verifyWithin and two polls', () => {
  const slow = {
    ...plainPolicy,
    name: 'slow',
    match: { ...plainPolicy.match, title: ['slow*'] },
    verifyWithinMs: 3_600_000,
  };
  const inVip = { ...plainPolicy, match: { ...plainPolicy.match, cloudGroup: ['*'] } };
  const rows: readonly [
    sentence: string,
    shown: (sent: readonly string[], all: Shown) => Shown,
    more?: Parameters<Story['list']>[2],
  ][] = [
    [
      'a status that nobody knows',
      (sent, all) => ({ ...all, ...Object.fromEntries(sent.map((taskId) => [taskId, 'unknown' as const])) }),
    ],
    ['items that cannot be read', (sent, all) => without(all, sent), { malformedItems: 3 }],
    ['a cloud group whose list is refused', (sent, all) => without(all, sent), { failedCloudGroups: ['vip'] }],
    ['pages that do not fit together', (sent, all) => without(all, sent), { drift: true }],
  ];
  const without = (all: Shown, taskIds: readonly string[]): Shown =>
    Object.fromEntries(Object.entries(all).filter(([taskId]) => !taskIds.includes(taskId)));
  const stormOf20 = () => {
    const story = new Story(policiesOf(inVip)).list(0, { ...tasks(20, 'stopped'), ...tasks(10, 'active', 'r') });
    const sent = story.send(0, accepted, 20);
    expect(sent).toHaveLength(3);
    return { story, sent, all: { ...tasks(20, 'stopped'), ...tasks(10, 'active', 'r') } };
  };
  test.each(rows)('%s', (_sentence, shown, more) => {
    const { story, sent, all } = stormOf20();
    for (let seconds = 15; seconds < 90; seconds += 15) {
      story.list(seconds, shown(sent, all), more);
      expect(story.send(seconds, accepted, 20)).toEqual([]);
    }
    story.list(90, shown(sent, all), more);
    expect(story.send(90, accepted, 20)).toHaveLength(3);
    // They were not settled, only left behind: none of them fails, and none is sent again.
    for (let seconds = 105; seconds < minutes(55); seconds += 15) {
      story.list(seconds, shown(sent, all), more);
      for (const taskId of story.send(seconds, refusal('forbidden'), 20)) expect(sent).not.toContain(taskId);
    }
    for (const taskId of sent) {
      expect(story.record(taskId).attempt?.phase.kind).toBe('verifying');
      expect(said(story, taskId, 'verifying')).toBe(
        'restart accepted, and no list has shown the task since: relaykeeper does not send it again before one does',
      );
    }
    expect(story.told('restart-failed').some((event) => 'taskId' in event && sent.includes(event.taskId))).toBe(false);
  });
  test('a list beyond belief, which lacks them and more', () => {
    const { story, sent } = stormOf20();
    const waiting = Object.keys(tasks(20, 'stopped')).filter((taskId) => !sent.includes(taskId));
    const few = {
      ...tasks(10, 'active', 'r'),
      ...Object.fromEntries(waiting.slice(0, 4).map((id) => [id, 'stopped'])),
    };
    for (let seconds = 15; seconds < 90; seconds += 15)
      expect(story.list(seconds, few as Shown).send(seconds, accepted, 20)).toEqual([]);
    expect(story.list(90, few as Shown).send(90, accepted, 20)).toHaveLength(3);
    expect(story.told('poll-suspect')).toHaveLength(6);
  });
  test('what is then seen of it still settles it', () => {
    const { story, sent, all } = stormOf20();
    const [first = '', second = ''] = sent;
    story.list(300, without(all, sent), { malformedItems: 3 });
    story.list(315, { ...all, [first]: 'active' });
    expect(story.told('restart-worked')).toMatchObject([{ taskId: first }]);
    expect(story.record(second)).toMatchObject({ row: 1, attempt: undefined });
  });
  test('another group’s verifyWithin of an hour keeps nobody else waiting for an hour', () => {
    const policies: Policies = policiesOf(slow, inVip);
    const slowOnes = Object.fromEntries(
      Object.keys(tasks(20, 'stopped', 'slow')).map((taskId) => [taskId, item(taskId, 'stopped', { title: taskId })]),
    );
    const story = new Story(policies).list(0, slowOnes);
    expect(story.send(0, accepted, 20)).toHaveLength(3);
    const all = { ...slowOnes, ...tasks(20, 'stopped') };
    story.list(30, all);
    expect(story.send(30, accepted, 20)).toEqual([]);
    story.list(90, all);
    const sent = story.send(90, accepted, 20);
    expect(sent).toHaveLength(3);
    expect(sent.every((taskId) => taskId.startsWith('t'))).toBe(true);
    // Among its own it does wait.
    expect(said(story, 'slow10', 'storm')).toContain('3 restarts at a time');
  });
  test('looks end with it: polls alone wait for what was not seen in good time', () => {
    const { story, sent } = stormOf20();
    const looked = (seconds: number) =>
      awaitedCloudGroups(situationOf(story.ledger, story.policies, story.moment(seconds)));
    expect(sent).toHaveLength(3);
    expect([looked(89), looked(90)]).toEqual([['vip'], []]);
  });
});
