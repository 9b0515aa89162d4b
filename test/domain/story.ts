/**
 * A small theatre for the rules: says what the cloud shows at which second, answers the restarts that the rules
 * ask for, and lets a test read the verdicts. Time is in seconds since the story's begin, so that rows read well.
 */

import { decide, settleByLook } from '../../src/domain/decide/decide.ts';
import { operatorRestart } from '../../src/domain/decide/operator.ts';
import { pick } from '../../src/domain/decide/queue.ts';
import { regroup } from '../../src/domain/decide/regroup.ts';
import { type Verdict, verdictOf } from '../../src/domain/decide/rules.ts';
import { answerFacts, takeOverFacts } from '../../src/domain/learn/circuit.ts';
import type { Ledger, StoredLedger, TaskRecord } from '../../src/domain/memory/ledger.ts';
import { Memory } from '../../src/domain/memory/memory.ts';
import { type Moment, situationOf } from '../../src/domain/memory/situation.ts';
import { type CloudTime, cloudTime } from '../../src/domain/words/cloud-time.ts';
import type { Event, Hold } from '../../src/domain/words/events.ts';
import type { ErrorClass } from '../../src/domain/words/failure.ts';
import type { Policies, Policy } from '../../src/domain/words/policy.ts';
import { type RestartAnswer, type TaskItem, type TaskStatus, unchanged } from '../../src/domain/words/task.ts';
import { resolvePolicy } from '../../src/settings/settings.ts';

export const begin = Date.UTC(2026, 0, 5, 0, 0, 0); // a Monday, 08:00 in Shanghai
export const at = (seconds: number): number => begin + seconds * 1_000;
export const minutes = (n: number): number => n * 60;
export const hours = (n: number): number => n * 3_600;

/** What is done in slices, done in one go. */
export function atOnce<T>(slices: Generator<void, T>): T {
  for (;;) {
    const slice = slices.next();
    if (slice.done) return slice.value;
  }
}

/** Set by somebody at the beginning. */
export const hold = (id: string, target: Hold['target'], endsAt?: number): Hold => ({
  id,
  account: 'main',
  target,
  author: 'a',
  reason: 'r',
  createdAt: at(0),
  endsAt,
});

export const holdAdded = (hold: Hold, now: number): Event => ({
  type: 'hold-added',
  at: now,
  account: hold.account,
  hold,
});

const builtIn = resolvePolicy({});

/** The policy that nobody wrote anything about, jitter left out so that times can be written down. */
export const plainPolicy: Policy = {
  ...builtIn,
  name: 'vip',
  match: {
    account: ['*'],
    cloudGroup: ['vip'],
    title: ['*'],
    type: ['live', 'vod'],
    exclude: { title: [], taskId: [] },
  },
  backoff: { ...builtIn.backoff, jitterPercent: 0 },
};

export const policiesOf = (...groups: readonly Policy[]): Policies => ({
  account: 'main',
  storm: { percent: 40, atLeast: 5 },
  groups,
});

/** Times of the cloud can be given as `at(…)`. */
export type ItemFields = Partial<
  Omit<TaskItem, 'startsAt' | 'endsAt'> & Record<'startsAt' | 'endsAt', number | CloudTime | undefined>
>;
const byTheCloud = (at: number | CloudTime | undefined) => (typeof at === 'number' ? cloudTime(at) : at);

export const item = (taskId: string, status: TaskStatus, more: ItemFields = {}): TaskItem => ({
  taskId,
  title: `title ${taskId}`,
  cloudGroup: 'vip',
  type: 'live',
  status,
  statusText: status,
  source: 'source',
  requestedAt: begin,
  ...more,
  startsAt: byTheCloud('startsAt' in more ? more.startsAt : at(-hours(1))),
  endsAt: byTheCloud('endsAt' in more ? more.endsAt : at(hours(100))),
});

export const refusal = (errorClass: ErrorClass, code: string | undefined = undefined): RestartAnswer => ({
  kind: 'refused',
  failure: failureOf(errorClass, code),
});
export const failureOf = (errorClass: ErrorClass, code?: string) => ({
  class: errorClass,
  code,
  httpStatus: undefined,
  requestId: undefined,
  message: errorClass,
});
export const accepted: RestartAnswer = { kind: 'accepted', requestId: 'r' };
export const unanswered = (errorClass: ErrorClass = 'timeout', code?: string): RestartAnswer => ({
  kind: 'unanswered',
  failure: failureOf(errorClass, code),
});

export const throttled: RestartAnswer = { kind: 'throttled', failure: failureOf('throttled', 'FlowLimitExceeded') };
export const notSent: RestartAnswer = { kind: 'not-sent', failure: failureOf('network') };

export type Shown = Readonly<Record<string, TaskStatus | TaskItem>>;

/** So many tasks of one status: t00, t01, … */
export const tasks = (count: number, status: TaskStatus, prefix = 't'): Record<string, TaskStatus> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, n) => [`${prefix}${String(n).padStart(2, '0')}`, status] as const),
  );

/** The first so many of these are stopped, the others run. */
export const someStopped = (stopped: number, all: number, prefix = 't'): Record<string, TaskStatus> => ({
  ...tasks(all, 'active', prefix),
  ...tasks(stopped, 'stopped', prefix),
});

/** For a memory of which nothing is written down. */
export const unnoted = { note: () => {}, touch: () => {} };

export class Story {
  readonly events: Event[] = [];
  readonly memory: Memory;
  readonly ledger: Ledger;
  policies: Policies;
  queue: readonly string[] = [];
  clockOffsetMs = 0;
  /** As the client does: a list shows a task with the item of the list before, as long as it is the same. */
  reusesItems = true;
  #itemsBefore: readonly TaskItem[] = [];
  pollGapMs = 15_000;
  #now = 0;

  /** `stored`: what the owner before left, taken over at that second. */
  constructor(policies: Policies = policiesOf(plainPolicy), stored?: StoredLedger, takenOverAt = 0) {
    this.policies = policies;
    this.memory = new Memory('main', { note: (event) => this.events.push(event), touch: () => {} }, stored);
    this.ledger = this.memory.ledger;
    this.memory.tell(at(takenOverAt), ...takeOverFacts(this.ledger, 1));
  }

  tell(events: readonly Event[]): void {
    for (const event of events) this.memory.tell(event.at, event);
  }

  moment(seconds = this.#now): Moment {
    return {
      now: at(seconds),
      clockOffsetMs: this.clockOffsetMs,
      nextPollAt: at(seconds + 15),
      pollGapMs: this.pollGapMs,
    };
  }

  /** A complete list at that second shows exactly these tasks. */
  list(
    seconds: number,
    shown: Shown,
    more: {
      readonly drift?: boolean;
      readonly failedCloudGroups?: readonly string[];
      readonly malformedItems?: number;
      /** Seconds that the poll lasted: it began so much earlier. */
      readonly took?: number;
    } = {},
  ): this {
    this.#now = seconds;
    const before = new Map(this.#itemsBefore.map((item) => [item.taskId, item]));
    const items = this.#items(seconds, shown).map((item) =>
      this.reusesItems
        ? (unchanged(before.get(item.taskId) ?? this.ledger.tasks.get(item.taskId)?.item, item) ?? item)
        : item,
    );
    this.#itemsBefore = items;
    const { drift = false, failedCloudGroups = [], malformedItems = 0, took = 0 } = more;
    const observation = {
      kind: 'complete',
      items,
      shownAt: items.map(() => at(seconds)),
      startedAt: at(seconds - took),
      finishedAt: at(seconds),
      drift,
      failedCloudGroups,
      malformedItems,
    } as const;
    this.queue = atOnce(decide(this.memory, observation, this.policies, this.moment()));
    return this;
  }

  failedList(seconds: number, errorClass: ErrorClass = 'server'): this {
    this.#now = seconds;
    const observation = {
      kind: 'failed',
      startedAt: at(seconds),
      finishedAt: at(seconds),
      failure: failureOf(errorClass),
    } as const;
    atOnce(decide(this.memory, observation, this.policies, this.moment()));
    return this;
  }

  /** A look that only verifies. */
  look(seconds: number, shown: Shown): this {
    this.#now = seconds;
    settleByLook(this.memory, this.#items(seconds, shown), situationOf(this.ledger, this.policies, this.moment()));
    return this;
  }

  #items(seconds: number, shown: Shown): TaskItem[] {
    return Object.entries(shown).map(([taskId, what]) =>
      typeof what === 'string'
        ? item(taskId, what, { requestedAt: at(seconds) })
        : { ...what, requestedAt: at(seconds) },
    );
  }

  /** Sends what may go at that second, at most `most`, each answered so; gives the tasks. */
  send(
    seconds: number,
    answer: RestartAnswer | ((taskId: string) => RestartAnswer) = accepted,
    most = 10,
  ): readonly string[] {
    this.#now = seconds;
    const sent: string[] = [];
    while (sent.length < most) {
      const intent = pick(this.queue, situationOf(this.ledger, this.policies, this.moment()));
      if (!intent) break;
      this.tell([intent]);
      const { taskId } = intent;
      this.answer(seconds, taskId, typeof answer === 'function' ? answer(taskId) : answer);
      sent.push(taskId);
      this.queue = this.queue.filter((other) => other !== taskId);
    }
    return sent;
  }

  /** Takes the intent of the next restart, and leaves the call out. */
  intend(seconds: number): string | undefined {
    this.#now = seconds;
    const intent = pick(this.queue, situationOf(this.ledger, this.policies, this.moment()));
    if (intent) this.tell([intent]);
    return intent?.taskId;
  }

  answer(seconds: number, taskId: string, answer: RestartAnswer): this {
    this.#now = seconds;
    const record = this.record(taskId);
    const { attempt } = record;
    if (!attempt) throw new Error(`${taskId} has no attempt to answer`);
    const now = at(seconds);
    this.memory.tell(now, ...answerFacts(this.ledger, { record, attempt, answer, durationMs: 100, now }));
    return this;
  }

  hold(id: string, target: Hold['target'], endsAt?: number): this {
    const hold: Hold = {
      id,
      account: 'main',
      target,
      author: 'eve',
      reason: 'maintenance',
      createdAt: at(this.#now),
      endsAt,
    };
    this.tell([{ type: 'hold-added', at: at(this.#now), account: 'main', hold }]);
    return this;
  }

  /** A reload: the new policies are in force, and every task has the group that matches it now. */
  reload(seconds: number, policies: Policies): this {
    this.#now = seconds;
    this.policies = policies;
    regroup(this.memory, policies, at(seconds));
    return this;
  }

  /** A restart by hand, answered at once if it may go, or left `out`: `sent`, or why it was refused. */
  byHand(seconds: number, taskId: string, answer: RestartAnswer | 'out' = accepted, force = false): string {
    this.#now = seconds;
    const asked = operatorRestart(
      this.record(taskId),
      situationOf(this.ledger, this.policies, this.moment()),
      'eve',
      force,
    );
    if (asked.kind === 'refused') return asked.why[0];
    this.tell([asked.intent]);
    if (answer !== 'out') this.answer(seconds, taskId, answer);
    return 'sent';
  }

  release(seconds: number, taskId: string): this {
    this.#now = seconds;
    const { group } = this.record(taskId);
    const about = { at: at(seconds), account: 'main', taskId, group };
    this.tell([{ ...about, type: 'task-released', by: 'eve', cause: 'operator' }]);
    return this;
  }

  /** The storm's window, or `calm`; without a group the account's own. */
  window(group?: string): number | 'calm' {
    return this.ledger.storms.get(group)?.window ?? 'calm';
  }

  /** Restarts that fill the storm's window. */
  unsettled(group?: string): number {
    const { unsettled } = situationOf(this.ledger, this.policies, this.moment());
    return unsettled.get(group)?.length ?? 0;
  }

  record(taskId: string): TaskRecord {
    const record = this.ledger.tasks.get(taskId);
    if (!record) throw new Error(`no record of ${taskId}`);
    return record;
  }

  verdict(taskId: string, seconds = this.#now): Verdict {
    return verdictOf(this.record(taskId), situationOf(this.ledger, this.policies, this.moment(seconds)));
  }

  /** The verdict in words: `restart`, `none`, `backoff until 83`, `abandoned until never`. */
  says(taskId: string, seconds = this.#now): string {
    const verdict = this.verdict(taskId, seconds);
    if (verdict.kind !== 'wait') return verdict.kind;
    const until = verdict.until === Number.POSITIVE_INFINITY ? 'never' : String((verdict.until - begin) / 1_000);
    return `${verdict.reason} until ${until}`;
  }

  told(type: Event['type']): readonly Event[] {
    return this.events.filter((event) => event.type === type);
  }

  endings(): readonly string[] {
    return this.events.flatMap((event) => (event.type === 'outage-ended' ? [`${event.taskId} ${event.ending}`] : []));
  }
}
