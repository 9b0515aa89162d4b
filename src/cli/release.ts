/** `release TASK…`: out of quarantine or abandonment, back under the rules. */
import type { Command } from 'commander';
import type { TaskView } from '../domain/views/shown.ts';
import type { DaemonOptions } from './daemon.ts';
import { actionCommand, actOn } from './several.ts';
import { plain, writeJson } from './show.ts';
import { exitCodes, Failure, type Surroundings } from './surroundings.ts';

const help = `
For a task whose source or target was repaired: its next restart goes out at
once, and backoff starts over. Where nothing was given up it says so, and that
is no failure.

  release 8fde6a
  release --group vip            every task of the group that is given up
`;

const nothingGivenUp = 'nothing was given up';

export const releaseCommand = (surroundings: Surroundings): Command =>
  actionCommand('release', 'every task of the group that was given up')
    .description('take tasks out of quarantine or abandonment and forget their attempts')
    .addHelpText('after', help)
    .action(async (ids: readonly string[], options: DaemonOptions) => {
      const { out, program } = surroundings;
      const { asked, done } = await actOn<TaskView>(surroundings, ids, options, {
        verb: 'release',
        means: ({ givenUp }) => givenUp !== null,
        noneMeant: nothingGivenUp,
      });
      const givenUp = new Set(asked.flatMap((task) => (task.givenUp ? [task.taskId] : [])));
      const [only] = asked.length === 1 ? done : [];
      if (options.json) writeJson(out, only ?? done);
      else {
        for (const { taskId, title, verdict } of done) {
          const end = givenUp.has(taskId) ? 'released' : nothingGivenUp;
          out.write(`${end}: ${plain(title)} (${taskId}). ${plain(verdict.sentence)}\n`);
        }
        if (only) out.write(`Watch it: ${program} explain ${only.taskId}\n`);
      }
      const failed = asked.length - done.length;
      if (failed > 0) throw new Failure(exitCodes.failed, `${failed} of ${asked.length} were not released`);
    });
