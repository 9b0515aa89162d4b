/** What the log says of an event in English, in Chinese: what is said beside the event's name. */
import { durationText } from '../../domain/words/duration.ts';
import type { ConfigDifference, Ending, Event, EventOf, EventType, Hold } from '../../domain/words/events.ts';
import { failureName, type seenFailures } from '../../domain/words/failure.ts';
import { reasonMeanings } from '../../domain/words/reason.ts';
import type { RestartAnswer } from '../../domain/words/task.ts';

type Words = { readonly [Type in EventType]: (event: EventOf<Type>) => string };

const endings: Readonly<Record<Ending, string>> = {
  recovered: '重启后恢复',
  external: '由别人恢复',
  ended: '任务已结束',
  gone: '任务已消失',
  unmanaged: '不再管理',
};
const answers: Readonly<Record<RestartAnswer['kind'], string>> = {
  accepted: '已接受',
  refused: '被拒绝',
  throttled: '被限流',
  'not-sent': '没有发出',
  unanswered: '没有答复，等待下次轮询',
};
/** As the list showed it; anything else is a code. */
const failures: Readonly<Record<string, string>> = {
  'not-recovered': '任务没有恢复',
  'stopped-again': '任务又停止了',
} satisfies Record<(typeof seenFailures)[number], string>;
const givenBack = {
  throttled: '被限流',
  'not-sent': '没有发出',
  'not-its-fault': '不是任务的问题',
  circuit: '接口已熔断',
  'not-saved': '没能保存',
} as const;
const released = {
  operator: '由人解除',
  'seen-active': '看到它在运行',
  edited: '任务被修改',
  'circuit-closed': '熔断恢复',
  'too-few-failures': '按现行策略，失败次数或时间未达上限',
} as const;
const edited = { startTime: '开始时间', endTime: '结束时间', source: '源地址' } as const;

const scope = ({ group }: { readonly group: string | undefined }) =>
  group === undefined ? '整个账号' : `分组 ${group}`;
function holdWords({ reason, author, startsAt, endsAt }: Hold): string {
  const span = [
    ...(startsAt === undefined ? [] : [`从 ${new Date(startsAt).toISOString()}`]),
    ...(endsAt === undefined ? [] : [`到 ${new Date(endsAt).toISOString()}`]),
  ].join(' ');
  return `${author}：${reason}${span && `（${span}）`}`;
}
export const answerWords = (answer: RestartAnswer): string =>
  answer.kind === 'accepted' ? answers.accepted : `${answers[answer.kind]}：${failureName(answer.failure)}`;
const circuitName = { list: '列表接口', restart: '重启接口' } as const;
const namedWords = (what: string, { added, removed, changed }: ConfigDifference['groups']): readonly string[] =>
  Object.entries({ 新增: added, 移除: removed, 更改: changed }).flatMap(([how, names]) =>
    names.length > 0 ? [`${how}${what}：${names.join('、')}`] : [],
  );
const differenceWords = ({ accounts, groups, changed }: ConfigDifference): string =>
  [
    ...namedWords('账号', accounts),
    ...namedWords('分组', groups),
    ...namedWords('', { added: [], removed: [], changed }),
  ].join('；') || '没有不同';
const nothing = () => '';

const words: Words = {
  'task-found': ({ item }) => item.statusText || item.status,
  'task-seen': ({ item }) => item.statusText || item.status,
  'task-missed': nothing,
  'task-moved': ({ from, group }) => `${from ?? '无分组'} → ${group ?? '无分组'}`,
  'task-edited': ({ fields }) => fields.map((field) => edited[field]).join('、'),
  'task-gone': nothing,
  'task-overdue': nothing,
  'outage-opened': ({ firstSight }) => (firstSight ? '首次看到时已停止' : ''),
  'outage-ended': ({ ending, durationMs }) => `${endings[ending]}，历时 ${durationText(durationMs)}`,
  'restart-withheld': ({ reason, until }) =>
    reasonMeanings[reason].chinese +
    (Number.isFinite(until) && until !== null ? `，不早于 ${new Date(until).toISOString()}` : ''),
  'restart-intended': ({ n, by }) => (by === undefined ? `第 ${n} 次` : `由 ${by}`),
  'restart-shadowed': ({ n }) => `第 ${n} 次`,
  'shadows-forgotten': nothing,
  'restart-answered': ({ answer }) => answerWords(answer),
  'restart-given-back': ({ why }) => givenBack[why],
  'restart-worked': nothing,
  'restart-failed': ({ cause, row }) => `${failures[cause] ?? cause}，连续第 ${row} 次`,
  'restart-proved': nothing,
  'restart-lapsed': nothing,
  'task-quarantined': ({ failures }) => `连续失败 ${failures} 次`,
  'task-abandoned': ({ failures }) => `失败 ${failures} 次；修好源或目标后解除`,
  'task-released': ({ by, cause }) => (cause === 'operator' ? `由 ${by}` : released[cause]),
  'attempts-forgotten': nothing,
  'poll-completed': ({ tasks }) => `${tasks} 个任务`,
  'poll-failed': ({ failure }) => failureName(failure),
  'poll-suspect': ({ tasks, before }) => `${before} → ${tasks} 个任务`,
  'polls-failing': failureName,
  'polls-recovered': ({ polls, classes }) => `失败了 ${polls} 次：${classes.join('、')}`,
  'list-believed': ({ tasks }) => `${tasks} 个任务`,
  'list-incomplete': ({ polls, cloudGroups }) =>
    `连续 ${polls} 次${cloudGroups.length > 0 ? `，无法读取云端分组 ${cloudGroups.join('、')}` : ''}`,
  'list-complete': nothing,
  'status-unknown': ({ statusText }) => statusText,
  'storm-started': (event) => `${scope(event.scope)}：应运行的 ${event.due} 个中有 ${event.stopped} 个停止`,
  'storm-changed': (event) => scope(event.scope),
  'storm-ended': (event) => scope(event.scope),
  'circuit-opened': ({ circuit, failure }) => `${circuitName[circuit]}：${failureName(failure)}`,
  'circuit-probed': ({ circuit, failure }) => `${circuitName[circuit]}：${failureName(failure)}`,
  'circuit-closed': ({ circuit }) => circuitName[circuit],
  'restarts-throttled': ({ failure, until }) => `${failureName(failure)}，不早于 ${new Date(until).toISOString()}`,
  'action-retired': ({ from, to }) => `${from} → ${to}`,
  'region-found': ({ region }) => region,
  'store-lost': ({ error }) => `此间不做任何重启：${error}`,
  'store-back': ({ since }) => `自 ${new Date(since).toISOString()} 起不可用`,
  'hold-added': ({ hold, covers }) =>
    `${holdWords(hold)}${covers ? `，覆盖 ${covers.tasks} 个任务，其中 ${covers.stopped} 个停用` : ''}`,
  'hold-extended': ({ hold, by }) => `由 ${by} 延长。${holdWords(hold)}`,
  'hold-removed': ({ hold, by }) => `由 ${by} 解除。${holdWords(hold)}`,
  'hold-expired': ({ hold }) => holdWords(hold),
  'owner-gained': nothing,
  'owner-lost': nothing,
  'time-accounted': nothing,
  'config-changed': ({ hash, difference }) =>
    difference === null ? `以新的配置启动（${hash}）` : differenceWords(difference),
  'group-empty': ({ group }) => group,
};

/** Nothing of a type that only a newer version knows. */
export const eventSentence = (event: Event): string =>
  (words[event.type] as ((event: Event) => string) | undefined)?.(event) ?? '';
