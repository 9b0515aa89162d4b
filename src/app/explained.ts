/** One task explained: every rule and hold, its restarts with their answers, and what was recorded about it. */

import { covers, holdsOver } from '../domain/memory/holds.ts';
import type { TaskRecord } from '../domain/memory/ledger.ts';
import type { Situation } from '../domain/memory/situation.ts';
import type { EventQuery, StoredEvent } from '../domain/ports/store-port.ts';
import { successorOf } from '../domain/views/endings.ts';
import type { CallView, EventView, ExplainView } from '../domain/views/shown.ts';
import { ruleViews, taskView } from '../domain/views/views.ts';
import { type Event, type EventOf, groupConcerned } from '../domain/words/events.ts';
import { failureName } from '../domain/words/failure.ts';
import { entryOf } from '../domain/words/policy.ts';
import { shownTitle } from '../domain/words/task.ts';
import type { Keeper } from '../keeper/keeper.ts';
import { type Store, StoreProblem } from '../store/open.ts';
import { lineOf } from '../telemetry/sentences.ts';
import type { Fleet } from './fleet.ts';

const recentEvents = 20;
/** While an outage goes on: enough for all of an ordinary one. */
const outageEvents = 60;
const recentCalls = 5;

export async function explained(keeper: Keeper, record: TaskRecord, store: Store, fleet: Fleet): Promise<ExplainView> {
  const { taskId, outage } = record;
  const about = { account: keeper.account, taskId };
  // Why a task waits is wanted most while the store fails: rules are asked of memory.
  const [story, calls] = await Promise.all([
    store.history.events({ ...about, besides: besides(record), limit: outage ? outageEvents : recentEvents }),
    store.history.events({ ...about, types: callTypes, limit: 2 * recentCalls }),
  ]).catch((error: unknown) => {
    if (error instanceof StoreProblem) return [[], []] as const;
    throw error;
  });
  const situation = keeper.situation();
  const entry = entryOf(situation.policies, record.item);
  // Of an outage all of it, and else what came last.
  const recent = story.filter(({ event }, n) => n < recentEvents || (outage && event.at >= outage.since));
  return {
    ...taskView(record, situation),
    entry: entry
      ? {
          group: entry.policy.name,
          excludedBy: entry.excluded ? { key: entry.excluded.excludedBy, glob: entry.excluded.glob } : null,
        }
      : null,
    successor: successorView(keeper, record, situation),
    rules: ruleViews(record, situation),
    calls: callViews(calls.map(({ event }) => event)),
    holds: holdsOver(situation, record),
    recent: recent.map((one) => eventView(one, fleet)),
  };
}

function successorView(keeper: Keeper, record: TaskRecord, situation: Situation): ExplainView['successor'] {
  const successor = successorOf(situation, record, keeper.cloud.sharingDestination(record.taskId));
  return successor ? { taskId: successor.taskId, title: shownTitle(successor.item) } : null;
}

const callTypes = ['restart-intended', 'restart-answered'];

/** Newest first: an answer stands before its intent. */
function callViews(events: readonly Event[]): readonly CallView[] {
  const answers = new Map<string, EventOf<'restart-answered'>>();
  const calls: CallView[] = [];
  for (const event of events) {
    if (event.type === 'restart-answered') answers.set(event.attemptId, event);
    if (event.type !== 'restart-intended') continue;
    const answered = answers.get(event.attemptId);
    const answer = answered?.answer;
    const failure = answer && 'failure' in answer ? answer.failure : undefined;
    calls.push({
      at: event.at,
      by: event.trigger === 'manual' ? (event.by ?? 'operator') : null,
      answer: answer?.kind ?? null,
      code: failure ? failureName(failure) : null,
      requestId: (answer?.kind === 'accepted' ? answer.requestId : failure?.requestId) ?? null,
      durationMs: answered?.durationMs ?? null,
    });
  }
  return calls.slice(0, recentCalls);
}

/** Of the account's events those that concern a task: not another group's storms, and no holds that do not cover it. */
export const besides =
  (record: TaskRecord): NonNullable<EventQuery['besides']> =>
  (event) => {
    if ('hold' in event) return covers(event.hold, record);
    const group = groupConcerned(event);
    return group === undefined || group === record.group;
  };

export function eventView(stored: StoredEvent, fleet: Fleet): EventView {
  const { event } = stored;
  const held = 'hold' in event && event.hold.target.kind === 'task' ? event.hold.target.taskId : undefined;
  const taskId = 'taskId' in event ? event.taskId : held;
  const title = taskId === undefined ? undefined : fleet.titleOf(event.account, taskId);
  return { ...stored, title: title ?? null, sentence: lineOf(event).msg };
}
