import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { pick, queueMovesAt } from '../../src/domain/decide/queue.ts';
import { nextListProbeAt } from '../../src/domain/learn/circuit.ts';
import { situationOf } from '../../src/domain/memory/situation.ts';
import { classMeanings, type ErrorClass } from '../../src/domain/words/failure.ts';
import type { Policies, Policy } from '../../src/domain/words/policy.ts';
import type { RestartAnswer } from '../../src/domain/words/task.ts';
import {
  accepted,
  at,
  begin,
  failureOf,
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

/** No storm and no budget: what is seen is the circuit's alone. */
const calm = (more: Partial<Policy> = {}): Policies => ({
  ...policiesOf({ ...plainPolicy, storm: false, budget: false, ...more }),
  storm: false,
});
const common = refusal('common', 'CommonErr');
const ids = (count: number, prefix = 't') => Object.keys(tasks(count, 'stopped', prefix));
const circuitOf = (story: Story) => story.ledger.accountRecord.circuits.restart;
const isOpen = (story: Story) => circuitOf(story).kind === 'open';

/** So many tasks are stopped, and the first ones are answered so, one a second from second 0. */
const answered = (count: number, answers: readonly RestartAnswer[], policies: Policies = calm()): Story => {
  const story = new Story(policies).list(0, tasks(count, 'stopped'));
  answers.forEach((answer, second) => {
    expect(story.send(second, answer, 1).length).toBe(1);
  });
  return story;
};

/** A list every 15 s with everything stopped; gives what was sent and when, each answered so. */
const probing = (
  story: Story,
  shown: Shown,
  from: number,
  to: number,
  answer: Parameters<Story['send']>[1],
): readonly string[] => {
  const sent: string[] = [];
  for (let seconds = from; seconds <= to; seconds++) {
    if (seconds % 15 === 0) story.list(seconds, shown);
    for (const taskId of story.send(seconds, answer, 1)) sent.push(`${taskId} at ${seconds}`);
  }
  return sent;
};

describe('one answer opens the restart circuit at once', () => {
  const classes: readonly [ErrorClass, string][] = [
    ['auth', 'InvalidAccessKey'],
    ['billing', 'RequestForbidden.BillingStatus'],
    ['clock', 'InvalidTimestamp'],
    ['retired', 'InvalidActionOrVersion'],
  ];
  test.each(classes)('%s (%s): no attempt, and its task waits', (errorClass, code) => {
    const story = answered(1, [refusal(errorClass, code)]);
    expect(isOpen(story)).toBe(true);
    expect(story.record('t00')).toMatchObject({ attempts: 0, row: 0, lastAttemptAt: undefined, attempt: undefined });
    expect(story.told('restart-failed')).toEqual([]);
    expect(story.list(15, { t00: 'stopped' }).says('t00')).toBe('circuit until 300');
    expect(story.send(15)).toEqual([]);
  });
  test.each(classes)('%s (%s), and five tasks answered so: no attempt, and everybody waits', (errorClass, code) => {
    const story = new Story(calm()).list(0, tasks(7, 'stopped'));
    expect(story.send(0, refusal(errorClass, code))).toEqual(ids(5));
    for (const taskId of ids(5)) expect(story.record(taskId)).toMatchObject({ attempts: 0, row: 0 });
    expect(story.told('restart-failed')).toEqual([]);
    expect([story.says('t00'), story.says('t06')]).toEqual(['circuit until 300', 'circuit until 300']);
  });
  const others: readonly ErrorClass[] = ['forbidden', 'invalid', 'not-found', 'server', 'common', 'quota', 'unknown'];
  test.each(others)('%s does not', (errorClass) => {
    expect(isOpen(answered(2, [refusal(errorClass)]))).toBe(false);
  });
});

describe('five in a row on at least two tasks open it', () => {
  const five = (answer: RestartAnswer) => [answer, answer, answer, answer, answer];
  const rows: readonly [sentence: string, answers: readonly RestartAnswer[], open: boolean][] = [
    ['four refusals with CommonErr', five(common).slice(1), false],
    ['five refusals with CommonErr', five(common), true],
    ['five over quota', five(refusal('quota', 'RequestLimitExceeded')), true],
    ['five with a code nobody knows', five(refusal('unknown', 'Strange')), true],
    ['five that timed out', five(unanswered('timeout')), true],
    ['five without an answer', five(unanswered('network')), true],
    ['five InternalError', five(unanswered('server', 'InternalError')), true],
    ['one of each', [common, unanswered(), unanswered('server'), unanswered('network'), refusal('quota')], true],
    ['five forbidden tasks', five(refusal('forbidden')), false],
    ['five not found', five(refusal('not-found')), false],
    ['four, a success, four', [...five(common).slice(1), accepted, ...five(common).slice(1)], false],
    ['four, a success, five', [...five(common).slice(1), accepted, ...five(common)], true],
    ['four, another failure that is no success, one', [...five(common).slice(1), refusal('forbidden'), common], true],
  ];
  test.each(rows)('%s', (_sentence, answers, open) => {
    expect(isOpen(answered(12, answers))).toBe(open);
  });
  test('a restart by hand does not count towards the five', () => {
    const story = answered(6, five(common).slice(1));
    story.byHand(5, 't05', common);
    expect(isOpen(story)).toBe(false);
  });
  test('but a success by hand is a success', () => {
    const story = answered(7, five(common).slice(1));
    story.byHand(5, 't06', accepted);
    story.send(6, common, 1);
    expect(isOpen(story)).toBe(false);
  });

  const quick = { initialMs: 1_000, factor: 1, maxMs: 1_000, jitterPercent: 0, resetAfterMs: 600_000 };
  test('one task alone never opens it, however often; a second one then does', () => {
    const story = new Story(calm({ backoff: quick, attempts: 100 }));
    for (let n = 0; n < 12; n++) {
      story.list(n * 15, { t00: 'stopped' });
      expect(story.send(n * 15, common)).toEqual(['t00']);
    }
    expect([isOpen(story), story.record('t00').row]).toEqual([false, 12]);
    story.list(180, { t01: 'stopped', t00: 'active' });
    story.send(180, common);
    expect(isOpen(story)).toBe(true);
  });
});

describe('what opening gives back', () => {
  test('attempts, row, failure times and budget of all that were refused so', () => {
    const story = answered(6, [common, common, common, common], {
      ...policiesOf({ ...plainPolicy, storm: false }),
      storm: false,
    });
    expect(story.ledger.budget.length).toBe(4);
    expect(story.record('t00')).toMatchObject({ attempts: 1, row: 1, failedAt: [begin] });
    story.send(4, common, 1);
    for (const taskId of ids(5))
      expect(story.record(taskId)).toMatchObject({ attempts: 0, row: 0, failedAt: [], lastAttemptAt: undefined });
    expect(story.ledger.budget).toEqual([]);
  });
  test('only what the stretch cost: an earlier failure of another kind stays', () => {
    const story = new Story(calm()).list(0, { t00: 'stopped' });
    story.send(0, refusal('forbidden'));
    story.list(15, tasks(5, 'stopped'));
    expect(story.send(15, common).length).toBe(5);
    expect(isOpen(story)).toBe(true);
    expect(story.record('t00')).toMatchObject({ attempts: 1, row: 1, failedAt: [at(0)], lastAttemptAt: at(0) });
    expect(story.record('t01')).toMatchObject({ attempts: 0, row: 0, failedAt: [] });
  });
  test('also what failed before the list that came between, without any budget', () => {
    const story = new Story(calm()).list(0, tasks(2, 'stopped'));
    story.send(0, common);
    story.list(15, tasks(2, 'stopped')).send(15, common);
    story.list(45, tasks(2, 'stopped')).send(45, common, 1);
    expect(isOpen(story)).toBe(true);
    expect([story.record('t00').row, story.record('t01').row]).toEqual([0, 0]);
  });
  test('a newer attempt that is out keeps its place in the backoff', () => {
    const story = new Story(calm()).list(0, { t00: 'stopped' });
    story.send(0, common);
    story.list(15, { t00: 'stopped' });
    expect(story.intend(15)).toBe('t00');
    story.list(16, tasks(5, 'stopped'));
    story.send(16, common);
    expect(isOpen(story)).toBe(true);
    expect(story.record('t00')).toMatchObject({ attempts: 1, row: 0, lastAttemptAt: at(15) });
  });
  test('nothing of a failure that was forgotten since', () => {
    const story = new Story(calm()).list(0, tasks(4, 'stopped'));
    expect(story.send(0, common).length).toBe(4);
    story.release(10, 't00').list(15, tasks(4, 'stopped'));
    expect(story.send(15, refusal('forbidden'), 1)).toEqual(['t00']);
    story.list(16, tasks(5, 'stopped'));
    expect(story.send(16, common, 1)).toEqual(['t04']);
    expect(isOpen(story)).toBe(true);
    expect(story.record('t00')).toMatchObject({ attempts: 1, row: 1, failedAt: [at(15)], lastAttemptAt: at(15) });
    expect(story.record('t01')).toMatchObject({ attempts: 0, row: 0 });
  });
  test('the window of a storm is as it was, also at its smallest', () => {
    const policies: Policies = { ...policiesOf({ ...plainPolicy, budget: false }), storm: false };
    const story = new Story(policies).list(0, tasks(9, 'stopped'));
    expect(story.send(0, common).length).toBe(5);
    expect([isOpen(story), story.window('vip')]).toEqual([true, 3]);
  });
  test('the window of a storm is as it was, when it had grown', () => {
    const policies: Policies = { ...policiesOf({ ...plainPolicy, budget: false }), storm: false };
    const story = new Story(policies).list(0, tasks(12, 'stopped'));
    const [first = '', second = ''] = story.send(0);
    story.look(5, { [first]: 'active', [second]: 'active' });
    expect(story.window('vip')).toBe(7);
    expect(story.send(5, common).length).toBe(5);
    expect([isOpen(story), story.window('vip')]).toEqual([true, 7]);
  });
  test('the window of a storm is as it was, when one that was given back is seen active', () => {
    const policies: Policies = { ...policiesOf({ ...plainPolicy, budget: false }), storm: false };
    const story = new Story(policies).list(0, tasks(20, 'stopped'));
    const [first = '', second = ''] = story.send(0);
    story.look(5, { [first]: 'active', [second]: 'active' });
    const [lost = ''] = story.send(5, unanswered(), 5);
    expect(isOpen(story)).toBe(true);
    story.look(10, { [lost]: 'active' });
    expect([isOpen(story), story.window('vip')]).toEqual([false, 7]);
  });
  test('unanswered ones are unsettled in no window, and awaited all the same', () => {
    const story = answered(6, [unanswered(), unanswered(), unanswered(), unanswered()]);
    expect(story.unsettled('vip')).toBe(4);
    story.send(4, unanswered(), 1);
    expect(story.unsettled('vip')).toBe(0);
    expect([...story.ledger.unsettled].sort()).toEqual(ids(5));
    const shown = { ...tasks(6, 'stopped'), t00: 'active' } as const;
    story.list(15, shown).list(75, shown);
    expect(story.endings()).toEqual(['t00 recovered']);
  });
  test('one that is given back and did not work fails nowhere', () => {
    const story = answered(6, [unanswered(), unanswered(), unanswered(), unanswered(), unanswered()]);
    story.list(75, tasks(6, 'stopped'));
    expect(story.told('restart-failed')).toEqual([]);
    expect(story.record('t00')).toMatchObject({ attempts: 0, row: 0, attempt: undefined });
  });
  test('one that is given back, worked and is seen stopped again leaves its task down', () => {
    const story = answered(6, [unanswered(), unanswered(), unanswered(), unanswered(), unanswered()]);
    story.look(10, { t00: 'active' }).look(20, { t00: 'stopped' });
    expect(story.told('restart-failed')).toEqual([]);
    expect(story.record('t00')).toMatchObject({ row: 0, attempt: undefined, item: { status: 'stopped' } });
    const shown = { ...tasks(6, 'stopped'), t00: 'active' } as const;
    story.list(75, shown);
    expect(story.endings()).toEqual([]);
    story.list(150, shown);
    expect(story.told('outage-ended')).toMatchObject([{ taskId: 't00', ending: 'recovered', durationMs: 75_000 }]);
  });
  test('calls that were out when it opened are given back too', () => {
    const story = new Story(calm()).list(0, tasks(7, 'stopped'));
    story.intend(0);
    story.intend(0);
    story.send(1, common);
    expect(isOpen(story)).toBe(true);
    story.answer(2, 't00', common).answer(2, 't01', unanswered());
    expect(story.record('t00')).toMatchObject({ attempts: 0, row: 0, attempt: undefined });
    expect(story.record('t01')).toMatchObject({ attempts: 0, row: 0, attempt: { givenBack: true } });
  });
  test('a newer one that nobody awaits any more stays the newest', () => {
    const story = new Story(calm()).list(0, { t: 'stopped' });
    story.send(0, unanswered());
    story.list(75, { t: 'stopped' });
    story.send(90, unanswered());
    story.list(105, { t: 'ended' });
    const [failed] = story.told('restart-failed');
    const [intended] = story.told('restart-intended');
    if (failed?.type !== 'restart-failed' || intended?.type !== 'restart-intended') throw new Error('not told');
    const { account, taskId, group, attemptId } = intended;
    const about = { account, taskId, group, attemptId, trigger: 'auto', why: 'circuit' } as const;
    story.tell([{ ...about, type: 'restart-given-back', at: at(120), failedAt: failed.at }]);
    expect(story.record('t')).toMatchObject({ attempts: 1, row: 0, lastAttemptAt: at(90) });
  });
  test('but a refusal that is about the task alone counts', () => {
    const story = new Story(calm()).list(0, tasks(7, 'stopped'));
    story.intend(0);
    story.send(1, common);
    expect(isOpen(story)).toBe(true);
    story.answer(2, 't00', refusal('not-found', 'ResourceNotFound'));
    expect(story.record('t00')).toMatchObject({ attempts: 1, row: 1 });
  });
});

describe('its probe', () => {
  const five = [common, common, common, common, common];
  test('goes every 30 s: the untried first, then those tried longest ago', () => {
    // Opened at second 4 by t00 … t04; t05 is untried.
    const story = answered(6, five);
    expect(probing(story, tasks(6, 'stopped'), 5, 160, common)).toEqual([
      't05 at 34',
      't00 at 64',
      't01 at 94',
      't02 at 124',
      't03 at 154',
    ]);
  });
  test('counts the time of the answer: the first to be refused is the first to be asked again', () => {
    const story = new Story(calm()).list(0, tasks(6, 'stopped'));
    for (let n = 0; n < 5; n++) story.intend(0);
    ['t04', 't02', 't03', 't01', 't00'].forEach((taskId, n) => {
      story.answer(1 + n, taskId, common);
    });
    expect(probing(story, tasks(6, 'stopped'), 6, 130, common)).toEqual([
      't05 at 35',
      't04 at 65',
      't02 at 95',
      't03 at 125',
    ]);
  });
  test('goes every 5 min after a class whose one answer opens it, and takes turns', () => {
    const story = answered(6, [refusal('auth', 'InvalidAccessKey')]);
    expect(probing(story, tasks(6, 'stopped'), 1, 1_300, refusal('auth', 'InvalidAccessKey'))).toEqual([
      ...['t01 at 1', 't02 at 2', 't03 at 3', 't04 at 4'],
      't05 at 304',
      't00 at 604',
      't01 at 904',
      't02 at 1204',
    ]);
  });
  // Such answers are their task's own and leave the circuit open: it must not take every probe.
  test.each(['not-found', 'forbidden', 'invalid'] as const)(
    'goes to those tried before it, too, when the untried is answered %s',
    (errorClass) => {
      const answer = (taskId: string) => (taskId === 't05' ? refusal(errorClass) : common);
      expect(probing(answered(6, five), tasks(6, 'stopped'), 5, 160, answer)).toEqual([
        't05 at 34',
        't00 at 64',
        't01 at 94',
        't02 at 124',
        't03 at 154',
      ]);
    },
  );
  test('goes every 5 min once a probe is answered by such a class', () => {
    const story = answered(6, five);
    expect(probing(story, tasks(6, 'stopped'), 5, 340, refusal('billing'))).toEqual(['t05 at 34', 't00 at 334']);
  });
  test('is no attempt when it is answered so', () => {
    const story = answered(6, five);
    probing(story, tasks(6, 'stopped'), 5, 34, common);
    expect(story.record('t05')).toMatchObject({ attempts: 0, row: 0 });
    expect(story.told('restart-intended').at(-1)).toMatchObject({ taskId: 't05', probe: true });
  });
  test('is a failed attempt when the refusal is about the task, and the circuit stays open', () => {
    const story = answered(6, five);
    probing(story, tasks(6, 'stopped'), 5, 34, refusal('not-found', 'ResourceNotFound'));
    expect([story.record('t05').row, isOpen(story)]).toEqual([1, true]);
  });
  test('is a restart that the rules would give: held and running tasks are passed over', () => {
    const story = answered(6, five);
    story.hold('h', { kind: 'task', taskId: 't05' });
    const shown = { ...tasks(6, 'stopped'), t00: 'active' } as const;
    expect(probing(story, shown, 5, 40, common)).toEqual(['t01 at 34']);
  });
  test('everybody else waits until the next one, and the time is never past', () => {
    const story = answered(6, five).list(15, tasks(6, 'stopped'));
    expect(story.says('t05', 20)).toBe('circuit until 34');
    expect(story.says('t05', 40)).toBe('circuit until 40');
  });
  test('passes the storm window', () => {
    const policies: Policies = { ...policiesOf({ ...plainPolicy, verifyWithinMs: 900_000 }), storm: false };
    const story = new Story(policies).list(0, tasks(9, 'stopped'));
    const sent = story.send(0);
    expect([sent.length, story.unsettled('vip')]).toEqual([3, 3]);
    const other = ids(9).find((taskId) => !sent.includes(taskId)) ?? '';
    expect(story.byHand(1, other, refusal('billing'))).toBe('sent');
    expect(probing(story, tasks(9, 'stopped'), 2, 301, accepted).length).toBe(1);
  });
  test('may be an operator’s restart, and its success closes the circuit', () => {
    const story = answered(6, five);
    expect(story.byHand(6, 't05', accepted)).toBe('sent');
    expect(story.told('restart-intended').at(-1)).toMatchObject({ trigger: 'manual', probe: true });
    expect(isOpen(story)).toBe(false);
  });
});

describe('it closes', () => {
  const fiveUnanswered = [unanswered(), unanswered(), unanswered(), unanswered(), unanswered()];
  const five = [common, common, common, common, common];
  test('by an accepted restart', () => {
    const story = answered(6, five);
    probing(story, tasks(6, 'stopped'), 5, 34, accepted);
    expect(isOpen(story)).toBe(false);
  });
  test('by an unanswered one whose task is then seen active', () => {
    const story = answered(6, fiveUnanswered);
    story.look(10, { t00: 'active' });
    expect(isOpen(story)).toBe(false);
  });
  test('not by a task that runs without a restart of ours', () => {
    const story = answered(6, fiveUnanswered).list(15, { ...tasks(6, 'stopped'), t05: 'active' });
    expect(isOpen(story)).toBe(true);
  });
  test('not by a complete list', () => {
    expect(isOpen(answered(6, five).list(15, tasks(6, 'stopped')))).toBe(true);
  });
  test('and those that failed in the stretch may go at once, others keep their backoff', () => {
    const story = new Story(calm()).list(0, { x: 'stopped', t00: 'stopped' });
    story.send(0, refusal('forbidden'));
    for (const [seconds, shown] of [
      [15, { x: 'stopped', t00: 'stopped' }],
      [45, { x: 'stopped', t00: 'stopped' }],
    ] as const)
      story.list(seconds, shown).send(seconds, refusal('forbidden'));
    // Both have failed three times; t00 fails again in the stretch, when its 60 s are over; x is held meanwhile.
    story.hold('h', { kind: 'task', taskId: 'x' }, at(111));
    story.list(105, { x: 'stopped', ...tasks(5, 'stopped') });
    expect(story.send(105, common).length).toBe(5);
    expect(isOpen(story)).toBe(true);
    story.list(135, { x: 'stopped', ...tasks(6, 'stopped') });
    story.hold('h2', { kind: 'task', taskId: 'x' }, at(151));
    expect(story.send(135, accepted, 1)).toEqual(['t05']);
    expect(isOpen(story)).toBe(false);
    expect(story.record('t00')).toMatchObject({ attempts: 0, row: 0 });
    expect(story.record('x')).toMatchObject({ attempts: 3, row: 3 });
  });
  test('and that is told once for each task, however often it failed', () => {
    const story = new Story(calm()).list(0, tasks(2, 'stopped'));
    story.send(0, refusal('forbidden'));
    for (const seconds of [15, 45]) story.list(seconds, tasks(2, 'stopped')).send(seconds, common);
    story.list(105, tasks(2, 'stopped')).send(105, common, 1);
    expect(isOpen(story)).toBe(true);
    story.list(135, tasks(3, 'stopped'));
    expect(story.send(135, accepted, 1)).toEqual(['t02']);
    const forgotten = story.told('attempts-forgotten').map((event) => ('taskId' in event ? event.taskId : ''));
    expect(forgotten.sort()).toEqual(['t00', 't01']);
  });
  test('and quarantine of those ends too', () => {
    const story = new Story(calm({ attempts: 1 })).list(0, { q: 'stopped' });
    story.send(0, refusal('forbidden'));
    expect(story.list(15, { q: 'stopped' }).says('q')).toBe('quarantined until 600');
    story.list(600, { q: 'stopped', ...tasks(4, 'stopped') });
    expect(story.send(600, common).length).toBe(5);
    expect(isOpen(story)).toBe(true);
    expect(story.list(615, { q: 'stopped', ...tasks(5, 'stopped') }).record('q').row).toBe(1);
    story.list(630, { q: 'stopped', ...tasks(5, 'stopped') });
    expect(story.send(630)).toContain('t04');
    expect(isOpen(story)).toBe(false);
    expect(story.says('q')).not.toContain('quarantined');
    expect(story.told('task-released')).toMatchObject([{ taskId: 'q', cause: 'circuit-closed' }]);
  });
  test('a task that fails again after the stretch counts as failed, and no longer towards the five', () => {
    const story = answered(7, five);
    probing(story, tasks(7, 'stopped'), 5, 34, accepted);
    expect(isOpen(story)).toBe(false);
    story.list(45, { ...tasks(7, 'stopped'), t05: 'active', t06: 'active' });
    expect(story.send(45, common)).toEqual(ids(5));
    expect([isOpen(story), story.record('t00').row]).toEqual([false, 1]);
    story.list(60, { ...tasks(7, 'stopped'), t05: 'active', t06: 'active' });
    expect(story.send(60, common)).toEqual(ids(5));
    expect([isOpen(story), story.record('t00').row]).toEqual([false, 2]);
  });
  test('for the rest of its outage: the next outage counts towards the five again', () => {
    const story = answered(7, five);
    probing(story, tasks(7, 'stopped'), 5, 34, accepted);
    for (const seconds of [45, 60, 75, 90, 105]) story.list(seconds, tasks(7, 'active'));
    story.list(120, tasks(7, 'stopped'));
    expect(story.send(120, common).length).toBe(5);
    expect(isOpen(story)).toBe(true);
  });
});

describe('for ten minutes after an unanswered one proved to have worked', () => {
  const four = [unanswered(), unanswered(), unanswered(), unanswered()];
  const proven = (story: Story) => story.look(10, tasks(4, 'active'));
  test('unanswered ones do not count towards the five', () => {
    const story = proven(answered(12, four));
    for (let second = 11; second < 18; second++) story.send(second, unanswered(), 1);
    expect(isOpen(story)).toBe(false);
  });
  test('refusals do', () => {
    const story = proven(answered(12, four));
    for (let second = 11; second < 16; second++) story.send(second, common, 1);
    expect(isOpen(story)).toBe(true);
  });
  test('also when that closed the circuit', () => {
    const story = answered(12, [...four, unanswered()]).look(10, { t00: 'active' });
    expect(isOpen(story)).toBe(false);
    story.list(15, { ...tasks(12, 'stopped'), t00: 'active' });
    for (let second = 16; second < 22; second++) expect(story.send(second, unanswered(), 1).length).toBe(1);
    expect(isOpen(story)).toBe(false);
  });
  test('after that they count again', () => {
    const story = proven(answered(4, four));
    const shown = { ...tasks(4, 'active'), ...tasks(6, 'stopped', 'u') };
    story.list(610, shown);
    story.send(610, unanswered());
    expect(isOpen(story)).toBe(true);
  });
  test('a second before they do not', () => {
    const story = proven(answered(4, four));
    story.list(609, { ...tasks(4, 'active'), ...tasks(6, 'stopped', 'u') });
    story.send(609, unanswered());
    expect(isOpen(story)).toBe(false);
  });
});

describe('the list circuit', () => {
  const needsPerson: readonly ErrorClass[] = ['auth', 'permission', 'billing', 'clock', 'retired'];
  test.each(needsPerson)('%s opens it, and decisions wait', (errorClass) => {
    const story = new Story(calm()).list(0, { t00: 'stopped' }).failedList(15, errorClass);
    expect(story.says('t00')).toMatch(/^circuit until /);
    expect(story.send(15)).toEqual([]);
  });
  const others: readonly ErrorClass[] = ['server', 'common', 'network', 'timeout', 'throttled', 'unknown'];
  test.each(others)('%s does not', (errorClass) => {
    const story = new Story(calm()).list(0, { t00: 'stopped' }).failedList(15, errorClass);
    expect(story.send(15)).toEqual(['t00']);
  });
  test('its probe is the poll, backing off to 5 min', () => {
    const story = new Story(calm()).list(0, { t00: 'active' });
    const waits: number[] = [];
    let seconds = 15;
    for (let n = 0; n < 7; n++) {
      story.failedList(seconds, 'auth');
      const next = (nextListProbeAt(story.ledger, 15_000) - begin) / 1_000;
      waits.push(next - seconds);
      seconds = next;
    }
    expect(waits).toEqual([15, 30, 60, 120, 240, 300, 300]);
  });
  test('a schedule slower than 5 min is not made faster', () => {
    const story = new Story(calm()).failedList(0, 'auth');
    expect(nextListProbeAt(story.ledger, 900_000)).toBe(at(900));
  });
  test('a complete list closes it, and polls go on as scheduled', () => {
    const story = new Story(calm()).failedList(0, 'auth').list(15, { t00: 'stopped' });
    expect([story.send(15), nextListProbeAt(story.ledger, 15_000)]).toEqual([['t00'], Number.NEGATIVE_INFINITY]);
  });
  test('an accepted restart does not close it, nor a list the restart circuit', () => {
    const story = new Story(calm()).list(0, tasks(2, 'stopped'));
    story.intend(0);
    story.failedList(15, 'auth').answer(16, 't00', accepted);
    expect(story.ledger.accountRecord.circuits.list.kind).toBe('open');
  });
  test('while it is open no probe of the other goes either', () => {
    const story = answered(6, [common, common, common, common, common]).list(15, tasks(6, 'stopped'));
    story.failedList(30, 'auth');
    expect(story.send(60)).toEqual([]);
    expect(story.list(75, tasks(6, 'stopped')).send(75, common)).toEqual(['t05']);
  });
  test('an operator’s restart waits too', () => {
    const story = new Story(calm()).list(0, { t00: 'stopped' }).failedList(15, 'auth');
    expect(story.byHand(16, 't00', accepted, true)).toMatch(/^circuit: /);
  });
});

/** A class that there is not: what follows from it is read from its row alone. */
const madeUp = 'made-up' as ErrorClass;
const inMaintenance = refusal(madeUp, 'UnderMaintenance');

describe('throttled, not sent, or of a class that gives the attempt back and leaves the circuit alone', () => {
  beforeAll(() => {
    const row = { ...classMeanings.unknown, attempt: 'given-back', restartCircuit: 'nothing', resends: 4 };
    Object.assign(classMeanings, { [madeUp]: row });
  });
  afterAll(() => {
    Reflect.deleteProperty(classMeanings, madeUp);
  });
  const answers: readonly [string, RestartAnswer][] = [
    ['throttled', throttled],
    ['not sent', notSent],
    ['in maintenance', inMaintenance],
  ];
  test('in maintenance: no failure, no circuit, and the next one goes when the account has waited', () => {
    const story = answered(1, [inMaintenance]);
    expect(story.told('restart-failed')).toEqual([]);
    expect(story.told('restart-given-back')).toMatchObject([{ taskId: 't00', why: 'not-its-fault' }]);
    expect([isOpen(story), story.list(15, tasks(1, 'stopped')).send(15)]).toEqual([false, ['t00']]);
  });
  test('in maintenance while others are accepted: it is a failed attempt of its own', () => {
    const story = answered(2, [inMaintenance]);
    const answer = (taskId: string) => (taskId === 't00' ? inMaintenance : accepted);
    expect(probing(story, { t00: 'stopped', t01: 'stopped' }, 1, 15, answer)).toEqual(['t01 at 5', 't00 at 15']);
    expect(story.told('restart-failed')).toMatchObject([{ taskId: 't00', class: madeUp, row: 1 }]);
  });
  test('in maintenance while the circuit is open: given back, and the circuit stays as it was', () => {
    const story = answered(7, [common, common, common, common, common]);
    const before = circuitOf(story);
    probing(story, tasks(7, 'stopped'), 5, 40, inMaintenance);
    expect(story.told('restart-given-back').some((event) => 'why' in event && event.why === 'not-its-fault')).toBe(
      true,
    );
    expect({ ...circuitOf(story), lastProbeAt: 0 }).toEqual({ ...before, lastProbeAt: 0 });
  });
  test('in maintenance, sent by an operator: given back, and nobody waits', () => {
    const story = answered(2, []);
    story.byHand(0, 't00', inMaintenance);
    expect([story.told('restart-failed'), story.send(0)]).toEqual([[], ['t00', 't01']]);
  });
  test.each(answers)('%s: given back, and all restarts wait 5 s × 2^k up to a minute', (_sentence, answer) => {
    const story = new Story(calm());
    const waits: number[] = [];
    let seconds = 0;
    for (let n = 0; n < 6; n++) {
      story.list(seconds, tasks(2, 'stopped'));
      expect(story.send(seconds, answer).length).toBe(1);
      expect(story.record('t00')).toMatchObject({ attempts: 0, row: 0, lastAttemptAt: undefined, attempt: undefined });
      const verdict = story.verdict('t01');
      if (verdict.kind !== 'wait') throw new Error('it must wait');
      expect(verdict.reason).toBe('backoff');
      waits.push((verdict.until - at(seconds)) / 1_000);
      seconds = (verdict.until - begin) / 1_000;
    }
    expect(waits).toEqual([5, 10, 20, 40, 60, 60]);
  });
  test.each([
    ['throttled', 'throttled', 40, 40],
    ['throttled, and asked for less than the rules wait anyway', 'throttled', 2, 5],
    ['unanswered (503)', 'server', 25, 25],
  ] as const)('asked to stay away, %s: nobody goes before', (_sentence, errorClass, seconds, expected) => {
    const story = new Story(calm()).list(0, tasks(2, 'stopped'));
    const failure = { ...failureOf(errorClass), retryAfterMs: seconds * 1_000 };
    story.send(0, { kind: errorClass === 'server' ? 'unanswered' : 'throttled', failure });
    expect(story.says('t01')).toBe(`backoff until ${expected}`);
  });
  test('while the account waits, or for an answer, nobody in a long queue is asked', () => {
    const story = new Story(calm()).list(0, tasks(4, 'stopped'));
    story.send(0, throttled, 1);
    const get = vi.spyOn(story.ledger.tasks, 'get');
    const moment = { now: at(2), clockOffsetMs: 0, nextPollAt: at(15), pollGapMs: 15_000 };
    const situation = situationOf(story.ledger, story.policies, moment);
    get.mockClear();
    expect([pick(story.queue, situation), queueMovesAt(story.queue, situation)]).toEqual([undefined, at(5)]);
    expect(get).not.toHaveBeenCalled();
    const alone = story.intend(6);
    const after = situationOf(story.ledger, story.policies, { ...moment, now: at(6) });
    get.mockClear();
    expect(queueMovesAt(story.queue, after)).toBe(undefined);
    expect(get.mock.calls).toEqual([[alone]]);
  });
  test('another answer ends the row', () => {
    const story = new Story(calm()).list(0, tasks(4, 'stopped'));
    story.send(0, throttled);
    story.list(15, tasks(4, 'stopped')).send(15, throttled);
    story.list(30, tasks(4, 'stopped')).send(30, refusal('forbidden'), 1);
    expect(story.send(31, throttled, 1)).toEqual(['t03']);
    expect(story.says('t01')).toBe('backoff until 36');
  });
  test('several that were out together count once', () => {
    const story = new Story(calm()).list(0, tasks(4, 'stopped'));
    for (let n = 0; n < 3; n++) story.intend(0);
    story.answer(1, 't00', throttled).answer(1.2, 't01', throttled).answer(2, 't02', notSent);
    expect(story.says('t03')).toBe('backoff until 6');
    story.list(15, tasks(4, 'stopped'));
    story.send(15, throttled);
    expect(story.says('t03')).toBe('backoff until 25');
  });
  const away = (seconds: number, errorClass: 'throttled' | 'server' = 'throttled'): RestartAnswer => ({
    kind: errorClass === 'throttled' ? 'throttled' : 'unanswered',
    failure: { ...failureOf(errorClass), retryAfterMs: seconds * 1_000 },
  });
  test.each([
    ['8 s each', [away(8), away(8), away(8)], 10, 25],
    ['8 s each with a 503', [away(8, 'server'), away(8, 'server'), away(8, 'server')], 10, 25],
    ['8 s, 20 s, and 6 s', [away(8), away(20), away(6)], 21.2, 32.2],
    ['8 s, and others not at all', [throttled, away(8), throttled], 9.2, 25],
  ] as const)(
    'several that were out together, asked to stay away for %s: the latest counts',
    (_s, answers, until, next) => {
      const story = new Story(calm()).list(0, tasks(4, 'stopped'));
      for (let n = 0; n < 3; n++) story.intend(0);
      for (const [n, second] of [1, 1.2, 2].entries()) story.answer(second, `t0${n}`, answers[n] ?? throttled);
      expect(story.says('t03')).toBe(`backoff until ${until}`);
      const then = Math.max(15, until + 1);
      story.list(then, tasks(4, 'stopped')).send(then, throttled);
      expect(story.says('t03')).toBe(`backoff until ${next}`);
    },
  );
  describe('a list that the cloud answers', () => {
    const waiting = (answer: RestartAnswer) => {
      const story = new Story(calm());
      for (const second of [0, 5, 15]) story.list(second, tasks(2, 'stopped')).send(second, answer);
      expect(story.says('t01')).toBe('backoff until 35');
      return story;
    };
    const timedOut: RestartAnswer = { kind: 'not-sent', failure: failureOf('timeout') };
    test.each([
      ['not sent', notSent],
      ['not sent in time', timedOut],
    ])('ends the wait of those %s: the way is open', (_sentence, answer) => {
      const story = waiting(answer).list(20, tasks(2, 'stopped'));
      // One goes alone, and what becomes of it tells whether others may follow.
      expect(story.send(20, answer)).toHaveLength(1);
      expect(story.says('t01')).toBe('backoff until 60');
    });
    test.each([
      ['throttled', throttled, 20, 0],
      ['not sent, when it was asked for before', notSent, 20, 6],
    ])('ends no wait of those %s', (_sentence, answer, second, took) => {
      expect(waiting(answer).list(second, tasks(2, 'stopped'), { took }).says('t01')).toBe('backoff until 35');
    });
  });
  test('they neither open the restart circuit nor close it', () => {
    const story = new Story(calm());
    let seconds = 0;
    for (let n = 0; n < 7; n++, seconds += 60) story.list(seconds, tasks(8, 'stopped')).send(seconds, throttled);
    expect(isOpen(story)).toBe(false);
    const opened = answered(7, [common, common, common, common, common]);
    probing(opened, tasks(7, 'stopped'), 5, 34, throttled);
    expect(isOpen(opened)).toBe(true);
  });
  test('a throttle that ends after a task’s own backoff is what it waits for', () => {
    const story = new Story(calm()).list(0, tasks(2, 'stopped'));
    story.send(0, refusal('forbidden'), 1);
    story.send(12, throttled, 1);
    expect(story.says('t00')).toBe('backoff until 17');
  });
  test('a stopped task that is due to go in its backoff goes after the later of both', () => {
    const story = new Story(calm()).list(0, tasks(2, 'stopped'));
    story.send(0, refusal('forbidden'), 1);
    story.send(1, throttled, 1);
    expect([story.says('t00'), story.says('t01')]).toEqual(['backoff until 15', 'backoff until 6']);
  });
});

test('25 minutes of InternalError put nobody into quarantine, and cost a probe every 30 s', () => {
  const story = new Story(policiesOf(plainPolicy));
  const shown = tasks(15, 'stopped');
  const last = minutes(25);
  for (let seconds = 0; seconds < last; seconds++) {
    if (seconds % 15 === 0) story.list(seconds, shown);
    story.send(seconds, unanswered('server', 'InternalError'));
  }
  expect(story.told('task-quarantined')).toEqual([]);
  expect(story.told('restart-intended').length).toBeLessThanOrEqual(5 + (2 * last) / 60);
  for (let seconds = last; story.send(seconds).length === 0; seconds++) {
    if (seconds % 15 === 0) story.list(seconds, shown);
    if (seconds > last + 30) throw new Error('a probe must have gone');
  }
  expect(isOpen(story)).toBe(false);
});
