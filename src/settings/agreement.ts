/**
 * Checks that concern several keys: one name twice, a secret given twice or only half, a first wait longer than the
 * longest. Runs on what was written, whether or not the rest of it is right, so that all mistakes are reported at
 * once.
 */
import { durationMs } from '../domain/words/duration.ts';
import { isMapping } from '../domain/words/mapping.ts';
import { globMatches } from '../domain/words/policy.ts';
import type { Path } from './document.ts';
import { type Finding, valueAt } from './issues.ts';
import { keysAt } from './json-schema.ts';
import { nearest } from './nearest.ts';
import { comesEveryYear, cronSchedule, sampleTicks } from './schedule.ts';
import {
  accountSchema,
  groupSchema,
  maxAccounts,
  maxGroups,
  maxPairs,
  maxTokens,
  policySchema,
  type WrittenPolicy,
} from './schema.ts';
import { resolvePolicy, resolveRateLimit } from './settings.ts';
import { cronExample, readCron, readTimeOfDay, readTimezone } from './values.ts';

const rateLimitSchema = accountSchema.pick({ provider: true, like: true, rateLimit: true }).strip();

type Rule = (root: unknown) => Iterable<Finding>;

/** All rules over the plain values of the file; values of the wrong type are the schema's business. */
export const checkTogether = (root: unknown): readonly Finding[] =>
  [
    namesAreUnique,
    secretsAreGivenOnce,
    credentialsAreWhole,
    limitsFit,
    onlyTheSimulatorIsLike,
    matchesCanMatch,
    pairsAreFew,
    policiesFit,
    hoursHaveLength,
    schedulesCome,
    maintenanceComesAndEnds,
    callsFitTheLease,
  ].flatMap((rule: Rule) => [...rule(root)]);

/** No list of the schema may be longer; the schema reports one that is. */
const mostLookedAt = Math.max(maxGroups, maxAccounts, maxTokens);

const listAt = (root: unknown, path: Path): readonly (readonly [unknown, Path])[] => {
  const list = valueAt(root, path);
  return Array.isArray(list)
    ? list.slice(0, mostLookedAt).map((entry, index) => [entry, [...path, index]] as const)
    : [];
};
const has = (value: unknown, key: string) => valueAt(value, [key]) !== undefined;
const textAt = (value: unknown, key: string): string | undefined => {
  const text = valueAt(value, [key]);
  return typeof text === 'string' ? text : undefined;
};
const accountNames = (root: unknown): readonly string[] =>
  listAt(root, ['accounts']).flatMap(([account]) => textAt(account, 'name') ?? []);

function* namesAreUnique(root: unknown): Generator<Finding> {
  for (const list of [['accounts'], ['groups'], ['server', 'tokens']]) {
    const seen = new Set<string>();
    for (const [entry, path] of listAt(root, list)) {
      const name = textAt(entry, 'name');
      if (name === undefined) continue;
      if (seen.has(name))
        yield { path: [...path, 'name'], at: 'value', wrong: 'another entry has this name already: names must differ' };
      seen.add(name);
    }
  }
}

/** Every place where a secret `x` may stand, or its `xFile`: the schema has both keys there. */
export function* secretPlaces(
  value: unknown,
  path: Path = [],
): Generator<{ readonly path: Path; readonly name: string }> {
  if (Array.isArray(value))
    for (const [index, entry] of value.slice(0, mostLookedAt).entries()) yield* secretPlaces(entry, [...path, index]);
  if (!isMapping(value)) return;
  const names = keysAt(path);
  for (const name of names) {
    if (names.includes(`${name}File`)) yield { path, name };
    yield* secretPlaces(value[name], [...path, name]);
  }
}

function* secretsAreGivenOnce(root: unknown): Generator<Finding> {
  for (const { path, name } of secretPlaces(root)) {
    const holder = valueAt(root, path);
    const given = has(holder, name);
    const inFile = has(holder, `${name}File`);
    const wrong = `is given twice: keep \`${name}\` or \`${name}File\``;
    if (given && inFile) yield { path: [...path, `${name}File`], at: 'key', wrong };
    if (!given && !inFile && name === 'token' && typeof holder === 'object')
      yield { path: [...path, name], at: 'key', wrong: '`token` is missing: give it, or `tokenFile`' };
  }
}

function* credentialsAreWhole(root: unknown): Generator<Finding> {
  for (const [account, path] of listAt(root, ['accounts'])) {
    const credentials = valueAt(account, ['credentials']);
    const here = [...path, 'credentials'];
    const [id, secret, session] = ['accessKeyId', 'secretAccessKey', 'sessionToken'].map(
      (name) => has(credentials, name) || has(credentials, `${name}File`),
    );
    const lacks = (name: string, beside: string): Finding => ({
      path: [...here, name],
      at: 'key',
      wrong: `\`${name}\` is missing beside \`${beside}\`: give it, or \`${name}File\``,
    });
    if (has(credentials, 'from')) {
      const wrong = 'says where the keys come from, but a key is given here too: keep one of them';
      if (id || secret || session) yield { path: [...here, 'from'], at: 'key', wrong };
    } else if (id && !secret) yield lacks('secretAccessKey', 'accessKeyId');
    else if (!id && (secret || session)) yield lacks('accessKeyId', secret ? 'secretAccessKey' : 'sessionToken');
  }
}

/** An action's limit above the account's could never be reached. */
function* limitsFit(root: unknown): Generator<Finding> {
  for (const [account, path] of listAt(root, ['accounts'])) {
    const read = rateLimitSchema.safeParse(account);
    if (!read.success) continue;
    const { perSecond, restart, list } = resolveRateLimit(read.data);
    const wrong = `is more than \`perSecond\` (${perSecond}), which counts every call: write at most that, or raise \`perSecond\``;
    for (const [key, own] of Object.entries({ restart, list }))
      if (own > perSecond) yield { path: [...path, 'rateLimit', key], at: 'value', wrong };
  }
}

function* onlyTheSimulatorIsLike(root: unknown): Generator<Finding> {
  const wrong = 'is for `provider: simulator` only: remove it, or write that provider';
  for (const [account, path] of listAt(root, ['accounts']))
    if (has(account, 'like') && valueAt(account, ['provider']) !== 'simulator')
      yield { path: [...path, 'like'], at: 'key', wrong };
}

function* matchesCanMatch(root: unknown): Generator<Finding> {
  const names = accountNames(root);
  for (const [group, path] of [...listAt(root, ['groups']), ...listAt(root, ['maintenance'])]) {
    for (const field of ['account', 'cloudGroup', 'title', 'type']) {
      const value = valueAt(group, ['match', field]);
      const wrong = 'an empty list matches nothing: remove the key to match everything';
      if (Array.isArray(value) && value.length === 0) yield { path: [...path, 'match', field], at: 'value', wrong };
    }
    const written = valueAt(group, ['match', 'account']);
    const asked = Array.isArray(written)
      ? written.map((glob, i) => [glob, i] as const)
      : [[written, undefined] as const];
    for (const [glob, index] of asked.slice(0, mostLookedAt)) {
      if (typeof glob !== 'string' || names.length === 0 || names.some((name) => globMatches(glob, name))) continue;
      const meant = nearest(glob, names);
      const wrong = `there is no such account${meant === undefined ? `: the accounts are ${names.join(', ')}` : `: did you mean \`${meant}\`?`}`;
      yield { path: [...path, 'match', 'account', ...(index === undefined ? [] : [index])], at: 'value', wrong };
    }
  }
}

/** Metrics have every pair from the start, so their number is bounded, and not only that of groups and accounts. */
function* pairsAreFew(root: unknown): Generator<Finding> {
  const names = accountNames(root);
  let pairs = 0;
  for (const [group] of listAt(root, ['groups'])) {
    const globs = [valueAt(group, ['match', 'account']) ?? '*'].flat();
    pairs += names.filter((name) => globs.some((glob) => typeof glob === 'string' && globMatches(glob, name))).length;
  }
  const wrong = `makes ${pairs} pairs of account and group, more than ${maxPairs}: say in \`match.account\` which accounts a group is for, or run several daemons`;
  if (pairs > maxPairs) yield { path: ['groups'], at: 'key', wrong };
}

/** Pairs of times of which the first may not be longer, in the words of the file. */
function* policiesFit(root: unknown): Generator<Finding> {
  const defaults: WrittenPolicy = policySchema.safeParse(valueAt(root, ['defaults']) ?? {}).data ?? {};
  const ofDefaults = [...policyFits(defaults, {}, ['defaults'])];
  yield* ofDefaults;
  const already = new Set(ofDefaults.map(({ wrong }) => wrong));
  for (const [group, path] of listAt(root, ['groups'])) {
    const { data } = groupSchema.safeParse(group);
    if (data) for (const finding of policyFits(data, defaults, path)) if (!already.has(finding.wrong)) yield finding;
  }
}

function* policyFits(written: WrittenPolicy, defaults: WrittenPolicy, path: Path): Generator<Finding> {
  const { backoff, quarantine } = resolvePolicy(written, defaults);
  if (backoff.initialMs > backoff.maxMs) {
    const key = written.backoff?.initial === undefined ? 'max' : 'initial';
    const wrong = 'the first wait (`backoff.initial`) is longer than the longest (`backoff.max`) (counting `defaults`)';
    yield { path: [...path, 'backoff', key], at: 'value', wrong };
  }
  if (quarantine.retryEveryMs > quarantine.abandonAfterMs) {
    const key = written.quarantine?.retryEvery === undefined ? 'abandonAfter' : 'retryEvery';
    const wrong =
      'a task would be abandoned (`abandonAfter`) before it is restarted again (`retryEvery`) (counting `defaults`)';
    yield { path: [...path, 'quarantine', key], at: 'value', wrong };
  }
}

function* hoursHaveLength(root: unknown): Generator<Finding> {
  const holders: readonly Path[] = [['defaults'], ...listAt(root, ['groups']).map(([, path]) => path)];
  for (const [entry, path] of holders.flatMap((holder) => listAt(root, [...holder, 'hours']))) {
    const from = readTimeOfDay(textAt(entry, 'from') ?? '00:00');
    const to = readTimeOfDay(textAt(entry, 'to') ?? '24:00');
    if (!from.ok || !to.ok) continue;
    const wrong = 'these hours begin and end at the same time: for the whole day leave `from` and `to` out';
    if (from.value === 1440) yield { path: [...path, 'from'], at: 'value', wrong: 'a day begins at "00:00"' };
    else if (from.value === to.value) yield { path: [...path, has(entry, 'to') ? 'to' : 'from'], at: 'value', wrong };
  }
}

const comesSeldom = `does not come at least once a year: write a cron expression with seconds, ${cronExample}`;

/** In its own time zone: an hour that the clocks skip there never comes. */
function* schedulesCome(root: unknown): Generator<Finding> {
  for (const [account, path] of listAt(root, ['accounts'])) {
    const schedule = textAt(valueAt(account, ['poll']), 'schedule');
    const timezone = textAt(valueAt(account, ['poll']), 'timezone') ?? 'UTC';
    if (schedule === undefined || !readCron(schedule).ok || !readTimezone(timezone).ok) continue;
    if (!comesEveryYear(cronSchedule(schedule, timezone)))
      yield { path: [...path, 'poll', 'schedule'], at: 'value', wrong: comesSeldom };
  }
}

/** It comes each year, and ends before it comes again: what never ends is no maintenance. */
function* maintenanceComesAndEnds(root: unknown): Generator<Finding> {
  const wrong = 'the next one begins before this one ends: write a shorter time, or a `schedule` that comes less often';
  for (const [entry, path] of listAt(root, ['maintenance'])) {
    const schedule = textAt(entry, 'schedule');
    if (schedule === undefined || !readCron(schedule).ok) continue;
    // By the clock on the wall, which comes to every time.
    const when = cronSchedule(schedule, 'UTC');
    const ticks = sampleTicks(when, ticksCompared);
    const lengthMs = durationMs(textAt(entry, 'for') ?? '') ?? 0;
    if (!comesEveryYear(when)) yield { path: [...path, 'schedule'], at: 'value', wrong: comesSeldom };
    else if (ticks.some((tick, n) => n > 0 && tick - (ticks[n - 1] ?? 0) <= lengthMs))
      yield { path: [...path, 'for'], at: 'value', wrong };
  }
}

/** More than a day of what comes each hour. */
const ticksCompared = 30;

/** A call is sent only with more of the lease left than it may take: 20 s between two renewals, less a margin. */
const longestCallUnderLease = '15s';

function* callsFitTheLease(root: unknown): Generator<Finding> {
  const store = valueAt(root, ['store']);
  const isShared = typeof store === 'object' || (typeof store === 'string' && /^postgres(ql)?:/.test(store));
  if (!isShared) return;
  for (const [account, path] of listAt(root, ['accounts'])) {
    const ms = durationMs(textAt(account, 'requestTimeout') ?? '0s') ?? 0;
    const wrong = `must be at most ${longestCallUnderLease} with a store on PostgreSQL: a call must end before the lease does`;
    if (ms > (durationMs(longestCallUnderLease) ?? 0)) yield { path: [...path, 'requestTimeout'], at: 'value', wrong };
  }
}
