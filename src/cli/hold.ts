/** `hold add|extend|list|remove`: what operators want left alone, who said so, why and until when. */
import { Command } from 'commander';
import type { StoredEvent } from '../domain/ports/store-port.ts';
import { targetWords } from '../domain/views/covered.ts';
import type { HoldPreview, HoldView } from '../domain/views/shown.ts';
import type { Hold } from '../domain/words/events.ts';
import {
  askedBy,
  type Daemon,
  type DaemonOptions,
  hasSeveralAccounts,
  query,
  withDaemon,
  withDaemonOptions,
} from './daemon.ts';
import { writeAskedAbout } from './several.ts';
import {
  accountColumn,
  ago,
  type Column,
  moment,
  plain,
  untilThen,
  wrapped,
  writeJson,
  writeRows,
  writeTable,
} from './show.ts';
import { misuse, type Output, type Surroundings } from './surroundings.ts';
import { lengthMs, momentAfter } from './typed.ts';

export const holdCommand = (surroundings: Surroundings): Command =>
  new Command('hold')
    .description('tell the daemon to leave tasks, a group or an account alone')
    .addCommand(addCommand(surroundings))
    .addCommand(listCommand(surroundings))
    .addCommand(extendCommand(surroundings))
    .addCommand(removeCommand(surroundings));

interface EndOptions extends DaemonOptions {
  readonly for?: string;
  readonly until?: string;
}

interface AddOptions extends EndOptions {
  readonly title?: string;
  readonly all?: true;
  readonly reason: string;
  readonly from?: string;
}

const addHelp = `
On a terminal it first shows what the hold would cover and asks, unless that is
one task. It never asks a script.

  hold add 8fde6a --for 2h --reason "encoder is moved"
  hold add --title '世界杯*' --from 2026-06-11T03:00 --for 2h --reason "stage"
  hold add --group vip --reason "ask lin"

Recurring holds belong in the configuration, under \`maintenance\`.`;

const addCommand = (surroundings: Surroundings): Command =>
  withDaemonOptions(new Command('add'))
    .description('set a hold: nothing it covers is restarted until it ends')
    .argument('[TASK]', 'task id, the first 6 or more characters of it, or its title')
    .option('--title <GLOB>', 'hold every task whose title fits, future ones too: * is any text, ? one character')
    .option('--group <NAME>', 'hold a whole group of the configuration')
    .option('--all', 'hold the whole account')
    .requiredOption('--reason <TEXT>', 'why, for whoever is on call next')
    .option('--from <TIME>', 'begin later, such as 2026-01-31T03:00 (local time, or with Z or an offset)')
    .option('--for <DURATION>', 'how long, such as 30m, 2h or 1d12h (default: until it is removed)')
    .option('--until <TIME>', 'until when, such as 2026-01-31T18:00 (local time, or with Z or an offset)')
    .option('--account <NAME>', 'account, if there are several')
    .option('--by <NAME>', 'who asks (default: you@this-machine)')
    .option('--yes', 'do not ask, even if it covers more than one task')
    .option('--json', 'print JSON')
    .addHelpText('after', addHelp)
    .action(async (id: string | undefined, options: AddOptions) => {
      const { out, program, clock, env } = surroundings;
      const target = targetOf(id, options);
      const span = spanOf(options, clock.now());
      const author = await askedBy(options.by, env);
      const body = { account: options.account, target, author, reason: options.reason, ...span };
      const hold = await withDaemon(surroundings, options, async (daemon) =>
        (await isMeant(surroundings, daemon, target, options)) ? daemon.post<Hold>('/api/v1/holds', body) : undefined,
      );
      if (!hold) return out.error('nothing was held\n');
      if (options.json) return writeJson(out, hold);
      const begin = hold.startsAt === undefined ? '' : ` from ${moment(out, hold.startsAt)}`;
      out.write(`${holdWords(hold)},${begin} ${endWords(out, hold)}\n`);
      out.write(`End it earlier: ${program} hold remove ${hold.id}\n`);
    });

const holdWords = (hold: Hold): string => `hold ${hold.id} on ${plain(targetWords(hold))}`;

/** When it begins and how long it lasts, for the API; undefined: at once, and until somebody removes it. */
function spanOf({ from, for: length, until }: AddOptions, now: number) {
  const startsAt =
    from === undefined ? undefined : momentAfter(now, '--from', from, 'has passed: leave it out to begin at once');
  if (length !== undefined && until !== undefined) throw misuse('give --for or --until, not both');
  if (length !== undefined) return { startsAt, for: wholeSeconds(lengthMs('--for', length)) };
  if (until === undefined) return { startsAt };
  const begin = startsAt ?? now;
  const tooEarly = from === undefined ? 'has passed' : `is not after --from ${from}`;
  return { startsAt, for: wholeSeconds(momentAfter(begin, '--until', until, tooEarly) - begin) };
}

/** Rounded up: a hold rather ends late than early. */
const wholeSeconds = (ms: number): string => `${Math.ceil(ms / 1000)}s`;

const endWords = (out: Output, { endsAt }: Hold): string =>
  endsAt === undefined ? 'until it is removed' : `until ${moment(out, endsAt)}`;

/** Asks a person before it holds more than one task; never asks a script. */
async function isMeant(
  { out, ask }: Surroundings,
  daemon: Daemon,
  target: Hold['target'],
  { account, yes, json, title, group, all }: AddOptions,
): Promise<boolean> {
  if (!out.isTerminal || yes || json || target.kind === 'task') return true;
  const wanted = { account, title, group, all: all && 'true' };
  const { covers, first } = await daemon.get<HoldPreview>(`/api/v1/holds/preview${query(wanted)}`);
  writeAskedAbout(out, first, covers.tasks, ({ stopped }) => (stopped ? 'stopped' : '       '));
  out.error(`This covers ${coverWords(covers)}.\n`);
  return (await ask('hold them?')) ?? true;
}

const coverWords = ({ tasks, stopped }: HoldView['covers']): string =>
  tasks === 0 ? 'no task now' : `${tasks} task${tasks === 1 ? '' : 's'}, ${stopped === 0 ? 'none' : stopped} stopped`;

function targetOf(id: string | undefined, { title, group, all }: AddOptions): Hold['target'] {
  const given = [id, title, group, all].filter((choice) => choice !== undefined);
  if (given.length !== 1) throw misuse('say what to hold: one of TASK, --title GLOB, --group NAME and --all');
  if (id !== undefined) return { kind: 'task', taskId: id };
  if (title !== undefined) return { kind: 'title', title };
  return group === undefined ? { kind: 'account' } : { kind: 'group', group };
}

/** Behind the id and the spaces after it. */
const shownId = 10;

/** `hold list` shows holds that ended within this time, at most this many. */
const endedForMs = 24 * 3_600_000;
const mostEnded = 20;

const listCommand = (surroundings: Surroundings): Command =>
  withDaemonOptions(new Command('list'))
    .description('list the holds in force, planned and recurring; on a terminal also those that ended within a day')
    .option('--json', 'print JSON')
    .action(async (options: DaemonOptions) => {
      const { out, clock } = surroundings;
      const forPerson = out.isTerminal && !options.json;
      const { holds, ended, several } = await withDaemon(surroundings, options, async (daemon) => ({
        holds: await daemon.list<HoldView>('/api/v1/holds'),
        ended: forPerson ? await endedSince(daemon, clock.now() - endedForMs) : [],
        several: forPerson && (await hasSeveralAccounts(daemon)),
      }));
      if (options.json) return writeJson(out, holds);
      if (!out.isTerminal) return writeForProgram(out, holds);
      const [now, later] = [holds.filter(({ inForce }) => inForce), holds.filter(({ inForce }) => !inForce)];
      if (now.length === 0) out.write('no holds in force\n');
      else writeHolds(out, now, several, ['ENDS', ({ endsAt }) => untilThen(out, clock.now(), endsAt)]);
      if (later.length > 0) {
        out.write('\nPlanned:\n');
        // Without the year, and to the minute.
        writeHolds(out, later, several, ['FROM', ({ startsAt }) => moment(out, startsAt).slice(5, 16)]);
      }
      if (ended.length > 0) out.write('\nEnded within a day:\n');
      for (const { event } of ended) {
        const by = event.type === 'hold-removed' ? `removed by ${event.by}` : 'expired';
        const where = several ? `account ${event.account}: ` : '';
        const words = `${event.hold.id} on ${where}${targetWords(event.hold)}: ${by} ${ago(clock.now(), event.at)}; ${event.hold.reason}`;
        out.write(`${wrapped(out, plain(words), shownId)}\n`);
      }
    });

function writeHolds(out: Output, holds: readonly HoldView[], several: boolean, when: Column<HoldView>): void {
  const covers = (hold: HoldView) =>
    hold.title ?? (hold.inForce ? `${targetWords(hold)}: ${coverWords(hold.covers)}` : targetWords(hold));
  writeTable(out, holds, [
    ['ID', ({ id }) => id],
    ...(several ? [accountColumn] : []),
    ['COVERS', covers],
    when,
    ['AUTHOR', ({ author }) => author],
    ['REASON', ({ reason }) => reason],
  ]);
}

type HoldEnd = StoredEvent & { readonly event: { readonly type: 'hold-removed' | 'hold-expired' } };

async function endedSince(daemon: Daemon, since: number): Promise<readonly HoldEnd[]> {
  const types = { type: 'hold-removed,hold-expired', limit: mostEnded };
  const events = await daemon.get<readonly HoldEnd[]>(`/api/v1/events${query(types)}`);
  return events.filter(({ event }) => event.at > since);
}

function writeForProgram(out: Output, holds: readonly HoldView[]): void {
  const rows = holds.map((hold) => {
    const { id, account, author, reason, title, createdAt, startsAt, endsAt } = hold;
    const { tasks, stopped } = hold.covers;
    const [ends, set, begins] = [moment(out, endsAt), moment(out, createdAt), moment(out, startsAt)];
    return [id, account, targetWords(hold), ends, author, set, reason, title ?? '-', tasks, stopped, begins];
  });
  writeRows(out, rows);
}

const extendCommand = (surroundings: Surroundings): Command =>
  withDaemonOptions(new Command('extend'))
    .description('let a hold end later')
    .argument('<ID>', 'as `hold list` shows it, or the beginning of it')
    .option('--for <DURATION>', 'how much later than its end, such as 30m')
    .option('--until <TIME>', 'until when, such as 2026-01-31T18:00 (local time, or with Z or an offset)')
    .option('--by <NAME>', 'who asks (default: you@this-machine)')
    .option('--json', 'print JSON')
    .action(async (id: string, options: EndOptions) => {
      const { out, clock, env } = surroundings;
      const { for: length, until, by } = options;
      if ((length === undefined) === (until === undefined)) {
        throw misuse('say how much longer: --for DURATION, or --until TIME');
      }
      const later =
        until === undefined
          ? { for: wholeSeconds(lengthMs('--for', length ?? '')) }
          : { endsAt: momentAfter(clock.now(), '--until', until, 'has passed') };
      const body = { ...later, by: await askedBy(by, env) };
      const path = `/api/v1/holds/${encodeURIComponent(id)}/extend`;
      const hold = await withDaemon(surroundings, options, (daemon) => daemon.post<Hold>(path, body));
      if (options.json) return writeJson(out, hold);
      out.write(`${holdWords(hold)}, ${endWords(out, hold)}\n`);
    });

const removeCommand = (surroundings: Surroundings): Command =>
  withDaemonOptions(new Command('remove'))
    .description('end a hold now')
    .argument('<ID>', 'as `hold list` shows it, or the beginning of it')
    .option('--by <NAME>', 'who asks (default: you@this-machine)')
    .option('--json', 'print JSON')
    .action(async (id: string, options: DaemonOptions) => {
      const { out, env } = surroundings;
      const path = `/api/v1/holds/${encodeURIComponent(id)}${query({ by: await askedBy(options.by, env) })}`;
      const hold = await withDaemon(surroundings, options, (daemon) => daemon.delete<Hold>(path));
      if (options.json) return writeJson(out, hold);
      out.write(`${holdWords(hold)} removed: the rules apply again\n`);
    });
