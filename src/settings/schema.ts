/**
 * The configuration file as its writer sees it: every key, its bounds and its description. The JSON Schema for
 * editors, the check of the file and the nearest-key answers all come from here; what several keys say together
 * is in agreement.ts, what the program gets out of it is in settings.ts.
 */
import { z } from 'zod';
import { builtInPolicy, mostAttempts, type WrittenKey } from '../domain/words/policy.ts';
import {
  duration,
  filled,
  flag,
  key,
  line,
  list,
  matching,
  number,
  orFalse,
  percent,
  required,
  section,
  text,
  whole,
  word,
} from './schema-keys.ts';
import {
  daysPattern,
  readAddress,
  readCron,
  readDatabase,
  readDays,
  readListen,
  readProxy,
  readSocket,
  readStore,
  readTimeOfDay,
  readTimezone,
  timeOfDayPattern,
} from './values.ts';

export const maxGroups = 200;
export const maxAccounts = 200;
/** Of account and group, where `match.account` allows it: each has about 90 series in every scrape. */
export const maxPairs = 1_000;
export const maxTokens = 50;
const maxMaintenance = 50;
const maxPatterns = 1000;
const longestPath = 4096;

const path = () => line(longestPath);
const timezone = () => text(readTimezone);
/** Travels in a header: printable ASCII without spaces, and long enough not to be guessed. */
export const token = () =>
  matching(
    /^[\x21-\x7e]{16,512}$/,
    'must be 16 to 512 printable characters without spaces (`openssl rand -hex 24` makes one)',
  );
/** Travels in a path. */
const hookToken = () =>
  matching(
    /^[A-Za-z0-9_-]{16,512}$/,
    'must be 16 to 512 letters, digits, `-` or `_` (`openssl rand -hex 24` makes one)',
  );
const groupName = () =>
  matching(
    /^(?=\S)[^*?\p{Cc}]{1,64}(?<=\S)$/u,
    'must be 1 to 64 characters, without `*`, `?` or spaces at its ends (wildcards belong in `match.cloudGroup`)',
    '^[^*?]{1,64}$',
  );
const globs = () => list(line(256), maxPatterns);

const stormKeys = (byDefault: { readonly percent: number; readonly atLeast: number }) =>
  orFalse(
    z.strictObject({
      percent: key(
        percent(),
        'A storm is on while at least this share of the due tasks is stopped …',
        byDefault.percent,
      ),
      atLeast: key(whole(1, 100_000), '… and at least this many of them.', byDefault.atLeast),
    }),
  );

const hours = z.strictObject({
  days: key(list(text(readDays, daysPattern), 7), 'Days or ranges of days on which these hours begin.', ['mon-sun']),
  from: key(text(readTimeOfDay, timeOfDayPattern), 'When they begin.', '00:00'),
  to: key(text(readTimeOfDay, timeOfDayPattern), 'When they end; earlier than `from`: on the next day.', '24:00'),
  timezone: required(timezone(), 'IANA timezone of these hours, such as Asia/Shanghai.'),
});

const { backoff, quarantine, budget, endWarning, ...written } = builtInPolicy;
const policyShape = {
  mode: key(word('heal', 'observe'), 'heal restarts; observe does everything but the call.', written.mode),
  firstSight: key(
    word('restart', 'observe'),
    'What to do with tasks that are already stopped when first seen.',
    written.firstSight,
  ),
  confirm: key(whole(1, 100), 'Complete polls that must agree before the first restart.', written.confirm),
  backoff: key(
    z.strictObject({
      initial: key(
        duration('100ms', '24h'),
        'Wait before the second restart; the first is at once.',
        backoff.initialMs,
      ),
      factor: key(number(1, 100), 'Each further wait is this many times the last.', backoff.factor),
      max: key(duration('100ms', '24h'), 'The longest wait.', backoff.maxMs),
      jitter: key(percent(), 'Up to this many percent are added to each wait.', backoff.jitterPercent),
      resetAfter: key(
        duration('1s', '7d'),
        'After this long active, earlier attempts are forgotten.',
        backoff.resetAfterMs,
      ),
    }),
    'How long to wait between restarts of one task.',
  ),
  attempts: key(whole(1, mostAttempts), 'Failed attempts in a row before quarantine.', written.attempts),
  quarantine: key(
    z.strictObject({
      retryEvery: key(duration('1s', '24h'), 'How often a quarantined task is restarted.', quarantine.retryEveryMs),
      abandonAfter: key(
        duration('1s', '30d'),
        'After this long in quarantine, a task is left alone until a person releases it.',
        quarantine.abandonAfterMs,
      ),
    }),
    'What becomes of a task that does not come up.',
  ),
  budget: key(
    orFalse(
      z.strictObject({
        restarts: key(whole(1, 100_000), 'Failed attempts of the group that are normal …', budget.restarts),
        perTask: key(whole(0, 10_000), '… or this many for each due task, if that is more …', budget.perTask),
        per: key(duration('1s', '24h'), '… in any period of this length.', budget.perMs),
      }),
    ),
    'More failed attempts than this count as a storm; false: no budget.',
  ),
  storm: key(
    stormKeys(written.storm),
    'When this many tasks stop at once, restarts go out in small, growing steps; false: off.',
  ),
  verifyWithin: key(
    duration('100ms', '1h'),
    'How long a restarted task may take to be seen running.',
    written.verifyWithinMs,
  ),
  startLead: key(
    duration('0s', '24h'),
    'A stopped task is not touched until its StartTime minus this.',
    written.startLeadMs,
  ),
  endGuard: key(duration('0s', '24h'), 'A task this close to its EndTime is not restarted.', written.endGuardMs),
  endWarning: key(
    orFalse(
      z.strictObject({
        before: key(duration('1m', '30d'), 'How long before its EndTime.', endWarning.beforeMs),
        unlessSuccessor: key(flag(), 'Not if a later task has the same destination.', endWarning.unlessSuccessor),
      }),
    ),
    'Warns of tasks that will end: in `status`, on the page and as an alert; false: off.',
  ),
  hours: key(
    z.array(hours).max(50, { error: 'has more than 50 entries' }),
    'When the tasks should run; empty: always.',
    written.hours,
  ),
} satisfies Record<WrittenKey<keyof typeof builtInPolicy>, z.ZodType>;

export const policySchema = z.strictObject(policyShape);

const match = z.strictObject({
  account: key(globs(), 'Accounts; globs (* and ?) are allowed, in a list one is enough.', ['*']),
  cloudGroup: key(globs(), "The cloud's own groups (分组); globs are allowed.", ['*']),
  title: key(globs(), 'Titles of tasks; globs are allowed.', ['*']),
  type: key(list(word('live', 'vod'), 2), 'Live sources, or video on demand.', ['live', 'vod']),
  exclude: key(
    z.strictObject({
      title: key(globs(), 'Tasks with these titles are left alone; globs are allowed.', []),
      taskId: key(list(line(128), maxPatterns), 'These tasks are left alone.', []),
    }),
    'Tasks that stay unmanaged; later groups do not get them either.',
  ),
});

const maintenance = z.strictObject({
  schedule: required(
    text(readCron),
    'When it begins: cron with seconds, by the clock on the wall there. A time that the clock skips comes as much later, one that it shows twice comes once.',
  ),
  timezone: required(timezone(), 'IANA timezone of the schedule, such as Asia/Shanghai.'),
  for: required(duration('1m', '7d'), 'How long it lasts.'),
  match: required(match, 'Which tasks: all that is given must hold; {} is every task.'),
  reason: required(line(500), 'Why, for whoever is on call.'),
});

export const groupSchema = z.strictObject({
  name: required(groupName(), 'Its name in metrics, logs and holds; without `match` also the cloud group it manages.'),
  match: key(
    match,
    'Which tasks: every condition that is given must hold. The first group that matches a task gets it.',
  ),
  ...policyShape,
});

const credentials = z.strictObject({
  from: key(word('env', 'oidc', 'ecsRole'), 'Where keys come from if none are given here.'),
  accessKeyId: key(line(512), 'Access key; best taken from the environment or a file.'),
  accessKeyIdFile: key(path(), 'File with the access key; read again when it changes.'),
  secretAccessKey: key(line(1024), 'Secret key; best taken from the environment or a file.'),
  secretAccessKeyFile: key(path(), 'File with the secret key.'),
  sessionToken: key(line(8192), 'Session token of a temporary key.'),
  sessionTokenFile: key(path(), 'File with the session token.'),
});

const poll = z.strictObject({
  schedule: filled(text(readCron), 'When to list the tasks: cron with seconds.', '*/5 * * * * *'),
  timezone: filled(timezone(), 'IANA timezone of the schedule.', 'UTC'),
  pageSize: filled(whole(1, 500), 'Tasks asked for in one call; the vendor allows 500.', 500),
  verifyEvery: filled(duration('500ms', '10m'), 'How often restarted tasks are looked at until they run.', '5s'),
  share: filled(
    number(0.05, 1),
    'The share of the limit that polling may use; if the schedule needs more, polls are skipped.',
    0.5,
  ),
});

export const accountSchema = z.strictObject({
  name: required(
    matching(
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
      'must be 1 to 64 letters, digits, `.`, `_` or `-`, beginning with a letter or digit',
    ),
    'Its name in metrics, logs and addresses.',
  ),
  provider: filled(
    word('volcengine', 'byteplus', 'simulator'),
    'Whose cloud; simulator is a built-in pretend cloud for trying out.',
    'volcengine',
  ),
  like: filled(word('volcengine', 'byteplus'), 'Whose limits and region the simulator has.', 'volcengine'),
  endpoint: key(
    text((value) => readAddress(value, 'no-path')),
    "Overrides the provider's address.",
  ),
  region: key(
    matching(/^[a-z0-9-]{1,64}$/, 'must be a region such as `cn-north-1`'),
    "Overrides the provider's region.",
  ),
  proxy: key(
    text(readProxy),
    'The proxy to the cloud, with a user or token if it needs one; `none`: no proxy. Absent: HTTPS_PROXY, HTTP_PROXY, NO_PROXY.',
  ),
  proxyFile: key(path(), "File with the proxy's address."),
  credentials: key(credentials, 'The keys. Absent: environment, then OIDC, then the role of the ECS instance.'),
  subAccount: filled(flag(), "true for a sub-account's key: every call names its cloud group.", false),
  poll: section(poll, 'When and how the tasks are listed.'),
  requestTimeout: filled(duration('1s', '2m'), 'The longest that one call may take.', '10s'),
  rateLimit: section(
    z.strictObject({
      perSecond: filled(whole(1, 100), 'Calls in any second, all actions together.', 10),
      restart: key(whole(1, 100), 'Restarts in any second; absent: what the vendor accepts (10, BytePlus 1).'),
      list: key(whole(1, 100), 'Pages of the task list in any second; absent: 10.'),
      spacing: filled(word('even', 'none'), 'even: also no two calls closer than 1/perSecond.', 'even'),
    }),
    'How fast the API may be called.',
  ),
  restartAction: filled(
    word('auto', 'RestartPullToPushTask', 'ContinuePullToPushTask', 'RelaunchPullToPushTask'),
    'auto: Restart, and Continue once the vendor has retired it.',
    'auto',
  ),
  storm: key(stormKeys(written.storm), 'The same guard over all due tasks of the account; false: off.'),
  hookToken: key(hookToken(), "Opens POST /hooks/ACCOUNT/TOKEN for the vendor's callback; absent: closed."),
  hookTokenFile: key(path(), 'File with the hook token.'),
});

const server = z.strictObject({
  listen: filled(text(readListen), 'Address and port for metrics, health, the API and the page.', '127.0.0.1:9847'),
  socket: filled(
    text(readSocket),
    'The same API for the operator on this machine, without a token.',
    'data/relaykeeper.sock',
  ),
  externalUrl: key(
    text((value) => readAddress(value, 'with-path')),
    'Its address behind a proxy, a path prefix included.',
  ),
  tls: key(
    z.strictObject({
      certFile: required(path(), 'Certificate chain, PEM; read again when it changes.'),
      keyFile: required(path(), 'Private key, PEM.'),
    }),
    'Serve HTTPS.',
  ),
  tokens: filled(
    z
      .array(
        z.strictObject({
          name: required(line(64), 'Who holds it: the name under which its changes are recorded.'),
          scope: required(word('read', 'operate', 'admin'), 'What it may do.'),
          token: key(token(), 'The token itself.'),
          tokenFile: key(path(), 'File with the token; read again when it changes.'),
        }),
      )
      .max(maxTokens, { error: `has more than ${maxTokens} entries` }),
    'Who may change things over `listen`; without tokens it is read-only.',
    [],
  ),
});

/** `engines`: what may stand in front of the path of a store on this machine. */
export const rootSchema = (engines: readonly string[]) =>
  z.strictObject({
    version: key(z.literal(1, { error: 'must be 1' }), 'Version of this format.', 1),
    log: section(
      z.strictObject({
        level: filled(word('debug', 'info', 'warn', 'error'), 'The lowest level that is logged.', 'info'),
        format: filled(word('json', 'pretty'), 'json: one line per event; pretty: for people.', 'json'),
      }),
      'What is logged, and how.',
    ),
    server: section(server, 'Where the daemon listens, and who may do what.'),
    store: filled(
      z.union([
        text((value) => readStore(value, engines), `^(${engines.join('|')}|postgres(ql)?):.+`),
        z.strictObject({
          url: required(
            text(readDatabase, '^postgres(ql)?://.+'),
            'postgres://user@host/database, `?sslmode=…` for TLS.',
          ),
          password: key(line(1024), 'The password of that user.'),
          passwordFile: key(path(), 'A file with it, read again at every new connection.'),
          caFile: key(path(), 'The certificates to trust, PEM; with it TLS is spoken.'),
        }),
      ]),
      'Where the ledger is kept: a file, relative to the working directory, or a PostgreSQL that replicas share.',
      'sqlite:data/relaykeeper.db',
    ),
    metrics: section(
      z.strictObject({
        maxTaskSeries: filled(whole(0, 100_000), 'At most this many tasks get metrics of their own.', 2000),
      }),
      'Bounds of the metrics.',
    ),
    accounts: required(
      z
        .array(accountSchema)
        .min(1, { error: 'has no account: write one, such as `- name: main`' })
        .max(maxAccounts, { error: `has more than ${maxAccounts} accounts` }),
      'The cloud accounts whose tasks are kept alive.',
    ),
    defaults: key(policySchema, 'Policy of every group that does not say otherwise, key by key.'),
    groups: required(
      z
        .array(groupSchema)
        .min(1, { error: 'has no group: nothing would be managed; write one, such as `- name: vip`' })
        .max(maxGroups, { error: `has more than ${maxGroups} groups` }),
      'Which tasks are managed, and how. The first entry that matches a task gets it.',
    ),
    maintenance: filled(
      z.array(maintenance).max(maxMaintenance, { error: `has more than ${maxMaintenance} entries` }),
      'Recurring holds: nothing that they match is restarted meanwhile.',
      [],
    ),
  });

export type Written = z.output<ReturnType<typeof rootSchema>>;
export type WrittenPolicy = z.output<typeof policySchema>;
export type WrittenGroup = z.output<typeof groupSchema>;
export type WrittenAccount = z.output<typeof accountSchema>;
