/** `tasks [PATTERN]`: the tasks that the daemon knows, found by what people remember of them. */

import { Command, Option } from 'commander';
import type { TaskView } from '../domain/views/shown.ts';
import { durationText } from '../domain/words/duration.ts';
import { type Reason, reasons } from '../domain/words/reason.ts';
import { type TaskState, taskStates } from '../domain/words/task.ts';
import { type DaemonOptions, hasSeveralAccounts, query, withDaemon, withDaemonOptions } from './daemon.ts';
import { moment, nextColumn, reasonColumn, stateColumn, taskColumns, writeJson, writeTable } from './show.ts';
import type { Output, Surroundings } from './surroundings.ts';

type Order = (a: TaskView, b: TaskView) => number;
const byTitle: Order = (a, b) => a.title.localeCompare(b.title, undefined, { numeric: true });
const since = (task: TaskView): number => task.downSince ?? Number.POSITIVE_INFINITY;
/** Two without a time are equal: infinity minus infinity is not a number. */
const earliest =
  (at: (task: TaskView) => number): Order =>
  (a, b) =>
    at(a) === at(b) ? 0 : at(a) - at(b);

const orders = {
  down: (a, b) => earliest(since)(a, b) || byTitle(a, b),
  title: byTitle,
  id: (a, b) => (a.taskId < b.taskId ? -1 : a.taskId > b.taskId ? 1 : 0),
  group: (a, b) => (a.group ?? '').localeCompare(b.group ?? '') || byTitle(a, b),
  end: (a, b) => earliest((task) => task.endsAt ?? Number.POSITIVE_INFINITY)(a, b) || byTitle(a, b),
} as const satisfies Record<string, Order>;
const orderNames = Object.keys(orders);

interface Options extends DaemonOptions {
  readonly state?: TaskState | 'down';
  readonly reason?: Reason;
  readonly sort: keyof typeof orders;
}

const help = `
  tasks 决赛                         part of a title, id or cloud group
  tasks --state stopped --reason quarantined
  tasks --sort end --group vip      the next to end first
  tasks | cut -f 3                  ids, in a pipe
`;

export const tasksCommand = (surroundings: Surroundings): Command =>
  withDaemonOptions(new Command('tasks'))
    .description('every task, or those with PATTERN in their title, id or cloud group')
    .argument('[PATTERN]', 'part of title, id or cloud group, in upper or lower case')
    .option('--account <NAME>', 'only this account')
    .option('--group <NAME>', 'only this group')
    .addOption(new Option('--state <STATE>', 'only in this state').choices([...taskStates, 'down']))
    .addOption(new Option('--reason <REASON>', 'only those not restarted for this reason').choices(reasons))
    .addOption(
      new Option('--sort <BY>', 'down: the longest first; end: the next to end first')
        .choices(orderNames)
        .default('down'),
    )
    .option('--json', 'print JSON')
    .addHelpText('after', help)
    .action(async (search: string | undefined, options: Options) => {
      const { account, group, state, reason } = options;
      const path = `/api/v1/tasks${query({ account, group, state, reason, search })}`;
      const { out, clock, program } = surroundings;
      const { found, several } = await withDaemon(surroundings, options, async (daemon) => ({
        found: await daemon.list<TaskView>(path),
        several: !options.json && (!out.isTerminal || (account === undefined && (await hasSeveralAccounts(daemon)))),
      }));
      const tasks = found.toSorted(orders[options.sort]);
      if (options.json) return writeJson(out, tasks);
      if (tasks.length === 0) return out.isTerminal ? out.write(noneWords(program, reason)) : undefined;
      const now = clock.now();
      writeTable(out, tasks, [
        ...taskColumns(out, tasks, several),
        stateColumn,
        ['DOWN', (task) => downFor(out, now, task)],
        reasonColumn,
        nextColumn(out, now),
      ]);
      if (out.isTerminal) writeSummary(out, tasks);
    });

/** Only a stopped task has a reason: one that runs may be held all the same. */
const noneWords = (program: string, reason: Reason | undefined): string =>
  (reason === undefined ? 'no such task\n' : `no such task is stopped for the reason ${reason}\n`) +
  (reason === 'held' ? `  Holds, also on tasks that run: ${program} hold list\n` : '');

const downFor = (out: Output, now: number, { downSince }: TaskView): string =>
  downSince === null ? '-' : out.isTerminal ? durationText(now - downSince) : moment(out, downSince);

/** One line a group: how many of what. */
function writeSummary(out: Output, tasks: readonly TaskView[]): void {
  out.write('\n');
  for (const [group, members] of Map.groupBy(tasks, ({ group }) => group)) {
    const states = counted(members, ({ state }) => state);
    const why = counted(members, ({ state, verdict }) => (state === 'stopped' ? verdict.reason : undefined));
    out.write(
      `${group ?? 'no group'}: ${members.length} task${members.length === 1 ? '' : 's'}: ${states}${why && ` (${why})`}\n`,
    );
  }
}

/** How many of each word: `3 active, 1 stopped`. */
const counted = (tasks: readonly TaskView[], wordOf: (task: TaskView) => string | undefined): string =>
  [...Map.groupBy(tasks, wordOf)]
    .flatMap(([word, some]) => (word === undefined ? [] : [`${some.length} ${word}`]))
    .join(', ');
