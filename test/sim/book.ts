/**
 * What an onlooker writes down of each task and each call: what the lists showed, what was sent and answered, what
 * the process said of it. Where a fact may have died with its process, the book errs on the lenient side.
 *
 * Times are milliseconds of the world since the story's begin.
 */
import type { Hold, OfAttempt, Policies, Policy, RestartAnswer, TaskItem } from './seam.ts';

const never = Number.NEGATIVE_INFINITY;

export interface Call extends OfAttempt {
  /** The group that has its task now; undefined: nobody's. */
  groupNow: string | undefined;
  readonly probe: boolean;
  readonly free: boolean;
  readonly intendedAt: number;
  sentAt: number | undefined;
  answer: RestartAnswer | undefined;
  answeredAt: number | undefined;
  /** Its task alone is told so: it was throttled before in this outage, and other restarts were answered since. */
  throttledAlone: boolean;
  givenBack: boolean;
  /** Nothing is awaited of it any more: its task ended, or is another policy's. */
  lapsed: boolean;
  /** Attempts were forgotten since its intent. */
  forgotten: boolean;
  /** Its effect is awaited: nothing was told of what became of it. */
  open: boolean;
  /** It worked and has yet to hold. */
  holding: boolean;
}

export class TaskBook {
  readonly taskId: string;
  /** Calls by the rules that count: not given back, since attempts were last forgotten. */
  counted: Call[] = [];
  /** Attempts that failed in a row. */
  readonly failures = new Set<string>();
  /** A restart by hand forgets what was, unless it is given back: the row may be longer than it is here. */
  unsure = false;
  forgottenAt = never;
  latest: Call | undefined;
  callsInOutage = 0;
  /** Given-back ones too. */
  calledInOutage = false;
  throttled = false;
  outageSince = never;

  /** As the newest complete list that has it shows it. */
  item: TaskItem | undefined;
  stoppedInRow = 0;
  /** Newest sights, by when they were asked for. */
  downAt = never;
  upAt = never;

  /** It was found stopped, and has not been seen up since; undefined: not known. */
  foundStopped: boolean | undefined;
  found = false;
  /** Told as abandoned: it is, unless a process died or another policy came since. */
  abandoned: 'surely' | 'perhaps' | undefined;

  constructor(taskId: string) {
    this.taskId = taskId;
  }

  forget(): void {
    this.counted = [];
    this.unsure = false;
    this.clearRow();
  }

  clearRow(): void {
    this.failures.clear();
    this.abandoned = undefined;
  }

  /** A complete list or a look shows it; `seenAt`: when its page was asked for. */
  saw(item: TaskItem, seenAt: number, complete: boolean): void {
    const { status } = item;
    // A look settles what is awaited and nothing else: what it shows of others is not learned.
    const { latest } = this;
    const awaited = latest?.open ? latest.answeredAt !== undefined : latest?.holding && status === 'stopped';
    if (!complete && !awaited) return;
    if (status === 'stopped') this.downAt = Math.max(this.downAt, seenAt);
    if (status === 'active' || status === 'not-started') {
      this.upAt = Math.max(this.upAt, seenAt);
      if (status === 'active') this.foundStopped &&= false;
      else if (!complete) this.foundStopped = undefined;
    }
    if (!complete) return;
    this.item = item;
    this.stoppedInRow = status === 'stopped' ? this.stoppedInRow + 1 : 0;
  }

  /** Surely, or perhaps: what a look showed of it, or what died with a process, may have ended its first sight. */
  isOnlyWatched = (policy: Policy, how: 'surely' | 'perhaps'): boolean =>
    policy.mode === 'observe' ||
    (policy.firstSight === 'observe' && (how === 'surely' ? this.foundStopped === true : this.foundStopped !== false));
}

export interface Held {
  readonly target: { readonly kind: string; readonly taskId?: string; readonly group?: string };
  /** By the machine's wall clock. */
  readonly endsAt: number | undefined;
  /** It was told that it is on disk, and nobody asked to take it off. */
  confirmed: boolean;
}

interface Circuit {
  readonly openedAt: number;
  probedAt: number;
  readonly person: boolean;
  readonly surely: boolean;
  /** Tasks that were answered so in this stretch, and the cloud group of each. */
  readonly refused: Map<string, string | undefined>;
}

const covers = ({ target }: Held, taskId: string, group: string): boolean =>
  target.kind === 'account' || target.taskId === taskId || target.group === group;

const isIn = ({ groups }: Policies, group: string | undefined): boolean => groups.some(({ name }) => name === group);

export class Book {
  readonly tasks = new Map<string, TaskBook>();
  readonly calls = new Map<string, Call>();
  readonly open = new Set<Call>();
  readonly holds = new Map<string, Held>();
  /** What operators asked for: restarts, and whether by force; releases. */
  readonly asked = { restarts: new Map<string, boolean>(), releases: new Set<string>() };
  list: { readonly items: ReadonlyMap<string, TaskItem>; readonly at: number } | undefined;
  /** How long the newest polls took. */
  pollsMs: number[] = [];
  listRefused = false;
  /** Storms that are on: how many restarts worked since. The account's is under undefined. */
  readonly storms = new Map<string | undefined, { worked: number; byStopped: boolean }>();
  /** It is open; `surely`: nothing of that can have died with a process. */
  circuit: Circuit | undefined;
  circuitClosedAt = never;
  acceptedAt = never;
  throttledAt = never;
  /** The newest answers to restarts said "too fast". */
  throttledInRow = false;
  /** A clock stepped and nobody may have noticed: waits that began before cannot be judged. */
  blurredAt = never;
  steppedAt = never;
  /** A process ended or lost the account: what it had not saved is lost. */
  endedAt = never;
  reloadedAt = never;

  task(taskId: string): TaskBook {
    let book = this.tasks.get(taskId);
    if (!book) {
      book = new TaskBook(taskId);
      this.tasks.set(taskId, book);
    }
    return book;
  }

  close(call: Call): void {
    call.open = false;
    call.holding = false;
    this.open.delete(call);
  }

  /** A hold over the task; `surely`: it must be obeyed, otherwise it may be. */
  heldBy(taskId: string, group: string, wall: number, surely: boolean): string | undefined {
    for (const [id, held] of this.holds)
      if ((!surely || held.confirmed) && (held.endsAt ?? Infinity) > wall && covers(held, taskId, group)) return id;
    return undefined;
  }

  /** What an operator asks for is in the book already; a group's hold that goes on over one of its tasks is new. */
  holdSet({ id, target, endsAt }: Hold): void {
    const of = this.holds.get(id.slice(0, id.lastIndexOf('.')));
    if (of) this.holds.set(id, { target, endsAt, confirmed: of.confirmed });
  }

  /** What is wrong when a reload takes a hold off. */
  holdDropped(id: string, policies: Policies): string | undefined {
    const group = this.holds.get(id)?.target.group;
    this.holds.delete(id);
    return isIn(policies, group) ? `the configuration has group ${group}` : undefined;
  }

  /** A hold over the group that had the task, which the configuration has no longer, and not over the task. */
  holdLostBy(
    { taskId, from }: { readonly taskId: string; readonly from: string | undefined },
    wall: number,
    policies: Policies,
  ): string | undefined {
    if (from === undefined || isIn(policies, from) || !this.list?.items.has(taskId)) return undefined;
    for (const [id, { target, confirmed, endsAt }] of this.holds)
      if (confirmed && target.group === from && (endsAt ?? Infinity) > wall && !this.holds.has(`${id}.${taskId}`))
        return id;
    return undefined;
  }

  /** The process ended: what it told and had not saved never was. */
  ended(now: number, savedAt: number, isSaved: (id: string) => boolean): void {
    this.endedAt = now;
    this.listRefused = false;
    if (this.circuitClosedAt > savedAt)
      this.circuit = { openedAt: now, probedAt: now, person: true, surely: false, refused: new Map() };
    if (this.circuit) this.circuit = { ...this.circuit, person: true, surely: false };
    this.storms.clear();
    this.list = undefined;
    this.throttledAt = never;
    for (const call of this.open) if (!isSaved(call.attemptId)) this.close(call);
    for (const [id, held] of this.holds) if (!isSaved(id)) held.confirmed = false;
    for (const task of this.tasks.values()) {
      task.abandoned &&= 'perhaps';
      if (task.forgottenAt >= savedAt) task.unsure = true;
    }
  }
}
