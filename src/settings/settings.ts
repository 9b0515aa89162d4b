/**
 * The settings as the program uses them: every key resolved, every time in milliseconds, every policy complete.
 * Here is the way from what was written to what is meant; the file's own words are in schema.ts.
 */
import { timeOf } from '../domain/memory/holds.ts';
import type { Secret } from '../domain/ports/app-port.ts';
import type { Credentials } from '../domain/ports/cloud-port.ts';
import type { RateLimit } from '../domain/ports/gate-port.ts';
import type { Schedule } from '../domain/ports/time-port.ts';
import { anyMatches, builtInPolicy, type Match, type Policies, type Policy } from '../domain/words/policy.ts';
import { inForce, type Origins, originsOf } from './layers.ts';
import { wallSchedule } from './schedule.ts';
import type { Written, WrittenAccount, WrittenGroup, WrittenPolicy } from './schema.ts';
import { week } from './values.ts';

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

type Unchanging<T> = T extends () => unknown ? T : { readonly [K in keyof T]: Unchanging<T[K]> };
export type Settings = Unchanging<ReturnType<typeof resolve>>;
export type AccountSettings = Unchanging<ReturnType<typeof resolveAccount>>;
type MaintenanceSettings = Settings['maintenance'][number];

/** What was written, checked by schema and rules, to what is meant. */
export function resolve({ log, metrics, server, store, accounts, groups, defaults, maintenance }: Written) {
  const tokens = server.tokens.map(({ name, scope, token, tokenFile }) => ({
    name,
    scope,
    token: must(secret(token, tokenFile)),
  }));
  const origins = groups.map((group): readonly [string, Origins] => [
    group.name,
    originsOf([defaults, { ...group, match: matchOf(group) }], { match: everyTask, ...builtInPolicy }),
  ]);
  return {
    log,
    server: { ...server, tokens },
    store: resolveStore(store),
    metrics,
    accounts: accounts.map(resolveAccount),
    /** In file order: the first that matches a task has it. */
    groups: groups.map((group) => resolveGroup(group, defaults)),
    /** By group. */
    policyOrigins: Object.fromEntries(origins),
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
} as const satisfies Record<WrittenAccount['like'], Pick<RateLimit, 'restart' | 'list'>>;

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

function resolveAccount(written: WrittenAccount) {
  const { verifyEvery: verifyEveryMs, ...poll } = written.poll;
  return {
    name: written.name,
    provider: written.provider,
    /** Whose addresses, limits and keys these are: the provider, or the one that the simulator is like. */
    vendor: vendorOf(written),
    endpoint: written.endpoint,
    region: written.region,
    /** An http(s) address, a user or token in it, or `none`. Undefined: as the environment says. */
    proxy: secret(written.proxy, written.proxyFile),
    credentials: resolveCredentials(written),
    subAccount: written.subAccount,
    poll: { ...poll, verifyEveryMs },
    requestTimeoutMs: written.requestTimeout,
    rateLimit: resolveRateLimit(written),
    restartAction: written.restartAction,
    storm: written.storm !== false && { ...builtInPolicy.storm, ...written.storm },
    /** Undefined: the account's hook is closed. */
    hookToken: secret(written.hookToken, written.hookTokenFile),
  };
}

/** `none`: the pretend cloud asks for none. */
function resolveCredentials({ provider, credentials }: WrittenAccount): Credentials | { readonly kind: 'none' } {
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

/** The policy in force where `group` lies over `defaults` and both over what is built in. */
export function resolvePolicy(group: WrittenPolicy, defaults: WrittenPolicy = {}): Policied {
  const { hours = [] } = { ...defaults, ...group };
  return {
    ...(inForce([defaults, group], builtInPolicy) as Policied),
    hours: hours.map((entry) => ({
      days: [...new Set((entry.days ?? [week]).flat())],
      fromMinute: entry.from ?? 0,
      toMinute: entry.to ?? 1440,
      timezone: entry.timezone,
    })),
  };
}

/** Without `match`, the name says whose tasks they are. */
const matchOf = ({ name, match }: WrittenGroup) => match ?? { cloudGroup: [name] };

const resolveGroup = (written: WrittenGroup, defaults: WrittenPolicy | undefined): Policy => ({
  name: written.name,
  match: resolveMatch(matchOf(written)),
  ...resolvePolicy(written, defaults),
});

const everyTask = {
  account: ['*'],
  cloudGroup: ['*'],
  title: ['*'],
  type: ['live', 'vod'],
  exclude: { title: [], taskId: [] },
} as const satisfies Match;

const resolveMatch = (match: ReturnType<typeof matchOf>): Match => inForce([match], everyTask) as Match;

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
