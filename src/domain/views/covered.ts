/** Holds as people see them: what each covers now, and what a new one would cover. */

import { isListed } from '../memory/condition.ts';
import { covers, isInForce, maintenanceHolds } from '../memory/holds.ts';
import type { TaskRecord } from '../memory/ledger.ts';
import type { Situation } from '../memory/situation.ts';
import type { Hold } from '../words/events.ts';
import { firstOf } from '../words/first-of.ts';
import type { Match } from '../words/policy.ts';
import type { Sentences } from '../words/reason.ts';
import { shownTitle } from '../words/task.ts';

const nothing = () => ({ tasks: 0, stopped: 0 });
type Covered = ReturnType<typeof nothing>;

function count(covered: Covered, { item }: TaskRecord): void {
  covered.tasks++;
  if (item.status === 'stopped') covered.stopped++;
}

/** Unmanaged tasks are left alone anyway. */
const counts = (record: TaskRecord): boolean => record.group !== undefined && isListed(record);

/**
 * Those in force, those planned, and of each recurring one its present or next time; what begins first stands first. All
 * tasks are counted once, however many holds there are: only globs are tried one by one.
 */
export function holdViews(situation: Situation) {
  const { ledger, now, policies } = situation;
  const holds = [...ledger.holds.values(), ...maintenanceHolds(policies, situation)].filter(
    ({ endsAt }) => endsAt === undefined || endsAt > now,
  );
  if (holds.length === 0) return [];
  const byGlob = holds.filter(({ target }) => target.kind === 'title' || target.kind === 'match');
  const covered = new Map(byGlob.map((hold) => [hold, nothing()]));
  const whole = nothing();
  const groups = new Map<string, Covered>();
  for (const record of ledger.tasks.values()) {
    if (record.group === undefined || !counts(record)) continue;
    const group = groups.get(record.group) ?? nothing();
    groups.set(record.group, group);
    count(whole, record);
    count(group, record);
    for (const [hold, own] of covered) if (covers(hold, record)) count(own, record);
  }
  const coveredBy = (hold: Hold): Readonly<Covered> | undefined => {
    const { target } = hold;
    if (target.kind === 'account') return whole;
    if (target.kind === 'group') return groups.get(target.group);
    return target.kind === 'task' ? coversNow(situation, target) : covered.get(hold);
  };
  const viewOf = (hold: Hold) => {
    const record = hold.target.kind === 'task' ? ledger.tasks.get(hold.target.taskId) : undefined;
    return {
      ...hold,
      /** False: it is planned, and begins later. */
      inForce: isInForce(hold, now),
      /** Of its task, if it holds one that is known. */
      title: record ? shownTitle(record.item) : null,
      /** Managed tasks, and how many of them are stopped. */
      covers: coveredBy(hold) ?? nothing(),
    };
  };
  return holds.map(viewOf).sort((a, b) => (a.startsAt ?? 0) - (b.startsAt ?? 0));
}

/** Tasks that a hold on this covers now. */
function* tasksUnder({ ledger }: Situation, target: Hold['target']): Generator<TaskRecord> {
  const one = target.kind === 'task' ? ledger.tasks.get(target.taskId) : undefined;
  const asked = target.kind === 'task' ? (one ? [one] : []) : ledger.tasks.values();
  for (const record of asked) if (counts(record) && covers({ target }, record)) yield record;
}

function countAll(records: Iterable<TaskRecord>): Readonly<Covered> {
  const covered = nothing();
  for (const record of records) count(covered, record);
  return covered;
}

/** How much a hold on this covers now. */
export const coversNow = (situation: Situation, target: Hold['target']): Readonly<Covered> =>
  countAll(tasksUnder(situation, target));

/** Enough titles to see whether the right tasks are meant. */
const mostNamed = 20;

/** What a hold on this would cover now: stopped ones are named first. */
export function holdPreview(situation: Situation, target: Hold['target']) {
  const under = [...tasksUnder(situation, target)];
  const rank = ({ item }: TaskRecord) => (item.status === 'stopped' ? 0 : 1);
  const first = firstOf(under, mostNamed, (a, b) => rank(a) - rank(b) || (a.item.title < b.item.title ? -1 : 1)).map(
    ({ taskId, item, group }) => ({
      taskId,
      title: shownTitle(item),
      group: group ?? null,
      stopped: item.status === 'stopped',
    }),
  );
  return { account: situation.ledger.account, covers: countAll(under), first };
}

export function targetWords({ target, account }: Pick<Hold, 'target' | 'account'>): string {
  switch (target.kind) {
    case 'task':
      return `task ${target.taskId}`;
    case 'group':
      return `group ${target.group}`;
    case 'title':
      return `titles ${target.title}`;
    case 'account':
      return `account ${account}`;
    case 'match':
      return matchSentences(target.match, account)[0];
    default:
      return target satisfies never;
  }
}

/** What a recurring hold covers. */
export function matchSentences({ cloudGroup, title, type, exclude }: Match, account: string): Sentences {
  const isAll = (globs: readonly string[]) => globs.includes('*');
  const excluded = [...exclude.title, ...exclude.taskId];
  const part = (isSaid: boolean, ...words: Sentences): readonly Sentences[] => (isSaid ? [words] : []);
  const said = [
    ...part(!isAll(cloudGroup), `cloud group ${cloudGroup.join(', ')}`, `云端分组 ${cloudGroup.join('、')}`),
    ...part(!isAll(title), `titles ${title.join(', ')}`, `标题 ${title.join('、')}`),
    ...part(type.length < 2, `type ${type.join()}`, `类型 ${type.join()}`),
    ...part(excluded.length > 0, `not ${excluded.join(', ')}`, `除了 ${excluded.join('、')}`),
  ];
  if (said.length === 0) return [`account ${account}`, `账号 ${account}`];
  return [said.map(([english]) => english).join(', '), said.map(([, chinese]) => chinese).join('，')];
}
