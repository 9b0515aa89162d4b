/**
 * What several keys say together: one name twice, a secret given twice or by halves, a first wait longer than
 * the longest. Runs on what was written, whether or not the rest of it is right, so that all mistakes are told
 * at once.
 */
import { globMatches } from '../domain/words/policy.ts';
import type { Path } from './document.ts';
import { type Finding, valueAt } from './issues.ts';
import { nearest } from './nearest.ts';
import { comesEveryYear, cronSchedule } from './schedule.ts';
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
import { cronExample, noPostgres, readCron, readTimeOfDay, readTimezone } from './values.ts';

const rateLimitSchema = accountSchema.pick({ provider: true, like: true, rateLimit: true }).strip();

type Rule = (root: unknown) => readonly Finding[];

/** All rules over the plain values of the file; values of the wrong type are the schema's business. */
export const checkTogether: Rule = (root) =>
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
    storeIsHere,
  ].flatMap((rule) => rule(root));

/** No list of the schema may be longer; what is beyond is told by that. */
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

const namesAreUnique: Rule = (root) =>
  [['accounts'], ['groups'], ['server', 'tokens']].flatMap((list) => {
    const seen = new Set<string>();
    return listAt(root, list).flatMap(([entry, path]): readonly Finding[] => {
      const name = textAt(entry, 'name');
      if (name === undefined || !seen.has(name)) {
        if (name !== undefined) seen.add(name);
        return [];
      }
      return [
        { path: [...path, 'name'], at: 'value', wrong: 'another entry has this name already: names must differ' },
      ];
    });
  });

/** Every place where a secret `x` may stand, or its `xFile`. */
export function secretPlaces(root: unknown): readonly { readonly path: Path; readonly name: string }[] {
  const of = (path: Path, ...names: readonly string[]) => names.map((name) => ({ path, name }));
  return [
    ...listAt(root, ['server', 'tokens']).flatMap(([, path]) => of(path, 'token')),
    ...listAt(root, ['accounts']).flatMap(([, path]) => [
      ...of([...path, 'credentials'], 'accessKeyId', 'secretAccessKey', 'sessionToken'),
      ...of(path, 'hookToken', 'proxy'),
    ]),
  ];
}

const secretsAreGivenOnce: Rule = (root) =>
  secretPlaces(root).flatMap(({ path, name }): readonly Finding[] => {
    const holder = valueAt(root, path);
    const given = has(holder, name);
    const inFile = has(holder, `${name}File`);
    const wrong = `is given twice: keep \`${name}\` or \`${name}File\``;
    if (given && inFile) return [{ path: [...path, `${name}File`], at: 'key', wrong }];
    if (given || inFile || name !== 'token' || typeof holder !== 'object') return [];
    return [{ path: [...path, name], at: 'key', wrong: '`token` is missing: give it, or `tokenFile`' }];
  });

const credentialsAreWhole: Rule = (root) =>
  listAt(root, ['accounts']).flatMap(([account, path]): readonly Finding[] => {
    const credentials = valueAt(account, ['credentials']);
    const here = [...path, 'credentials'];
    const [id, secret, session] = ['accessKeyId', 'secretAccessKey', 'sessionToken'].map(
      (name) => has(credentials, name) || has(credentials, `${name}File`),
    );
    if (has(credentials, 'from')) {
      const wrong = 'says where the keys come from, and a key stands beside it: keep one of them';
      return id || secret || session ? [{ path: [...here, 'from'], at: 'key', wrong }] : [];
    }
    const lacks = (name: string, beside: string): readonly Finding[] => [
      {
        path: [...here, name],
        at: 'key',
        wrong: `\`${name}\` is missing beside \`${beside}\`: give it, or \`${name}File\``,
      },
    ];
    if (id && !secret) return lacks('secretAccessKey', 'accessKeyId');
    if (!id && (secret || session)) return lacks('accessKeyId', secret ? 'secretAccessKey' : 'sessionToken');
    return [];
  });

/** An action's limit above the account's could never be reached. */
const limitsFit: Rule = (root) =>
  listAt(root, ['accounts']).flatMap(([account, path]): readonly Finding[] => {
    const read = rateLimitSchema.safeParse(account);
    if (!read.success) return [];
    const { perSecond, restart, list } = resolveRateLimit(read.data);
    return Object.entries({ restart, list }).flatMap(([key, own]): readonly Finding[] => {
      const wrong = `is more than \`perSecond\` (${perSecond}), which counts every call: write at most that, or raise \`perSecond\``;
      return own > perSecond ? [{ path: [...path, 'rateLimit', key], at: 'value', wrong }] : [];
    });
  });

const onlyTheSimulatorIsLike: Rule = (root) =>
  listAt(root, ['accounts']).flatMap(([account, path]): readonly Finding[] => {
    const wrong = 'is for `provider: simulator` only: remove it, or write that provider';
    const misplaced = has(account, 'like') && valueAt(account, ['provider']) !== 'simulator';
    return misplaced ? [{ path: [...path, 'like'], at: 'key', wrong }] : [];
  });

const matchesCanMatch: Rule = (root) => {
  const names = listAt(root, ['accounts']).flatMap(([account]) => textAt(account, 'name') ?? []);
  return listAt(root, ['groups']).flatMap(([group, path]): readonly Finding[] => {
    const empty = ['account', 'cloudGroup', 'title', 'type'].flatMap((field): readonly Finding[] => {
      const value = valueAt(group, ['match', field]);
      const wrong = 'an empty list matches nothing: remove the key to match everything';
      return Array.isArray(value) && value.length === 0
        ? [{ path: [...path, 'match', field], at: 'value', wrong }]
        : [];
    });
    const written = valueAt(group, ['match', 'account']);
    const asked = Array.isArray(written)
      ? written.map((glob, i) => [glob, i] as const)
      : [[written, undefined] as const];
    const unknown = asked.slice(0, mostLookedAt).flatMap(([glob, index]): readonly Finding[] => {
      if (typeof glob !== 'string' || names.length === 0 || names.some((name) => globMatches(glob, name))) return [];
      const meant = nearest(glob, names);
      const wrong = `there is no such account${meant === undefined ? `: the accounts are ${names.join(', ')}` : `: did you mean \`${meant}\`?`}`;
      return [{ path: [...path, 'match', 'account', ...(index === undefined ? [] : [index])], at: 'value', wrong }];
    });
    return [...empty, ...unknown];
  });
};

/** Metrics have every pair from the start, so their number is bounded, and not only that of groups and accounts. */
const pairsAreFew: Rule = (root) => {
  const names = listAt(root, ['accounts']).flatMap(([account]) => textAt(account, 'name') ?? []);
  let pairs = 0;
  for (const [group] of listAt(root, ['groups'])) {
    const written = valueAt(group, ['match', 'account']);
    const globs = Array.isArray(written) ? written.filter((glob) => typeof glob === 'string') : [written ?? '*'];
    pairs += names.filter((name) => globs.some((glob) => typeof glob === 'string' && globMatches(glob, name))).length;
  }
  if (pairs <= maxPairs) return [];
  const wrong = `makes ${pairs} pairs of account and group, more than ${maxPairs}: say in \`match.account\` which accounts a group is for, or run several daemons`;
  return [{ path: ['groups'], at: 'key', wrong }];
};

/** Pairs of times of which the first may not be longer, in the words of the file. */
const policiesFit: Rule = (root) => {
  const readDefaults = policySchema.safeParse(valueAt(root, ['defaults']) ?? {});
  const defaults: WrittenPolicy = readDefaults.data ?? {};
  const ofDefaults = policyFits(defaults, {}, ['defaults']);
  const told = new Set(ofDefaults.map(({ wrong }) => wrong));
  const ofGroups = listAt(root, ['groups']).flatMap(([group, path]) => {
    const read = groupSchema.safeParse(group);
    return read.success ? policyFits(read.data, defaults, path).filter(({ wrong }) => !told.has(wrong)) : [];
  });
  return [...ofDefaults, ...ofGroups];
};

function policyFits(written: WrittenPolicy, defaults: WrittenPolicy, path: Path): readonly Finding[] {
  const { backoff, quarantine } = resolvePolicy(written, defaults);
  const found: Finding[] = [];
  if (backoff.initialMs > backoff.maxMs) {
    const key = written.backoff?.initial === undefined ? 'max' : 'initial';
    const wrong = 'the first wait (`backoff.initial`) is longer than the longest (`backoff.max`) (counting `defaults`)';
    found.push({ path: [...path, 'backoff', key], at: 'value', wrong });
  }
  if (quarantine.retryEveryMs > quarantine.abandonAfterMs) {
    const key = written.quarantine?.retryEvery === undefined ? 'abandonAfter' : 'retryEvery';
    const wrong =
      'a task would be abandoned (`abandonAfter`) before it is tried again (`retryEvery`) (counting `defaults`)';
    found.push({ path: [...path, 'quarantine', key], at: 'value', wrong });
  }
  return found;
}

const hoursHaveLength: Rule = (root) => {
  const holders: readonly Path[] = [['defaults'], ...listAt(root, ['groups']).map(([, path]) => path)];
  return holders.flatMap((holder) =>
    listAt(root, [...holder, 'hours']).flatMap(([entry, path]): readonly Finding[] => {
      const from = readTimeOfDay(textAt(entry, 'from') ?? '00:00');
      const to = readTimeOfDay(textAt(entry, 'to') ?? '24:00');
      if (!from.ok || !to.ok) return [];
      if (from.value === 1440) return [{ path: [...path, 'from'], at: 'value', wrong: 'a day begins at "00:00"' }];
      const wrong = 'these hours begin and end at the same time: for the whole day leave `from` and `to` out';
      return from.value === to.value ? [{ path: [...path, has(entry, 'to') ? 'to' : 'from'], at: 'value', wrong }] : [];
    }),
  );
};

/** In its own time zone: an hour that the clocks skip there never comes. */
const schedulesCome: Rule = (root) =>
  listAt(root, ['accounts']).flatMap(([account, path]): readonly Finding[] => {
    const schedule = textAt(valueAt(account, ['poll']), 'schedule');
    const timezone = textAt(valueAt(account, ['poll']), 'timezone') ?? 'UTC';
    if (schedule === undefined || !readCron(schedule).ok || !readTimezone(timezone).ok) return [];
    if (comesEveryYear(cronSchedule(schedule, timezone))) return [];
    const wrong = `does not come at least once a year: write a cron expression with seconds, ${cronExample}`;
    return [{ path: [...path, 'poll', 'schedule'], at: 'value', wrong }];
  });

const storeIsHere: Rule = (root) => {
  const store = valueAt(root, ['store']);
  return typeof store === 'object' && !Array.isArray(store) ? [{ path: ['store'], at: 'key', wrong: noPostgres }] : [];
};
