/** `release TASK…`: out of quarantine or abandonment, back under the rules. */
import type { Command } from 'commander';
import type { TaskView } from '../domain/views/shown.ts';
import { askedBy, withDaemon } from './daemon.ts';
import { type ActionOptions, actionCommand, chosen, eachOf } from './several.ts';
import { plain, writeJson } from './show.ts';
import { exitCodes, Failure, type Surroundings } from './surroundings.ts';

const givenUp = { query: { state: 'stopped' }, concerned: (task: TaskView) => task.givenUp !== null };

const help = `
After its source or target is repaired: the next restart goes at once, and
backoff begins anew.

  release 8fde6a
  release --group vip            every task of the group that is given up
`;

export const releaseCommand = (surroundings: Surroundings): Command =>
  actionCommand('release', 'every task of the group that was given up')
    .description('take tasks out of quarantine or abandonment and forget their attempts')
    .addHelpText('after', help)
    .action(async (ids: readonly string[], options: ActionOptions) => {
      const by = await askedBy(options.by, surroundings.env);
      const { out, program } = surroundings;
      const { named, done, failed } = await withDaemon(surroundings, options, async (daemon) => {
        const tasks = await chosen(surroundings, daemon, ids, options, 'release', givenUp);
        const release = ({ id, account }: (typeof tasks)[number]) =>
          daemon.post<TaskView>(`/api/v1/tasks/${encodeURIComponent(id)}/release`, { account, by });
        const [only] = tasks;
        if (only && tasks.length === 1) return { named: tasks, done: [await release(only)], failed: 0 };
        return { named: tasks, ...(await eachOf(surroundings, tasks, release)) };
      });
      if (options.json) writeJson(out, named.length === 1 ? done[0] : done);
      else {
        for (const task of done)
          out.write(`released: ${plain(task.title)} (${task.taskId}). ${plain(task.verdict.sentence)}\n`);
        const [only] = done;
        if (only && named.length === 1) out.write(`Watch it: ${program} explain ${only.taskId}\n`);
      }
      if (failed > 0) throw new Failure(exitCodes.failed, `${failed} of ${named.length} were not released`);
    });
