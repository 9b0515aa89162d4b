/** For commands that act on tasks: which ones are meant, and for several of them, a question first. */
import { Command } from 'commander';
import type { ExplainView, TaskView } from '../domain/views/shown.ts';
import { cut } from '../settings/text-width.ts';
import { type Daemon, type DaemonOptions, query, withDaemonOptions } from './daemon.ts';
import { plain, shortIds } from './show.ts';
import { exitCodes, Failure, type Surroundings } from './surroundings.ts';

/** Shown before the question; a group can have thousands. */
const mostShown = 20;

/** The options of a command that acts on tasks. */
export interface ActionOptions extends DaemonOptions {
  readonly account?: string;
  readonly group?: string;
  readonly yes?: true;
  readonly by?: string;
  readonly json?: true;
}

/** A command that acts on tasks: `inGroup` says which ones `--group` means. */
export const actionCommand = (name: string, inGroup: string): Command =>
  withDaemonOptions(new Command(name))
    .argument('[TASK...]', 'task id, the first 6 or more characters of it, or its title')
    .option('--group <NAME>', inGroup)
    .option('--yes', 'do not ask, even for several tasks')
    .option('--account <NAME>', 'account of the task, if several have it')
    .option('--by <NAME>', 'who asks (default: you@this-machine)')
    .option('--json', 'print JSON');

/** How a task is named in the path of a request. */
export interface Named {
  readonly id: string;
  readonly account: string | undefined;
}

/**
 * The tasks to act on; empty, if a person was asked and said no.
 * @param verb for the question: `restart`
 * @param inGroup query for those of a group that are concerned, and which of them are
 */
export async function chosen(
  surroundings: Surroundings,
  daemon: Daemon,
  ids: readonly string[],
  { account, group, yes }: ActionOptions,
  verb: string,
  inGroup: { readonly query: Readonly<Record<string, string>>; readonly concerned: (task: TaskView) => boolean },
): Promise<readonly Named[]> {
  if (ids.length > 0 === (group !== undefined)) {
    throw new Failure(exitCodes.usage, `say what to ${verb}: TASK, several of them, or --group NAME`);
  }
  const [only] = ids;
  if (only !== undefined && ids.length === 1) return [{ id: only, account }];
  const tasks =
    group === undefined
      ? await Promise.all(
          ids.map((id) => daemon.get<ExplainView>(`/api/v1/tasks/${encodeURIComponent(id)}${query({ account })}`)),
        )
      : (await daemon.list<TaskView>(`/api/v1/tasks${query({ account, group, ...inGroup.query })}`)).filter(
          inGroup.concerned,
        );
  if (tasks.length === 0) throw new Failure(exitCodes.failed, `group ${group} has no task to ${verb} now`);
  if (!(await isMeant(surroundings, tasks, verb, yes))) return [];
  return tasks.map((task) => ({ id: task.taskId, account: task.account }));
}

async function isMeant({ out, ask }: Surroundings, tasks: readonly TaskView[], verb: string, yes: true | undefined) {
  if (yes || tasks.length === 1) return true;
  const short = shortIds(out, tasks);
  for (const task of tasks.slice(0, mostShown))
    out.error(`${cut(`  ${short(task.taskId)}  ${task.state}  ${plain(task.title)}`, out.columns)}\n`);
  if (tasks.length > mostShown) out.error(`  and ${tasks.length - mostShown} more\n`);
  const answer = await ask(`${verb} these ${tasks.length} tasks?`);
  if (answer === undefined) {
    throw new Failure(
      exitCodes.usage,
      `this is about ${tasks.length} tasks, and there is no terminal to ask on`,
      `Give --yes to ${verb} them without being asked.`,
    );
  }
  if (!answer) out.error('nothing was done\n');
  return answer;
}

/** One after the other. A refusal is printed and does not stop the others; a daemon that is gone does. */
export async function eachOf<T>(
  { out }: Surroundings,
  named: readonly Named[],
  act: (task: Named) => Promise<T>,
): Promise<{ readonly done: readonly T[]; readonly failed: number }> {
  const done: T[] = [];
  let failed = 0;
  for (const task of named) {
    try {
      done.push(await act(task));
    } catch (error) {
      if (!(error instanceof Failure) || error.exitCode === exitCodes.unreachable) throw error;
      failed++;
      out.error(`${task.id}: ${error.message}\n`);
    }
  }
  return { done, failed };
}
