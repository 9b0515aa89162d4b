/**
 * What an onlooker writes down of each task and of the account: what lists and looks showed, what was sent and answered,
 * and of what the process told what others have to wait for. Where a fact may have died with its process, the book errs
 * on the lenient side.
 *
 * Times are milliseconds of the world since the story's begin.
 */
import type { Event } from '../../src/domain/words/events.ts';
import type { Policy } from '../../src/domain/words/policy.ts';
import type { TaskItem } from '../../src/domain/words/task.ts';
import type { Process } from './process.ts';

const never = Number.NEGATIVE_INFINITY;

type Intent = Extract<Event, { type: 'restart-intended' }>;

export interface Call extends Pick<Intent, 'attemptId' | 'trigger' | 'group' | 'by'> {
  readonly of: Process;
  readonly intendedAt: number;
  /** `lastAt` of its task before it. */
  readonly lastAt: number;
  sentAt: number | undefined;
  answeredAt: number | undefined;
  /** It may have reached its task: accepted or unanswered. */
  mayWork: boolean;
}

export class TaskBook {
  readonly taskId: string;
  latest: Call | undefined;
  /** Attempts that were not given back: for them it may have to wait, for its backoff or in quarantine. */
  readonly counted = new Set<string>();
  givenBackAt = never;
  /** The next automatic attempt has to be so far from this one: nothing has forgotten it. */
  lastAt = never;
  /** Newest sights, by when they were asked for. */
  seenAt = never;
  downAt = never;
  upAt = never;
  /** No list or look has shown it otherwise. */
  alwaysStopped = true;
  abandoned = false;

  constructor(taskId: string) {
    this.taskId = taskId;
  }

  /** One that was never sent kept nobody waiting, whether or not its process lived to give it back. */
  forgetUnsent(): void {
    const { latest } = this;
    if (latest && latest.sentAt === undefined && this.lastAt === latest.intendedAt) this.lastAt = latest.lastAt;
  }

  /** A complete list or a look shows it; `seenAt`: when its page was asked for. */
  saw({ status }: TaskItem, seenAt: number): void {
    this.seenAt = Math.max(this.seenAt, seenAt);
    if (status === 'stopped') this.downAt = Math.max(this.downAt, seenAt);
    else this.alwaysStopped = false;
    if (status === 'active' || status === 'not-started') this.upAt = Math.max(this.upAt, seenAt);
  }

  released(): void {
    this.abandoned = false;
    this.lastAt = never;
  }

  gaveBack(attemptId: string, now: number): void {
    this.counted.delete(attemptId);
    this.lastAt = never;
    this.givenBackAt = now;
  }

  /** Nothing is sent of it; `surely`: whatever died with a process. */
  isOnlyWatched = ({ mode, firstSight }: Policy, how: 'surely' | 'perhaps'): boolean =>
    mode === 'observe' || (firstSight === 'observe' && (how === 'perhaps' || this.alwaysStopped));
}

export class Book {
  readonly tasks = new Map<string, TaskBook>();
  /** What operators asked for: restarts, and whether by force; holds that were taken off. */
  readonly asked = { restarts: new Map<string, boolean>(), holdsOff: new Set<string>() };
  list: { readonly items: ReadonlyMap<string, TaskItem>; readonly at: number } | undefined;
  longestPollMs = 0;
  /** Tasks of which a process has told that it has a record. */
  readonly found = new Set<string>();
  /** Scopes in a storm; the account's is undefined. */
  readonly storms = new Set<string | undefined>();
  /** The restart circuit is open; `person`: until somebody acts, so that it is probed seldom. */
  circuit: { readonly openedAt: number; readonly person: boolean } | undefined;
  circuitClosedAt = never;
  /** A clock stepped and nobody may have noticed: ages that began before cannot be judged. */
  blurredAt = never;
  steppedAt = never;
  reloadedAt = never;

  task(taskId: string): TaskBook {
    let book = this.tasks.get(taskId);
    if (!book) {
      book = new TaskBook(taskId);
      this.tasks.set(taskId, book);
    }
    return book;
  }

  circuitOpened(now: number, person: boolean): void {
    this.circuit = { openedAt: this.circuit?.openedAt ?? now, person: person || (this.circuit?.person ?? false) };
  }

  circuitClosed(now: number): void {
    // It ends the waits of those that failed meanwhile.
    for (const task of this.tasks.values()) task.lastAt = never;
    this.circuit = undefined;
    this.circuitClosedAt = now;
  }

  /** The process ended: what it told and had not saved never was. */
  ended(now: number, savedAt: number): void {
    if (this.circuitClosedAt > savedAt) this.circuitOpened(now, true);
    this.storms.clear();
    this.list = undefined;
    for (const { latest, counted, givenBackAt } of this.tasks.values()) {
      if (givenBackAt >= savedAt) counted.add('perhaps');
      // What was out is unanswered.
      if (latest?.sentAt === undefined || latest.answeredAt !== undefined) continue;
      latest.answeredAt = now;
      latest.mayWork = true;
    }
  }
}
