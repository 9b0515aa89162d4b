/**
 * What gets somebody out of bed: tasks are down and stay down, or no process is left to restart them.
 *
 * None of these asks for a reason why a task waits: reasons change from minute to minute, and each change would
 * end the alert and begin it anew. They ask since when.
 */

import type { ErrorClass } from '../../domain/words/failure.ts';
import type { AlertRule } from './alert.ts';
import { metric, type Pace } from './promql.ts';

/** `account` and `group` as they stand in the alert, for `explain`. */
export const account = '{{ .Labels.account }}';
export const group = '{{ .Labels.group }}';

/** The same in an address of the page; in a template of Prometheus alone, where the labels have this name too. */
export const ofGroup = 'account={{ urlquery $labels.account }}&group={{ urlquery $labels.group }}';

export function pages(pace: Pace): readonly AlertRule[] {
  const rules = [taskPages, statusPages, circuitPages, daemonPages].flatMap((some) => some(pace));
  return rules.map((rule) => ({ severity: 'page', ...rule }));
}

type Page = Omit<AlertRule, 'severity'>;

const taskPages = ({ span, seconds }: Pace): readonly Page[] => [
  {
    name: 'RelaykeeperTaskDown',
    // A task that comes up for a moment and stops again is still the same outage: the minute bridges that moment.
    expr: `time() - min by (account, group) (last_over_time(${metric('oldest_outage_timestamp_seconds')}[${span('1m')}])) > ${seconds('10m')}`,
    summary: `Group ${group} of ${account}: a task has been down for more than 10 minutes`,
    description:
      'The longest outage of the group has lasted {value}. Held, observed and abandoned tasks are not counted.',
    valueAs: 'duration',
    explain: `sort(${metric('task_outage_start_timestamp_seconds', { account, group })})`,
    page: `/tasks?state=down&${ofGroup}`,
    means:
      'A task that should be running is stopped, and restarting it has not helped, or was not possible, for ten minutes.',
    look: [
      'Is it one task or many? Many at once: look for what they share (source host, CDN, the account).',
      'The reason shown by `explain`: `backoff` and `quarantined` mean that restarts failed; `circuit`, `storm` and `blind` mean that relaykeeper could not try.',
      'The source of the task: a stream that is not pushed cannot be pulled.',
    ],
    run: [
      'relaykeeper status                      # what is stopped, what is in the way',
      'relaykeeper explain TASK                # every rule for this task, and what happened to it',
      'relaykeeper restart TASK                # try once more, now, whatever the rules say',
      'relaykeeper hold add TASK --reason "…"  # if it is meant to be down: this ends the alert',
    ],
    end: 'When no task of the group has been down for so long; held ones do not count.',
  },
  {
    name: 'RelaykeeperTaskOverdue',
    expr: `max by (account, group) (${metric('tasks', { state: 'overdue' })}) > 0`,
    for: span('2m'),
    summary: `Group ${group} of ${account}: a task has not started although its StartTime is past`,
    description:
      '{value} task(s) are 未开始 more than 5 minutes after their StartTime. They count as down, and a restart cannot help: the cloud has to start them.',
    explain: metric('tasks', { account, group, state: 'overdue' }),
    page: `/tasks?state=overdue&${ofGroup}`,
    means:
      'The cloud should have started the task by itself and has not. relaykeeper cannot: there is nothing to restart.',
    look: [
      'The StartTime of the task, in the right time zone, and the clock of the cloud (`relaykeeper_clock_skew_seconds`).',
      'The task in the console: stopping and starting it by hand makes the cloud look at it again.',
    ],
    run: [
      'relaykeeper tasks --state overdue       # which tasks',
      'relaykeeper history --type task-overdue',
      'relaykeeper explain TASK',
    ],
    end: 'When the task runs, has ended, or its StartTime was moved.',
  },
];

/** Unknown statuses: what is not known to be stopped is not restarted. */
const statusPages = ({ span }: Pace): readonly Page[] => [
  {
    name: 'RelaykeeperStatusUnknown',
    expr: `max by (account, group) (${metric('tasks', { state: 'unknown' })}) > 0`,
    for: span('10m'),
    summary: `Group ${group} of ${account}: the cloud gives a task a status that relaykeeper does not know`,
    description:
      '{value} task(s) have had such a status for 10 minutes. relaykeeper cannot tell whether they run, and restarts none of them.',
    explain: metric('tasks', { account, group, state: 'unknown' }),
    page: `/tasks?state=unknown&${ofGroup}`,
    means:
      'The cloud writes a status that is none of 停用, 生效中, 未开始 and 已结束. A task that was down before stays counted as down; no other is.',
    look: [
      'The status as the cloud writes it: `explain`, or the log line with `"event":"status-unknown"`.',
      'The task in the console: does it run?',
    ],
    run: [
      'relaykeeper tasks --state unknown       # which tasks',
      'relaykeeper history --type status-unknown',
      'relaykeeper restart TASK                # if the console shows that it does not run',
    ],
    end: 'When every task of the group has a known status again.',
  },
];

/** The classes that need a person; each is an alert of its own, because each needs another person. */
const openFor = (span: Pace['span'], name: ErrorClass | readonly ErrorClass[]) =>
  ({
    expr: `max by (account, circuit) (${metric('api_circuit_open', { class: name })}) > 0`,
    for: span('1m'),
  }) as const;

const circuitPages = ({ span }: Pace): readonly Page[] => [
  {
    name: 'RelaykeeperKeyRefused',
    ...openFor(span, ['auth', 'permission']),
    summary: `Account ${account}: the cloud refuses the key ({{ .Labels.circuit }})`,
    description: 'No call of this kind works for the account until somebody corrects the key or its permissions.',
    explain: metric('api_errors_total', { account, class: ['auth', 'permission'] }),
    means:
      'The access key is wrong, expired or lacks the permission. circuit="list": relaykeeper sees no tasks; circuit="restart": it can restart none.',
    look: [
      '`status` names the code: InvalidAccessKey and SignatureDoesNotMatch are the key, AccessDenied and LackPolicy its permissions in IAM.',
      'Was the key rotated, and did the file with it change on this machine?',
    ],
    run: [
      'relaykeeper status                      # circuit, code and since when',
      'relaykeeper history --type circuit-opened',
      'relaykeeper restart TASK                # once the key works: tries at once, and closes the restart circuit',
    ],
    end: 'With the first call of that kind that succeeds. relaykeeper tries changed key files at once; otherwise it tries the list and one restart at least every 5 minutes.',
  },
  {
    name: 'RelaykeeperAccountUnpaid',
    ...openFor(span, 'billing'),
    summary: `Account ${account}: the service is in arrears or not activated ({{ .Labels.circuit }})`,
    description: 'The cloud answers RequestForbidden.BillingStatus: nothing works until a person pays.',
    explain: metric('api_errors_total', { account, class: 'billing' }),
    means: 'The account is in arrears, or the Live service is not activated. Restarts are refused for every task.',
    look: ['The billing page of the account in the console.'],
    run: [
      'relaykeeper status                      # circuit, code and since when',
      'relaykeeper history --type circuit-opened',
      'relaykeeper restart TASK                # once the bill is paid: tries at once, and closes the circuit',
    ],
    end: 'With the first call that succeeds; without an operator relaykeeper tries one every 5 minutes.',
  },
  {
    name: 'RelaykeeperClockRefused',
    ...openFor(span, 'clock'),
    summary: `Account ${account}: the cloud refuses calls because of their timestamps ({{ .Labels.circuit }})`,
    description:
      'The cloud answers InvalidTimestamp even after relaykeeper corrected the time by the difference of the clocks.',
    explain: metric('clock_skew_seconds', { account }),
    means: 'The cloud does not accept the time in the signatures; correcting it by the Date header did not help.',
    look: [
      'The clock of this machine, and whether NTP runs.',
      'A proxy in between that answers with a Date of its own.',
    ],
    run: ['date -u; timedatectl', 'relaykeeper history --type circuit-opened', 'relaykeeper status'],
    end: 'With the first call of that kind that succeeds.',
  },
  {
    name: 'RelaykeeperActionRetired',
    ...openFor(span, 'retired'),
    summary: `Account ${account}: the cloud has retired the action that relaykeeper calls ({{ .Labels.circuit }})`,
    description:
      'The cloud answers InvalidActionOrVersion. With `restartAction: auto` relaykeeper has tried the successor too.',
    explain: metric('api_errors_total', { account, class: 'retired' }),
    means: 'The vendor has taken the action out of service, or the endpoint is not the one of the Live service.',
    look: [
      '`endpoint` and `restartAction` of the account in the configuration.',
      "The vendor's list of actions, and a newer relaykeeper.",
    ],
    run: ['relaykeeper history --type circuit-opened', 'relaykeeper check', 'relaykeeper status'],
    end: 'With the first call of that kind that succeeds, for example with another `restartAction`.',
  },
];

const daemonPages = ({ span, seconds }: Pace): readonly Page[] => [
  {
    name: 'RelaykeeperPollStale',
    // The second half: an owner that has never had a complete poll.
    expr: `(time() - max by (account) (${metric('last_poll_success_timestamp_seconds')})) > clamp_min(4 * max by (account) (${metric('poll_interval_seconds')}), ${seconds('3m')}) or (max by (account) (${metric('owner')}) > 0 unless on (account) max by (account) (${metric('last_poll_success_timestamp_seconds')}))`,
    for: span('2m'),
    summary: `Account ${account}: the task list has not been read for too long`,
    description:
      'Without a complete poll relaykeeper restarts nothing, and every number about tasks is as old as the last one.',
    explain: `sum by (class) (increase(${metric('poll_failures_total', { account })}[15m]))`,
    means:
      'The last complete poll is older than four poll intervals (at least 3 minutes): relaykeeper is blind and restarts nothing.',
    look: [
      'The class in the PromQL above: `network` and `timeout` point to the way there, `auth` to the key, `server` to the cloud, `suspect` to a list that lost more than half of its tasks.',
      'The newest log lines with `"event":"polls-failing"`.',
    ],
    run: [
      'relaykeeper status',
      'relaykeeper history --type polls-failing',
      'relaykeeper plan                        # one poll from here, with the error if it fails',
    ],
    end: 'With the next complete poll.',
  },
  {
    name: 'RelaykeeperTargetDown',
    // Known by the job's name, or by what the target said within a day: nobody has to call the job as we do.
    expr: `max by (job, instance) (up{job=~".*relaykeeper.*"} or up and on (job, instance) last_over_time(${metric('build_info')}[${span('1d')}])) < 1`,
    for: span('2m'),
    summary: 'relaykeeper at {{ .Labels.instance }} does not answer',
    description:
      'Prometheus cannot scrape this process, whatever the others do. A standby takes its accounts over; without one, their stopped tasks stay stopped.',
    explain: 'up{job="{{ .Labels.job }}",instance="{{ .Labels.instance }}"}',
    means: 'One target is down: the process has ended or hangs, or Prometheus cannot reach it.',
    look: [
      'Does the process run, and why did it end: the last lines of its log.',
      'Who has its accounts: `relaykeeper_owner`. No account without an owner means that a standby has taken over.',
      'The targets page of Prometheus: what the scrape fails with.',
    ],
    run: [
      'systemctl status relaykeeper            # or: docker ps -a, docker logs relaykeeper',
      'relaykeeper check                       # a bad configuration is the commonest reason not to start',
      'relaykeeper healthcheck',
    ],
    end: 'With the first scrape that succeeds, or when the target is taken out of the configuration of Prometheus.',
  },
  {
    name: 'RelaykeeperAbsent',
    expr: `absent(${metric('build_info')})`,
    for: span('2m'),
    summary: 'relaykeeper is not there: no process of it is scraped',
    description: 'Stopped tasks stay stopped. Either the daemon is down, or Prometheus cannot reach its /metrics.',
    explain: 'up{job="relaykeeper"}',
    means: 'Prometheus gets /metrics from no relaykeeper at all.',
    look: [
      'Does the process run? If not, the last lines of its log say why it ended.',
      'The targets page of Prometheus: is the network the problem?',
    ],
    run: [
      'systemctl status relaykeeper            # or: docker ps -a, docker logs relaykeeper',
      'relaykeeper check                       # a bad configuration is the commonest reason not to start',
      'relaykeeper healthcheck',
    ],
    end: 'With the first scrape that succeeds.',
    onQueryError: 'Alerting',
  },
  {
    name: 'RelaykeeperNoOwner',
    // The second half: nobody is left who tells of the account, since the process that did is down.
    expr: `(max by (account) (${metric('owner')}) or max by (account) (0 * last_over_time(${metric('owner')}[${span('1d')}]) and on (job, instance) up == 0)) < 1`,
    for: span('2m'),
    summary: `Account ${account}: no process owns it, so nobody restarts anything`,
    description: 'Every relaykeeper that knows this account stands by for it, or is down.',
    explain: metric('owner', { account }),
    means: 'The lock on the ledger (or the lease) is with a process that Prometheus does not know, or with none.',
    look: [
      'Is RelaykeeperTargetDown firing too? Then begin there.',
      "Another relaykeeper on the same store: an old container, somebody's terminal.",
      'The log of the one that stands by: `"event":"standing-by"`.',
    ],
    run: [
      'ps -ef | grep "main.ts run"; docker ps',
      'fuser -v data/relaykeeper.db.lock       # who has the lock (SQLite)',
      'relaykeeper status',
    ],
    end: 'When a scraped process owns the account.',
  },
  {
    name: 'RelaykeeperStoreFailing',
    expr: `min by (job, instance) (min_over_time(${metric('store_up')}[${span('1m')}])) < 1`,
    for: span('2m'),
    summary: '{{ .Labels.instance }} cannot write its ledger, so it restarts nothing',
    description: 'relaykeeper sends no restart whose intent it cannot save, so this process restarts nothing.',
    explain: `sum by (operation) (increase(${metric('store_errors_total')}[15m]))`,
    means: 'Operations of the store fail: disk full, read-only, damaged, or locked by another program.',
    look: [
      'Space and rights of the folder of the database.',
      'The log lines with `"event":"store-failing"`: they name the error.',
      'A program that has the file open (a backup, sqlite3).',
    ],
    run: ['df -h data; ls -l data', 'fuser -v data/relaykeeper.db'],
    end: 'When operations succeed again; you need not restart anything.',
  },
];
