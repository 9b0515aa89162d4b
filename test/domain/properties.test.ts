/** What must hold whatever the cloud shows and answers, whoever intervenes: random histories, checked at every step. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pick } from '../../src/domain/decide/queue.ts';
import { backoffMs } from '../../src/domain/decide/rules.ts';
import type { TaskRecord } from '../../src/domain/memory/ledger.ts';
import { Memory } from '../../src/domain/memory/memory.ts';
import { situationOf } from '../../src/domain/memory/situation.ts';
import { groupViews } from '../../src/domain/views/views.ts';
import { cloudTime } from '../../src/domain/words/cloud-time.ts';
import { type ErrorClass, errorClasses } from '../../src/domain/words/failure.ts';
import { mostAttempts, type Policies, type Policy } from '../../src/domain/words/policy.ts';
import { reasons } from '../../src/domain/words/reason.ts';
import type { RestartAnswer, TaskStatus } from '../../src/domain/words/task.ts';
import { accepted, at, failureOf, item, notSent, plainPolicy, type Shown, Story, throttled, unnoted } from './story.ts';

const policy = (name: string, title: string, more: Partial<Policy> = {}): Policy => ({
  ...plainPolicy,
  name,
  match: { ...plainPolicy.match, title: [title], exclude: { title: [], taskId: [] } },
  backoff: { initialMs: 10_000, factor: 2, maxMs: 60_000, jitterPercent: 25, resetAfterMs: 120_000 },
  attempts: 3,
  quarantine: { retryEveryMs: 60_000, abandonAfterMs: 300_000 },
  budget: { restarts: 3, perTask: 1, perMs: 300_000 },
  storm: { percent: 40, atLeast: 2 },
  verifyWithinMs: 30_000,
  ...more,
});
const shortHours = [{ days: ['mon'], fromMinute: 0, toMinute: 10, timezone: 'UTC' }] as const;
const storm = { percent: 40, atLeast: 3 };
/** What a reload may switch between. */
const settings: readonly [Policies, ...Policies[]] = [
  { account: 'main', storm, groups: [policy('a', 'title a*'), policy('b', 'title b*', { hours: shortHours })] },
  {
    account: 'main',
    storm: false,
    groups: [policy('b', 'title b*', { attempts: 2, storm: false }), policy('a', 'title a*', { mode: 'observe' })],
  },
  { account: 'main', storm, groups: [policy('a', '*', { confirm: 2, firstSight: 'observe' })] },
  { account: 'main', storm, groups: [policy('b', 'title b*', { budget: false })] },
];
const taskIds = ['a0', 'a1', 'a2', 'b0', 'b1', 'b2'];

const statuses: readonly TaskStatus[] = ['stopped', 'active', 'not-started', 'ended', 'unknown'];
const someStatus = fc.oneof(
  { weight: 6, arbitrary: fc.constant('stopped' as const) },
  { weight: 3, arbitrary: fc.constant('active' as const) },
  { weight: 1, arbitrary: fc.constantFrom(...statuses) },
  { weight: 1, arbitrary: fc.constant('absent' as const) },
);
const someList = fc.record({
  shown: fc.tuple(...taskIds.map(() => someStatus)),
  drift: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  endsAt: fc.constantFrom(undefined, 400, 900),
});
const refused = (errorClass: ErrorClass): RestartAnswer => ({ kind: 'refused', failure: failureOf(errorClass, 'X') });
const lost = (errorClass: ErrorClass): RestartAnswer => ({ kind: 'unanswered', failure: failureOf(errorClass) });
const someAnswer: fc.Arbitrary<RestartAnswer> = fc.oneof(
  { weight: 4, arbitrary: fc.constant(accepted) },
  { weight: 2, arbitrary: fc.constantFrom('server' as const, 'timeout' as const, 'network' as const).map(lost) },
  { weight: 3, arbitrary: fc.constantFrom(...errorClasses).map(refused) },
  { weight: 1, arbitrary: fc.constantFrom(throttled, notSent) },
);
const someTask = fc.constantFrom(...taskIds);
const someAct = fc.oneof(
  { weight: 8, arbitrary: someList.map((list) => ({ kind: 'list', ...list }) as const) },
  { weight: 3, arbitrary: someList.map((list) => ({ kind: 'look', ...list }) as const) },
  { weight: 8, arbitrary: fc.constant({ kind: 'intend' } as const) },
  { weight: 8, arbitrary: someAnswer.map((answer) => ({ kind: 'answer', answer }) as const) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<ErrorClass>('auth', 'server').map((why) => ({ kind: 'fail', why }) as const),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('hold' as const),
      taskId: someTask,
      forS: fc.integer({ min: 1, max: 90 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('byHand' as const), taskId: someTask, force: fc.boolean() }),
  },
  { weight: 1, arbitrary: someTask.map((taskId) => ({ kind: 'release', taskId }) as const) },
  { weight: 1, arbitrary: fc.constantFrom(...settings).map((policies) => ({ kind: 'reload', policies }) as const) },
  { weight: 1, arbitrary: fc.constant({ kind: 'takeOver' } as const) },
);
type Act = typeof someAct extends fc.Arbitrary<infer T> ? T : never;
const someHistory = fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), someAct), { minLength: 10, maxLength: 80 });

const newestList = (story: Story) => story.told('poll-completed').length + story.told('poll-suspect').length;

/** One story, step by step; `check` is asked after each. */
function tell(history: readonly (readonly [number, Act])[], check: (story: Story, seconds: number) => void): Story {
  const story = new Story(settings[0]);
  let seconds = 0;
  for (const [pause, act] of history) {
    seconds += pause;
    perform(story, seconds, act);
    check(story, seconds);
  }
  return story;
}

function perform(story: Story, seconds: number, act: Act): void {
  const known = (taskId: string) => story.ledger.tasks.has(taskId);
  switch (act.kind) {
    case 'list':
    case 'look': {
      const shown: Shown = Object.fromEntries(
        taskIds.flatMap((taskId, n) => {
          const status = act.shown[n] ?? 'absent';
          const endsAt = act.endsAt === undefined ? undefined : at(act.endsAt);
          return status === 'absent' ? [] : [[taskId, item(taskId, status, { endsAt })] as const];
        }),
      );
      if (act.kind === 'list') story.list(seconds, shown, { drift: act.drift });
      else story.look(seconds, shown);
      return;
    }
    case 'intend':
      checkedIntent(story, seconds);
      return;
    case 'answer': {
      const out = [...story.ledger.tasks.values()].find(({ attempt }) => attempt?.phase.kind === 'in-flight');
      if (out) story.answer(seconds, out.taskId, act.answer);
      return;
    }
    case 'fail':
      story.failedList(seconds, act.why);
      return;
    case 'hold':
      story.hold(`h${seconds}${act.taskId}`, { kind: 'task', taskId: act.taskId }, at(seconds + act.forS));
      return;
    case 'byHand':
      if (known(act.taskId)) story.byHand(seconds, act.taskId, undefined, act.force);
      return;
    case 'release':
      if (known(act.taskId)) story.release(seconds, act.taskId);
      return;
    case 'reload':
      story.reload(seconds, act.policies);
      return;
    case 'takeOver':
      story.tell([{ type: 'owner-gained', at: at(seconds), account: 'main', epoch: 2 }]);
      return;
    default:
      act satisfies never;
  }
}

/** Nothing is restarted that must not be, judged from the facts alone. */
function checkedIntent(story: Story, seconds: number): void {
  const intent = pick(story.queue, situationOf(story.ledger, story.policies, story.moment(seconds)));
  if (intent) {
    const record = story.record(intent.taskId);
    const group = story.policies.groups.find(({ name }) => name === record.group);
    expect(group?.mode, 'managed, and by a group that heals').toBe('heal');
    if (!group) return;
    expect(record.item.status).toBe('stopped');
    expect(story.ledger.seenNow.has(record.taskId), 'the newest list shows it').toBe(true);
    expect(record.stoppedAtFirstSight && group.firstSight === 'observe', 'observed').toBe(false);
    expect((record.item.endsAt ?? cloudTime(Number.POSITIVE_INFINITY)) > cloudTime(at(seconds)), 'not ended').toBe(
      true,
    );
    if (group.hours.length > 0) expect(seconds, 'inside its hours').toBeLessThan(600);
    const holds = [...story.ledger.holds.values()].filter(
      ({ target, endsAt }) => target.kind === 'task' && target.taskId === record.taskId && (endsAt ?? 0) > at(seconds),
    );
    expect(holds, 'not held').toEqual([]);
    expect(record.attempt?.phase.kind ?? 'proving', 'nothing out').toBe('proving');
    if (record.lastAttemptAt !== undefined)
      expect(at(seconds) - record.lastAttemptAt).toBeGreaterThanOrEqual(
        record.row >= group.attempts ? group.quarantine.retryEveryMs : backoffMs(group, record.attempts + 1),
      );
    const { throttle, lastComplete } = story.ledger.accountRecord;
    // Calls that never arrived wait only until a list shows that the way is open again.
    const isOpenAgain = throttle?.unreached === true && (lastComplete?.startedAt ?? 0) > throttle.setAt;
    expect(isOpenAgain ? 0 : (throttle?.until ?? 0)).toBeLessThanOrEqual(at(seconds));
    expect(newestList(story)).toBeGreaterThan(0);
  }
  story.intend(seconds);
}

const pending = ({ attempt }: TaskRecord) => attempt !== undefined && attempt.phase.kind !== 'proving';

test('the records stay sane', () => {
  fc.assert(
    fc.property(someHistory, (history) => {
      tell(history, (story) => {
        const { ledger } = story;
        for (const record of ledger.tasks.values()) {
          expect(record.attempts).toBeGreaterThanOrEqual(0);
          expect(record.row).toBeGreaterThanOrEqual(0);
          expect(record.failedAt.length).toBe(Math.min(record.row, mostAttempts));
          expect([...record.failedAt].sort((a, b) => a - b)).toEqual(record.failedAt);
          if (record.attempts === 0) expect(record.lastAttemptAt).toBeUndefined();
          if (record.group === undefined && !record.left) expect(record.outage).toBeUndefined();
          if (record.outage) expect(record.outage.attempts).toBeGreaterThanOrEqual(0);
        }
        const awaited = [...ledger.tasks.values()].filter(pending).map(({ taskId }) => taskId);
        expect([...ledger.unsettled].sort()).toEqual(awaited.sort());
        for (const { window } of ledger.storms.values()) expect(window).toBeGreaterThanOrEqual(3);
        for (const { due, stopped, dueForBudget } of ledger.counted
          ? [ledger.counted.account, ...ledger.counted.groups.values()]
          : []) {
          expect(stopped).toBeLessThanOrEqual(due);
          expect(due).toBeLessThanOrEqual(dueForBudget);
        }
      });
    }),
    { numRuns: 200 },
  );
});

test('every wait has a reason, and a time that is not past', () => {
  fc.assert(
    fc.property(someHistory, (history) => {
      tell(history, (story, seconds) => {
        for (const { taskId } of story.ledger.tasks.values()) {
          const verdict = story.verdict(taskId, seconds);
          if (verdict.kind !== 'wait') continue;
          expect(reasons).toContain(verdict.reason);
          expect(verdict.blockers[0]).toBe(verdict.reason);
          expect(verdict.until).toBeGreaterThanOrEqual(at(seconds));
        }
      });
    }),
    { numRuns: 150 },
  );
});

test('each outage ends at most once, and no task has two at a time', () => {
  fc.assert(
    fc.property(someHistory, (history) => {
      const story = tell(history, () => {});
      const open = new Map<string, string>();
      for (const event of story.events) {
        if (event.type === 'outage-opened') {
          expect(open.has(event.taskId)).toBe(false);
          open.set(event.taskId, event.outageId);
        }
        if (event.type !== 'outage-ended') continue;
        expect(open.get(event.taskId)).toBe(event.outageId);
        expect(event.durationMs).toBeGreaterThanOrEqual(0);
        open.delete(event.taskId);
      }
      for (const [taskId, outageId] of open) expect(story.record(taskId).outage?.id).toBe(outageId);
    }),
    { numRuns: 200 },
  );
});

test('the same history gives the same facts, and the facts the same ledger', () => {
  fc.assert(
    fc.property(someHistory, (history) => {
      const story = tell(history, () => {});
      expect(tell(history, () => {}).events).toEqual(story.events);
      const again = new Memory('main', unnoted);
      for (const event of story.events) again.tell(event.at, event);
      const { tasks, holds, accountRecord, storms, unsettled, owned, fresh } = story.ledger;
      expect(again.ledger).toMatchObject({ tasks, holds, accountRecord, storms, unsettled, owned, fresh });
    }),
    { numRuns: 150 },
  );
});

test('an item of an earlier list in place of a fresh one that shows the same changes nothing that is told', () => {
  fc.assert(
    fc.property(someHistory, (history) => {
      const [reusing, fresh] = [true, false].map((reuses) => {
        const story = new Story(settings[0]);
        story.reusesItems = reuses;
        let seconds = 0;
        for (const [pause, act] of history) {
          seconds += pause;
          perform(story, seconds, act);
        }
        return { events: story.events, lane: story.queue };
      });
      // What is known of a quiet task may be older by then; nobody asks.
      const timeless = (value: unknown) =>
        JSON.parse(JSON.stringify(value, (key, part) => (key === 'requestedAt' ? undefined : part)));
      expect(timeless(reusing)).toEqual(timeless(fresh));
    }),
    { numRuns: 150 },
  );
});

test('what is kept up with every fact is what a count of all tasks gives, now and later', () => {
  fc.assert(
    fc.property(someHistory, fc.integer({ min: 0, max: 1_500 }), (history, laterS) => {
      let kept = 0;
      tell(history, ({ ledger, policies, ...story }, seconds) => {
        const stopped = [...ledger.tasks.values()]
          .filter(({ outage, item, group }) => outage || (item.status === 'stopped' && group !== undefined))
          .map(({ taskId }) => taskId);
        expect([...ledger.stopped].sort()).toEqual(stopped.sort());
        if (ledger.tallies) kept++;
        for (const now of [at(seconds), at(seconds + laterS)]) {
          const moment = { now, clockOffsetMs: story.clockOffsetMs, nextPollAt: now, pollGapMs: 15_000 };
          const counted = situationOf({ ...ledger, tallies: undefined }, policies, moment);
          expect(groupViews(situationOf(ledger, policies, moment))).toEqual(groupViews(counted));
        }
      });
      fc.pre(kept > 0);
    }),
  );
});
