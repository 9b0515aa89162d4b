/** What somebody should look at by daylight: it heals, or it can wait, or it is about to become a page. */

import { classMeanings, errorClasses, isWaitedOut } from '../../domain/words/failure.ts';
import type { GroupedRule } from './alert.ts';
import { account, group, ofGroup, paged } from './pages.ts';
import { metric, type Pace } from './promql.ts';

const elsewhere = Object.values(paged).flat();

const throttling = errorClasses.filter((name) => classMeanings[name].attempt === 'throttled');
/** The account waits, and no attempt is lost: such an error is nobody's task. If it lasts, a task that is down pages. */
const waitedOut = errorClasses.filter((name) => throttling.includes(name) || isWaitedOut(classMeanings[name]));

export const warnings = ({ span, seconds }: Pace): readonly GroupedRule[] => [
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
      ['relaykeeper release TASK', 'once it is repaired: begin again'],
    ],
    end: 'When it is released, edited, seen active, or gone.',
    chinese: {
      means: '几天里重启都没有用（默认 72 小时）。relaykeeper 不再尝试。',
      look: ['还有人要这个任务吗？若没有：在控制台停用并设置维护锁定，或删除它。', '它的源和目标。'],
      end: '任务被解除、被修改、被看到在运行，或消失时。',
    },
  },
  {
    name: 'RelaykeeperTaskQuarantined',
    expr: `max by (account, group) (${metric('tasks_given_up', { stage: 'quarantined' })}) > 0`,
    for: span('5m'),
    summary: `Group ${group} of ${account}: a task keeps failing, and relaykeeper restarts it only now and then`,
    description: '{value} task(s) failed so often in a row that they are restarted only every `quarantine.retryEvery`.',
    explain: metric('tasks_given_up', { account, group, stage: 'quarantined' }),
    page: `/tasks?reason=quarantined&${ofGroup}`,
    means: 'As many restarts in a row as `attempts` says (8 by default) did not bring the task up.',
    look: [
      'The codes of its failures in `explain`: `not-recovered` means that the cloud took the restart and the task did not come up; its source is the first suspect.',
    ],
    run: [
      'relaykeeper history --group GROUP --type task-quarantined',
      'relaykeeper explain TASK',
      ['relaykeeper release TASK', 'once its source or target is repaired: try at once'],
    ],
    end: 'When the task is seen active, released, held or gone.',
    chinese: {
      means: '连续 `attempts` 次（默认 8 次）重启都没有让任务运行起来。',
      look: ['`explain` 里失败的代码：`not-recovered` 表示云端接受了重启，任务却没有运行；先查它的源。'],
      end: '任务被看到在运行、被解除、被锁定或消失时。',
    },
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
      ['relaykeeper hold add TASK --reason "…"', 'leave it alone while somebody repairs it'],
    ],
    end: 'When the task has changed at most six times within the last hour.',
    chinese: {
      means: '任务一小时内停止又恢复超过三次。每次停止观众都看得到。',
      look: [
        '什么时候停止：间隔固定，是源或目标的设置；否则是源本身。',
        '只有任务不多于 `metrics.maxTaskSeries` 时才有这个告警；更多时看 RelaykeeperRestartsFailing 的 `stopped-again`。',
      ],
      end: '任务最近一小时里变化不超过六次时。',
    },
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
    chinese: {
      means: '重启发出去了，但没有用。代码说明为什么。',
      look: [
        '用下面的 PromQL 看代码。`not-recovered`：云端接受了重启，任务没有运行；`stopped-again`：任务运行了又停止；云端的代码：被拒绝。',
        '是一个任务还是全部：`status`。',
      ],
      end: '半小时里失败不超过 10 次，或少于重启的一半时。',
    },
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
      ['relaykeeper status', 'also what the tasks that are down have in common'],
      'relaykeeper history --type storm-started,storm-ended,restart-failed',
    ],
    end: 'When the stopped tasks are fewer than half of either number, and the failures fewer than half of the budget.',
    chinese: {
      means: '这么多任务一起停止，多半有共同的原因。relaykeeper 放慢重启，直到看到重启有用。',
      look: [
        '它们有什么共同点：源站、CDN、控制台里的改动、账号。',
        '窗口（`relaykeeper_storm_window`）在变大吗？那它会自己恢复。',
      ],
      end: '停止的任务少于两个阈值中任何一个的一半，且失败少于预算的一半时。',
    },
  },
  {
    name: 'RelaykeeperTaskEnds',
    // The series is there only while it is to be reported.
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
    run: [['relaykeeper status', 'the soonest'], 'relaykeeper tasks --group GROUP --sort end'],
    end: 'When a later task has the destination, the EndTime is moved, or the task has ended.',
    chinese: {
      means: '任务按计划到 EndTime 结束，relaykeeper 不会再启动它。账号里没有更晚结束的任务推到同一个目标。',
      look: [
        '节目到那时结束了吗？那就不用管；分组里的 `endWarning: false` 关掉这个告警。',
        '否则创建下一个任务，或推迟这个任务的 EndTime。目标必须相同，`?` 之后的部分除外。',
      ],
      end: '有更晚的任务推到这个目标、EndTime 被推迟，或任务已结束时。',
    },
  },
  {
    name: 'RelaykeeperCircuitOpen',
    expr: `max by (account, circuit) (${metric('api_circuit_open', { class: { not: elsewhere } })}) > 0`,
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
      ['relaykeeper restart TASK', 'tries at once, and closes the circuit if it succeeds'],
    ],
    end: 'With the first success; relaykeeper tries one every 30 seconds.',
    chinese: {
      means: '连续五次重启（至少两个任务）失败，而且不是任务的问题（server、network、timeout、quota……）。',
      look: ['类别和代码：`status`。', '厂商的状态页；通往云端的路（DNS、代理、防火墙）。'],
      end: '第一次成功时；relaykeeper 每 30 秒试一次。',
    },
  },
  {
    name: 'RelaykeeperThrottled',
    expr: `sum by (account) (increase(${metric('api_errors_total', { class: throttling })}[${span('10m')}])) > 3`,
    summary: `Account ${account}: the cloud throttles our calls`,
    description: '{value} calls were throttled within 10 minutes. The limiter has slowed down; healing takes longer.',
    explain: `max by (account) (${metric('api_rate_limit_per_second', { account })})`,
    means: 'Another program calls the same API with the same account, or the vendor lowered the limit.',
    look: [
      'Other tools, other relaykeepers, scripts with this account.',
      'The calls that relaykeeper makes: the panel "API calls and the limit".',
    ],
    run: [
      ['relaykeeper check --tasks N', 'how many calls this configuration makes'],
      ['', 'lower rateLimit.perSecond of the account to leave room for the others'],
    ],
    end: 'When fewer than 4 calls are throttled within 10 minutes.',
    chinese: {
      means: '另一个程序用同一个账号调用同一个接口，或厂商降低了限额。',
      look: [
        '用这个账号的其他工具、其他 relaykeeper、脚本。',
        'relaykeeper 自己的调用：面板 “API calls and the limit”。',
      ],
      end: '10 分钟里被限流的调用少于 4 次时。',
    },
  },
  {
    name: 'RelaykeeperApiErrors',
    expr: `sum by (account, action, code) (increase(${metric('api_errors_total', { class: { not: [...waitedOut, ...elsewhere] } })}[${span('15m')}])) > 10`,
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
    chinese: {
      means: '云端经常答复这个错误。读取由 relaykeeper 重发；重启则失败。',
      look: [
        '厂商文档里的这个代码，以及日志里的 request id（厂商的支持会问）。',
        '重启时的 CommonErr 多半是那个任务的问题；列表时是服务的问题。',
      ],
      end: '15 分钟里这个错误不超过 10 次时。',
    },
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
      ['relaykeeper plan', 'what the cloud lists now'],
      'relaykeeper status',
    ],
    end: 'When the list is whole again, or has stayed short for 15 minutes and is believed.',
    chinese: {
      means: '有人一次删除了很多任务，或密钥属于另一个账号。',
      look: ['控制台：任务还在吗？', '密钥、项目或 `subAccount` 改过吗？'],
      end: '列表重新完整，或少了 15 分钟因而可信时。',
    },
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
      'The event `list-incomplete` in `history`: cloud groups that it names cannot be read (their name, the rights of the key); without any, the pages do not add up to the total, or the cloud sends no valid total.',
      'The number of tasks in the console, against `relaykeeper_last_poll_tasks`.',
      'A list that others change all the time adds up seldom; a larger `poll.pageSize` helps.',
    ],
    run: ['relaykeeper history --type list-incomplete,list-complete', ['relaykeeper plan', 'what the cloud lists now']],
    end: 'With the first poll that adds up.',
    chinese: {
      means: '可能有 relaykeeper 从未看到、因此从不重启的任务。看到的照常修复，没看到的不当作已删除。',
      look: [
        '`history` 里的 `list-incomplete` 事件：它写出的云端分组无法读取（名字、密钥的权限）；没有写出，就是各页与总数对不上，或者云端给出的总数无效。',
        '控制台里的任务数，与 `relaykeeper_last_poll_tasks` 对比。',
        '别人一直在改的列表很少对得上；更大的 `poll.pageSize` 有帮助。',
      ],
      end: '第一次轮询对得上时。',
    },
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
    chinese: {
      means: '两个时钟有一个不准，多半是这台机器的。',
      look: ['这台机器的 NTP。'],
      end: '相差不超过 30 秒时。',
    },
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
    run: [['', 'stop one of them, or give both the same store: then one stands by']],
    end: 'When one is left.',
    chinese: {
      means: '两个各有存储的 relaykeeper 负责同一个账号，或抓取到两个同名的账号。',
      look: ['用下面的 PromQL 看 `instance` 标签。'],
      end: '只剩一个时。',
    },
  },
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
    run: [['relaykeeper hold list', 'who, why, until when'], 'relaykeeper hold add TASK --reason "…" --for 2h'],
    end: 'When the hold has ended, or only later ones are left.',
    chinese: {
      means: '某人的维护锁定快要到期。',
      look: ['锁定是为了什么，那件事做完了吗？'],
      end: '锁定到期，或只剩更晚到期的时。',
    },
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
    chinese: {
      means: '维护锁定超过一天，或一个接一个没有间断。大多是忘记解除了。',
      look: ['谁设置的，为什么：问他。'],
      end: '分组没有生效的维护锁定时。',
    },
  },
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
      ['relaykeeper check', 'all mistakes at once'],
      ['kill -HUP PID', 'if many tasks are meant to become unmanaged'],
    ],
    end: 'With the next reload that succeeds.',
    chinese: {
      means: '文件改过而不正确，或会让一半以上的任务不再受管理。',
      look: ['日志里 `"event":"config-rejected"` 的行：列出每个错误和行号。'],
      end: '下一次重新加载成功时。',
    },
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
    run: ['relaykeeper status', ['kill -HUP PID', 'where the file is right and not loaded']],
    end: 'When all replicas have the same configuration.',
    chinese: {
      means: '文件在一个副本上改了，在别的副本上没有改；或有副本还没有重新加载。',
      look: ['`relaykeeper status` 写出每个副本和它的配置的哈希。'],
      end: '所有副本的配置相同时。',
    },
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
    run: ['relaykeeper status', ['', 'take the account out, or the target out of Prometheus']],
    end: 'When no scraped account is simulated.',
    chinese: {
      means: '演示，或 `provider: simulator` 的账号，在 Prometheus 当作生产的地方运行。',
      look: ['启动时用的配置：`relaykeeper status` 写出文件。'],
      end: '抓取的账号里没有模拟的时。',
    },
  },
];
