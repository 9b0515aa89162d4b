/** `history [TASK]`: what happened, newest last, so that the newest stands above the prompt. */

import { Command, InvalidArgumentError } from 'commander';
import type { StoredEvent } from '../domain/ports/store-port.ts';
import type { ExplainView } from '../domain/views/shown.ts';
import { durationMs } from '../domain/words/duration.ts';
import type { Event } from '../domain/words/events.ts';
import { lineOf } from '../telemetry/sentences.ts';
import { type Daemon, type DaemonOptions, query, withDaemon, withDaemonOptions } from './daemon.ts';
import { inOneClock, moment, writeJson, writeTable } from './show.ts';
import { exitCodes, Failure, type Output, type Surroundings } from './surroundings.ts';

/** The most that the API gives at once. */
const mostEvents = 1000;

interface Options extends DaemonOptions {
  readonly account?: string;
  readonly group?: string;
  readonly type?: string;
  readonly before?: number;
  readonly since?: string;
  readonly limit: number;
  readonly json?: true;
}

export const historyCommand = (surroundings: Surroundings): Command =>
  withDaemonOptions(new Command('history'))
    .description('what happened to a task, or to everything')
    .argument('[TASK]', 'task id, the first 6 or more characters of it, or its title')
    .option('--account <NAME>', 'only this account')
    .option('--group <NAME>', 'only this group')
    .option('--type <LIST>', 'only these event types, such as restart-failed,outage-opened')
    .option('--before <NUMBER>', 'only older events: the number in the first column', count)
    .option('--since <DURATION>', 'only of the last 30m, 2h or 1d')
    .option('--limit <NUMBER>', `how many, up to ${mostEvents}`, eventCount, 50)
    .option('--json', 'print JSON')
    .action(async (id: string | undefined, options: Options) => {
      const { account, group, type, before, limit } = options;
      const sinceMs = options.since === undefined ? Number.POSITIVE_INFINITY : lengthMs(options.since);
      const found = await withDaemon(surroundings, options, async (daemon) => {
        const task = id === undefined ? undefined : await fullId(daemon, id, account);
        return daemon.get<readonly StoredEvent[]>(
          `/api/v1/events${query({ task, account, group, type, before, limit })}`,
        );
      });
      const { out, clock } = surroundings;
      const events = found.filter(({ event }) => event.at >= clock.now() - sinceMs);
      const oldest = found.at(-1);
      if (oldest && options.since !== undefined && found.length === limit && events.length === found.length)
        out.error(`these are the newest ${limit}; those before: --before ${oldest.seq}\n`);
      if (options.json) return writeJson(out, events);
      if (events.length === 0 && out.isTerminal) return out.write('nothing recorded\n');
      writeEvents(out, events);
    });

/** Events are kept longer than tasks: an id that no task has any more is asked for as it was written. */
async function fullId(daemon: Daemon, id: string, account: string | undefined): Promise<string> {
  try {
    return (await daemon.get<ExplainView>(`/api/v1/tasks/${encodeURIComponent(id)}${query({ account })}`)).taskId;
  } catch (error) {
    if (error instanceof Failure && error.exitCode === exitCodes.failed) return id;
    throw error;
  }
}

export function writeEvents(out: Output, newestFirst: readonly StoredEvent[]): void {
  writeTable(
    out,
    ['NO', 'TIME', 'ACCOUNT', 'GROUP', 'TASK', 'EVENT', 'WHAT'],
    newestFirst
      .toReversed()
      .map(({ seq, event }) => [
        String(seq),
        moment(out, event.at),
        event.account,
        ('group' in event && event.group) || '-',
        'taskId' in event ? event.taskId : '-',
        event.type,
        inOneClock(out, sentence(event)),
      ]),
  );
}

/** The sentence of the log. JSON has no Infinity (it comes as null), and a newer daemon may tell of what we do not know. */
function sentence(event: Event): string {
  const never = event.type === 'restart-withheld' && event.until === null;
  return lineOf(never ? { ...event, until: Number.POSITIVE_INFINITY } : event).msg ?? event.type;
}

function lengthMs(text: string): number {
  const ms = durationMs(text);
  if (ms === undefined || ms === 0)
    throw new Failure(exitCodes.usage, `--since ${text} is no duration: write 30m, 2h or 1d12h`);
  return ms;
}

function eventCount(text: string): number {
  const limit = count(text);
  if (limit > mostEvents) throw new InvalidArgumentError(`It must be a whole number from 1 to ${mostEvents}.`);
  return limit;
}

function count(text: string): number {
  if (!/^[1-9]\d{0,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1.');
  return Number(text);
}
