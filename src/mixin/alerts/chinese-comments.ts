/** What the commands of the runbooks are for, in Chinese, by the English comment behind them. */
export const chineseComments = {
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
} as const;
export type Comment = keyof typeof chineseComments;
