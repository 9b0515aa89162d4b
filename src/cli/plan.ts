/** `plan`: what the daemon would do now. Polls once and restarts nothing. */
import { Command } from 'commander';
import type { TaskView } from '../domain/views/shown.ts';
import {
  moment,
  nextColumn,
  paint,
  plain,
  plainLines,
  stateColumn,
  taskColumns,
  wrapped,
  writeJson,
  writeRows,
  writeTable,
} from './show.ts';
import { exitCodes, type Output, type Surroundings } from './surroundings.ts';

const help = `
Shows what it would restart, then what waits, then the rest; in a pipe, with the
reason as a sentence. If the list of an account cannot be read, plan names the
account, shows the others and exits with 1.

  plan | awk -F'\\t' '$6 == "RESTART"'
`;

export const planCommand = (surroundings: Surroundings): Command =>
  new Command('plan')
    .description('poll once and print the verdict for each task; restarts nothing')
    .option('--json', 'print JSON')
    .addHelpText('after', help)
    .action(async (options: { json?: true }) => {
      const { configPath, env, clock, out, program } = surroundings;
      const signal = surroundings.signals().stop;
      const { planOnce } = await surroundings.app();
      const plan = await planOnce({ configPath, env, clock, signal });
      if (!plan.ok) {
        surroundings.exitCode = plan.exitCode;
        for (const error of plan.errors) out.error(`${error}\n`);
        out.error(nextAfter(plan.exitCode, program));
        return;
      }
      const { tasks, failed } = plan;
      if (failed.length > 0) surroundings.exitCode = exitCodes.failed;
      const notes = [...plan.notes, ...plan.unmatched];
      if (options.json) writeJson(out, { tasks, notes, failed, totals: totalsOf(tasks) });
      else {
        if (out.isTerminal) writeForPerson(out, clock.now(), tasks);
        else writeForProgram(out, tasks);
        // A note may quote lines of the configuration.
        for (const note of notes) out.error(`${plainLines(note)}\n`);
      }
      for (const account of failed) out.error(`${paint(out, 'red', wrapped(out, `not planned: ${plain(account)}`))}\n`);
      const forPerson = out.isTerminal && !options.json;
      if (forPerson) writeSummary(out, tasks);
      if (failed.length > 0) out.error(nextAfter(exitCodes.failed, program));
      else if (forPerson) out.write(`If this is what you want, start it: ${program} run\n`);
    });

/** A wrong file has a command of its own; a list that could not be read may be readable next time. */
const nextAfter = (exitCode: number, program: string): string =>
  exitCode === exitCodes.badConfiguration
    ? `  Fix the configuration, then check again: ${program} check\n`
    : `  Fix it, then plan again: ${program} plan\n`;

const urgency = { restart: 0, wait: 1, none: 2 } as const;

/** What would be restarted first, then what waits, then the rest; each in the order given. */
const byUrgency = (a: TaskView, b: TaskView): number => urgency[a.verdict.kind] - urgency[b.verdict.kind];

const wordOf = ({ verdict }: TaskView, restart: string, none: string): string =>
  verdict.kind === 'wait' ? (verdict.reason ?? 'wait') : verdict.kind === 'none' ? none : restart;
const verdictWord = (task: TaskView): string => wordOf(task, 'RESTART', '-');

function writeForProgram(out: Output, tasks: readonly TaskView[]): void {
  const rows = tasks.toSorted(byUrgency).map((task) => {
    const { account, taskId, title, group, state, verdict } = task;
    return [
      account,
      taskId,
      title,
      group ?? '-',
      state,
      verdictWord(task),
      moment(out, verdict.until),
      verdict.sentence,
    ];
  });
  writeRows(out, rows);
}

/** Fits 80 columns; `explain` and the pipe say why each waits. */
function writeForPerson(out: Output, now: number, tasks: readonly TaskView[]): void {
  const several = new Set(tasks.map(({ account }) => account)).size > 1;
  writeTable(out, tasks.toSorted(byUrgency), [
    ...taskColumns(out, tasks, several),
    stateColumn,
    ['VERDICT', verdictWord],
    nextColumn(out, now),
  ]);
}

/** Tasks by verdict, those that wait by reason; the most first. */
function totalsOf(tasks: readonly TaskView[]): Readonly<Record<string, number>> {
  const totals = [...Map.groupBy(tasks, (task) => wordOf(task, 'restart', 'nothing to do'))];
  return Object.fromEntries(totals.map(([word, some]) => [word, some.length] as const).sort(([, a], [, b]) => b - a));
}

function writeSummary(out: Output, tasks: readonly TaskView[]): void {
  const restarts = tasks.filter((task) => task.verdict.kind === 'restart').length;
  const managed = tasks.filter((task) => task.group !== null).length;
  const totals = Object.entries(totalsOf(tasks)).map(([verdict, count]) => `${verdict} ${count}`);
  out.write(`\n${tasks.length} tasks, ${managed} managed; ${restarts} would be restarted now. Nothing was sent.\n`);
  if (totals.length > 0) out.write(`${wrapped(out, `By verdict: ${totals.join(', ')}`)}\n`);
}
