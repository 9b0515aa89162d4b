/** What somebody should look at by daylight: it heals, or it can wait, or it is about to become a page. */

import { classMeanings, errorClasses } from '../../domain/words/failure.ts';
import type { AlertRule } from './alert.ts';
import { account, group, ofGroup } from './pages.ts';
import { metric, type Pace } from './promql.ts';

/** Classes that have a page of their own. */
const personal = errorClasses.filter((name) => classMeanings[name].needsPerson);

export function warnings(pace: Pace): readonly AlertRule[] {
  const rules = [taskWarnings, endWarnings, apiWarnings, holdWarnings, setupWarnings].flatMap((some) => some(pace));
  return rules.map((rule) => ({ severity: 'warning', ...rule }));
}

/** Without a severity: a warning. */
type Daylight = Omit<AlertRule, 'severity'> & { readonly severity?: 'info' };

const taskWarnings = ({ span }: Pace): readonly Daylight[] => [
  {
    name: 'RelaykeeperTaskAbandoned',
    expr: `max by (account, group) (${metric('tasks_given_up', { stage: 'abandoned' })}) > 0`,
    for: span('1m'),
    summary: `Group ${group} of ${account}: relaykeeper has given up a task until a person releases it`,
    description:
      '{value} task(s) have failed for as long as `quarantine.abandonAfter` ; relaykeeper has stopped trying. They do not page any more.',
    explain: metric('tasks_given_up', { account, group, stage: 'abandoned' }),
    page: `/tasks?reason=abandoned&${ofGroup}`,
    means: 'Restarting did not help for days (72 h by default). relaykeeper has stopped trying.',
    look: [
      'Does anybody still want this task? If not: stop it in the console and set a hold, or delete it.',
      'Its source and its target.',
    ],
    run: [
      'relaykeeper history --group GROUP --type task-abandoned',
      'relaykeeper explain TASK',
      'relaykeeper release TASK                # once it is repaired: begin again',
    ],
    end: 'When it is released, edited, seen active, or gone.',
  },
  {
    name: 'RelaykeeperTaskQuarantined',
    expr: `max by (account, group) (${metric('tasks_given_up', { stage: 'quarantined' })}) > 0`,
    for: span('5m'),
    summary: `Group ${group} of ${account}: a task keeps failing, and relaykeeper tries it only now and then`,
    description: '{value} task(s) failed so often in a row that they are tried only every `quarantine.retryEvery`.',
    explain: metric('tasks_given_up', { account, group, stage: 'quarantined' }),
    page: `/tasks?reason=quarantined&${ofGroup}`,
    means: 'As many restarts in a row as `attempts` says (8 by default) did not bring the task up.',
    look: [
      'The codes of its failures in `explain`: `not-recovered` means that the cloud took the restart and the task did not come up; its source is the first suspect.',
    ],
    run: [
      'relaykeeper history --group GROUP --type task-quarantined',
      'relaykeeper explain TASK',
      'relaykeeper release TASK                # once its source or target is repaired: try at once',
    ],
    end: 'When the task is seen active, released, held or gone.',
  },
  {
    name: 'RelaykeeperTaskFlapping',
    // A task that relaykeeper does not restart is observed or held: somebody stops and starts it on purpose.
    expr: `changes(${metric('task_up')}[${span('1h')}]) > 6 and on (account, group, task) increase(${metric('task_restarts_total')}[${span('1h')}]) > 0`,
    summary: `Task {{ .Labels.task }} of ${account}: comes up and stops again, over and over`,
    description: 'It changed between running and not running {value} times within an hour.',
    explain: metric('task_up', { account, group, task: '{{ .Labels.task }}' }),
    means: 'The task stopped and came back more than three times within an hour. Viewers see every stop.',
    look: [
      'When it stops: in regular intervals it is a setting of its source or target, else the source itself.',
      'This alert exists only while there are at most `metrics.maxTaskSeries` tasks; beyond that see RelaykeeperRestartsFailing, code `stopped-again`.',
    ],
    run: [
      'relaykeeper history TASK',
      'relaykeeper hold add TASK --reason "…"  # leave it alone while somebody repairs it',
    ],
    end: 'When the task has changed at most six times within the last hour.',
  },
  {
    name: 'RelaykeeperRestartsFailing',
    expr: `sum by (account, group) (increase(${metric('restart_failures_total')}[${span('30m')}])) > 10 and sum by (account, group) (increase(${metric('restart_failures_total')}[${span('30m')}])) > 0.5 * sum by (account, group) (increase(${metric('restarts_total')}[${span('30m')}]))`,
    for: span('5m'),
    summary: `Group ${group} of ${account}: more than half of the restarts fail`,
    description: '{value} restarts of the group failed within half an hour.',
    explain: `sum by (code) (increase(${metric('restart_failures_total', { account, group })}[30m]))`,
    page: `/events?type=restart-failed&${ofGroup}`,
    means: 'Restarts are sent, and do not help. The code says why.',
    look: [
      'The codes, by the PromQL above. `not-recovered`: the cloud accepted the restart, and the task did not come up; `stopped-again`: the task came up and stopped again; a code of the cloud: refused.',
      'One task or all of them: `status`.',
    ],
    run: ['relaykeeper history --group GROUP --type restart-failed', 'relaykeeper explain TASK'],
    end: 'When the failures of half an hour are 10 or fewer, or fewer than half of the restarts.',
  },
  {
    name: 'RelaykeeperStorm',
    expr: `max by (account, group) (${metric('storm')}) > 0`,
    for: span('5m'),
    summary: `Storm in ${account} {{ if .Labels.group }}group ${group}{{ else }}(all groups){{ end }}: many tasks are down at once`,
    description:
      'At least 40 % of the due tasks (by default) are stopped, or the failure budget is spent: only a few restarts go out at a time.',
    explain: metric('storm_window', { account, group }),
    means:
      'So many tasks stopped together that they probably share a cause. relaykeeper paces the restarts until it sees that they help.',
    look: [
      'What they share: source host, CDN, a change in the console, the account.',
      'Does the window grow (`relaykeeper_storm_window`)? Then it heals by itself.',
    ],
    run: [
      'relaykeeper status                      # also what the tasks that are down have in common',
      'relaykeeper history --type storm-started,storm-ended,restart-failed',
    ],
    end: 'When the stopped tasks are fewer than half of either number, and the failures fewer than half of the budget.',
  },
];

const endWarnings = ({ span }: Pace): readonly Daylight[] => [
  {
    name: 'RelaykeeperTaskEnds',
    // The series is there only while it is to be told.
    expr: `count by (account, group) (max by (account, group, task) (${metric('task_end_timestamp_seconds')}))`,
    for: span('5m'),
    summary: `Group ${group} of ${account}: a task ends soon, and no later one has its destination`,
    description: '{value} task(s) end within `endWarning.before` without a successor: what they push goes dark.',
    explain: `sort(min by (task) (${metric('task_end_timestamp_seconds', { account, group })}) - time())`,
    page: '/',
    means:
      'A task ends at its EndTime as planned, and relaykeeper does not start it again. No other task of the account that ends later pushes to the same destination.',
    look: [
      'Is the programme over by then? Then there is nothing to do; `endWarning: false` in its group silences this.',
      'Otherwise create the next task, or move the EndTime of this one. The destination must be the same, apart from what is behind a `?`.',
    ],
    run: ['relaykeeper status                      # the soonest', 'relaykeeper tasks --group GROUP --sort end'],
    end: 'When a later task has the destination, the EndTime is moved, or the task has ended.',
  },
];

const apiWarnings = ({ span }: Pace): readonly Daylight[] => [
  {
    name: 'RelaykeeperCircuitOpen',
    expr: `max by (account, circuit) (${metric('api_circuit_open', { class: { not: personal } })}) > 0`,
    for: span('2m'),
    summary: `Account ${account}: the {{ .Labels.circuit }} API fails for every task`,
    description:
      'The circuit is open: relaykeeper tries one call now and then, the others wait. It costs no task an attempt.',
    explain: `${metric('api_circuit_open', { account })} > 0`,
    means:
      "Five restarts in a row, on at least two tasks, failed in a way that is not the task's fault (server, network, timeout, quota …).",
    look: ['The class and the code: `status`.', "The vendor's status page; the way there (DNS, proxy, firewall)."],
    run: [
      'relaykeeper status',
      'relaykeeper history --type circuit-opened,circuit-closed',
      'relaykeeper restart TASK                # tries at once, and closes the circuit if it succeeds',
    ],
    end: 'With the first success; relaykeeper tries one every 30 seconds.',
  },
  {
    name: 'RelaykeeperThrottled',
    expr: `sum by (account) (increase(${metric('api_errors_total', { class: 'throttled' })}[${span('10m')}])) > 3`,
    summary: `Account ${account}: the cloud throttles our calls`,
    description: '{value} calls were throttled within 10 minutes. The limiter has slowed down; healing takes longer.',
    explain: `max by (account) (${metric('api_rate_limit_per_second', { account })})`,
    means: 'Another program calls the same API with the same account, or the vendor lowered the limit.',
    look: [
      'Other tools, other relaykeepers, scripts with this account.',
      'The calls that relaykeeper makes: the panel "API calls and the limit".',
    ],
    run: [
      'relaykeeper check --tasks N             # how many calls this configuration makes',
      '# lower rateLimit.perSecond of the account to leave room for the others',
    ],
    end: 'When fewer than 4 calls are throttled within 10 minutes.',
  },
  {
    name: 'RelaykeeperApiErrors',
    expr: `sum by (account, action, code) (increase(${metric('api_errors_total', { class: { not: ['throttled', ...personal] } })}[${span('15m')}])) > 10`,
    summary: `Account ${account}: {{ .Labels.action }} answers {{ .Labels.code }} again and again`,
    description: '{value} such errors within 15 minutes. A code without a row of its own is `other`; the log has it.',
    explain: `sum by (action, code, class) (increase(${metric('api_errors_total', { account })}[15m]))`,
    means: 'The cloud answers this error often. relaykeeper repeats reads; restarts fail.',
    look: [
      "The code in the vendor's documentation, with a request id from the log (their support asks for it).",
      'CommonErr on a restart is mostly that task; on the list it is the service.',
    ],
    run: ['relaykeeper history --type polls-failing,circuit-opened,restart-failed', 'relaykeeper status'],
    end: 'When the error comes at most 10 times within 15 minutes.',
  },
  {
    name: 'RelaykeeperListSuspect',
    expr: `sum by (account) (increase(${metric('poll_failures_total', { class: 'suspect' })}[${span('5m')}])) > 0`,
    summary: `Account ${account}: the list lost more than half of its tasks, and relaykeeper does not believe it yet`,
    description:
      'For 15 minutes relaykeeper takes the missing tasks as unseen, not as gone, and leaves new ones alone.',
    explain: `sum by (class) (increase(${metric('poll_failures_total', { account })}[15m]))`,
    means: 'Somebody deleted many tasks at once, or the key belongs to another account.',
    look: ['The console: are the tasks there?', 'Was the key, the project or `subAccount` changed?'],
    run: [
      'relaykeeper history --type polls-failing',
      'relaykeeper plan                        # what the cloud lists now',
      'relaykeeper status',
    ],
    end: 'When the list is whole again, or has stayed short for 15 minutes and is believed.',
  },
  {
    name: 'RelaykeeperListIncomplete',
    expr: `max by (account) (${metric('list_incomplete')}) > 0`,
    for: span('10m'),
    summary: `Account ${account}: the list of tasks never adds up, some may not be watched`,
    description: 'Poll after poll shows other tasks than the cloud promises, or a cloud group cannot be read.',
    explain: metric('last_poll_tasks', { account }),
    page: '/events?type=list-incomplete,list-complete',
    means:
      'Tasks may exist that relaykeeper never sees, and so never restarts. What it does see is healed as always, and what it misses is not taken as deleted.',
    look: [
      'The event `list-incomplete` in `history`: cloud groups that it names cannot be read (their name, the rights of the key); without any, pages and total do not fit together.',
      'The number of tasks in the console, against `relaykeeper_last_poll_tasks`.',
      'A list that others change all the time adds up seldom; a larger `poll.pageSize` helps.',
    ],
    run: [
      'relaykeeper history --type list-incomplete,list-complete',
      'relaykeeper plan                        # what the cloud lists now',
    ],
    end: 'With the first poll that adds up.',
  },
  {
    name: 'RelaykeeperClockSkew',
    expr: `max by (account) (abs(${metric('clock_skew_seconds')})) > 30`,
    for: span('5m'),
    summary: `Account ${account}: the clocks of this machine and of the cloud differ`,
    description:
      'By {value}. relaykeeper corrects signatures, StartTime and EndTime by it; beyond about 15 minutes the cloud refuses calls.',
    valueAs: 'duration',
    explain: metric('clock_skew_seconds', { account }),
    means: "One of the two clocks is wrong, most often this machine's.",
    look: ['NTP on this machine.'],
    run: ['timedatectl; chronyc tracking', 'relaykeeper status'],
    end: 'When they differ by at most 30 seconds.',
  },
  {
    name: 'RelaykeeperTwoOwners',
    expr: `sum by (account) (${metric('owner')}) > 1`,
    for: span('1m'),
    summary: `Account ${account}: {value} processes act for it at the same time`,
    description:
      'They have different stores, so they know nothing of each other: they may send each restart twice, and together they exceed the limit on calls.',
    explain: metric('owner', { account }),
    means: 'Two relaykeepers with separate stores have the same account, or two accounts of the same name are scraped.',
    look: ['The `instance` labels, by the PromQL above.'],
    run: ['# stop one of them, or give both the same store: then one stands by'],
    end: 'When one is left.',
  },
];

const holdWarnings = ({ span, seconds }: Pace): readonly Daylight[] => [
  {
    name: 'RelaykeeperHoldEnds',
    severity: 'info',
    expr: `min by (account, group) (${metric('hold_end_timestamp_seconds')}) - time() < ${seconds('15m')}`,
    summary: `Group ${group} of ${account}: a hold ends in less than 15 minutes`,
    description: 'In {value} relaykeeper restarts what it covers again.',
    valueAs: 'duration',
    explain: metric('hold_end_timestamp_seconds', { account, group }),
    page: '/holds',
    means: 'Somebody\'s "leave this alone" is about to end.',
    look: ['Is the work that it was for done?'],
    run: [
      'relaykeeper hold list                   # who, why, until when',
      'relaykeeper hold add TASK --reason "…" --for 2h',
    ],
    end: 'When the hold has ended, or only later ones are left.',
  },
  {
    name: 'RelaykeeperHoldForgotten',
    // The offset: a day ago there was one already, so it is no young series that has known nothing else.
    expr: `min by (account, group) (min_over_time(${metric('holds')}[${span('1d')}])) > 0 and max by (account, group) (${metric('holds')} offset ${span('1d')}) > 0`,
    summary: `Group ${group} of ${account}: tasks have been held for more than a day`,
    description:
      'A hold was in force at every moment of the last 24 hours; relaykeeper restarts nothing that it covers.',
    explain: metric('holds', { account, group }),
    page: '/holds',
    means: 'A hold is older than a day, or one followed the other without a gap. Most of these were forgotten.',
    look: ['Who set it and why: ask them.'],
    run: ['relaykeeper hold list', 'relaykeeper history --type hold-added', 'relaykeeper hold remove ID'],
    end: 'When no hold is in force for the group.',
  },
];

const setupWarnings = ({ span }: Pace): readonly Daylight[] => [
  {
    name: 'RelaykeeperConfigRejected',
    expr: `min by (job, instance) (${metric('config_last_reload_successful')}) < 1`,
    for: span('1m'),
    summary: 'The configuration on the disk of {{ .Labels.instance }} is wrong; the one before stays in force',
    description: 'The daemon would not start with it.',
    explain: `time() - ${metric('config_last_reload_success_timestamp_seconds')}`,
    page: '/configuration',
    means: 'The file was changed and is not valid, or would have left more than half of the managed tasks unmanaged.',
    look: ['The log line with `"event":"config-rejected"`: it lists every mistake with its line.'],
    run: [
      'relaykeeper check                       # all mistakes at once',
      'kill -HUP PID                           # if many tasks are meant to become unmanaged',
    ],
    end: 'With the next reload that succeeds.',
  },
  {
    name: 'RelaykeeperReplicasDiffer',
    expr: `max by (job, instance) (${metric('replicas_configured_differently')}) > 0`,
    for: span('15m'),
    summary: 'Replicas that share a store have different configurations',
    description: 'Each does for its accounts what its own says. Seen from {{ .Labels.instance }}.',
    explain: metric('replicas_configured_differently'),
    page: '/configuration',
    means: 'A file was changed on one replica and not on the others, or one of them has not loaded it again.',
    look: ['`relaykeeper status` names every replica with the hash of its configuration.'],
    run: ['relaykeeper status', 'kill -HUP PID                           # where the file is right and not loaded'],
    end: 'When all replicas have the same configuration.',
  },
  {
    name: 'RelaykeeperSimulatedAccount',
    expr: `max by (account) (${metric('simulated')}) > 0`,
    for: span('10m'),
    summary: `Account ${account} is a pretend cloud: no real task is kept alive`,
    description: 'Its provider is `simulator`. That is for trying out; here it is scraped as if it were real.',
    explain: metric('simulated', { account }),
    means: 'The demo, or an account with `provider: simulator`, runs where Prometheus takes it for production.',
    look: ['The configuration that the daemon was started with: `relaykeeper status` names the file.'],
    run: ['relaykeeper status', '# take the account out, or the target out of Prometheus'],
    end: 'When no scraped account is simulated.',
  },
];
