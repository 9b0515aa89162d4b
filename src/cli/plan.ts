/** `plan`: what the daemon would do now. Polls once and restarts nothing. */
import { Command } from 'commander';
import type { TaskView } from '../domain/views/shown.ts';
import { plain, until, writeJson, writeTable } from './show.ts';
import type { Output, Surroundings } from './surroundings.ts';

export const planCommand = (surroundings: Surroundings): Command =>
  new Command('plan')
    .description('poll once and print the verdict for each task; restarts nothing')
    .option('--json', 'print JSON')
    .action(async (options: { json?: true }) => {
      const { configPath, env, clock, out, program } = surroundings;
      const signal = surroundings.signals().stop;
      const { planOnce } = await surroundings.app();
      const plan = await planOnce({ configPath, env, clock, signal });
      if (!plan.ok) {
        surroundings.exitCode = plan.exitCode;
        for (const error of plan.errors) out.error(`${error}\n`);
        return;
      }
      const notes = [...plan.notes, ...plan.unmatched];
      if (options.json) return writeJson(out, { tasks: plan.tasks, notes, totals: totalsOf(plan.tasks) });
      writeTable(
        out,
        ['TASK', 'TITLE', 'GROUP', 'STATE', 'VERDICT', 'NOT BEFORE', 'WHY'],
        plan.tasks
          .toSorted(byUrgency)
          .map((task) => [
            task.taskId,
            task.title,
            task.group ?? '-',
            task.state,
            verdictWord(task),
            until(out, task.verdict.until),
            task.verdict.sentence,
          ]),
      );
      // A note may quote lines of the configuration.
      for (const note of notes) out.error(`${note.split('\n').map(plain).join('\n')}\n`);
      if (out.isTerminal) writeSummary(out, plan.tasks, program);
    });

const urgency = { restart: 0, wait: 1, none: 2 } as const;

/** What would be restarted first, then what waits, then the rest; each in the order given. */
const byUrgency = (a: TaskView, b: TaskView): number => urgency[a.verdict.kind] - urgency[b.verdict.kind];

const verdictWord = ({ verdict }: TaskView): string =>
  verdict.kind === 'wait' ? (verdict.reason ?? 'wait') : verdict.kind === 'none' ? '-' : 'RESTART';

/** Tasks by verdict, those that wait by reason; the most first. */
function totalsOf(tasks: readonly TaskView[]): Readonly<Record<string, number>> {
  const totals = new Map<string, number>();
  for (const { verdict } of tasks) {
    const word =
      verdict.kind === 'wait' ? (verdict.reason ?? 'wait') : verdict.kind === 'none' ? 'nothing to do' : verdict.kind;
    totals.set(word, (totals.get(word) ?? 0) + 1);
  }
  return Object.fromEntries([...totals].sort(([, a], [, b]) => b - a));
}

function writeSummary(out: Output, tasks: readonly TaskView[], program: string): void {
  const restarts = tasks.filter((task) => task.verdict.kind === 'restart').length;
  const managed = tasks.filter((task) => task.group !== null).length;
  const totals = Object.entries(totalsOf(tasks)).map(([verdict, count]) => `${verdict} ${count}`);
  out.write(`\n${tasks.length} tasks, ${managed} managed; ${restarts} would be restarted now. Nothing was sent.\n`);
  if (totals.length > 0) out.write(`By verdict: ${totals.join(', ')}\n`);
  out.write(`If this is what you want, start it: ${program} run\n`);
}
