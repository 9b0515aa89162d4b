/**
 * Every reason not to restart a stopped task now: all that follows from it except its rule, and what its rule says in
 * each case. Rules, queue, operators, log, command line, API, page and README read it here. The rows stand in order of
 * authority: if several apply, the first is shown.
 */

export interface ReasonMeaning {
  /** For a person, without a full stop. */
  readonly means: string;
  /** The same for the Chinese page, in the words of the vendor's console. */
  readonly chinese: string;
  /** What a person does about it, without a full stop. */
  readonly advice: string;
  /**
   * What becomes of a queued restart when this is the only reason against it. `stays`: it keeps its place, and goes when the
   * storm's window has room or as a probe. `until-its-time`: it keeps its place if the reason ends before the next poll.
   * `leaves`: it leaves the queue, and the next poll decides. That includes reasons that end for many tasks at one time (a
   * hold, the hours): the poll counts first whether they are a storm.
   */
  readonly queued: 'stays' | 'until-its-time' | 'leaves';
  /** Whether an operator's restart passes it. `as-probe`: only an open restart circuit, whose probe it becomes. */
  readonly operator: 'passes' | 'with-force' | 'as-probe' | 'refused';
  /** Another line of the log says its cause at the same moment. */
  readonly loggedElsewhere: boolean;
  /** In place of a time, when this reason is shown and no time is known at which a restart may go. */
  readonly forever: string;
}

/** It passes with time, but EndTime comes first. */
const endsFirst = 'its EndTime comes first';
/** Another rule knows no time. */
const noTime = 'until something changes';

/** Waits and passes with time; nothing else is special about it. */
const plain = {
  queued: 'leaves',
  operator: 'passes',
  loggedElsewhere: false,
  forever: noTime,
} as const satisfies Partial<ReasonMeaning>;

const rows = {
  unmanaged: {
    ...plain,
    means: 'No entry of `groups:` matches it, or the first that matches excludes it',
    chinese: '没有任何 groups 条目匹配它，或匹配的条目把它排除了',
    advice: 'Add or widen a group if relaykeeper should keep it running',
    operator: 'refused',
    forever: 'until a group matches it',
  },
  ended: {
    ...plain,
    means: 'The cloud says 已结束, or its EndTime has passed',
    chinese: '云端显示已结束，或结束时间已过',
    advice: 'Nothing: it needs a new task',
    operator: 'refused',
    forever: 'it has ended',
  },
  'unknown-status': {
    ...plain,
    means: 'The cloud reports a status that relaykeeper does not know',
    chinese: '云端给出的状态 relaykeeper 不认识',
    advice: 'Look at the task in the console; report the status',
    forever: 'until the cloud reports a known status',
  },
  standby: {
    ...plain,
    // While a shared store fails nobody can say whether another process does.
    means: 'This process does not own the account: another does, or the store fails',
    chinese: '本进程不负责这个账号：由另一个进程负责，或存储失败',
    advice: 'If the store fails, repair it; otherwise look at the process that owns the account',
    operator: 'refused',
    loggedElsewhere: true,
  },
  blind: {
    ...plain,
    means: 'The newest complete poll is too old to decide from',
    chinese: '最近一次完整轮询太旧，无法据此决定',
    advice: 'Look at `poll_failures_total` by class: network, key or cloud',
    loggedElsewhere: true,
  },
  circuit: {
    ...plain,
    means: 'The list or restart API fails for the whole account',
    chinese: '整个账号的列表或重启接口失败，已熔断',
    advice: '`status` names the code; the table of error classes says what to do',
    queued: 'stays',
    operator: 'as-probe',
    loggedElsewhere: true,
  },
  held: {
    ...plain,
    means: 'A hold covers it',
    chinese: '有维护锁定覆盖它',
    advice: '`hold list` says who set it and why; `hold remove ID` ends it',
    operator: 'with-force',
    forever: 'until the hold is removed',
  },
  'outside-hours': {
    ...plain,
    means: 'It is outside the `hours` of its group',
    chinese: '不在所属分组的运行时段内',
    advice: 'Nothing',
  },
  'before-start': {
    ...plain,
    means: 'Its StartTime is ahead',
    chinese: '开始时间未到',
    advice: 'Nothing',
  },
  'near-end': {
    ...plain,
    means: 'Its EndTime is too close for a restart to be worth it (`endGuard`)',
    chinese: '结束时间太近，重启没有意义',
    advice: 'Nothing',
    forever: 'it ends soon',
  },
  confirming: {
    ...plain,
    means: 'More polls must first show it stopped (`confirm`)',
    chinese: '需要更多次轮询确认它已停止',
    advice: 'Wait a poll or two',
    loggedElsewhere: true,
  },
  observing: {
    ...plain,
    means: 'Its group has `mode: observe`, or it was stopped when first seen and `firstSight` is `observe`',
    chinese: '所属分组只观察，或首次看到时已停止',
    advice: 'Set `mode: heal`, or `restart TASK` once',
    loggedElsewhere: true,
    forever: 'while it is only observed',
  },
  'in-flight': {
    ...plain,
    means: 'A restart is on its way',
    chinese: '重启请求正在发送',
    advice: 'Wait a few seconds',
    operator: 'refused',
    loggedElsewhere: true,
    forever: endsFirst,
  },
  verifying: {
    ...plain,
    means: 'A restart was sent, and the list has yet to show its effect',
    chinese: '重启已发送，等待列表显示结果',
    advice: 'Wait up to `verifyWithin`',
    loggedElsewhere: true,
    forever: endsFirst,
  },
  backoff: {
    ...plain,
    queued: 'until-its-time',
    means: 'The last attempt was too recent, or the cloud throttles the account',
    chinese: '距上次尝试太近，或云端正在限流',
    advice: 'Wait, or `restart TASK`',
    forever: endsFirst,
  },
  quarantined: {
    ...plain,
    queued: 'until-its-time',
    means: 'Too many attempts failed in a row; one is made every `quarantine.retryEvery`',
    chinese: '连续失败次数过多，已隔离，定期重试一次',
    advice: 'Repair its source or target, then `release TASK`',
    forever: endsFirst,
  },
  abandoned: {
    ...plain,
    means: 'An attempt still failed `quarantine.abandonAfter` after quarantine began: relaykeeper has given up on it',
    chinese: '长时间重启无效，已放弃',
    advice: 'Repair its source or target, then `release TASK`',
    forever: 'until it is released',
  },
  storm: {
    ...plain,
    means: 'Many tasks are stopped at once, or the failure budget is spent: only a few restarts at a time',
    chinese: '大量任务同时停止，或失败预算已用完：每次只重启少数',
    advice: 'Look for the common cause; the restarts speed up as tasks come back',
    queued: 'stays',
    loggedElsewhere: true,
    forever: endsFirst,
  },
} as const satisfies Readonly<Record<string, ReasonMeaning>>;

export type Reason = keyof typeof rows;

/** In the order of authority. */
export const reasons = Object.keys(rows) as readonly Reason[];

export const reasonMeanings: Readonly<Record<Reason, ReasonMeaning>> = rows;

// ---- what a rule says -------------------------------------------------------------------------------------------

export type Sentences = readonly [english: string, chinese: string];

/** What the cloud answered. */
type Said = { readonly answer: 'accepted' | 'unanswered' } | { readonly answer: 'refused'; readonly code: string };

const awaitedWords = {
  effect: [': the list has yet to show its effect', '：列表还没有显示结果'],
  'next-poll': [': the next poll shows whether it runs', '：下次轮询会显示它是否在运行'],
  'any-list': [
    ', and no list has shown the task since: relaykeeper does not send it again before one does',
    '，此后没有列表显示过这个任务：看到它之前不再发送',
  ],
} as const;

function saidWords(said: Said): Sentences {
  if (said.answer === 'refused') return [`refused with ${said.code}`, `被拒绝（${said.code}）`];
  return [`restart ${said.answer}`, said.answer === 'accepted' ? '重启已被接受' : '重启没有得到答复'];
}

/** `at`: when restart `n` would go, Unix milliseconds; null: now. */
interface Observed {
  readonly why: 'mode' | 'first-sight';
  readonly n: number;
  readonly at: number | null;
}

/** What rules say: the facts that a rule gives, and its sentences. */
const sayings = {
  'no-entry': () => ['no entry of groups: matches it', '没有任何 groups 条目匹配它'],
  excluded: ({ entry, key, glob }: { entry: string; key: 'title' | 'taskId'; glob: string }) => [
    `entry ${entry} of groups: excludes it by ${key} ${glob}`,
    `groups 的条目 ${entry} 用 exclude.${key} ${glob} 排除了它`,
  ],
  ended: () => ['its EndTime has passed or the cloud says 已结束', '结束时间已过，或云端显示已结束'],
  'unknown-status': ({ statusText }: { statusText: string }) => [
    `the cloud says "${statusText}", a status that relaykeeper does not know`,
    `云端的状态是“${statusText}”，relaykeeper 不认识`,
  ],
  'not-owner': () => ['this process does not own the account', '本进程不负责这个账号'],
  'store-fails': () => [
    'the store fails, and no restart is sent before it is saved',
    '存储失败，没有先保存的重启不会发送',
  ],
  'nothing-polled': () => ['no complete poll since this process took over', '本进程接手后还没有完成过一次轮询'],
  'poll-too-old': () => ['the newest complete poll is too old', '最近一次完整轮询太旧'],
  'not-in-poll': () => ['the newest poll does not show it', '最近一次轮询的列表里没有它'],
  'list-refused': ({ failure }: { failure: string }) => [`the list is refused: ${failure}`, `列表被拒绝：${failure}`],
  'restarts-refused': ({ failure }: { failure: string }) => [
    `restarts are refused: ${failure}`,
    `重启被拒绝：${failure}`,
  ],
  held: ({ author, reason }: { author: string; reason: string }) => [
    `held by ${author}: ${reason}`,
    `被 ${author} 锁定：${reason}`,
  ],
  'outside-hours': () => ['outside the hours of its group', '不在所属分组的运行时段内'],
  'before-start': () => ['its StartTime is ahead', '开始时间未到'],
  'near-end': () => ['too close to its EndTime to be worth it', '离结束时间太近，不值得重启'],
  'too-few-sights': ({ sights, confirm }: { sights: number; confirm: number }) => [
    `seen stopped ${sights} of ${confirm} times`,
    `需要 ${confirm} 次看到停止，目前 ${sights} 次`,
  ],
  observed({ why, n, at }: Observed) {
    const when = at === null ? undefined : new Date(at).toISOString();
    return [
      `${why === 'mode' ? 'its group only observes' : 'it was stopped when first seen, and firstSight is observe'}; restart ${n} would go ${when ? `at ${when}` : 'now'}`,
      `${why === 'mode' ? '所属分组只观察' : '首次看到时已停止，而 firstSight 是 observe'}；第 ${n} 次重启本会${when ? `在 ${when} ` : '现在'}发出`,
    ];
  },
  'in-flight': () => ['a restart is on its way and not answered yet', '一次重启正在发送，还没有答复'],
  awaited({ said, awaits }: { said: Said; awaits: keyof typeof awaitedWords }) {
    const [english, chinese] = saidWords(said);
    return [english + awaitedWords[awaits][0], chinese + awaitedWords[awaits][1]];
  },
  backoff: ({ n }: { n: number }) => [`attempt ${n} waits for its backoff`, `第 ${n} 次尝试在等待退避`],
  throttled: () => ['the cloud throttles the account or cannot be reached', '云端正在限流这个账号，或连不上云端'],
  quarantined: ({ row }: { row: number }) => [`${row} attempts failed in a row`, `连续失败 ${row} 次`],
  abandoned: ({ row }: { row: number }) => [
    `${row} attempts failed in a row; given up until released, seen active or edited`,
    `连续失败 ${row} 次；已放弃，直到解除、看到它在运行或它被修改`,
  ],
  storm: ({ window }: { window: number }) => [
    `many tasks are stopped: ${window} restarts at a time`,
    `大量任务停止：每次只重启 ${window} 个`,
  ],
} as const satisfies Readonly<Record<string, (facts: never) => Sentences>>;

export type ObjectionKind = keyof typeof sayings;
type FactsOf<Kind extends ObjectionKind> = Parameters<(typeof sayings)[Kind]> extends [infer Facts] ? Facts : object;
/** What a rule says against a restart, as facts. */
export type Objection = { readonly [Kind in ObjectionKind]: { readonly kind: Kind } & FactsOf<Kind> }[ObjectionKind];

/** The sentence in both languages, without a full stop; moments in it are ISO 8601. */
export const objectionSentences = (objection: Objection): Sentences =>
  (sayings[objection.kind] as (facts: Objection) => Sentences)(objection);
export const objectionSentence = (objection: Objection): string => objectionSentences(objection)[0];
