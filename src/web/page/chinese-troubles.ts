/** What is told of a trouble besides its name, in Chinese: the numbers, what the error means, and what a person does. */
import type { Trouble } from '../../domain/views/trouble.ts';
import type { ErrorClass, PollTrouble } from '../../domain/words/failure.ts';

const classes: Readonly<Record<ErrorClass, readonly [means: string, advice: string]>> = {
  throttled: ['调用多于云端允许的', '若很快过去就不用管；若持续，说明另有程序在用这个账号：调低 rateLimit'],
  quota: ['资源超过账号配额，不是限流', '停掉没人要的任务，或向厂商申请更大的配额'],
  auth: ['云端不接受密钥或签名', '检查 access key、secret key 及其有效期'],
  permission: ['这个密钥没有权限', '在 IAM 中给它直播（拉流转推）权限'],
  forbidden: ['这个密钥不能动这个任务', '检查任务属于哪个账号和项目'],
  billing: ['服务未开通，或账号欠费', '开通服务或付费'],
  clock: ['本机时钟与云端相差太远', '校准本机时钟（NTP）'],
  retired: ['云端停用了这个接口', '设置 restartAction: auto，或升级 relaykeeper'],
  invalid: ['云端不接受参数，或任务现在的状态不能重启', '到控制台看这个任务'],
  'not-found': ['云端找不到这个任务', '到控制台找它'],
  server: ['云端内部出错，或答复无法读取', '等待；若持续，用日志里的 request id 问厂商'],
  common: ['云端没有归类的错误（CommonErr）', '等待；若持续，用日志里的 request id 问厂商'],
  network: ['没有连到云端，或连接中断', '检查网络、DNS、代理和防火墙'],
  timeout: ['requestTimeout 之内没有完整的答复', '检查网络；若只是慢，调大 requestTimeout'],
  unknown: ['relaykeeper 不认识的错误', '请报告日志里的错误码'],
};

const isClass = (name: PollTrouble): name is ErrorClass => name in classes;

function meaningOf(name: PollTrouble, code: string | null | undefined): string {
  if (!isClass(name)) return code ?? name;
  const [means, advice] = classes[name];
  return `${code ?? name}：${means}。${advice}`;
}

/** Of a rejected configuration the sentence is the file's own mistake. */
export function troubleDetail({ kind, detail, facts }: Trouble): string | undefined {
  if (!facts) return detail;
  const { polls, code, window, perSecond, configured, seconds } = facts;
  const names = facts.classes ?? [];
  return [
    ...(polls === undefined ? [] : [`连续 ${polls} 次`]),
    ...(kind === 'failed' ? names : names.map((name) => meaningOf(name, code))),
    ...(window === undefined ? [] : [`窗口 ${window}`]),
    ...(perSecond === undefined ? [] : [`每秒 ${perSecond}，配置为 ${configured}`]),
    ...(seconds === undefined ? [] : [`${seconds} 秒`]),
  ].join('，');
}
