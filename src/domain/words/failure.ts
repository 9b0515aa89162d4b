/**
 * Every way in which a call can fail, and what follows from it: whether it is sent again, what becomes of the attempt,
 * what opens a circuit, what a person does. Which code belongs to which class stands in `cloud/errors.ts`.
 */
import { count, maybe, oneOf, record, type Shape, text } from './shape.ts';

/**
 * Two columns, both read: what becomes of the attempt when the cloud answers its restart so, and what the answer does to
 * the restart circuit. The pairs that are missing have no meaning: an attempt that opens the circuit does not count, and
 * one that does not count is none of five in a row.
 */
type RestartEnd =
  /**
   * Both give the attempt back, and `throttled` slows all calls of the account down as well. Unless the circuit opens, the
   * account's restarts wait: 5 s, doubled with each such answer in a row, up to 60 s; after calls that were never sent, until
   * a later list is answered. Once other restarts were answered since, or another task's restart has closed the circuit, the
   * trouble is the task's own: for the rest of that outage each such answer is a failed attempt.
   */
  | { readonly attempt: 'throttled'; readonly restartCircuit: 'nothing' }
  | { readonly attempt: 'given-back'; readonly restartCircuit: 'opens' | 'nothing' }
  /**
   * Attempt: `failed`; `doubted`: failed, unless the next poll shows the task running; `unanswered`: the restart may have
   * worked, and the next poll shows it.
   * Circuit: `counts`: five such in a row, on at least two tasks, open it. `denies`: two in a row, on two tasks, open it;
   * while the list is refused too, one is enough. A single denial may be that one task's trouble.
   */
  | { readonly attempt: 'failed' | 'doubted' | 'unanswered'; readonly restartCircuit: 'counts' | 'denies' | 'nothing' };

/** The account's restarts wait, the attempt is given back, and nothing else is slowed down. */
export const isWaitedOut = ({ attempt, restartCircuit }: RestartEnd): boolean =>
  attempt === 'given-back' && restartCircuit === 'nothing';

type ClassMeaning = RestartEnd & {
  /** For a person, without a full stop. */
  readonly means: string;
  /** What a person does about it, without a full stop. */
  readonly advice: string;
  /** Both for the Chinese page. */
  readonly chinese: readonly [means: string, advice: string];
  /** Nothing works until a person acts. */
  readonly needsPerson: boolean;
  readonly listCircuit: 'opens' | 'nothing';
  /** How often a read that failed so is sent again, with growing pauses. */
  readonly resends: number;
  /** What can change between the failed call and one more, sent once: the keys, the clock offset, the action. */
  readonly remedy: 'keys' | 'clock' | 'action' | undefined;
  /** One cloud group's list can be answered so; else it is the account's, unless the next poll fails too. */
  readonly ofOneGroup: boolean;
  /** A call can fail so without a code of the cloud. */
  readonly codeless: boolean;
  /** It did not reach the cloud, or no answer came back: an answer to another call shows that this is over. */
  readonly unreached: boolean;
};

/** Of reads that failed for a moment: 250 ms doubled four times, 4 to 6 s together. */
const patient = 4;

/** One restart was refused, for its own task. */
const ofItsTask = {
  needsPerson: false,
  listCircuit: 'nothing',
  restartCircuit: 'nothing',
  attempt: 'failed',
  resends: 0,
  remedy: undefined,
  ofOneGroup: true,
  codeless: false,
  unreached: false,
} as const;

/** Every call of the account fails so until a person acts. */
const ofTheAccount = {
  ...ofItsTask,
  needsPerson: true,
  listCircuit: 'opens',
  restartCircuit: 'opens',
  attempt: 'given-back',
  ofOneGroup: false,
} as const;

/** Nobody knows whether the call took effect. */
const noAnswer = {
  ...ofItsTask,
  restartCircuit: 'counts',
  attempt: 'unanswered',
  resends: patient,
  codeless: true,
} as const;

const rows = {
  throttled: {
    ...ofItsTask,
    means: 'More calls than the cloud allows',
    advice: 'Nothing if it passes; if it lasts, another program uses this account: lower `rateLimit`',
    chinese: ['调用多于云端允许的', '若很快过去就不用管；若持续，说明另有程序在用这个账号：调低 rateLimit'],
    attempt: 'throttled',
    ofOneGroup: false,
    codeless: true,
  },
  quota: {
    ...ofItsTask,
    means: "More resources than the account's quota allows; this is not throttling",
    advice: 'Stop tasks that nobody needs, or ask the vendor for a larger quota',
    chinese: ['资源超过账号配额，不是限流', '停掉没人要的任务，或向厂商申请更大的配额'],
    restartCircuit: 'counts',
    ofOneGroup: false,
  },
  auth: {
    ...ofTheAccount,
    means: 'The cloud does not accept the key or the signature',
    advice: 'Check the access key, the secret key and their expiry',
    chinese: ['云端不接受密钥或签名', '检查 access key、secret key 及其有效期'],
    remedy: 'keys',
  },
  permission: {
    ...ofTheAccount,
    means: 'The key may not do this',
    advice: 'Give this key the Live (拉流转推) permissions in IAM',
    chinese: ['这个密钥没有权限', '在 IAM 中给它直播（拉流转推）权限'],
    restartCircuit: 'denies',
    attempt: 'failed',
    ofOneGroup: true,
  },
  forbidden: {
    ...ofItsTask,
    means: 'The key may not touch this one task',
    advice: 'Check which account and project the task belongs to',
    chinese: ['这个密钥不能动这个任务', '检查任务属于哪个账号和项目'],
  },
  billing: {
    ...ofTheAccount,
    means: 'The service is not activated, or the account is in arrears',
    advice: 'Activate the service or pay the bill',
    chinese: ['服务未开通，或账号欠费', '开通服务或付费'],
  },
  clock: {
    ...ofTheAccount,
    means: 'The clock of this machine is too far from the cloud’s',
    advice: 'Set the clock of this machine (NTP)',
    chinese: ['本机时钟与云端相差太远', '校准本机时钟（NTP）'],
    remedy: 'clock',
  },
  retired: {
    ...ofTheAccount,
    means: 'The cloud has retired this action',
    advice: 'Set `restartAction: auto`, or update relaykeeper',
    chinese: ['云端停用了这个接口', '设置 restartAction: auto，或升级 relaykeeper'],
    remedy: 'action',
  },
  invalid: {
    ...ofItsTask,
    means: 'The cloud does not accept the parameters, or cannot restart the task from its present state',
    advice: 'Look at the task in the console',
    chinese: ['云端不接受参数，或任务现在的状态不能重启', '到控制台看这个任务'],
    attempt: 'doubted',
  },
  'not-found': {
    ...ofItsTask,
    means: 'The cloud does not find the task',
    advice: 'Look for it in the console',
    chinese: ['云端找不到这个任务', '到控制台找它'],
  },
  server: {
    ...noAnswer,
    means: 'The cloud failed internally, or its answer could not be read',
    advice: 'Wait; if it lasts, ask the vendor with the request id from the log',
    chinese: ['云端内部出错，或答复无法读取', '等待；若持续，用日志里的 request id 问厂商'],
  },
  common: {
    ...ofItsTask,
    means: 'An error that the cloud does not classify (`CommonErr`)',
    advice: 'Wait; if it lasts, ask the vendor with the request id from the log',
    chinese: ['云端没有归类的错误（CommonErr）', '等待；若持续，用日志里的 request id 问厂商'],
    restartCircuit: 'counts',
    resends: patient,
  },
  network: {
    ...noAnswer,
    means: 'The call did not reach the cloud, or the connection broke',
    advice: 'Check network, DNS, proxy and firewall',
    chinese: ['没有连到云端，或连接中断', '检查网络、DNS、代理和防火墙'],
    unreached: true,
  },
  timeout: {
    ...noAnswer,
    means: 'No complete answer within `requestTimeout`',
    advice: 'Check the network; if it is slow, raise `requestTimeout`',
    chinese: ['requestTimeout 之内没有完整的答复', '检查网络；若只是慢，调大 requestTimeout'],
    unreached: true,
  },
  unknown: {
    ...ofItsTask,
    means: 'An error that relaykeeper does not know',
    advice: 'Report the code from the log',
    chinese: ['relaykeeper 不认识的错误', '请报告日志里的错误码'],
    restartCircuit: 'counts',
    codeless: true,
  },
} as const satisfies Readonly<Record<string, ClassMeaning>>;

export type ErrorClass = keyof typeof rows;

export const errorClasses = Object.keys(rows) as readonly ErrorClass[];

/** Why a poll can fail: as any call can, or because its list cannot be believed (`suspect`). */
export const pollTroubles = [...errorClasses, 'suspect'] as const;
export type PollTrouble = (typeof pollTroubles)[number];

export const classMeanings: Readonly<Record<ErrorClass, ClassMeaning>> = rows;

export interface CallFailure {
  readonly class: ErrorClass;
  /** The cloud's error code as it was sent, cut at 128 characters; absent if there was none. */
  readonly code?: string | undefined;
  readonly httpStatus?: number | undefined;
  readonly requestId?: string | undefined;
  /** How long the cloud asks us to send nothing, milliseconds, at most a minute. */
  readonly retryAfterMs?: number;
  /** One short sentence for a person, free of secrets. */
  readonly message: string;
}

/** What it is called: by the cloud's code, or by its class if there was none. */
export const failureName = (failure: { readonly class: string; readonly code?: string | null | undefined }): string =>
  failure.code ?? failure.class;

/** What is stored of it. */
export const callFailure = record({
  class: oneOf(errorClasses),
  code: maybe(text),
  httpStatus: maybe(count),
  requestId: maybe(text),
  message: text,
}) as Shape<CallFailure>;

/** Why a restart that the cloud took failed, as the list showed it. */
export const seenFailures = ['not-recovered', 'stopped-again'] as const;

/** Why a settled attempt failed: a cloud code (or class, if there was no code), or what was seen. */
export type FailureCause = (typeof seenFailures)[number] | (string & {});
