/** What commands that act on tasks share: find the tasks that are meant, ask if there are several, do one after the other. */
import { Command } from 'commander';
import type { ExplainView, TaskView } from '../domain/views/shown.ts';
import { cut } from '../settings/text-width.ts';
import { askedBy, type Daemon, type DaemonOptions, query, withDaemon, withDaemonOptions } from './daemon.ts';
import { plain, shortIds } from './show.ts';
import { exitCodes, Failure, misuse, type Output, type Surroundings } from './surroundings.ts';

/** Shown before the question; a group can have thousands. */
const mostShown = 20;

/** A command that acts on tasks: `inGroup` says which ones `--group` means. */
export const actionCommand = (name: string, inGroup: string): Command =>
  withDaemonOptions(new Command(name))
    .argument('[TASK...]', 'task id, the first 6 or more characters of it, or its title')
    .option('--group <NAME>', inGroup)
    .option('--yes', 'do not ask, even for several tasks')
    .option('--account <NAME>', 'account of the task, if several have it')
    .option('--by <NAME>', 'who asks (default: you@this-machine)')
    .option('--json', 'print JSON');

interface Action<Done> {
  /** The last part of the request's path, and the verb of the question. */
  readonly verb: 'restart' | 'release';
  /** Whether `--group` means this stopped task. */
  readonly means: (task: TaskView) => boolean;
  /** A group with no such task is as it was asked to be, which this says; absent: that is a failure. */
  readonly noneMeant?: string;
  readonly body?: object;
  /** Called as each of several is done. */
  readonly onDone?: (done: Done) => void;
}

/**
 * Asks the daemon to act on each of the tasks that are meant, or on none if a person said no. With several tasks it prints
 * a refusal and goes on; it stops when the daemon is gone.
 */
export async function actOn<Done>(
  surroundings: Surroundings,
  ids: readonly string[],
  options: DaemonOptions,
  action: Action<Done>,
): Promise<{ readonly asked: readonly Meant[]; readonly done: readonly Done[] }> {
  const { verb, body, onDone } = action;
  const by = await askedBy(options.by, surroundings.env);
  return withDaemon(surroundings, options, async (daemon) => {
    const chosen = await meant(surroundings, daemon, ids, options, action);
    const done: Done[] = [];
    for (const { taskId, account } of chosen) {
      try {
        const path = `/api/v1/tasks/${encodeURIComponent(taskId)}/${verb}`;
        const one = await daemon.post<Done>(path, { account, by, ...body });
        done.push(one);
        if (chosen.length > 1) onDone?.(one);
      } catch (error) {
        const isOver = !(error instanceof Failure) || error.exitCode === exitCodes.unreachable;
        if (isOver || chosen.length === 1) throw error;
        surroundings.out.error(`${taskId}: ${error.message}\n`);
      }
    }
    return { asked: chosen, done };
  });
}

/** As it was before; a single task that is to be restarted is not looked up, only named. */
type Meant = Pick<TaskView, 'taskId'> & { readonly account: string | undefined } & Partial<Pick<TaskView, 'givenUp'>>;

async function meant(
  surroundings: Surroundings,
  daemon: Daemon,
  ids: readonly string[],
  { account, group, yes, json }: DaemonOptions,
  { verb, means, noneMeant }: Pick<Action<unknown>, 'verb' | 'means' | 'noneMeant'>,
): Promise<readonly Meant[]> {
  if (ids.length > 0 === (group !== undefined)) {
    throw misuse(`say what to ${verb}: TASK, several of them, or --group NAME`);
  }
  const [only] = ids;
  if (only !== undefined && ids.length === 1 && verb === 'restart') return [{ taskId: only, account }];
  const tasks =
    group === undefined
      ? await Promise.all(
          ids.map((id) => daemon.get<ExplainView>(`/api/v1/tasks/${encodeURIComponent(id)}${query({ account })}`)),
        )
      : (await daemon.list<TaskView>(`/api/v1/tasks${query({ account, group, state: 'stopped' })}`)).filter(means);
  const { out, ask } = surroundings;
  if (tasks.length === 0) {
    if (noneMeant === undefined) throw new Failure(exitCodes.failed, `group ${group} has no task to ${verb} now`);
    if (!json) out.write(`${noneMeant}: group ${group}\n`);
  }
  if (yes || tasks.length < 2) return tasks;
  writeAskedAbout(out, tasks, tasks.length, ({ state }) => state);
  const answer = await ask(`${verb} these ${tasks.length} tasks?`);
  if (answer === undefined) {
    throw misuse(
      `this would ${verb} ${tasks.length} tasks, and there is no terminal to ask on`,
      `Give --yes to ${verb} them without being asked.`,
    );
  }
  if (!answer) out.error('nothing was done\n');
  return answer ? tasks : [];
}

/** The first of the tasks that a question is about, a line each, and how many more there are. */
export function writeAskedAbout<Task extends { readonly taskId: string; readonly title: string }>(
  out: Output,
  tasks: readonly Task[],
  all: number,
  stateOf: (task: Task) => string,
): void {
  const short = shortIds(out, tasks);
  const shown = tasks.slice(0, mostShown);
  for (const task of shown)
    out.error(`${cut(`  ${short(task.taskId)}  ${stateOf(task)}  ${plain(task.title)}`, out.columns)}\n`);
  if (shown.length < all) out.error(`  and ${all - shown.length} more\n`);
}
