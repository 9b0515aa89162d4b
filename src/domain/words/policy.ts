/** What the operator wants for a group of tasks, and which group a task belongs to. */
import { asWritten, type TaskItem, type TaskType } from './task.ts';

/** The most that `attempts` may be: a task keeps the times of as many failures in a row. */
export const mostAttempts = 100;

export interface Policy {
  /** The group's name: the label `group` everywhere. */
  readonly name: string;
  readonly match: Match;
  readonly mode: 'heal' | 'observe';
  readonly firstSight: 'restart' | 'observe';
  /** Complete observations that must agree before the first restart of an outage. */
  readonly confirm: number;
  readonly backoff: {
    readonly initialMs: number;
    readonly factor: number;
    readonly maxMs: number;
    readonly jitterPercent: number;
    readonly resetAfterMs: number;
  };
  /** Failed attempts in a row that lead to quarantine. */
  readonly attempts: number;
  readonly quarantine: { readonly retryEveryMs: number; readonly abandonAfterMs: number };
  readonly budget: Budget | false;
  readonly storm: StormLimits | false;
  readonly verifyWithinMs: number;
  readonly startLeadMs: number;
  readonly endGuardMs: number;
  /** Warned of so long before a task's EndTime; `unlessSuccessor`: unless a later one has the same destination. */
  readonly endWarning: { readonly beforeMs: number; readonly unlessSuccessor: boolean } | false;
  /** When tasks should run; empty: always. */
  readonly hours: readonly Hours[];
}

/** As the file has it: times with their unit. */
type AsWritten<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]: K extends `${string}Ms` ? `${number}${'s' | 'm' | 'h'}` : AsWritten<T[K]> }
    : T;

/** What a group has of which nothing else is said. */
export const builtInPolicy = {
  mode: 'heal',
  firstSight: 'restart',
  confirm: 1,
  backoff: { initialMs: '15s', factor: 2, maxMs: '5m', jitterPercent: 25, resetAfterMs: '10m' },
  attempts: 8,
  quarantine: { retryEveryMs: '10m', abandonAfterMs: '72h' },
  budget: { restarts: 20, perTask: 12, perMs: '1h' },
  storm: { percent: 40, atLeast: 5 },
  verifyWithinMs: '60s',
  startLeadMs: '60s',
  endGuardMs: '60s',
  endWarning: { beforeMs: '6h', unlessSuccessor: true },
  hours: [],
} as const satisfies AsWritten<Omit<Policy, 'name' | 'match'>>;

/** A key of it as the file has it: without the unit that the program has behind the name. */
export type WrittenKey<K> = K extends `${infer Name}${'Ms' | 'Percent'}` ? Name : K;
export const writtenKey = <K extends string>(key: K) => key.replace(/(?:Ms|Percent)$/, '') as WrittenKey<K>;

/** At most max(restarts, perTask × due tasks) failed attempts in any `perMs`. */
export interface Budget {
  readonly restarts: number;
  readonly perTask: number;
  readonly perMs: number;
}

/** How long a failed attempt is of use: no `per` is longer, and an open circuit gives back those of groups without a budget too. */
export const failuresKeptMs = 24 * 3_600_000;

/** A storm is on while at least `atLeast` and at least `percent` of the due tasks are stopped. */
export interface StormLimits {
  readonly percent: number;
  readonly atLeast: number;
}

export type Day = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun';

export interface Hours {
  readonly days: readonly Day[];
  /** Minutes after midnight in `timezone`; `toMinute` below `fromMinute` ends the next day; 1440 is midnight. */
  readonly fromMinute: number;
  readonly toMinute: number;
  /** IANA name. */
  readonly timezone: string;
}

/** All that are given must hold; in a list, one is enough. `*` and `?` are wildcards; case counts. */
export interface Match {
  readonly account: readonly string[];
  readonly cloudGroup: readonly string[];
  readonly title: readonly string[];
  readonly type: readonly TaskType[];
  readonly exclude: { readonly title: readonly string[]; readonly taskId: readonly string[] };
}

/** Everything that is decided by configuration for one account. */
export interface Policies {
  readonly account: string;
  readonly storm: StormLimits | false;
  /** In file order, which is also priority among equal attempts. */
  readonly groups: readonly Policy[];
  /** Recurring holds that can concern the account. */
  readonly maintenance?: readonly Maintenance[];
}

/** A hold that comes again by a schedule. */
export interface Maintenance {
  readonly id: string;
  /** When it begins: the first time after a moment, and the last at or before it, Unix milliseconds. */
  readonly when: { next(at: number): number; previous(at: number): number };
  readonly forMs: number;
  readonly match: Match;
  readonly reason: string;
}

/** Globs whose matchers are kept; a configuration has some hundred. */
const mostRemembered = 10_000;
const matchers = new Map<string, (text: string) => boolean>();

/** Whether `text` fits the glob: `*` is any run of characters, `?` any one character. Linear in practice. */
export function globMatches(glob: string, text: string): boolean {
  let fits = matchers.get(glob);
  if (!fits) {
    if (matchers.size >= mostRemembered) matchers.clear();
    fits = matcherOf(glob);
    matchers.set(glob, fits);
  }
  return fits(text);
}

/**
 * Most globs are one text with stars around it or none, and the engine finds that several times as fast: a hold of titles
 * is tried on 100,000 of them at each poll.
 */
function matcherOf(glob: string): (text: string) => boolean {
  const [, before, part = '', after] = /^(\*?)([^*?\p{Cs}]+)(\*?)$/u.exec(glob) ?? [];
  if (part === '') return (text) => walkMatches(glob, text);
  if (before) return after ? (text) => text.includes(part) : (text) => text.endsWith(part);
  return after ? (text) => text.startsWith(part) : (text) => text === part;
}

function walkMatches(glob: string, text: string): boolean {
  let g = 0;
  let t = 0;
  let starAt = -1;
  let resumeAt = 0;
  while (t < text.length) {
    const wanted = glob[g];
    if (wanted === '*') {
      starAt = g++;
      resumeAt = t;
    } else if (wanted === '?') {
      g++;
      t += unitsAt(text, t);
    } else if (wanted !== undefined && wanted === text[t]) {
      g++;
      t++;
    } else if (starAt >= 0) {
      g = starAt + 1;
      resumeAt += unitsAt(text, resumeAt);
      t = resumeAt;
    } else {
      return false;
    }
  }
  while (glob[g] === '*') g++;
  return g === glob.length;
}

/** How many units of the string the character there takes: rare Chinese characters take two. */
const unitsAt = (text: string, at: number): number => ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);

/** Whether it can stand for several texts; else it is the only one that it fits. */
export const isGlob = (text: string): boolean => /[*?]/.test(text);
const isMatch = (glob: string, text: string): boolean => glob === '*' || globMatches(glob, text);
export const anyMatches = (globs: readonly string[], text: string): boolean =>
  globs.some((glob) => isMatch(glob, text));

/** Cloud groups remembered; more than an account has, so that names nobody configured cannot pile up. */
const mostCloudGroups = 10_000;
const byCloudGroup = new WeakMap<Policies, Map<string, readonly Policy[]>>();

/** The entries that a cloud group's tasks can belong to, in file order: looked for once, not for each of its tasks. */
function entriesFor(policies: Policies, cloudGroup: string): readonly Policy[] {
  let known = byCloudGroup.get(policies);
  if (!known) {
    known = new Map();
    byCloudGroup.set(policies, known);
  }
  let entries = known.get(cloudGroup);
  if (!entries) {
    entries = policies.groups.filter(
      ({ match }) => anyMatches(match.account, policies.account) && anyMatches(match.cloudGroup, cloudGroup),
    );
    if (known.size >= mostCloudGroups) known.clear();
    known.set(cloudGroup, entries);
  }
  return entries;
}

type Matched = Pick<TaskItem, 'taskId' | 'title' | 'cloudGroup' | 'type'>;

type Fit = 'fits' | 'no' | { readonly excludedBy: 'title' | 'taskId'; readonly glob: string };

/** Whether a `match` has a task of its account. The exclusion comes with the glob or id that is the cause. */
export const fits = (match: Match, task: Matched): Fit =>
  anyMatches(match.cloudGroup, task.cloudGroup) ? fitsInGroup(match, task) : 'no';

/** Of a task in one of its cloud groups. */
function fitsInGroup({ title, type, exclude }: Match, task: Matched): Fit {
  if (!type.includes(task.type) || !anyMatches(title, task.title)) return 'no';
  if (exclude.taskId.includes(task.taskId)) return { excludedBy: 'taskId', glob: task.taskId };
  const glob = exclude.title.find((one) => isMatch(one, task.title));
  return glob === undefined ? 'fits' : { excludedBy: 'title', glob };
}

/** The entry of `groups:` that has a task, or that keeps it out; undefined: none matches it. */
export interface Entry {
  readonly policy: Policy;
  readonly excluded: Exclude<Fit, string> | undefined;
}

/** The first entry in file order that matches. A task that it excludes is unmanaged; later entries do not get it. */
export function entryOf(policies: Policies, task: Matched & Pick<TaskItem, 'asWritten'>): Entry | undefined {
  const { title, cloudGroup } = asWritten(task);
  const matched = { taskId: task.taskId, type: task.type, title, cloudGroup };
  for (const policy of entriesFor(policies, cloudGroup)) {
    const fit = fitsInGroup(policy.match, matched);
    if (fit !== 'no') return { policy, excluded: fit === 'fits' ? undefined : fit };
  }
  return undefined;
}

export function groupOf(policies: Policies, task: Parameters<typeof entryOf>[1]): Policy | undefined {
  const entry = entryOf(policies, task);
  return entry?.excluded ? undefined : entry?.policy;
}
