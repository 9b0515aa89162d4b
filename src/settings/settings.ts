/**
 * The settings as the program uses them: every key resolved, every time in milliseconds, every policy complete.
 * Here is the way from what was written to what is meant; the file's own words are in schema.ts.
 */
import { timeOf } from '../domain/memory/holds.ts';
import type { RateLimit } from '../domain/ports/gate-port.ts';
import type { Schedule } from '../domain/ports/time-port.ts';
import { durationMs } from '../domain/words/duration.ts';
import {
  anyMatches,
  type Maintenance,
  type Match,
  type Policies,
  type Policy,
  type StormLimits,
} from '../domain/words/policy.ts';
import { builtInPolicy, policyDurations } from './built-in.ts';
import { type Origins, originsOf } from './origins.ts';
import { wallSchedule } from './schedule.ts';
import type { Written, WrittenAccount, WrittenGroup, WrittenPolicy } from './schema.ts';
import { week } from './values.ts';

/**
 * A key, token or password. The value is behind a function, so that nothing that prints settings (JSON, the
 * log, an assertion) can print it. A file is read by whoever uses the secret, again when it changes.
 */
export type Secret =
  | { readonly kind: 'value'; readonly reveal: () => string }
  | { readonly kind: 'file'; readonly path: string };

export type Credentials =
  | {
      readonly kind: 'keys';
      readonly accessKeyId: Secret;
      readonly secretAccessKey: Secret;
      readonly sessionToken: Secret | undefined;
    }
  | { readonly kind: 'env' | 'oidc' | 'ecsRole' }
  /** Nothing was said: env, then oidc, then ecsRole. */
  | { readonly kind: 'chain' }
  /** The pretend cloud asks for none. */
  | { readonly kind: 'none' };

/** An account as it is written, with its times, limits and secrets resolved. */
export interface AccountSettings
  extends Pick<WrittenAccount, 'name' | 'provider' | 'endpoint' | 'region' | 'subAccount' | 'restartAction'> {
  /** Whose addresses, limits and keys these are: the provider, or the one that the simulator is like. */
  readonly vendor: 'volcengine' | 'byteplus';
  /** An http(s) address, a user or token in it, or `none`. Undefined: as the environment says. */
  readonly proxy: Secret | undefined;
  readonly credentials: Credentials;
  readonly poll: Omit<WrittenAccount['poll'], 'verifyEvery'> & { readonly verifyEveryMs: number };
  readonly requestTimeoutMs: number;
  readonly rateLimit: Required<RateLimit>;
  readonly storm: StormLimits | false;
  /** Undefined: the account's hook is closed. */
  readonly hookToken: Secret | undefined;
}

export type StoreSettings =
  /** `kind`: the engine. */
  | { readonly kind: string; readonly path: string }
  | {
      readonly kind: 'postgres';
      /** Without the password. */
      readonly url: string;
      readonly password: Secret | undefined;
      readonly caFile: string | undefined;
    };

export interface Settings extends Pick<Written, 'log' | 'metrics'> {
  readonly server: Omit<Written['server'], 'tokens'> & {
    /** Each scope may do what the ones before it may. */
    readonly tokens: readonly {
      readonly name: string;
      readonly scope: 'read' | 'operate' | 'admin';
      readonly token: Secret;
    }[];
  };
  readonly store: StoreSettings;
  readonly accounts: readonly AccountSettings[];
  /** In file order: the first that matches a task has it. */
  readonly groups: readonly Policy[];
  /** By group. */
  readonly policyOrigins: Readonly<Record<string, Origins>>;
  readonly maintenance: readonly MaintenanceSettings[];
}

/** A recurring hold as the file has it. */
interface MaintenanceSettings extends Omit<Maintenance, 'when'> {
  /** Cron with seconds (or without: second 0), by the clock on the wall of the zone. */
  readonly schedule: string;
  readonly timezone: string;
}

/** Every key has a value here: one without does not compile. It is as the schema would read it, which the daemon does without: with YAML and the rules it takes 6 MiB. */
const builtIn = inMs(builtInPolicy satisfies Readonly<Record<keyof WrittenPolicy, unknown>>) as Whole<WrittenPolicy>;

function inMs(value: unknown): unknown {
  if (typeof value === 'string') return durationMs(value) ?? value;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, inMs(inner)]));
}

/** What was written, checked by schema and rules, to what is meant. */
export function resolve(written: Written): Settings {
  const { log, metrics, server, store, accounts, groups, defaults, maintenance } = written;
  const tokens = server.tokens.map(({ name, scope, token, tokenFile }) => ({
    name,
    scope,
    token: must(secret(token, tokenFile)),
  }));
  return {
    log,
    server: { ...server, tokens },
    store: resolveStore(store),
    metrics,
    accounts: accounts.map(resolveAccount),
    groups: groups.map((group) => resolveGroup(group, defaults)),
    policyOrigins: Object.fromEntries(
      groups.map((group) => [group.name, originsOf(resolveGroup(group, defaults), group, defaults)]),
    ),
    maintenance: maintenance.map(({ for: forMs, match, ...entry }, index) => ({
      ...entry,
      // By its place: the file gives it no name.
      id: `maintenance-${index + 1}`,
      forMs,
      match: resolveMatch(match),
    })),
  };
}

function resolveStore(written: Written['store']): StoreSettings {
  if ('path' in written) return written;
  const address = 'kind' in written ? written : written.url;
  const beside = 'kind' in written ? undefined : written;
  const password = secret(beside?.password ?? address.password, beside?.passwordFile);
  return { kind: 'postgres', url: address.url, password, caFile: beside?.caFile };
}

/** Calls a second that a vendor takes of each action; of lists both take 15, which leaves room for others. */
export const vendorLimits = {
  volcengine: { restart: 10, list: 10 },
  byteplus: { restart: 1, list: 10 },
} as const satisfies Record<AccountSettings['vendor'], Pick<RateLimit, 'restart' | 'list'>>;

type Limited = Pick<WrittenAccount, 'provider' | 'like' | 'rateLimit'>;

/** The defaults are never more than the account's own limit. */
export function resolveRateLimit({ provider, like, rateLimit }: Limited): Required<RateLimit> {
  const byDefault = vendorLimits[vendorOf({ provider, like })];
  const { perSecond, spacing } = rateLimit;
  const { restart = Math.min(byDefault.restart, perSecond), list = Math.min(byDefault.list, perSecond) } = rateLimit;
  return { perSecond, restart, list, spacing };
}

const vendorOf = ({ provider, like }: Pick<Limited, 'provider' | 'like'>) =>
  provider === 'simulator' ? like : provider;

function resolveAccount(written: WrittenAccount): AccountSettings {
  const { verifyEvery: verifyEveryMs, ...poll } = written.poll;
  return {
    name: written.name,
    provider: written.provider,
    vendor: vendorOf(written),
    endpoint: written.endpoint,
    region: written.region,
    proxy: secret(written.proxy, written.proxyFile),
    credentials: resolveCredentials(written),
    subAccount: written.subAccount,
    poll: { ...poll, verifyEveryMs },
    requestTimeoutMs: written.requestTimeout,
    rateLimit: resolveRateLimit(written),
    restartAction: written.restartAction,
    storm: over(builtIn.storm, written.storm),
    hookToken: secret(written.hookToken, written.hookTokenFile),
  };
}

function resolveCredentials({ provider, credentials }: WrittenAccount): Credentials {
  if (provider === 'simulator') return { kind: 'none' };
  const accessKeyId = secret(credentials?.accessKeyId, credentials?.accessKeyIdFile);
  const secretAccessKey = secret(credentials?.secretAccessKey, credentials?.secretAccessKeyFile);
  if (accessKeyId && secretAccessKey) {
    const sessionToken = secret(credentials?.sessionToken, credentials?.sessionTokenFile);
    return { kind: 'keys', accessKeyId, secretAccessKey, sessionToken };
  }
  return { kind: credentials?.from ?? 'chain' };
}

function secret(value: string | undefined, path: string | undefined): Secret | undefined {
  if (value !== undefined) return { kind: 'value', reveal: () => value };
  return path === undefined ? undefined : { kind: 'file', path };
}

type Policied = Omit<Policy, 'name' | 'match'>;

/** The policy in force where `group` lies over `defaults` and both over what is built in, key by key. */
export function resolvePolicy(group: WrittenPolicy, defaults: WrittenPolicy = {}): Policied {
  const { hours, ...asWritten } = { ...builtIn, ...defaults, ...group };
  const backoff = { ...builtIn.backoff, ...defaults.backoff, ...group.backoff };
  const quarantine = { ...builtIn.quarantine, ...defaults.quarantine, ...group.quarantine };
  const endWarning = over(over(builtIn.endWarning, defaults.endWarning), group.endWarning, builtIn.endWarning);
  const budget = over(over(builtIn.budget, defaults.budget), group.budget, builtIn.budget);
  return {
    ...durationsInMs(asWritten),
    backoff: {
      initialMs: must(backoff.initial),
      factor: must(backoff.factor),
      maxMs: must(backoff.max),
      jitterPercent: must(backoff.jitter),
      resetAfterMs: must(backoff.resetAfter),
    },
    quarantine: { retryEveryMs: must(quarantine.retryEvery), abandonAfterMs: must(quarantine.abandonAfter) },
    budget: budget && { restarts: budget.restarts, perTask: budget.perTask, perMs: budget.per },
    storm: over(over(builtIn.storm, defaults.storm), group.storm, builtIn.storm),
    endWarning: endWarning && { beforeMs: endWarning.before, unlessSuccessor: endWarning.unlessSuccessor },
    hours: hours.map((entry) => ({
      days: [...new Set((entry.days ?? [week]).flat())],
      fromMinute: entry.from ?? 0,
      toMinute: entry.to ?? 1440,
      timezone: entry.timezone,
    })),
  };
}

type DurationKey = (typeof policyDurations)[number];
type DurationsInMs<T> = { readonly [K in keyof T as K extends DurationKey ? `${K}Ms` : K]: T[K] };

function durationsInMs<T extends object>(policy: T): DurationsInMs<T> {
  const isDuration = (key: string) => policyDurations.some((duration) => duration === key);
  const named = Object.entries(policy).map(([key, value]) => [isDuration(key) ? `${key}Ms` : key, value]);
  return Object.fromEntries(named) as DurationsInMs<T>;
}

type Whole<T> = { readonly [K in keyof T]-?: Exclude<T[K], undefined> };

/** `upper` over `lower`, key by key; `false` turns it off, a mapping turns it on again over `base`. */
function over<T extends object>(
  lower: T | false | undefined,
  upper: T | false | undefined,
  base: T | false | undefined = lower,
): Whole<T> | false {
  if (upper === undefined) return lower ? (lower as Whole<T>) : false;
  return upper && ({ ...base, ...lower, ...upper } as Whole<T>);
}

function resolveGroup(written: WrittenGroup, defaults: WrittenPolicy | undefined): Policy {
  const { name, match, ...policy } = written;
  return { name, match: resolveMatch(match ?? { cloudGroup: [name] }), ...resolvePolicy(policy, defaults) };
}

const resolveMatch = ({ account, cloudGroup, title, type, exclude }: NonNullable<WrittenGroup['match']>): Match => ({
  account: account ?? ['*'],
  cloudGroup: cloudGroup ?? ['*'],
  title: title ?? ['*'],
  type: type ?? ['live', 'vod'],
  exclude: { title: exclude?.title ?? [], taskId: exclude?.taskId ?? [] },
});

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a key without a built-in value was asked for after the check');
  return value;
}

/** What configuration decides for one account: its own storm, and the groups that can have its tasks, in file order. */
export function policies(settings: Settings, account: string): Policies {
  const own = settings.accounts.find(({ name }) => name === account);
  if (!own) throw new Error(`no account ${account} in the settings`);
  const isFor = ({ match }: { readonly match: Match }) => anyMatches(match.account, account);
  return {
    account,
    storm: own.storm,
    groups: settings.groups.filter(isFor),
    maintenance: settings.maintenance.filter(isFor).map((entry) => ({ ...entry, when: whenOf(entry) })),
  };
}

/** Each recurring hold with its present or next time. */
export const maintenanceAt = ({ maintenance }: Settings, at: number) =>
  maintenance.flatMap((entry) => {
    const time = timeOf({ ...entry, when: whenOf(entry) }, at);
    return time ? [{ id: entry.id, reason: entry.reason, ...time }] : [];
  });

const schedules = new WeakMap<MaintenanceSettings, Schedule>();

/** Made once for an entry: whoever asks again has it at hand. */
function whenOf(entry: MaintenanceSettings): Schedule {
  let when = schedules.get(entry);
  if (!when) {
    when = wallSchedule(entry.schedule, entry.timezone);
    schedules.set(entry, when);
  }
  return when;
}

const isSecret = (value: unknown): value is Secret =>
  typeof value === 'object' && value !== null && ('reveal' in value || ('kind' in value && value.kind === 'file'));

/** Wherever they stand: one under a new key is among them. */
export const secretsIn = (value: unknown): readonly Secret[] => {
  if (isSecret(value)) return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(secretsIn) : [];
};

/** The settings as plain JSON for people: secrets show where they come from, never what they are. */
export function withoutSecrets(settings: Settings): unknown {
  const shown = (_key: string, value: unknown) => {
    if (!isSecret(value)) return value;
    return value.kind === 'file' ? `(file ${value.path})` : '(set)';
  };
  return JSON.parse(JSON.stringify(settings, shown));
}
