/** What is wrong, in plain words, for command line and page: what, since when, and what a person does about it. */
import { classMeanings, failureName, type PollTrouble } from '../words/failure.ts';
import type { Sentences } from '../words/reason.ts';
import type { AccountView, StatusView } from './shown.ts';

interface TroubleMeaning {
  /** What it is called; a time and a detail follow. */
  readonly words: string;
  readonly chinese: string;
  /** With it a task may be down that nobody sees. */
  readonly hides: boolean;
}

const row = (words: string, chinese: string, hides = false): TroubleMeaning => ({ words, chinese, hides });

const rows = {
  store: row('the store fails, so relaykeeper restarts nothing', '存储失败，不重启任何任务'),
  'replicas-differ': row(
    'replicas have different configurations; each does what its own says',
    '各副本的配置不一致，各按自己的配置运行',
  ),
  rejected: row('the new configuration is rejected; the old one stays in force', '新的配置被拒绝，旧的继续生效'),
  unread: row(
    'its ledger is not read yet, so relaykeeper restarts none of its tasks',
    '还没有读入它的记录，在此之前不重启任何任务',
    true,
  ),
  'not-owned': row(
    'another process owns it: this one restarts nothing',
    '账号由另一个进程负责，这里不重启任何任务',
    true,
  ),
  late: row('no poll has succeeded', '没有轮询成功', true),
  failing: row('polls fail', '轮询连续失败', true),
  failed: row('polls failed', '轮询曾连续失败'),
  'list-circuit': row('list circuit open', '列表接口已熔断', true),
  'restart-circuit': row('restart circuit open', '重启接口已熔断'),
  throttled: row('the cloud throttles restarts', '云端限流重启'),
  slowed: row('calls are slowed down', '调用已减速'),
  suspect: row('the list lost too many tasks to be trusted', '列表少了太多任务，不可信', true),
  incomplete: row('the list is incomplete: tasks may be missing from it', '列表不完整，可能缺少任务', true),
  empty: row(
    'the list shows no task: no cloud group was found, or none has one',
    '列表中没有任务：没有找到云端分组，或其中都没有任务',
    true,
  ),
  storm: row('storm', '风暴'),
  clock: row('the clocks of this machine and the cloud differ', '本机与云端的时钟不一致'),
} as const;
type TroubleKind = keyof typeof rows;
export const troubleKinds = Object.keys(rows) as readonly TroubleKind[];
export const troubleMeanings: Readonly<Record<TroubleKind, TroubleMeaning>> = rows;

export interface Trouble {
  readonly kind: TroubleKind;
  /** Undefined: it is the whole daemon's. */
  readonly account?: string;
  readonly since?: number;
  /** When it ends, or ended. */
  readonly until?: number;
  /** One sentence with what a person does about it, where there is one. */
  readonly detail?: Sentences;
}

/** It is over, and still shown because it ended a short while ago. */
export const isOver = ({ kind }: Trouble): boolean => kind === 'failed';

/** An account whose last good poll is older than this, and than three of its intervals, is in trouble. */
const lateMs = 60_000;

/** The daemon's own, then account by account. */
export const troublesOf = (status: StatusView): readonly Trouble[] => [
  ...daemonTroubles(status),
  ...status.accounts.flatMap((account) => accountTroubles(account, status.now)),
];

export function daemonTroubles({ store, rejected, replicas = [] }: StatusView): readonly Trouble[] {
  const configurations = new Set(replicas.map(({ configHash }) => configHash));
  const troubles: Trouble[] = [];
  if (!store.up) troubles.push({ kind: 'store', ...from(store.failingSince) });
  if (configurations.size > 1)
    troubles.push({ kind: 'replicas-differ', detail: asItIs([...configurations].join(', ')) });
  if (rejected) {
    const [first = '', ...more] = rejected.errors;
    // Below it stands the line of the file.
    const detail = asItIs(first.replace(/\n.*/s, '') + (more.length > 0 ? ` (+${more.length})` : ''));
    troubles.push({ kind: 'rejected', since: rejected.since, detail });
  }
  return troubles;
}

export function accountTroubles(account: AccountView, now: number): readonly Trouble[] {
  const troubles: Omit<Trouble, 'account'>[] = [];
  const { failing, circuits, storm, suspectSince, incompleteSince, throttledUntil, clockOffsetMs, gate } = account;
  if (account.unread) return [{ kind: 'unread', account: account.account }];
  // What a process that stands by remembers is as old as its start.
  if (!account.owned && account.owner === undefined) return [{ kind: 'not-owned', account: account.account }];
  const over = failing?.endedAt !== null;
  // A list that is doubted has its own line.
  if (failing && (over || failing.class !== 'suspect')) troubles.push(failed(failing));
  if (over && isLate(account, now)) troubles.push({ kind: 'late', ...from(account.polledAt) });
  for (const name of ['list', 'restart'] as const) {
    const open = circuits[name];
    if (open) troubles.push({ kind: `${name}-circuit`, since: open.since, detail: advised(open) });
  }
  if (throttledUntil !== null && throttledUntil > now) troubles.push({ kind: 'throttled', until: throttledUntil });
  for (const { limit, perSecond, configured, forMs } of gate.slowed)
    troubles.push({
      kind: 'slowed',
      since: now - forMs,
      detail: [`${limit} ${perSecond} of ${configured} a second`, `每秒 ${perSecond}，配置为 ${configured}`],
    });
  if (suspectSince !== null) troubles.push({ kind: 'suspect', since: suspectSince });
  if (incompleteSince !== null) troubles.push({ kind: 'incomplete', since: incompleteSince });
  if (account.polledAt !== null && account.tasks === 0) troubles.push({ kind: 'empty' });
  if (storm)
    troubles.push({
      kind: 'storm',
      since: storm.since,
      detail: [`${storm.window} restarts at a time`, `每次只重启 ${storm.window} 个任务`],
    });
  const seconds = Math.round(Math.abs(clockOffsetMs) / 1_000);
  if (clockOffsetMs !== 0) troubles.push({ kind: 'clock', detail: [`by ${seconds} s`, `${seconds} 秒`] });
  return troubles.map((one) => ({ ...one, account: account.account }));
}

const isLate = ({ polledAt, pollIntervalMs }: AccountView, now: number): boolean =>
  polledAt !== null && now - polledAt > Math.max(lateMs, 3 * (pollIntervalMs ?? 0));

function failed(failing: NonNullable<AccountView['failing']>) {
  const { since, polls, classes, endedAt } = failing;
  const [english, chinese] = endedAt === null ? advised(failing) : [classes.join(', '), classes.join('，')];
  const detail: Sentences = [`${polls} in a row, ${english}`, `连续 ${polls} 次，${chinese}`];
  return endedAt === null
    ? ({ kind: 'failing', since, detail } as const)
    : ({ kind: 'failed', since, until: endedAt, detail } as const);
}

function advised(failure: { readonly class: PollTrouble; readonly code: string | null }): Sentences {
  const words = failureName(failure);
  if (failure.class === 'suspect') return asItIs(words);
  const { means, advice, chinese } = classMeanings[failure.class];
  return [`${words}: ${means}. ${advice}`, `${words}：${chinese[0]}。${chinese[1]}`];
}

/** Names and codes, and what a file says: the same in every language. */
const asItIs = (text: string): Sentences => [text, text];

const from = (since: number | null) => (since === null ? {} : { since });
