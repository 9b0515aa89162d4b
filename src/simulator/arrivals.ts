/**
 * The cloud's own count of what arrived and when. Its limits refuse by this count, and the tests judge by it.
 *
 * The second slides: two calls are in the same one if they arrive less than 1,000 ms apart. Refused calls count too,
 * so a client that hammers stays out.
 */

export interface Limits {
  /** Over all actions together. */
  readonly accountPerSecond: number;
  readonly actionPerSecond: Readonly<Record<string, number>>;
  /** Calls a second that another tool makes with the same account, evenly spaced. */
  readonly othersPerSecond: number;
}

export const volcengineLimits: Limits = {
  accountPerSecond: 10,
  actionPerSecond: {
    ListPullToPushTaskV2: 15,
    RestartPullToPushTask: 10,
    ContinuePullToPushTask: 10,
    RelaunchPullToPushTask: 10,
  },
  othersPerSecond: 0,
};

/** Those of BytePlus: one a second for everything that changes a task. */
export const byteplusLimits: Limits = {
  ...volcengineLimits,
  actionPerSecond: {
    ...volcengineLimits.actionPerSecond,
    ListPullToPushGroup: 10,
    RestartPullToPushTask: 1,
    ContinuePullToPushTask: 1,
    RelaunchPullToPushTask: 1,
  },
};

/** Who asked for what, as far as faults and arrivals care. */
export interface Called {
  readonly action: string;
  readonly accessKeyId: string | undefined;
  readonly taskId: string | undefined;
  /** Named by the call, and the group of the task that it names. */
  readonly cloudGroups: readonly string[];
}

/** One call as the cloud saw it. */
export interface Arrival extends Called {
  readonly at: number;
  /** Status of the task that the call named, just before it; undefined if there is none. */
  readonly statusBefore: string | undefined;
  /** `ok`, an error code, or the name of the fault that swallowed it. */
  readonly outcome: string;
  /** The call was carried out, whatever the client was answered. */
  readonly effect: boolean;
}

const secondMs = 1_000;

/** When the calls of the last second arrived, in order. */
type Window = number[];

export const newBook = (now: number) => ({
  all: [] as Window,
  counted: [] as Window,
  countedByAction: new Map<string, Window>(),
  total: 0,
  throttled: 0,
  worstSecond: 0,
  othersCountedTo: now,
});
export type ArrivalBook = ReturnType<typeof newBook>;

/** Counts one call on its arrival and says which limit, if any, it is over. `action` is out of a bounded set. */
export function arrive(
  book: ArrivalBook,
  action: string,
  limits: Limits,
  now: number,
): 'action' | 'account' | undefined {
  countOthers(book, limits, now);
  book.total += 1;
  const inSecond = recent(book.all, now) + 1;
  book.all.push(now);
  book.worstSecond = Math.max(book.worstSecond, inSecond);

  const perAction = limits.actionPerSecond[action];
  const actionWindow = book.countedByAction.get(action) ?? [];
  book.countedByAction.set(action, actionWindow);
  const over =
    perAction !== undefined && recent(actionWindow, now) >= perAction
      ? 'action'
      : recent(book.counted, now) >= limits.accountPerSecond
        ? 'account'
        : undefined;
  if (over !== undefined) book.throttled += 1;
  actionWindow.push(now);
  book.counted.push(now);
  return over;
}

/** Arrivals that the given one shares its second with. */
function recent(window: Window, now: number): number {
  const first = window.findIndex((at) => at > now - secondMs);
  window.splice(0, first < 0 ? window.length : first);
  return window.length;
}

/** The other tool's calls since the last look; only those of the last second can still matter. */
function countOthers(book: ArrivalBook, limits: Limits, now: number): void {
  if (limits.othersPerSecond <= 0) {
    book.othersCountedTo = now;
    return;
  }
  const gapMs = secondMs / limits.othersPerSecond;
  let next = Math.max(book.othersCountedTo + gapMs, now - secondMs);
  for (; next <= now; next += gapMs) {
    book.counted.push(next);
    book.othersCountedTo = next;
  }
}
