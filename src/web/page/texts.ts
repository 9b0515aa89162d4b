/**
 * Every text of the page, in English and in the Chinese of the vendor's console: one row for both, so that a text
 * without one of them does not compile.
 */

import { targetWords } from '../../domain/views/covered.ts';
import type { EventView, InCommon, RuleView } from '../../domain/views/shown.ts';
import { type Trouble, troubleKinds, troubleMeanings } from '../../domain/views/trouble.ts';
import type { EventType, Hold } from '../../domain/words/events.ts';
import { objectionSentences, reasonMeanings, reasons } from '../../domain/words/reason.ts';
import type { TaskState } from '../../domain/words/task.ts';
import { problemCodes, problems } from '../problem.ts';
import { eventSentence } from './chinese-events.ts';
import { matchWords, sharedWords, troubleDetail } from './chinese-troubles.ts';

type Row = readonly [english: string, chinese: string];
interface Rows {
  readonly [name: string]: Row | Rows;
}

const rowsOf = <Name extends string>(names: readonly Name[], rowOf: (name: Name) => Row) =>
  Object.fromEntries(names.map((name) => [name, rowOf(name)])) as Readonly<Record<Name, Row>>;

export type Tone = 'bad' | 'good' | 'person' | 'plain';

/** Events as people call them, and in which tone. */
const types: Readonly<Record<EventType, readonly [...Row, tone?: Tone]>> = {
  'task-found': ['Task found', '首次发现任务'],
  'task-seen': ['Task seen', '看到任务'],
  'task-missed': ['Task not listed', '列表中没有任务'],
  'task-moved': ['Task in another group', '任务换了分组'],
  'task-edited': ['Task edited', '任务被修改'],
  'task-gone': ['Task gone', '任务已消失'],
  'task-overdue': ['Not started in time', '到时未开始', 'bad'],
  'outage-opened': ['Down', '任务停止', 'bad'],
  'outage-ended': ['Outage over', '停止结束', 'good'],
  'restart-withheld': ['Restart waits', '暂不重启'],
  'restart-intended': ['Restart sent', '决定重启'],
  'restart-shadowed': ['Would restart', '若不是只观察就会重启'],
  'shadows-forgotten': ['Heals from here on', '观察计数清零'],
  'restart-answered': ['Cloud answered', '云端答复重启'],
  'restart-given-back': ['Attempt not counted', '这次尝试不计'],
  'restart-worked': ['Restart worked', '重启生效', 'good'],
  'restart-failed': ['Restart failed', '重启失败', 'bad'],
  'restart-proved': ['Restart held', '重启后保持运行', 'good'],
  'restart-lapsed': ['Attempt over', '不再等待这次尝试'],
  'task-quarantined': ['In quarantine', '任务被隔离', 'bad'],
  'task-abandoned': ['Given up', '任务被放弃', 'bad'],
  'task-released': ['Released', '任务解除隔离'],
  'attempts-forgotten': ['Backoff from the beginning', '退避重新开始'],
  'poll-completed': ['Poll completed', '轮询完成'],
  'poll-failed': ['Poll failed', '轮询失败'],
  'poll-suspect': ['List doubted', '列表可疑'],
  'polls-failing': ['Polls fail', '轮询连续失败', 'bad'],
  'polls-recovered': ['Polls succeed again', '轮询恢复', 'good'],
  'list-believed': ['List believed again', '列表重新可信', 'good'],
  'list-incomplete': ['List incomplete', '列表不完整', 'bad'],
  'list-complete': ['List complete again', '列表恢复完整', 'good'],
  'status-unknown': ['Unknown status', '未知状态', 'bad'],
  'storm-started': ['Storm', '风暴开始', 'bad'],
  'storm-changed': ['Storm continues', '风暴原因变化'],
  'storm-ended': ['Storm over', '风暴结束', 'good'],
  'circuit-opened': ['Circuit open', '熔断', 'bad'],
  'circuit-probed': ['Circuit stays open', '熔断探测'],
  'circuit-closed': ['Circuit closed', '熔断恢复', 'good'],
  'restarts-throttled': ['Cloud throttles', '重启被限流'],
  'action-retired': ['Action retired', '接口已停用'],
  'region-found': ['Region found', '已确定地域'],
  'store-lost': ['Store lost', '存储不可用'],
  'store-back': ['Store back', '存储已恢复'],
  'hold-added': ['Hold set', '设置了维护锁定', 'person'],
  'hold-extended': ['Hold extended', '延长了维护锁定', 'person'],
  'hold-removed': ['Hold removed', '解除了维护锁定', 'person'],
  'hold-expired': ['Hold ended', '维护锁定到期'],
  'owner-gained': ['Account taken over', '取得账号'],
  'owner-lost': ['Account lost', '失去账号'],
  'config-changed': ['Configuration changed', '配置已更改'],
  'time-accounted': ['Time accounted', '计入时长'],
  'group-empty': ['Group matches nothing', '分组没有匹配任何任务'],
};
/** Plain is a type that only a newer version knows, too. */
export const toneOfType = (type: EventType): Tone => types[type]?.[2] ?? 'plain';

const rows = {
  home: ['Home', '首页'],
  tasks: ['Tasks', '任务'],
  groups: ['Groups', '分组'],
  holds: ['Holds', '维护锁定'],
  events: ['Events', '事件'],
  configuration: ['Configuration', '配置'],
  runbooks: ['What to do about each alert', '每个告警怎么办'],
  skip: ['To the content', '跳到正文'],
  navigation: ['Pages', '页面'],
  signIn: ['Sign in', '登录'],
  signOut: ['Sign out', '退出'],
  signedInAs: ['Signed in as', '已登录：'],
  readOnly: ['You can read here. To set holds or restart tasks:', '这里只能查看。要设置维护锁定或重启任务：'],
  readOnlyNoTokens: [
    'add server.tokens to the configuration, or use the command line on the machine itself:',
    '请在配置中加入 server.tokens，或在本机使用命令行：',
  ],
  readOnlySignIn: ['sign in with a token of scope operate or admin.', '请用 operate 或 admin 权限的令牌登录。'],
  signInHelp: [
    'Enter a token of server.tokens in the configuration. Its scope says what it may do.',
    '请输入配置 server.tokens 中的令牌。能做什么由它的权限决定。',
  ],
  token: ['Token', '令牌'],
  wrongToken: ['No such token.', '没有这个令牌。'],
  allRun: ['Every task that should be running is', '应当运行的任务都在运行'],
  down: ['down', '个任务中断'],
  tasksDown: ['Tasks down', '中断的任务'],
  inCommon: ['What most of them have in common', '它们大多有什么共同点'],
  noneKnownDown: ['No task is known to be down', '没有已知中断的任务'],
  running: ['running', '运行中'],
  overdue: ['not started in time', '到时未开始'],
  quarantined: ['in quarantine', '已隔离'],
  abandoned: ['given up', '已放弃'],
  held: ['held', '已锁定'],
  outsideHours: ['outside their hours', '时段外'],
  in: ['in', '还有'],
  ago: ['ago', '前'],
  startedAt: ['running since', '启动于'],
  downFor: ['Down for', '已中断'],
  endSoon: ['Ending soon, without a successor', '即将结束，且没有后续任务'],
  endSoonHelp: [
    'No later task has the same destination: what these push goes dark.',
    '没有更晚的任务推到同一个目标：它们的画面会中断。',
  ],
  excludedBy: ['excluded by', '被排除：'],
  follows: ['then', '之后'],
  nobodyFollows: ['no successor', '没有后续任务'],
  nothingKnown: ['Nothing is known yet: no poll has completed', '还不知道：没有完成过一次轮询'],
  nothingWatched: ['No task is watched: no group has one', '没有看管任何任务：没有分组有任务'],
  trouble: ['Trouble', '问题'],
  downState: ['down: should run', '中断：本该运行'],
  title: ['Title', '标题'],
  task: ['Task', '任务'],
  group: ['Group', '分组'],
  account: ['Account', '账号'],
  why: ['Why', '原因'],
  next: ['Next attempt', '下次尝试'],
  nextNow: ['now, as soon as the limit allows', '现在，限额允许时立即'],
  nextThen: ['as soon as that is over', '上述原因一消失就进行'],
  never: ['not automatically', '不会自动进行'],
  unknownTime: ['not known', '未知'],
  more: ['more', '更多'],
  accounts: ['Accounts', '账号'],
  owner: ['Owner', '负责者'],
  thisProcess: ['this process', '本进程'],
  otherProcess: ['another process', '另一个进程'],
  lastPoll: ['Last complete poll', '最近一次完整轮询'],
  every: ['every', '每'],
  limit: ['Call limit per second', '每秒调用上限'],
  waiting: ['Calls waiting', '等待中的调用'],
  circuits: ['Circuits', '熔断'],
  closed: ['closed', '正常'],
  listCircuit: ['List circuit open', '列表接口已熔断'],
  restartCircuit: ['Restart circuit open', '重启接口已熔断'],
  lastHours: ['The last six hours', '最近六小时'],
  chartDown: ['Tasks down', '中断的任务数'],
  chartRestarts: ['Restarts and failures per minute', '每分钟重启与失败'],
  chartCalls: ['Calls per second, and the limit', '每秒调用与上限'],
  chartPoll: ['Age of the last complete poll, seconds', '最近完整轮询距今（秒）'],
  restarts: ['restarts', '重启'],
  lists: ['lists', '列表'],
  limitLine: ['limit', '上限'],
  failures: ['failures', '失败'],
  calls: ['calls', '调用'],
  seconds: ['seconds', '秒'],
  nowIs: ['now', '现在'],
  most: ['max', '最多'],
  search: ['Title, id or cloud group', '标题、ID 或云端分组'],
  state: ['State', '状态'],
  reason: ['Reason', '原因'],
  any: ['any', '全部'],
  show: ['Show', '显示'],
  nextPage: ['Next page', '下一页'],
  firstPage: ['First page', '第一页'],
  none: ['None.', '没有。'],
  cloudGroup: ['Cloud group', '云端分组'],
  starts: ['Starts', '开始'],
  ends: ['Ends', '结束'],
  attempts: ['Attempts', '尝试'],
  inRow: ['failed in a row', '次连续失败'],
  restartNow: ['Restart now', '立即重启'],
  restartForce: ['Also if a hold covers it', '即使有维护锁定'],
  release: ['Release from quarantine', '解除隔离'],
  hold: ['Hold', '维护锁定'],
  explain: ['Why it is not restarted now', '为什么现在不重启'],
  ifStopped: ['If it stopped now', '如果它现在停止'],
  rule: ['Rule', '规则'],
  says: ['Says', '结论'],
  notBefore: ['Not before', '不早于'],
  noRuleAgainst: ['No rule is against a restart.', '没有规则反对重启。'],
  othersSayNothing: ['other rules have nothing against a restart', '条其他规则不反对重启'],
  timeline: ['What happened', '经过'],
  noHistory: ['What happened cannot be read: the store fails.', '无法读取经过：存储失败。'],
  when: ['When', '时间'],
  what: ['What', '事件'],
  details: ['Details', '详情'],
  policy: ['Policy in force', '生效的策略'],
  policyHelp: [
    'As the configuration has it, key by key, with where each value comes from.',
    '逐项列出配置的值，以及每个值从哪里来。',
  ],
  policyLink: ['Policy of each group, with where each value comes from', '每个分组的策略，以及每个值从哪里来'],
  ownValues: ['set in the file', '项由文件设定'],
  comesFrom: ['Comes from', '来自'],
  origins: {
    group: ['the group', '分组'],
    defaults: ['defaults', 'defaults'],
    'built-in': ['built in', '内置'],
  } as Readonly<Record<string, Row>>,
  everything: ['Everything', '全部'],
  presets: {
    outages: ['Outages', '中断'],
    restarts: ['Restarts', '重启'],
    guards: ['Storms, circuits, polls', '风暴、熔断、轮询'],
    changes: ['Changes by people and the cloud', '人和云端的改动'],
  },
  key: ['Key', '项'],
  value: ['Value', '值'],
  setHold: ['Set a hold', '设置维护锁定'],
  target: ['What it covers', '覆盖范围'],
  wholeAccount: ['the whole account', '整个账号'],
  oneTask: ['Task id', '任务 ID'],
  byTitle: ['tasks by title', '按标题的任务'],
  targetHelp: ['a task or titles: name them beside', '任务或标题：在旁边填写'],
  taskOrTitle: ['Task or titles', '任务或标题'],
  taskOrTitleHelp: ['id, or title with * and ?', '任务 ID，或带 * 和 ? 的标题'],
  beginsIn: ['Begins in', '多久后开始'],
  beginsInHelp: ['such as 2h; empty: now', '例如 2h；留空：现在'],
  length: ['How long', '多久'],
  lengthHelp: ['such as 30m or 1d12h; empty: until it is removed', '例如 30m 或 1d12h；留空：直到解除'],
  reasonHelp: ['for whoever is on call next', '写给后来的人'],
  preview: ['Show what it covers', '先看覆盖哪些任务'],
  covers: ['This hold covers', '这个锁定覆盖'],
  coversNow: ['Covers now', '现在覆盖'],
  tasksOf: ['tasks', '个任务'],
  taskOf: ['task', '个任务'],
  titles: ['titles', '标题'],
  endedLately: ['Ended in the last day', '一天内结束的'],
  confirm: ['Set it', '确认设置'],
  back: ['Back', '返回'],
  remove: ['End it now', '立即解除'],
  extend: ['One hour more', '延长一小时'],
  change: ['Change', '更改'],
  planned: ['planned:', '计划：'],
  recurring: ['recurring, from the configuration', '周期性，由配置规定'],
  author: ['Author', '设置者'],
  until: ['Until', '直到'],
  untilRemoved: ['until it is removed', '直到解除'],
  observed: ['only observed', '只观察'],
  unmanaged: ['no group', '无分组'],
  type: ['Type', '类型'],
  older: ['Older', '更早'],
  newest: ['Newest', '最新'],
  inForce: ['In force', '生效中'],
  inForceSince: ['in force since', '生效于'],
  changes: ['What was changed', '改动了什么'],
  moreChanges: ['All changes by people and the cloud', '人和云端的所有改动'],
  file: ['File', '文件'],
  rejected: [
    'The newest configuration was rejected; the one below stays in force',
    '最新的配置被拒绝；下面的配置继续生效',
  ],
  stale: [
    'This page is not renewed: relaykeeper does not answer, or no longer has what it shows. Last renewed at',
    '本页没有更新：relaykeeper 没有答复，或已没有这里显示的内容。上次更新于',
  ],
  loadAgain: ['Load it again', '重新加载'],
  since: ['since', '自'],
  states: {
    active: ['active', '生效中'],
    stopped: ['stopped', '停用'],
    not_started: ['not started', '未开始'],
    overdue: ['overdue', '到时未开始'],
    ended: ['ended', '已结束'],
    unknown: ['unknown', '未知'],
  } satisfies Readonly<Record<TaskState, Row>>,
  reasons: rowsOf(reasons, (name) => {
    const { means, chinese } = reasonMeanings[name];
    return [means.replaceAll('`', ''), chinese];
  }) as Readonly<Record<string, Row>>,
  troubles: rowsOf(troubleKinds, (kind) => [troubleMeanings[kind].words, troubleMeanings[kind].chinese]),
  problems: rowsOf(problemCodes, (code) => [problems[code].title, problems[code].chinese]),
  types: types as Readonly<Record<string, Row>>,
} as const satisfies Rows;

type InOneLanguage<T> = {
  readonly [K in keyof T]: T[K] extends Row ? string : InOneLanguage<T[K]>;
};

const inOneLanguage = <T extends Rows>(some: T, language: 0 | 1): InOneLanguage<T> =>
  Object.fromEntries(
    Object.entries<Row | Rows>(some).map(([name, row]) => [
      name,
      isRow(row) ? row[language] : inOneLanguage(row, language),
    ]),
  ) as InOneLanguage<T>;

const isRow = (row: Row | Rows): row is Row => Array.isArray(row);

export interface Texts extends InOneLanguage<typeof rows> {
  readonly troubleDetail: (trouble: Trouble) => string | undefined;
  readonly shared: (shared: InCommon) => string;
  readonly objection: (rule: RuleView) => string;
  readonly matchWords: (hold: Pick<Hold, 'account' | 'target'>) => string;
  readonly eventSentence: (told: EventView) => string;
}

export const english: Texts = {
  ...inOneLanguage(rows, 0),
  troubleDetail: ({ detail }) => detail,
  shared: ({ sentence, startedAt }) =>
    startedAt === undefined ? sentence : `${sentence}, the first at ${new Date(startedAt).toISOString()}`,
  matchWords: targetWords,
  objection: ({ detail }) => detail,
  eventSentence: ({ sentence, event }) =>
    'hold' in event && event.type !== 'hold-added' ? `${sentence}: ${event.hold.reason}` : sentence,
};

export const chinese: Texts = {
  ...inOneLanguage(rows, 1),
  troubleDetail,
  shared: sharedWords,
  matchWords,
  objection: ({ objection }) => (objection ? objectionSentences(objection)[1] : ''),
  eventSentence: ({ event }) => eventSentence(event),
};
