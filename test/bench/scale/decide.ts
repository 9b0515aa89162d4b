/** What `decide` costs alone, in this process: all slices together, and the longest one. */

import { decide } from '../../../src/domain/decide/decide.ts';
import type { Ledger } from '../../../src/domain/memory/ledger.ts';
import { Memory } from '../../../src/domain/memory/memory.ts';
import { cloudTime } from '../../../src/domain/words/cloud-time.ts';
import type { Policies } from '../../../src/domain/words/policy.ts';
import { type CompleteObservation, type TaskItem, type TaskStatus, unchanged } from '../../../src/domain/words/task.ts';
import { begin, plainPolicy, policiesOf, unnoted } from '../../domain/story.ts';
import { groupName } from './cloud.ts';
import { groups } from './contender.ts';

export interface Decided {
  readonly tasks: number;
  readonly firstMs: number;
  readonly quietMs: number;
  readonly stoppedMs: number;
  readonly longestSliceMs: number;
}

const pollMs = 15_000;

export const policies: Policies = policiesOf(
  ...Array.from({ length: groups }, (_, index) => ({
    ...plainPolicy,
    name: groupName(index),
    match: { ...plainPolicy.match, cloudGroup: [groupName(index)], title: ['*'] },
  })),
);

function observed(
  ledger: Ledger,
  tasks: number,
  poll: number,
  statusOf: (index: number) => TaskStatus,
): CompleteObservation {
  const at = begin + poll * pollMs;
  const items = Array.from(
    { length: tasks },
    (_, index): TaskItem => ({
      taskId: `task${String(index).padStart(28, '0')}`,
      title: `task${index}`,
      cloudGroup: groupName(index % groups),
      type: 'live',
      status: statusOf(index),
      statusText: '',
      startsAt: cloudTime(begin - 3_600_000),
      endsAt: cloudTime(begin + 86_400_000),
      source: `source${index}`,
      requestedAt: at,
    }),
  );
  return {
    kind: 'complete',
    // As the client gives them: texts of their own, and the known item where that shows the same.
    items: (JSON.parse(JSON.stringify(items)) as TaskItem[]).map(
      (item) => unchanged(ledger.tasks.get(item.taskId)?.item, item) ?? item,
    ),
    startedAt: at,
    finishedAt: at + 1_000,
    drift: false,
    failedCloudGroups: [],
    malformedItems: 0,
  };
}

/** Of this thread: on a machine with other work, time on the wall says more about that. */
function computedMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

function run(memory: Memory, observation: CompleteObservation) {
  const now = observation.finishedAt;
  const steps = decide(memory, observation, policies, {
    now,
    clockOffsetMs: 0,
    nextPollAt: now + pollMs,
    pollGapMs: pollMs,
  });
  let totalMs = 0;
  let longestMs = 0;
  for (;;) {
    const from = computedMs();
    const step = steps.next();
    const tookMs = computedMs() - from;
    totalMs += tookMs;
    longestMs = Math.max(longestMs, tookMs);
    if (step.done) return { totalMs, longestMs };
  }
}

/** At a hundredth, a tenth, and all of `most` tasks. The median of five polls each. */
export function measureDecide(most: number): readonly Decided[] {
  return [most / 100, most / 10, most].map((tasks) => {
    const memory = new Memory('main', unnoted);
    memory.tell(begin, { type: 'owner-gained', epoch: 1 });
    const { ledger } = memory;
    let poll = 0;
    const active = () => 'active' as const;
    const first = run(memory, observed(ledger, tasks, poll++, active));
    const times = (statusOf: (index: number) => TaskStatus) =>
      Array.from({ length: 5 }, () => run(memory, observed(ledger, tasks, poll++, statusOf)));
    const quiet = times(active);
    const stopped = times((index) => (index % 100 === 0 ? 'stopped' : 'active'));
    const median = (runs: readonly { readonly totalMs: number }[]) =>
      runs.map(({ totalMs }) => totalMs).toSorted((a, b) => a - b)[2] ?? Number.NaN;
    return {
      tasks,
      firstMs: first.totalMs,
      quietMs: median(quiet),
      stoppedMs: median(stopped),
      longestSliceMs: Math.max(...[first, ...quiet, ...stopped].map(({ longestMs }) => longestMs)),
    };
  });
}
