/** `hold add|list|remove`: what operators want to be left alone, with author, reason and end. */

import { Command } from 'commander';
import type { StoredEvent } from '../domain/ports/store-port.ts';
import type { HoldView, StatusView } from '../domain/views/shown.ts';
import { durationMs } from '../domain/words/duration.ts';
import type { Hold } from '../domain/words/events.ts';
import { askedBy, type Daemon, type DaemonOptions, query, withDaemon, withDaemonOptions } from './daemon.ts';
import { ago, moment, plain, writeJson, writeTable } from './show.ts';
import { exitCodes, Failure, type Output, type Surroundings } from './surroundings.ts';

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
  readonly yes?: true;
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
    .option('--yes', 'do not ask, though it covers a group or an account')
    .option('--json', 'print JSON')
    .action(async (id: string | undefined, options: AddOptions) => {
      const target = targetOf(id, options);
      const forMs = lengthMs(options, surroundings.clock.now());
      const body = {
        account: options.account,
        target,
        author: await askedBy(options.by, surroundings.env),
        reason: options.reason,
        // Whole seconds, rounded up: a hold rather ends late than early.
        for: forMs === undefined ? undefined : `${Math.ceil(forMs / 1000)}s`,
      };
      const { out, program } = surroundings;
      const hold = await withDaemon(surroundings, options, async (daemon) =>
        (await isMeant(surroundings, daemon, target, options)) ? daemon.post<Hold>('/api/v1/holds', body) : undefined,
      );
      if (!hold) return out.error('nothing was held\n');
      if (options.json) return writeJson(out, hold);
      const end = hold.endsAt === undefined ? 'until it is removed' : `until ${moment(out, hold.endsAt)}`;
      out.write(`hold ${hold.id} on ${plain(targetWords(hold))}, ${end}\n`);
      out.write(`End it earlier: ${program} hold remove ${hold.id}\n`);
    });

/** Asks a person who is about to hold more than one task; a script means what it says. */
async function isMeant(
  { out, ask }: Surroundings,
  daemon: Daemon,
  target: Hold['target'],
  { account, yes, json }: AddOptions,
): Promise<boolean> {
  if (!out.isTerminal || yes || json || target.kind === 'task') return true;
  const { groups } = await daemon.get<StatusView>('/api/v1/status');
  const covered = groups.filter(
    (one) =>
      (account === undefined || one.account === account) && (target.kind === 'account' || one.group === target.group),
  );
  // What it names is not there: the daemon says so, with the nearest name.
  if (covered.length === 0) return true;
  const sum = (of: (group: (typeof covered)[number]) => number) => covered.reduce((all, one) => all + of(one), 0);
  const tasks = sum(({ states }) => Object.values(states).reduce((all, one) => all + one, 0));
  out.error(`This covers ${coverWords({ tasks, stopped: sum(({ states }) => states.stopped) })}.\n`);
  return (await ask('hold them?')) ?? true;
}

const coverWords = ({ tasks, stopped }: HoldView['covers']): string =>
  `${tasks} task${tasks === 1 ? '' : 's'}, ${stopped === 0 ? 'none' : stopped} stopped`;

function targetOf(id: string | undefined, { group, all }: AddOptions): Hold['target'] {
  const given = [id, group, all].filter((choice) => choice !== undefined);
  if (given.length !== 1) {
    throw new Failure(exitCodes.usage, 'say what to hold: one of TASK, --group NAME and --all');
  }
  if (id !== undefined) return { kind: 'task', taskId: id };
  return group === undefined ? { kind: 'account' } : { kind: 'group', group };
}

/** How long the hold shall last, milliseconds; undefined: until somebody removes it. */
function lengthMs(options: AddOptions, now: number): number | undefined {
  if (options.for !== undefined && options.until !== undefined) {
    throw new Failure(exitCodes.usage, 'give --for or --until, not both');
  }
  if (options.for !== undefined) {
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

/** For so long `hold list` still tells of holds that have ended, and of so many. */
const endedForMs = 24 * 3_600_000;
const mostEnded = 20;

const listCommand = (surroundings: Surroundings): Command =>
  withDaemonOptions(new Command('list'))
    .description('list the holds in force; on a terminal also those that ended within a day')
    .option('--json', 'print JSON')
    .action(async (options: DaemonOptions & { json?: true }) => {
      const { out, clock } = surroundings;
      const { holds, ended } = await withDaemon(surroundings, options, async (daemon) => ({
        holds: await daemon.list<HoldView>('/api/v1/holds'),
        ended: options.json || !out.isTerminal ? [] : await endedSince(daemon, clock.now() - endedForMs),
      }));
      if (options.json) return writeJson(out, holds);
      if (!out.isTerminal) return writeForProgram(out, holds);
      if (holds.length === 0) out.write('no holds\n');
      else
        writeTable(
          out,
          ['ID', 'COVERS', 'ENDS', 'AUTHOR', 'REASON'],
          holds.map((hold) => [
            hold.id,
            hold.title === null ? `${targetWords(hold)}: ${coverWords(hold.covers)}` : hold.title,
            moment(out, hold.endsAt),
            hold.author,
            hold.reason,
          ]),
        );
      if (ended.length > 0) out.write('\nEnded within a day:\n');
      for (const { event } of ended) {
        const by = event.type === 'hold-removed' ? `removed by ${event.by}` : 'its end came';
        const words = `${event.hold.id} on ${targetWords(event.hold)}: ${by} ${ago(clock.now(), event.at)}; ${event.hold.reason}`;
        out.write(`${plain(words)}\n`);
      }
    });

type HoldEnd = StoredEvent & { readonly event: { readonly type: 'hold-removed' | 'hold-expired' } };

async function endedSince(daemon: Daemon, since: number): Promise<readonly HoldEnd[]> {
  const types = { type: 'hold-removed,hold-expired', limit: mostEnded };
  const events = await daemon.get<readonly HoldEnd[]>(`/api/v1/events${query(types)}`);
  return events.filter(({ event }) => event.at > since);
}

function writeForProgram(out: Output, holds: readonly HoldView[]): void {
  writeTable(
    out,
    ['ID', 'ACCOUNT', 'COVERS', 'ENDS', 'AUTHOR', 'SET', 'REASON', 'TITLE', 'TASKS', 'STOPPED'],
    holds.map((hold) => [
      hold.id,
      hold.account,
      targetWords(hold),
      moment(out, hold.endsAt),
      hold.author,
      moment(out, hold.createdAt),
      hold.reason,
      hold.title ?? '-',
      String(hold.covers.tasks),
      String(hold.covers.stopped),
    ]),
  );
}

const removeCommand = (surroundings: Surroundings): Command =>
  withDaemonOptions(new Command('remove'))
    .description('end a hold now')
    .argument('<ID>', 'as `hold list` shows it, or the beginning of it')
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
