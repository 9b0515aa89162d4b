/** `history [TASK]`: what happened. The newest comes last, right above the prompt. */

import { Command } from 'commander';
import type { EventView } from '../domain/views/shown.ts';
import { groupConcerned } from '../domain/words/events.ts';
import { type DaemonOptions, query, withDaemon, withDaemonOptions } from './daemon.ts';
import { type Column, inOneClock, moment, writeJson, writeRows, writeTable } from './show.ts';
import { misuse, type Output, type Surroundings } from './surroundings.ts';
import { lengthMs, wholeNumber } from './typed.ts';

/** The most that the API gives at once. */
const mostEvents = 1000;

interface Options extends DaemonOptions {
  readonly type?: string;
  readonly before?: number;
  readonly since?: string;
  readonly changes?: true;
  readonly limit: number;
}

const help = `
The newest comes last. With a TASK, also what happened to its account and group,
and who held it. relaykeeper keeps events for 30 days, at most 1,000,000.

  history 8fde6a --since 2h                        the story of one outage
  history --since 1d --changes                     what was changed, and by whom
  history --group vip --type restart-failed        which restarts failed

Types, among others: outage-opened, outage-ended, restart-intended,
restart-answered, restart-failed, task-quarantined, task-abandoned,
task-released, storm-started, circuit-opened, polls-failing, hold-added,
config-changed. An unknown type is answered with the whole list.
`;

export const historyCommand = (surroundings: Surroundings): Command =>
  withDaemonOptions(new Command('history'))
    .description('what happened to a task, its account and its group; or to everything')
    .argument('[TASK]', 'task id, the first 6 or more characters of it, or its title')
    .option('--account <NAME>', 'only this account')
    .option('--group <NAME>', 'only this group')
    .option('--type <LIST>', 'only these event types, such as restart-failed,outage-opened')
    .option('--before <NUMBER>', 'only older events: the number in the first column', wholeNumber(1))
    .option('--since <DURATION>', 'only of the last 30m, 2h or 1d')
    .option(
      '--changes',
      'only what people changed: holds, edits, the configuration, restarts that an operator asked for',
    )
    .option('--limit <NUMBER>', `how many, up to ${mostEvents}`, wholeNumber(1, mostEvents), 50)
    .option('--json', 'print JSON')
    .addHelpText('after', help)
    .action(async (id: string | undefined, options: Options) => {
      const { account, group, before, limit, changes } = options;
      if (changes && options.type !== undefined) throw misuse('give --changes or --type, not both');
      const { out, clock } = surroundings;
      const since = options.since === undefined ? undefined : clock.now() - lengthMs('--since', options.since);
      const about = { task: id, besides: id && 'true', account, group, type: options.type };
      const asked = query({ ...about, changes: changes && 'true', since, before, limit });
      const events = await withDaemon(surroundings, options, (daemon) =>
        daemon.get<readonly EventView[]>(`/api/v1/events${asked}`),
      );
      const oldest = events.at(-1);
      if (oldest && options.since !== undefined && events.length === limit)
        out.error(`these are the newest ${limit}; for older ones: --before ${oldest.seq}\n`);
      if (options.json) return writeJson(out, events);
      if (events.length === 0 && out.isTerminal) return out.write('nothing recorded\n');
      writeEvents(out, events, id !== undefined);
    });

/**
 * For a person: times under their day, titles in place of ids. For a program: everything, one row a line.
 * @param aboutOne leaves the title out, which every row of a single task would repeat
 */
export function writeEvents(out: Output, newestFirst: readonly EventView[], aboutOne: boolean): void {
  const events = newestFirst.toReversed();
  if (!out.isTerminal) {
    const rows = events.map(({ seq, event, sentence, title }) => {
      const task = 'taskId' in event ? event.taskId : '-';
      const group = groupConcerned(event) ?? '-';
      return [seq, moment(out, event.at), event.account, group, task, event.type, sentence, title ?? '-'];
    });
    writeRows(out, rows);
    return;
  }
  const day = (at: number) => moment(out, at).slice(0, dayLength);
  const days = events.map(({ event }) => day(event.at));
  const rows = events.flatMap((one, n) => {
    const at = days[n] ?? '';
    // Within the same day the time is enough.
    const sentence = inOneClock(out, one.sentence).replaceAll(`${at} `, '');
    const time = moment(out, one.event.at).slice(dayLength + 1);
    const row = { seq: String(one.seq), time, subject: subjectOf(one), sentence };
    return at === days[n - 1] ? [row] : [{ seq: '', time: at, subject: '', sentence: '' }, row];
  });
  const subject: Column<(typeof rows)[number]> = ['TITLE', (row) => row.subject];
  writeTable(out, rows, [
    ['NO', ({ seq }) => seq],
    ['TIME', ({ time }) => time],
    ...(aboutOne ? [] : [subject]),
    ['WHAT', ({ sentence }) => sentence],
  ]);
}

const dayLength = '2026-01-31'.length;

/** What it is about: a task by its title, else its group, its account or the configuration. */
function subjectOf({ event, title }: EventView): string {
  if (title !== null) return title;
  if ('taskId' in event) return event.taskId;
  if (event.type === 'config-changed') return 'configuration';
  const group = groupConcerned(event);
  return group === undefined ? `account ${event.account}` : `group ${group}`;
}
