/** What each rule says against a restart, in Chinese. */
import type { ObjectionWords } from '../../domain/words/objection.ts';

const answers = { accepted: '重启已被接受', unanswered: '重启没有得到答复' } as const;
const awaited = {
  effect: '：列表还没有显示结果',
  'next-poll': '：下次轮询会显示它是否在运行',
  'any-list': '，此后没有列表显示过这个任务：看到它之前不再发送',
} as const;

export const objectionWords: ObjectionWords = {
  'no-entry': () => '没有任何 groups 条目匹配它',
  excluded: ({ entry, key, glob }) => `groups 的条目 ${entry} 用 exclude.${key} ${glob} 排除了它`,
  ended: () => '结束时间已过，或云端显示已结束',
  'unknown-status': ({ statusText }) => `云端的状态是“${statusText}”，relaykeeper 不认识`,
  'not-owner': () => '账号由另一个进程负责',
  'nothing-polled': () => '本进程接手后还没有完成过一次轮询',
  'poll-too-old': () => '最近一次完整轮询太旧',
  'not-in-poll': () => '最近一次轮询的列表里没有它',
  'list-refused': ({ failure }) => `列表被拒绝：${failure}`,
  'restarts-refused': ({ failure }) => `重启被拒绝：${failure}`,
  held: ({ author, reason }) => `被 ${author} 锁定：${reason}`,
  'outside-hours': () => '不在所属分组的运行时段内',
  'before-start': () => '开始时间未到',
  'near-end': () => '离结束时间太近，不值得重启',
  'too-few-sights': ({ sights, confirm }) => `需要 ${confirm} 次看到停止，目前 ${sights} 次`,
  observed: ({ why, n, at }) =>
    `${why === 'mode' ? '所属分组只观察' : '首次看到时已停止，而 firstSight 是 observe'}；第 ${n} 次重启本会${at === null ? '现在' : `在 ${new Date(at).toISOString()} `}发出`,
  'in-flight': () => '一次重启正在发送，还没有答复',
  awaited: ({ said, awaits }) =>
    (said.answer === 'refused' ? `被拒绝（${said.code}）` : answers[said.answer]) + awaited[awaits],
  backoff: ({ n }) => `第 ${n} 次尝试在等待退避`,
  throttled: () => '云端正在限流这个账号，或连不上云端',
  quarantined: ({ row }) => `连续失败 ${row} 次`,
  abandoned: ({ row }) => `连续失败 ${row} 次；已放弃，直到解除、看到它在运行或它被修改`,
  storm: ({ window }) => `大量任务停止：每次只重启 ${window} 个`,
};
