/** Holds as people see them: with what each covers now. */
import { isListed } from '../memory/condition.ts';
import { endOf, type Situation } from '../memory/situation.ts';
import type { HoldView } from './shown.ts';

interface Covered {
  tasks: number;
  stopped: number;
}

/** The holds in force. All tasks are counted once, however many holds there are; unmanaged ones are left alone anyway. */
export function holdViews({ ledger, now }: Situation): readonly HoldView[] {
  const holds = [...ledger.holds.values()].filter((hold) => endOf(hold) > now);
  if (holds.length === 0) return [];
  const whole: Covered = { tasks: 0, stopped: 0 };
  const groups = new Map<string, Covered>();
  for (const record of ledger.tasks.values()) {
    if (record.group === undefined || !isListed(record)) continue;
    const group = groups.get(record.group) ?? { tasks: 0, stopped: 0 };
    groups.set(record.group, group);
    for (const covered of [whole, group]) {
      covered.tasks++;
      if (record.item.status === 'stopped') covered.stopped++;
    }
  }
  return holds.map((hold) => {
    const { target } = hold;
    if (target.kind === 'account') return { ...hold, title: null, covers: { ...whole } };
    if (target.kind === 'group')
      return { ...hold, title: null, covers: { ...(groups.get(target.group) ?? { tasks: 0, stopped: 0 }) } };
    const record = ledger.tasks.get(target.taskId);
    const listed = record !== undefined && isListed(record);
    return {
      ...hold,
      title: record?.item.title ?? null,
      covers: { tasks: listed ? 1 : 0, stopped: listed && record.item.status === 'stopped' ? 1 : 0 },
    };
  });
}
