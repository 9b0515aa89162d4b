/** The runbooks in Chinese, for the page. A rule without its row here fails `npm run generate`. */

interface ChineseRunbook {
  readonly means: string;
  /** As many as in English, in the same order. */
  readonly look: readonly string[];
  readonly end: string;
}

export const chineseRunbooks: Readonly<Record<string, ChineseRunbook>> = {
  RelaykeeperTaskDown: {
    means: '应当运行的任务停止了，十分钟内重启没有用，或不能重启。',
    look: [
      '是一个任务还是很多？很多同时停止：看它们有什么共同点（源站、CDN、账号）。',
      '`explain` 给出的原因：`backoff` 和 `quarantined` 说明重启失败了；`circuit`、`storm` 和 `blind` 说明 relaykeeper 不能尝试。',
      '任务的源：没有推流就拉不到流。',
    ],
    end: '分组里没有任务中断这么久时；有维护锁定的不算。',
  },
  RelaykeeperTaskOverdue: {
    means: '云端早该自己开始这个任务，却没有。relaykeeper 帮不上：没有可重启的东西。',
    look: [
      '任务的 StartTime（注意时区）和云端的时钟（`relaykeeper_clock_skew_seconds`）。',
      '控制台里的任务：手动停止再启动，云端会重新处理它。',
    ],
    end: '任务运行、结束，或 StartTime 被改动时。',
  },
  RelaykeeperStatusUnknown: {
    means: '云端给出的状态不是停用、生效中、未开始、已结束中的任何一个。之前中断的任务仍算中断；别的不算。',
    look: ['云端写的状态：`explain`，或日志里 `"event":"status-unknown"` 的行。', '控制台里的任务：它在运行吗？'],
    end: '分组的每个任务都重新有已知的状态时。',
  },
  RelaykeeperKeyRefused: {
    means:
      '访问密钥不对、过期或没有权限。circuit="list"：relaykeeper 看不到任何任务；circuit="restart"：它不能重启任何任务。',
    look: [
      '`status` 给出错误码：InvalidAccessKey 和 SignatureDoesNotMatch 是密钥的问题，AccessDenied 和 LackPolicy 是 IAM 权限的问题。',
      '密钥换过吗？这台机器上的密钥文件也换了吗？',
    ],
    end: '这类调用第一次成功时。密钥文件一变，relaykeeper 立即尝试；否则至少每 5 分钟试一次列表和一次重启。',
  },
  RelaykeeperAccountUnpaid: {
    means: '账号欠费，或没有开通直播服务。每个任务的重启都被拒绝。',
    look: ['控制台里账号的账单页。'],
    end: '第一次调用成功时；没有人操作时，relaykeeper 每 5 分钟试一次。',
  },
  RelaykeeperClockRefused: {
    means: '云端不接受签名里的时间；按 Date 头校正也没有用。',
    look: ['这台机器的时钟，NTP 是否在运行。', '中间是否有代理，用自己的 Date 答复。'],
    end: '这类调用第一次成功时。',
  },
  RelaykeeperActionRetired: {
    means: '厂商停用了这个接口，或 endpoint 不是直播服务的。',
    look: ['配置里这个账号的 `endpoint` 和 `restartAction`。', '厂商的接口列表，以及更新的 relaykeeper。'],
    end: '这类调用第一次成功时，例如换了 `restartAction`。',
  },
  RelaykeeperPollStale: {
    means: '最近一次完整轮询距今超过四个轮询间隔（至少 3 分钟）：relaykeeper 看不见，不重启任何任务。',
    look: [
      '下面 PromQL 里的类别：`network` 和 `timeout` 是网络，`auth` 是密钥，`server` 是云端，`suspect` 是列表少了一半以上的任务。',
      '日志里最新的 `"event":"polls-failing"` 的行。',
    ],
    end: '下一次轮询完整时。',
  },
  RelaykeeperTargetDown: {
    means: '一个抓取目标没有答复：进程结束了或卡住了，或 Prometheus 连不上它。',
    look: [
      '进程在运行吗？为什么结束：看它日志的最后几行。',
      '它的账号现在由谁负责：`relaykeeper_owner`。每个账号都有负责者，说明备用进程已接手。',
      'Prometheus 的 targets 页：抓取为什么失败。',
    ],
    end: '第一次抓取成功时，或目标从 Prometheus 的配置里拿掉时。',
  },
  RelaykeeperAbsent: {
    means: 'Prometheus 从任何 relaykeeper 都抓不到 /metrics。',
    look: ['进程在运行吗？若没有，看它日志的最后几行。', 'Prometheus 的 targets 页：是网络的问题吗？'],
    end: '第一次抓取成功时。',
  },
  RelaykeeperNoOwner: {
    means: '账本的锁（或租约）在 Prometheus 不知道的进程手里，或没有人有。',
    look: [
      'RelaykeeperTargetDown 也在告警吗？那就从它开始。',
      '同一个存储上的另一个 relaykeeper：旧的容器，某人的终端。',
      '备用进程的日志：`"event":"standing-by"`。',
    ],
    end: '被抓取的进程里有一个负责这个账号时。',
  },
  RelaykeeperStoreFailing: {
    means: '存储的操作失败：磁盘满、只读、损坏，或被别的程序锁住。',
    look: [
      '数据库所在目录的空间和权限。',
      '日志里 `"event":"store-failing"` 的行：写着错误。',
      '打开着这个文件的程序（备份、sqlite3）。',
    ],
    end: '操作重新成功时；什么都不用重启。',
  },
  RelaykeeperTaskAbandoned: {
    means: '几天里重启都没有用（默认 72 小时）。relaykeeper 不再尝试。',
    look: ['还有人要这个任务吗？若没有：在控制台停用并设置维护锁定，或删除它。', '它的源和目标。'],
    end: '任务被解除、被修改、被看到在运行，或消失时。',
  },
  RelaykeeperTaskQuarantined: {
    means: '连续 `attempts` 次（默认 8 次）重启都没有让任务运行起来。',
    look: ['`explain` 里失败的代码：`not-recovered` 表示云端接受了重启，任务却没有运行；先查它的源。'],
    end: '任务被看到在运行、被解除、被锁定或消失时。',
  },
  RelaykeeperTaskFlapping: {
    means: '任务一小时内停止又恢复超过三次。每次停止观众都看得到。',
    look: [
      '什么时候停止：间隔固定，是源或目标的设置；否则是源本身。',
      '只有任务不多于 `metrics.maxTaskSeries` 时才有这个告警；更多时看 RelaykeeperRestartsFailing 的 `stopped-again`。',
    ],
    end: '任务最近一小时里变化不超过六次时。',
  },
  RelaykeeperRestartsFailing: {
    means: '重启发出去了，但没有用。代码说明为什么。',
    look: [
      '用下面的 PromQL 看代码。`not-recovered`：云端接受了重启，任务没有运行；`stopped-again`：任务运行了又停止；云端的代码：被拒绝。',
      '是一个任务还是全部：`status`。',
    ],
    end: '半小时里失败不超过 10 次，或少于重启的一半时。',
  },
  RelaykeeperStorm: {
    means: '这么多任务一起停止，多半有共同的原因。relaykeeper 放慢重启，直到看到重启有用。',
    look: [
      '它们有什么共同点：源站、CDN、控制台里的改动、账号。',
      '窗口（`relaykeeper_storm_window`）在变大吗？那它会自己恢复。',
    ],
    end: '停止的任务少于两个阈值中任何一个的一半，且失败少于预算的一半时。',
  },
  RelaykeeperTaskEnds: {
    means: '任务按计划到 EndTime 结束，relaykeeper 不会再启动它。账号里没有更晚结束的任务推到同一个目标。',
    look: [
      '节目到那时结束了吗？那就不用管；分组里的 `endWarning: false` 关掉这个告警。',
      '否则创建下一个任务，或推迟这个任务的 EndTime。目标必须相同，`?` 之后的部分除外。',
    ],
    end: '有更晚的任务推到这个目标、EndTime 被推迟，或任务已结束时。',
  },
  RelaykeeperCircuitOpen: {
    means: '连续五次重启（至少两个任务）失败，而且不是任务的问题（server、network、timeout、quota……）。',
    look: ['类别和代码：`status`。', '厂商的状态页；通往云端的路（DNS、代理、防火墙）。'],
    end: '第一次成功时；relaykeeper 每 30 秒试一次。',
  },
  RelaykeeperThrottled: {
    means: '另一个程序用同一个账号调用同一个接口，或厂商降低了限额。',
    look: [
      '用这个账号的其他工具、其他 relaykeeper、脚本。',
      'relaykeeper 自己的调用：面板 “API calls and the limit”。',
    ],
    end: '10 分钟里被限流的调用少于 4 次时。',
  },
  RelaykeeperApiErrors: {
    means: '云端经常答复这个错误。读取由 relaykeeper 重发；重启则失败。',
    look: [
      '厂商文档里的这个代码，以及日志里的 request id（厂商的支持会问）。',
      '重启时的 CommonErr 多半是那个任务的问题；列表时是服务的问题。',
    ],
    end: '15 分钟里这个错误不超过 10 次时。',
  },
  RelaykeeperListSuspect: {
    means: '有人一次删除了很多任务，或密钥属于另一个账号。',
    look: ['控制台：任务还在吗？', '密钥、项目或 `subAccount` 改过吗？'],
    end: '列表重新完整，或少了 15 分钟因而可信时。',
  },
  RelaykeeperListIncomplete: {
    means: '可能有 relaykeeper 从未看到、因此从不重启的任务。看到的照常修复，没看到的不当作已删除。',
    look: [
      '`history` 里的 `list-incomplete` 事件：它写出的云端分组无法读取（名字、密钥的权限）；没有写出，就是各页与总数对不上。',
      '控制台里的任务数，与 `relaykeeper_last_poll_tasks` 对比。',
      '别人一直在改的列表很少对得上；更大的 `poll.pageSize` 有帮助。',
    ],
    end: '第一次轮询对得上时。',
  },
  RelaykeeperClockSkew: {
    means: '两个时钟有一个不准，多半是这台机器的。',
    look: ['这台机器的 NTP。'],
    end: '相差不超过 30 秒时。',
  },
  RelaykeeperTwoOwners: {
    means: '两个各有存储的 relaykeeper 负责同一个账号，或抓取到两个同名的账号。',
    look: ['用下面的 PromQL 看 `instance` 标签。'],
    end: '只剩一个时。',
  },
  RelaykeeperHoldEnds: {
    means: '某人的维护锁定快要到期。',
    look: ['锁定是为了什么，那件事做完了吗？'],
    end: '锁定到期，或只剩更晚到期的时。',
  },
  RelaykeeperHoldForgotten: {
    means: '维护锁定超过一天，或一个接一个没有间断。大多是忘记解除了。',
    look: ['谁设置的，为什么：问他。'],
    end: '分组没有生效的维护锁定时。',
  },
  RelaykeeperConfigRejected: {
    means: '文件改过而不正确，或会让一半以上的任务不再受管理。',
    look: ['日志里 `"event":"config-rejected"` 的行：列出每个错误和行号。'],
    end: '下一次重新加载成功时。',
  },
  RelaykeeperReplicasDiffer: {
    means: '文件在一个副本上改了，在别的副本上没有改；或有副本还没有重新加载。',
    look: ['`relaykeeper status` 写出每个副本和它的配置的哈希。'],
    end: '所有副本的配置相同时。',
  },
  RelaykeeperSimulatedAccount: {
    means: '演示，或 `provider: simulator` 的账号，在 Prometheus 当作生产的地方运行。',
    look: ['启动时用的配置：`relaykeeper status` 写出文件。'],
    end: '抓取的账号里没有模拟的时。',
  },
};

/** What the commands of the runbooks are for, by the English comment behind them. */
export const chineseComments: Readonly<Record<string, string>> = {
  'what is stopped, what is in the way': '什么停止了，被什么挡住',
  'every rule for this task, and what happened to it': '这个任务的每条规则，以及它的经过',
  'try once more, now, whatever the rules say': '不管规则，现在再试一次',
  'if it is meant to be down: this ends the alert': '如果本来就该停：这会结束告警',
  'which tasks': '哪些任务',
  'if the console shows that it does not run': '如果控制台显示它没有运行',
  'circuit, code and since when': '熔断、代码和从何时起',
  'once the key works: tries at once, and closes the restart circuit': '密钥可用后：立即尝试，并恢复重启接口',
  'once the bill is paid: tries at once, and closes the circuit': '付费后：立即尝试，并恢复接口',
  'one poll from here, with the error if it fails': '从这里轮询一次，失败则显示错误',
  'or: docker ps -a, docker logs relaykeeper': '或：docker ps -a、docker logs relaykeeper',
  'a bad configuration is the commonest reason not to start': '配置错误是无法启动最常见的原因',
  'who has the lock (SQLite)': '谁持有锁（SQLite）',
  'once it is repaired: begin again': '修好之后：重新开始',
  'once its source or target is repaired: try at once': '修好源或目标之后：立即尝试',
  'leave it alone while somebody repairs it': '有人修理时先不管它',
  'also what the tasks that are down have in common': '也显示中断的任务有什么共同点',
  'the soonest': '最早结束的',
  'tries at once, and closes the circuit if it succeeds': '立即尝试，成功则恢复接口',
  'how many calls this configuration makes': '这份配置会发出多少调用',
  'lower rateLimit.perSecond of the account to leave room for the others':
    '调低账号的 rateLimit.perSecond，给别的程序留余地',
  'what the cloud lists now': '云端现在列出什么',
  'stop one of them, or give both the same store: then one stands by':
    '停掉其中一个，或让两个用同一个存储：那样一个备用',
  'who, why, until when': '谁、为什么、到何时',
  'all mistakes at once': '一次列出所有错误',
  'if many tasks are meant to become unmanaged': '如果确实要让很多任务不再受管理',
  'where the file is right and not loaded': '在文件正确却没有加载的副本上',
  'take the account out, or the target out of Prometheus': '拿掉这个账号，或从 Prometheus 拿掉这个目标',
};
