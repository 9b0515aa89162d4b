/**
 * What most of the tasks that are down share and the account's other tasks do not. When many stop at once they usually
 * have one cause, and what they share points to it.
 */
import { downSince, isListed } from '../memory/condition.ts';
import { recordsOf, type TaskRecord } from '../memory/ledger.ts';
import { dueOrApart, isDown, type Situation } from '../memory/situation.ts';
import type { TaskHosts } from '../ports/cloud-port.ts';
import type { Sentences } from '../words/reason.ts';
import type { InCommon, Trait } from './shown.ts';

/** Fewer tasks always share something by chance. */
const fewestDown = 5;
/** Outages that begin within so long of each other begin together: a few polls, each of which sees some of them. */
const togetherMs = 2 * 60_000;
/** Lines shown at most. */
const mostShown = 3;

type HostsOf = (taskId: string) => TaskHosts | undefined;

/** The letters in front of the first digit or separator, if they are more than one: `世界杯01`, `CCTV-5 main`. */
const prefixOf = (title: string): string | undefined => /^[\p{L}\p{M}]{2,}(?=[^\p{L}\p{M}])/u.exec(title)?.[0];

const oneOrNone = (value: string | undefined): readonly string[] => (value === undefined ? [] : [value]);

/** How a sentence says that others have it, and that tasks do (a value follows); and that in Chinese. */
export const traitWords = {
  'source-host': { others: 'do', have: 'pull from', chinese: (value) => `从 ${value} 拉流` },
  'destination-host': { others: 'do', have: 'push to', chinese: (value) => `推到 ${value}` },
  'cloud-group': { others: 'are', have: 'are in the cloud group', chinese: (value) => `在云端分组 ${value}` },
  'title-prefix': { others: 'have', have: 'have titles that begin with', chinese: (value) => `标题以 ${value} 开头` },
  type: { others: 'are', have: 'are of the type', chinese: (value) => `类型是 ${value}` },
  start: { others: '', have: 'stopped within two minutes from', chinese: (value) => `从 ${value} 起两分钟内停止` },
} as const satisfies Readonly<Record<Trait, TraitWords>>;

interface TraitWords {
  readonly others: string;
  readonly have: string;
  readonly chinese: (value: string) => string;
}

/** What a task has of each. */
type Meaning = (record: TaskRecord, hostsOf: HostsOf) => readonly string[];

const meanings: Readonly<Record<Exclude<Trait, 'start'>, Meaning>> = {
  'source-host': ({ taskId }, hostsOf) => hostsOf(taskId)?.sources ?? [],
  'destination-host': ({ taskId }, hostsOf) => oneOrNone(hostsOf(taskId)?.destination),
  'cloud-group': ({ item }) => [item.cloudGroup],
  'title-prefix': ({ item }) => oneOrNone(prefixOf(item.title)),
  type: ({ item }) => [item.type],
};
const traits = Object.keys(meanings) as (keyof typeof meanings)[];

/**
 * The traits that more than half of the down tasks share while at most half as large a share of the running tasks has
 * them; the clearest first. The running tasks are looked at only if enough are down. If no task runs, there is nothing to
 * compare with, and only the time at which the outages began can be in common.
 */
export function inCommon(situation: Situation, hostsOf: HostsOf): readonly InCommon[] {
  const { ledger } = situation;
  const down: { readonly record: TaskRecord; readonly since: number }[] = [];
  for (const record of recordsOf(ledger, ledger.stopped)) {
    const policy = situation.policyOf.get(record.group);
    if (policy && isListed(record) && isDown(record, situation))
      down.push({ record, since: downSince(record, policy, situation) });
  }
  if (down.length < fewestDown) return [];
  const shared = sharedBy(
    down.map(({ record }) => record),
    hostsOf,
  );
  let running = 0;
  for (const record of ledger.tasks.values()) {
    if (record.item.status !== 'active' || !isListed(record) || dueOrApart(record, situation) !== 'due') continue;
    running++;
    for (const one of shared) if (meanings[one.trait](record, hostsOf).includes(one.value)) one.running++;
  }
  const gap = (one: Shared) => one.down / down.length - one.running / running;
  const distinctive = running === 0 ? [] : shared.filter((one) => gap(one) >= one.down / down.length / 2);
  const about = { account: ledger.account, ofDown: down.length };
  const shown = distinctive
    .sort((a, b) => gap(b) - gap(a))
    .slice(0, mostShown)
    .map((one) => ({ ...about, ...one, ofRunning: running, sentence: sentenceOf(one, down.length, running) }));
  const start = commonStart(down.map(({ since }) => since));
  return start ? [...shown, { ...about, ...start }] : shown;
}

interface Shared {
  readonly trait: keyof typeof meanings;
  readonly value: string;
  readonly down: number;
  running: number;
}

/** Of each trait the values that more than half of them have. */
function sharedBy(down: readonly TaskRecord[], hostsOf: HostsOf): Shared[] {
  return traits.flatMap((trait) => {
    const counts = new Map<string, number>();
    for (const record of down)
      for (const value of meanings[trait](record, hostsOf)) counts.set(value, (counts.get(value) ?? 0) + 1);
    return [...counts].flatMap(([value, count]) =>
      count > down.length / 2 ? [{ trait, value, down: count, running: 0 }] : [],
    );
  });
}

function sentenceOf({ trait, value, down, running }: Shared, ofDown: number, ofRunning: number): string {
  const { have, others } = traitWords[trait];
  const few = running === 0 ? 'none' : String(running);
  return `${down} of ${ofDown} down ${have} ${value}; of the ${ofRunning} that run ${few} ${others}`;
}

/** A view's sentence, with the moment in English too, and in Chinese. */
export function sharedSentences({ trait, value, down, ofDown, running, ofRunning, ...view }: InCommon): Sentences {
  const { sentence, startedAt } = view;
  const others = ofRunning === undefined ? '' : `；运行的 ${ofRunning} 个中有 ${running} 个`;
  return [
    startedAt === undefined ? sentence : `${sentence}, the first at ${new Date(startedAt).toISOString()}`,
    `中断的 ${ofDown} 个中有 ${down} 个${traitWords[trait].chinese(value)}${others}`,
  ];
}

/** The moment at which most of them went down, if it is one. */
function commonStart(since: readonly number[]) {
  const sorted = since.toSorted((a, b) => a - b);
  let [most, from] = [0, 0];
  let first = 0;
  sorted.forEach((at, last) => {
    while (at - (sorted[first] ?? at) > togetherMs) first++;
    if (last - first + 1 > most) [most, from] = [last - first + 1, sorted[first] ?? at];
  });
  if (most <= sorted.length / 2) return undefined;
  const sentence = `${most} of ${sorted.length} down stopped within ${togetherMs / 60_000} minutes`;
  return { trait: 'start', value: new Date(from).toISOString(), down: most, startedAt: from, sentence } as const;
}
