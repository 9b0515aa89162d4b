/**
 * What the judge remembers of the account, each task and each attempt. Kept by what crossed a process's border;
 * where a fact may have died with its process, the books err on the lenient side.
 *
 * Times are milliseconds of the world since the story's begin.
 */
import type { Event, Trigger } from '../../src/domain/words/events.ts';
import type { ErrorClass } from '../../src/domain/words/failure.ts';
import type { Policy } from '../../src/domain/words/policy.ts';
import type { RestartAnswer, TaskItem } from '../../src/domain/words/task.ts';
import type { Disk } from './disk.ts';
import type { Process } from './process.ts';
import { StormBook } from './storm-book.ts';

export type Intent = Extract<Event, { type: 'restart-intended' }>;

export interface Try {
  readonly id: string;
  readonly taskId: string;
  /** The group that has its task now; undefined: unmanaged, and in nobody's window. */
  group: string | undefined;
  readonly trigger: Trigger;
  readonly free: boolean;
  readonly probe: boolean;
  readonly intendedAt: number;
  sentAt: number | undefined;
  /** The one before it that counts. */
  previous: Try | undefined;
  /** What it had to keep from the one before it. */
  leastGapMs: number;
  answer: RestartAnswer | undefined;
  answeredAt: number | undefined;
  workedAt: number | undefined;
  /** It worked and has yet to hold: a look that shows its task stopped says that it failed. */
  holding: boolean;
  givenBack: boolean;
  failedAt: number | undefined;
  /** Nothing is awaited of it any more. */
  settled: boolean;
}

export class TaskBook {
  readonly taskId: string;
  /** Attempts that count since they were last forgotten. */
  tries = 0;
  /** The newest that counts. */
  lastTry: Try | undefined;
  row = 0;
  failures: { readonly id: string; readonly at: number }[] = [];
  latest: Try | undefined;
  /** What the newest complete observation that showed it said. */
  item: TaskItem | undefined;
  firstSight: 'stopped' | 'other' | undefined;
  upSinceFirstSight = false;
  /** First of the complete observations in a row that all say active. */
  activeSince: number | undefined;
  lastUpAt = Number.NEGATIVE_INFINITY;
  lastDownAt = Number.NEGATIVE_INFINITY;
  /** First sight of it running since it was last seen stopped. */
  upSince: number | undefined;
  outage: { readonly id: string; readonly since: number } | undefined;
  /** First sight of it running that the ledger must have learned since it was last seen stopped. */
  learnedUpAt: number | undefined;
  stoppedInRow = 0;
  /** The newest list that said anything else of it. */
  notStoppedAt: number | undefined;
  absentInRow = 0;
  absentSince: number | undefined;
  gone = false;
  triesInOutage = 0;
  abandonedTold = false;
  /** What was intended before is forgotten, though it may be sent only now. */
  forgottenAt = Number.NEGATIVE_INFINITY;
  /** Shadows count in the ledger, and not here. */
  shadowed = false;

  constructor(taskId: string) {
    this.taskId = taskId;
  }

  forget(at: number): void {
    this.forgottenAt = at;
    this.tries = 0;
    this.lastTry = undefined;
    this.shadowed = false;
    this.clearRow();
  }

  clearRow(): void {
    this.row = 0;
    this.failures = [];
    this.abandonedTold = false;
  }
}

export interface Held {
  readonly target: { readonly kind: string; readonly taskId?: string; readonly group?: string };
  /** By the machine's wall clock. */
  readonly endsAt: number | undefined;
}

export const covers = (target: Held['target'], taskId: string, group: string): boolean =>
  target.kind === 'account' || target.taskId === taskId || target.group === group;

export interface Witness {
  /** Milliseconds since the story's begin. */
  readonly now: () => number;
  readonly wall: () => number;
  readonly disk: Disk;
  readonly isOwner: (process: Process) => boolean;
  /** For so long the account is surely the process's. */
  readonly leaseLeftMs: (process: Process) => number;
  readonly note: (line: () => string) => void;
}

/** Rounding of times to whole milliseconds. */
export const tinyMs = 100;
/** Clocks run apart by 300 ppm each. */
export const paceSlack = 0.001;

const never = Number.NEGATIVE_INFINITY;
const noThrottle = { inRow: 0, setAt: never, until: never };

export class Books {
  readonly witness: Witness;
  violation: string | undefined;
  readonly tasks = new Map<string, TaskBook>();
  readonly tries = new Map<string, Try>();
  readonly open = new Set<Try>();
  readonly storms = new StormBook();
  /** Holds whose adding was confirmed, and no removing was asked. */
  readonly holds = new Map<string, Held>();
  /** What operators asked for. */
  readonly asked = { restarts: new Map<string, boolean>(), releases: new Set<string>() };
  readonly intents = new Map<string, Intent>();
  /** The newest complete observation of the process that owns the account. */
  newest: { readonly items: ReadonlyMap<string, TaskItem>; readonly at: number } | undefined;
  /** How long the last three polls took. */
  polls: number[] = [];
  listRefused = false;
  /** Lists in a row that failed since it was refused. */
  refusedInRow = 0;
  circuit = { open: false, atOnce: false, probedAt: never, closedAt: never };
  throttle = noThrottle;
  /** Answers of restarts since the newest success, for the five in a row. */
  streak: { readonly taskId: string; readonly failure: ErrorClass }[] = [];
  successAt = never;
  /** It may have died with its process unsaved: then the ledger has a longer row than the streak here. */
  successLost = false;
  /** Waits that began before cannot be judged: a clock stepped while nobody could notice. */
  blurredAt = never;
  diedAt = never;
  /** The machine's clock stepped last. */
  steppedAt = never;
  deaths = 0;

  constructor(witness: Witness) {
    this.witness = witness;
  }

  get now(): number {
    return this.witness.now();
  }

  fail(what: string): void {
    if (this.violation !== undefined) return;
    this.violation = what;
    this.witness.note(() => `VIOLATION ${what}`);
  }

  must(condition: boolean, what: () => string): void {
    if (!condition) this.fail(what());
  }

  task(taskId: string): TaskBook {
    let book = this.tasks.get(taskId);
    if (!book) {
      book = new TaskBook(taskId);
      this.tasks.set(taskId, book);
    }
    return book;
  }

  succeeded(): void {
    this.successAt = this.now;
    this.successLost = false;
    this.streak = [];
  }

  /** A process ended, or lost the account: facts that it had not saved yet are lost with it. */
  ended(): void {
    this.deaths++;
    this.diedAt = this.now;
    this.successLost ||= this.now - this.successAt < 60_000 || this.witness.disk.savedAt < this.successAt;
    this.throttle = noThrottle;
    this.circuit = { open: false, atOnce: false, probedAt: never, closedAt: this.diedAt };
    this.forgetUnsaved();
    for (const book of this.tasks.values()) book.abandonedTold = false;
  }

  /** What was intended or settled and did not reach the disk never was. */
  forgetUnsaved(): void {
    this.intents.clear();
    const list = this.witness.disk.memory.account?.circuits.list;
    if (list?.kind !== 'open') this.listRefused = false;
    // A list that closed the circuit may have died unsaved: it is probed as rarely as before.
    else this.refusedInRow = Math.max(this.refusedInRow, list.probes + 1);
    for (const attempt of this.open)
      if (!this.witness.disk.intended.has(attempt.id)) {
        this.close(attempt);
        this.tries.delete(attempt.id);
        const book = this.task(attempt.taskId);
        if (attempt.trigger !== 'manual') book.triesInOutage = Math.max(0, book.triesInOutage - 1);
      }
    // Those of a row that is forgotten too: a budget counts them.
    for (const attempt of this.tries.values())
      if (!this.witness.disk.failed.has(attempt.id)) attempt.failedAt = undefined;
    for (const book of this.tasks.values()) {
      const stored = this.witness.disk.memory.tasks.get(book.taskId);
      // One that was found and died unsaved was never seen.
      if (book.item) book.item = stored?.item;
      // The end of an outage may be forgotten, and its attempts with it remembered.
      book.triesInOutage = Math.max(book.triesInOutage, stored?.outage?.attempts ?? 0);
      for (const { id } of book.failures) {
        if (this.witness.disk.failed.has(id)) continue;
        book.row = Math.max(0, book.row - 1);
        book.failures = book.failures.filter((other) => other.id !== id);
      }
    }
  }

  close(attempt: Try): void {
    attempt.settled = true;
    attempt.holding = false;
    this.open.delete(attempt);
  }

  /** How much shorter a wait may be: a request's timeout if a process ended within it. */
  slack(since: number, process: Process): number {
    const requests = this.diedAt >= since ? process.configuration.requestTimeoutMs : 0;
    return tinyMs + requests + (this.now - since) * paceSlack;
  }

  /** The cloud's time as the process can know it. */
  believed = (process: Process): number => Math.floor(this.witness.wall()) + process.keeper.cloud.clockOffsetMs();

  isWatchedOnly = (book: TaskBook, policy: Policy): boolean =>
    policy.mode === 'observe' ||
    (policy.firstSight === 'observe' && book.firstSight === 'stopped' && !book.upSinceFirstSight);

  /** The id of a confirmed hold over the task. */
  heldBy(taskId: string, group: string): string | undefined {
    for (const [id, { target, endsAt }] of this.holds) {
      if (endsAt !== undefined && endsAt <= this.witness.wall()) continue;
      if (covers(target, taskId, group)) return id;
    }
    return undefined;
  }
}

export const newTry = (intent: Intent, at: number): Try => ({
  id: intent.attemptId,
  taskId: intent.taskId,
  group: intent.group,
  trigger: intent.trigger,
  free: intent.free,
  probe: intent.probe,
  intendedAt: at,
  sentAt: undefined,
  previous: undefined,
  leastGapMs: 0,
  answer: undefined,
  // A shadow is answered by nobody: its effect is awaited at once.
  answeredAt: intent.trigger === 'shadow' ? at : undefined,
  workedAt: undefined,
  holding: false,
  givenBack: false,
  failedAt: undefined,
  settled: false,
});
