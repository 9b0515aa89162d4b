/** `healthcheck`: for a container engine or a service manager, which looks at the exit code. */
import { Command } from 'commander';
import { type DaemonOptions, withDaemon, withDaemonOptions } from './daemon.ts';
import { exitCodes, Failure, type Surroundings } from './surroundings.ts';

/** An engine that asks every half minute must have its answer long before it asks again. */
const longestAnswerMs = 5_000;

export const healthcheckCommand = (surroundings: Surroundings): Command =>
  withDaemonOptions(new Command('healthcheck'))
    .description('ask the running daemon whether its loop ticks (exit code 0: yes)')
    .action((options: DaemonOptions) =>
      withDaemon(
        surroundings,
        options,
        async (daemon) => {
          const status = await daemon.status('/-/healthy');
          if (status !== 200) {
            throw new Failure(
              exitCodes.failed,
              `the daemon is not healthy: its loop does not tick (HTTP ${status})`,
              'Read the last lines of its log, then restart the process: the ledger on disk is safe.',
            );
          }
          surroundings.out.write('healthy\n');
        },
        longestAnswerMs,
      ),
    );
