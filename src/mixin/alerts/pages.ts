/**
 * What gets somebody out of bed: tasks are down and stay down, or no process is left to restart them.
 *
 * None of these asks for a reason why a task waits: reasons change from minute to minute, and each change would end
 * the alert and start it again. They ask how long it has lasted.
 */

import type { ErrorClass } from '../../domain/words/failure.ts';
import type { GroupedRule } from './alert.ts';
import { metric, type Pace } from './promql.ts';

/** `account` and `group` as they stand in the alert, for `explain`. */
export const account = '{{ .Labels.account }}';
export const group = '{{ .Labels.group }}';

/** The same in an address of the page; in a template of Prometheus alone, where the labels have this name too. */
export const ofGroup = 'account={{ urlquery $labels.account }}&group={{ urlquery $labels.group }}';

/** Classes that have an alert of their own, because each needs another person. */
export const paged = {
  key: ['auth', 'permission'],
  bill: 'billing',
  clock: 'clock',
  action: 'retired',
} as const satisfies Readonly<Record<string, ErrorClass | readonly ErrorClass[]>>;

const openFor = (span: Pace['span'], name: ErrorClass | readonly ErrorClass[]) =>
  ({
    expr: `max by (account, circuit) (${metric('api_circuit_open', { class: name })}) > 0`,
    for: span('1m'),
  }) as const;

export const pages = ({ span, seconds }: Pace): readonly GroupedRule[] => [
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
      ['relaykeeper status', 'what is stopped, what is in the way'],
      ['relaykeeper explain TASK', 'every rule for this task, and what happened to it'],
      ['relaykeeper restart TASK', 'try once more, now, whatever the rules say'],
      ['relaykeeper hold add TASK --reason "…"', 'if it is meant to be down: this ends the alert'],
    ],
    end: 'When no task of the group has been down for so long; held ones do not count.',
    chinese: {
      means: '应当运行的任务停止了，十分钟内重启没有用，或不能重启。',
      look: [
        '是一个任务还是很多？很多同时停止：看它们有什么共同点（源站、CDN、账号）。',
        '`explain` 给出的原因：`backoff` 和 `quarantined` 说明重启失败了；`circuit`、`storm` 和 `blind` 说明 relaykeeper 不能尝试。',
        '任务的源：没有推流就拉不到流。',
      ],
      end: '分组里没有任务中断这么久时；有维护锁定的不算。',
    },
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
      ['relaykeeper tasks --state overdue', 'which tasks'],
      'relaykeeper history --type task-overdue',
      'relaykeeper explain TASK',
    ],
    end: 'When the task runs, has ended, or its StartTime was moved.',
    chinese: {
      means: '云端早该自己开始这个任务，却没有。relaykeeper 帮不上：没有可重启的东西。',
      look: [
        '任务的 StartTime（注意时区）和云端的时钟（`relaykeeper_clock_skew_seconds`）。',
        '控制台里的任务：手动停止再启动，云端会重新处理它。',
      ],
      end: '任务运行、结束，或 StartTime 被改动时。',
    },
  },
  {
    // What is not known to be stopped is not restarted.
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
      ['relaykeeper tasks --state unknown', 'which tasks'],
      'relaykeeper history --type status-unknown',
      ['relaykeeper restart TASK', 'if the console shows that it does not run'],
    ],
    end: 'When every task of the group has a known status again.',
    chinese: {
      means: '云端给出的状态不是停用、生效中、未开始、已结束中的任何一个。之前中断的任务仍算中断；别的不算。',
      look: ['云端写的状态：`explain`，或日志里 `"event":"status-unknown"` 的行。', '控制台里的任务：它在运行吗？'],
      end: '分组的每个任务都重新有已知的状态时。',
    },
  },
  {
    name: 'RelaykeeperKeyRefused',
    ...openFor(span, paged.key),
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
      ['relaykeeper status', 'circuit, code and since when'],
      'relaykeeper history --type circuit-opened',
      ['relaykeeper restart TASK', 'once the key works: tries at once, and closes the restart circuit'],
    ],
    end: 'With the first call of that kind that succeeds. relaykeeper tries changed key files at once; otherwise it tries the list and one restart at least every 5 minutes.',
    chinese: {
      means:
        '访问密钥不对、过期或没有权限。circuit="list"：relaykeeper 看不到任何任务；circuit="restart"：它不能重启任何任务。',
      look: [
        '`status` 给出错误码：InvalidAccessKey 和 SignatureDoesNotMatch 是密钥的问题，AccessDenied 和 LackPolicy 是 IAM 权限的问题。',
        '密钥换过吗？这台机器上的密钥文件也换了吗？',
      ],
      end: '这类调用第一次成功时。密钥文件一变，relaykeeper 立即尝试；否则至少每 5 分钟试一次列表和一次重启。',
    },
  },
  {
    name: 'RelaykeeperAccountUnpaid',
    ...openFor(span, paged.bill),
    summary: `Account ${account}: the service is in arrears or not activated ({{ .Labels.circuit }})`,
    description: 'The cloud answers RequestForbidden.BillingStatus: nothing works until a person pays.',
    explain: metric('api_errors_total', { account, class: 'billing' }),
    means: 'The account is in arrears, or the Live service is not activated. Restarts are refused for every task.',
    look: ['The billing page of the account in the console.'],
    run: [
      ['relaykeeper status', 'circuit, code and since when'],
      'relaykeeper history --type circuit-opened',
      ['relaykeeper restart TASK', 'once the bill is paid: tries at once, and closes the circuit'],
    ],
    end: 'With the first call that succeeds; without an operator relaykeeper tries one every 5 minutes.',
    chinese: {
      means: '账号欠费，或没有开通直播服务。每个任务的重启都被拒绝。',
      look: ['控制台里账号的账单页。'],
      end: '第一次调用成功时；没有人操作时，relaykeeper 每 5 分钟试一次。',
    },
  },
  {
    name: 'RelaykeeperClockRefused',
    ...openFor(span, paged.clock),
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
    chinese: {
      means: '云端不接受签名里的时间；按 Date 头校正也没有用。',
      look: ['这台机器的时钟，NTP 是否在运行。', '中间是否有代理，用自己的 Date 答复。'],
      end: '这类调用第一次成功时。',
    },
  },
  {
    name: 'RelaykeeperActionRetired',
    ...openFor(span, paged.action),
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
    chinese: {
      means: '厂商停用了这个接口，或 endpoint 不是直播服务的。',
      look: ['配置里这个账号的 `endpoint` 和 `restartAction`。', '厂商的接口列表，以及更新的 relaykeeper。'],
      end: '这类调用第一次成功时，例如换了 `restartAction`。',
    },
  },
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
      ['relaykeeper plan', 'one poll from here, with the error if it fails'],
    ],
    end: 'With the next complete poll.',
    chinese: {
      means: '最近一次完整轮询距今超过四个轮询间隔（至少 3 分钟）：relaykeeper 看不见，不重启任何任务。',
      look: [
        '下面 PromQL 里的类别：`network` 和 `timeout` 是网络，`auth` 是密钥，`server` 是云端，`suspect` 是列表少了一半以上的任务。',
        '日志里最新的 `"event":"polls-failing"` 的行。',
      ],
      end: '下一次轮询完整时。',
    },
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
      ['systemctl status relaykeeper', 'or: docker ps -a, docker logs relaykeeper'],
      ['relaykeeper check', 'a bad configuration is the commonest reason not to start'],
      'relaykeeper healthcheck',
    ],
    end: 'With the first scrape that succeeds, or when the target is taken out of the configuration of Prometheus.',
    chinese: {
      means: '一个抓取目标没有答复：进程结束了或卡住了，或 Prometheus 连不上它。',
      look: [
        '进程在运行吗？为什么结束：看它日志的最后几行。',
        '它的账号现在由谁负责：`relaykeeper_owner`。每个账号都有负责者，说明备用进程已接手。',
        'Prometheus 的 targets 页：抓取为什么失败。',
      ],
      end: '第一次抓取成功时，或目标从 Prometheus 的配置里拿掉时。',
    },
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
      ['systemctl status relaykeeper', 'or: docker ps -a, docker logs relaykeeper'],
      ['relaykeeper check', 'a bad configuration is the commonest reason not to start'],
      'relaykeeper healthcheck',
    ],
    end: 'With the first scrape that succeeds.',
    onQueryError: 'Alerting',
    chinese: {
      means: 'Prometheus 从任何 relaykeeper 都抓不到 /metrics。',
      look: ['进程在运行吗？若没有，看它日志的最后几行。', 'Prometheus 的 targets 页：是网络的问题吗？'],
      end: '第一次抓取成功时。',
    },
  },
  {
    name: 'RelaykeeperNoOwner',
    // The second half: nobody is left who reports the account, since the process that did is down.
    expr: `(max by (account) (${metric('owner')}) or max by (account) (0 * last_over_time(${metric('owner')}[${span('1d')}]) and on (job, instance) up == 0)) < 1`,
    for: span('2m'),
    summary: `Account ${account}: no process owns it, so nobody restarts anything`,
    description: 'Every relaykeeper that knows this account stands by for it, cannot read its records, or is down.',
    explain: metric('owner', { account }),
    means:
      'The lock on the ledger (or the lease) is with a process that Prometheus does not know, or with none; or the process that has it cannot read the records of the account.',
    look: [
      'Is RelaykeeperTargetDown firing too? Then begin there.',
      "Another relaykeeper on the same store: an old container, somebody's terminal.",
      'The log of the one that stands by: `"event":"standing-by"`.',
      '`relaykeeper status` says "its ledger is not read yet": the log line `"event":"tick-failed"` with "the ledger could not be read" names the record and how to mend it.',
    ],
    run: [
      'ps -ef | grep "main.ts run"; docker ps',
      ['fuser -v data/relaykeeper.db.lock', 'who has the lock (SQLite)'],
      'relaykeeper status',
    ],
    end: 'When a scraped process owns the account.',
    chinese: {
      means: '账本的锁（或租约）在 Prometheus 不知道的进程手里，或没有人有；或者有锁的进程读不了这个账号的记录。',
      look: [
        'RelaykeeperTargetDown 也在告警吗？那就从它开始。',
        '同一个存储上的另一个 relaykeeper：旧的容器，某人的终端。',
        '备用进程的日志：`"event":"standing-by"`。',
        '`relaykeeper status` 写着“its ledger is not read yet”：日志里带“the ledger could not be read”的 `"event":"tick-failed"` 行写着是哪条记录、怎样修。',
      ],
      end: '被抓取的进程里有一个负责这个账号时。',
    },
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
    chinese: {
      means: '存储的操作失败：磁盘满、只读、损坏，或被别的程序锁住。',
      look: [
        '数据库所在目录的空间和权限。',
        '日志里 `"event":"store-failing"` 的行：写着错误。',
        '打开着这个文件的程序（备份、sqlite3）。',
      ],
      end: '操作重新成功时；什么都不用重启。',
    },
  },
];
