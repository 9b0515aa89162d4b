/** `release TASK…`: out of quarantine or abandonment, back under the rules. */
import type { Command } from 'commander';
import type { TaskView } from '../domain/views/shown.ts';
import type { DaemonOptions } from './daemon.ts';
import { actionCommand, actOn } from './several.ts';
import { plain, writeJson } from './show.ts';
import { exitCodes, Failure, type Surroundings } from './surroundings.ts';

const help = `
For a task whose source or target was repaired: its next restart goes out at
once, and backoff starts over.

  release 8fde6a
  release --group vip            every task of the group that is given up
`;

export const releaseCommand = (surroundings: Surroundings): Command =>
  actionCommand('release', 'every task of the group that was given up')
    .description('take tasks out of quarantine or abandonment and forget their attempts')
    .addHelpText('after', help)
    .action(async (ids: readonly string[], options: DaemonOptions) => {
      const { out, program } = surroundings;
      const { asked, done } = await actOn<TaskView>(surroundings, ids, options, {
        verb: 'release',
        means: ({ givenUp }) => givenUp !== null,
      });
      const [only] = asked === 1 ? done : [];
      if (options.json) writeJson(out, only ?? done);
      else {
        for (const task of done)
          out.write(`released: ${plain(task.title)} (${task.taskId}). ${plain(task.verdict.sentence)}\n`);
        if (only) out.write(`Watch it: ${program} explain ${only.taskId}\n`);
      }
      const failed = asked - done.length;
      if (failed > 0) throw new Failure(exitCodes.failed, `${failed} of ${asked} were not released`);
    });
