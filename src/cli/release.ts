/** `release TASK`: out of quarantine or abandonment, back under the rules. */
import { Command } from 'commander';
import type { TaskView } from '../domain/views/shown.ts';
import { askedBy, type DaemonOptions, withDaemon, withDaemonOptions } from './daemon.ts';
import { plain, writeJson } from './show.ts';
import type { Surroundings } from './surroundings.ts';

interface Options extends DaemonOptions {
  readonly account?: string;
  readonly by?: string;
  readonly json?: true;
}

export const releaseCommand = (surroundings: Surroundings): Command =>
  withDaemonOptions(new Command('release'))
    .description('take a task out of quarantine or abandonment and forget its attempts')
    .argument('<TASK>', 'task id, the first 6 or more characters of it, or its title')
    .option('--account <NAME>', 'account of the task, if several have it')
    .option('--by <NAME>', 'who asks (default: you@this-machine)')
    .option('--json', 'print JSON')
    .action(async (id: string, options: Options) => {
      const by = await askedBy(options.by, surroundings.env);
      const body = { account: options.account, by };
      const task = await withDaemon(surroundings, options, (daemon) =>
        daemon.post<TaskView>(`/api/v1/tasks/${encodeURIComponent(id)}/release`, body),
      );
      const { out, program } = surroundings;
      if (options.json) return writeJson(out, task);
      out.write(`released: ${plain(task.title)} (${task.taskId}). ${plain(task.verdict.sentence)}\n`);
      out.write(`Watch it: ${program} explain ${task.taskId}\n`);
    });
