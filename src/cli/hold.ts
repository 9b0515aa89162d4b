/** `hold add|list|remove`: what operators want to be left alone, with author, reason and end. */
import { Command } from 'commander';
import type { Hold } from '../domain/words/events.ts';
import { askedBy, type DaemonOptions, query, withDaemon, withDaemonOptions } from './daemon.ts';
import { moment, plain, writeJson, writeTable } from './show.ts';
import { exitCodes, Failure, type Surroundings } from './surroundings.ts';

export const holdCommand = (surroundings: Surroundings): Command =>
  new Command('hold')
    .description('tell the daemon to leave a task, a group or an account alone')
    .addCommand(addCommand(surroundings))
    .addCommand(listCommand(surroundings))
    .addCommand(removeCommand(surroundings));

interface AddOptions extends DaemonOptions {
  readonly group?: string;
  readonly all?: true;
  readonly account?: string;
  readonly reason: string;
  readonly for?: string;
  readonly until?: string;
  readonly by?: string;
  readonly json?: true;
}

const addCommand = (surroundings: Surroundings): Command =>
  withDaemonOptions(new Command('add'))
    .description('set a hold: nothing it covers is restarted until it ends')
    .argument('[TASK]', 'task id, the first 6 or more characters of it, or its title')
    .option('--group <NAME>', 'hold a whole group of the configuration')
    .option('--all', 'hold the whole account')
    .requiredOption('--reason <TEXT>', 'why, for whoever is on call next')
    .option('--for <DURATION>', 'how long, such as 30m, 2h or 1d12h (default: until it is removed)')
    .option('--until <TIME>', 'until when, such as 2026-01-31T18:00 (local time, or with Z or an offset)')
    .option('--account <NAME>', 'account, if there are several')
    .option('--by <NAME>', 'who asks (default: you@this-machine)')
    .option('--json', 'print JSON')
    .action(async (id: string | undefined, options: AddOptions) => {
      const target = targetOf(id, options);
      const forMs = await lengthMs(options, surroundings.clock.now());
      const body = {
        account: options.account,
        target,
        author: await askedBy(options.by, surroundings.env),
        reason: options.reason,
        // Whole seconds, rounded up: a hold rather ends late than early.
        for: forMs === undefined ? undefined : `${Math.ceil(forMs / 1000)}s`,
      };
      const hold = await withDaemon(surroundings, options, (daemon) => daemon.post<Hold>('/api/v1/holds', body));
      const { out, program } = surroundings;
      if (options.json) return writeJson(out, hold);
      const end = hold.endsAt === undefined ? 'until it is removed' : `until ${moment(out, hold.endsAt)}`;
      out.write(`hold ${hold.id} on ${plain(targetWords(hold))}, ${end}\n`);
      out.write(`End it earlier: ${program} hold remove ${hold.id}\n`);
    });

function targetOf(id: string | undefined, { group, all }: AddOptions): Hold['target'] {
  const given = [id, group, all].filter((choice) => choice !== undefined);
  if (given.length !== 1) {
    throw new Failure(exitCodes.usage, 'say what to hold: one of TASK, --group NAME and --all');
  }
  if (id !== undefined) return { kind: 'task', taskId: id };
  return group === undefined ? { kind: 'account' } : { kind: 'group', group };
}

/** How long the hold shall last, milliseconds; undefined: until somebody removes it. */
async function lengthMs(options: AddOptions, now: number): Promise<number | undefined> {
  if (options.for !== undefined && options.until !== undefined) {
    throw new Failure(exitCodes.usage, 'give --for or --until, not both');
  }
  if (options.for !== undefined) {
    const { durationMs } = await import('../settings/values.ts');
    const ms = durationMs(options.for);
    if (ms === undefined || ms === 0) {
      throw new Failure(exitCodes.usage, `--for ${options.for} is no duration: write 30m, 2h or 1d12h`);
    }
    return ms;
  }
  if (options.until === undefined) return undefined;
  const end = readMoment(options.until);
  if (Number.isNaN(end)) {
    throw new Failure(
      exitCodes.usage,
      `--until ${options.until} is no time: write 2026-01-31T18:00 or 2026-01-31T18:00Z`,
    );
  }
  if (end <= now) throw new Failure(exitCodes.usage, `--until ${options.until} has passed`);
  return end - now;
}

/** Only ISO 8601 with a time of day: a bare date would mean midnight in UTC, and other shapes differ by taste. */
const readMoment = (text: string): number =>
  /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?$/.test(text)
    ? new Date(text.replace(' ', 'T')).getTime()
    : Number.NaN;

const listCommand = (surroundings: Surroundings): Command =>
  withDaemonOptions(new Command('list'))
    .description('list the holds in force')
    .option('--json', 'print JSON')
    .action(async (options: DaemonOptions & { json?: true }) => {
      const holds = await withDaemon(surroundings, options, (daemon) => daemon.get<readonly Hold[]>('/api/v1/holds'));
      const { out } = surroundings;
      if (options.json) return writeJson(out, holds);
      if (holds.length === 0 && out.isTerminal) return out.write('no holds\n');
      writeTable(
        out,
        ['ID', 'ACCOUNT', 'COVERS', 'ENDS', 'AUTHOR', 'SET', 'REASON'],
        holds.map((hold) => [
          hold.id,
          hold.account,
          targetWords(hold),
          moment(out, hold.endsAt),
          hold.author,
          moment(out, hold.createdAt),
          hold.reason,
        ]),
      );
    });

const removeCommand = (surroundings: Surroundings): Command =>
  withDaemonOptions(new Command('remove'))
    .description('end a hold now')
    .argument('<ID>', 'as `hold list` shows it')
    .option('--by <NAME>', 'who asks (default: you@this-machine)')
    .option('--json', 'print JSON')
    .action(async (id: string, options: DaemonOptions & { by?: string; json?: true }) => {
      const by = await askedBy(options.by, surroundings.env);
      const hold = await withDaemon(surroundings, options, (daemon) =>
        daemon.delete<Hold>(`/api/v1/holds/${encodeURIComponent(id)}${query({ by })}`),
      );
      const { out } = surroundings;
      if (options.json) return writeJson(out, hold);
      out.write(`hold ${hold.id} on ${plain(targetWords(hold))} removed: the rules apply again\n`);
    });

function targetWords({ target, account }: Hold): string {
  switch (target.kind) {
    case 'task':
      return `task ${target.taskId}`;
    case 'group':
      return `group ${target.group}`;
    case 'account':
      return `account ${account}`;
    default:
      return target satisfies never;
  }
}
