/** In Chinese: what is told of a trouble besides its name, and what tasks that are down share. */
import type { InCommon, Trait } from '../../domain/views/shown.ts';
import type { Trouble } from '../../domain/views/trouble.ts';
import type { Hold } from '../../domain/words/events.ts';
import { classMeanings, type PollTrouble } from '../../domain/words/failure.ts';

const traits: Readonly<Record<Trait, (value: string) => string>> = {
  'source-host': (value) => `从 ${value} 拉流`,
  'destination-host': (value) => `推到 ${value}`,
  'cloud-group': (value) => `在云端分组 ${value}`,
  'title-prefix': (value) => `标题以 ${value} 开头`,
  type: (value) => `类型是 ${value}`,
  start: (value) => `从 ${value} 起两分钟内停止`,
};

export const sharedWords = ({ trait, value, down, ofDown, running, ofRunning }: InCommon): string =>
  `中断的 ${ofDown} 个中有 ${down} 个${traits[trait](value)}${ofRunning === undefined ? '' : `；运行的 ${ofRunning} 个中有 ${running} 个`}`;

function meaningOf(name: PollTrouble, code: string | null | undefined): string {
  if (name === 'suspect') return code ?? name;
  const [means, advice] = classMeanings[name].chinese;
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
    ...(window === undefined ? [] : [`每次只重启 ${window} 个任务`]),
    ...(perSecond === undefined ? [] : [`每秒 ${perSecond}，配置为 ${configured}`]),
    ...(seconds === undefined ? [] : [`${seconds} 秒`]),
  ].join('，');
}

/** What a recurring hold covers. */
export function matchWords({ account, target }: Pick<Hold, 'account' | 'target'>): string {
  if (target.kind !== 'match') return '';
  const { cloudGroup, title, type, exclude } = target.match;
  const excluded = [...exclude.title, ...exclude.taskId];
  const said = [
    ...(cloudGroup.includes('*') ? [] : [`云端分组 ${cloudGroup.join('、')}`]),
    ...(title.includes('*') ? [] : [`标题 ${title.join('、')}`]),
    ...(type.length > 1 ? [] : [`类型 ${type.join()}`]),
    ...(excluded.length > 0 ? [`除了 ${excluded.join('、')}`] : []),
  ];
  return said.length > 0 ? said.join('，') : `账号 ${account}`;
}
