/** `status`: what is wrong, what is down, what comes next. In a pipe: accounts, groups, stopped tasks, what they share. */

import { Command } from 'commander';
import type { AccountView, GroupView, StatusView, TaskView, VerdictView } from '../domain/views/shown.ts';
import { standingOf } from '../domain/views/standing.ts';
import {
  accountTroubles,
  daemonTroubles,
  isOver,
  type Trouble,
  troubleMeanings,
  troublesOf,
} from '../domain/views/trouble.ts';
import { durationText } from '../domain/words/duration.ts';
import type { Reason } from '../domain/words/reason.ts';
import { type DaemonOptions, query, withDaemon, withDaemonOptions } from './daemon.ts';
import {
  ago,
  moment,
  nextColumn,
  paint,
  plain,
  reasonColumn,
  taskColumns,
  untilThen,
  wrapped,
  writeJson,
  writeRows,
  writeTable,
} from './show.ts';
import { misuse, type Output, type Surroundings } from './surroundings.ts';

/** Down tasks shown on a terminal; a storm must not push the rest off the screen. */
const mostShown = 20;
/** How often `--watch` looks: with the usual schedule every poll is seen. */
const watchEveryMs = 2_000;

interface Options extends DaemonOptions {
  readonly watch?: true;
}

const help = `
First what is wrong with the daemon and its accounts: failed polls with their
class and since when, open circuits, throttling, incomplete or empty lists, a
rejected configuration, the store. Then the tasks that are down, the longest
first: due and stopped, neither held nor only observed. If five or more are
down, what most of them share and the others do not. Then tasks that end soon
without a successor, and the groups in which something is not as it should be.

  status --watch           again every 2 s
  status --group vip       one group
  status --json | jq -r '.stopped[].taskId'
`;

export const statusCommand = (surroundings: Surroundings): Command =>
  withDaemonOptions(new Command('status'))
    .description('what is wrong, what is down, what comes next, and which groups are not as they should be')
    .option('--account <NAME>', 'only this account')
    .option('--group <NAME>', 'only this group')
    .option('--watch', 'show it again every 2 s, until Ctrl-C')
    .option('--json', 'print JSON')
    .addHelpText('after', help)
    .action(async (options: Options) => {
      const { out, clock } = surroundings;
      if (!options.watch) return show(surroundings, await look(surroundings, options), options);
      if (!out.isTerminal || options.json) throw misuse('--watch is for a terminal');
      const { stop } = surroundings.signals();
      do {
        const seen = await look(surroundings, options);
        let page = '';
        const write = (text: string) => {
          page += text;
        };
        show({ ...surroundings, out: { ...out, write } }, seen, options);
        out.write(clearScreen + beginning(page, out.rows));
        await clock.sleep(watchEveryMs, stop).catch(() => {});
      } while (!stop.aborted);
    });

/** Moves to the corner and clears everything behind it. */
const clearScreen = '\u001b[H\u001b[J';

/** What is wrong stands first, so the end is cut: with more lines than the terminal has, the beginning would scroll away. */
function beginning(page: string, rows: number): string {
  const lines = page.split('\n');
  // The cursor stands on the last, which is empty.
  if (lines.length <= rows) return page;
  const shown = lines.slice(0, Math.max(1, rows - 2));
  return `${shown.join('\n')}\n… and ${lines.length - 1 - shown.length} more lines\n`;
}

async function look(surroundings: Surroundings, options: Options) {
  const { account, group } = options;
  const inState = (state: string) => `/api/v1/tasks${query({ account, group, state })}`;
  const { whole, stopped, unknown } = await withDaemon(surroundings, options, async (daemon) => ({
    whole: await daemon.get<StatusView>('/api/v1/status'),
    stopped: await daemon.list<TaskView>(inState('stopped')),
    unknown: await daemon.list<TaskView>(inState('unknown')),
  }));
  const isMeant = (one: { readonly account: string; readonly group?: string }) =>
    (account === undefined || one.account === account) &&
    (group === undefined || one.group === undefined || one.group === group);
  const status = {
    ...whole,
    accounts: whole.accounts.filter(isMeant),
    groups: whole.groups.filter(isMeant),
    inCommon: whole.inCommon.filter(isMeant),
    ending: whole.ending.filter(isMeant),
  };
  const all = [...stopped, ...unknown.filter(({ state, downSince }) => state === 'unknown' && downSince !== null)];
  /** Managed tasks that are stopped, or down in some other way. */
  return { status, stopped: all.filter((task) => task.group !== null && !task.gone) };
}

type Seen = Awaited<ReturnType<typeof look>>;

function show(surroundings: Surroundings, { status, stopped }: Seen, { json }: Options): void {
  const { out, program } = surroundings;
  if (json) writeJson(out, { ...status, stopped });
  else if (out.isTerminal) writeForPerson(out, program, status, stopped);
  else {
    writeStatus(out, status);
    writeStopped(out, status.now, stopped);
    writeInCommon(out, status);
    writeEnding(out, program, status);
  }
}

/** First what is wrong, then what is down, then what else there is to say about groups; what is well takes one line. */
function writeForPerson(out: Output, program: string, status: StatusView, stopped: readonly TaskView[]): void {
  const troubles = troublesOf(status);
  for (const one of troubles) {
    const where = one.account === undefined ? '' : `account ${one.account}: `;
    const line = wrapped(out, plain(where + troubleLine(out, one, status.now)));
    out.write(`${paint(out, isOver(one) ? 'dim' : 'red', line)}\n`);
  }
  if (troubles.length > 0) out.write('\n');
  const down = stopped.filter(({ downSince }) => downSince !== null);
  if (down.length > 0) {
    writeDown(out, program, status, down);
    writeInCommon(out, status);
  } else out.write(`${wrapped(out, standingOf(status).words[0])}.\n`);
  writeEnding(out, program, status);
  const groups = status.groups.flatMap((group) => groupWords(status, group));
  if (groups.length > 0) out.write(`\n${groups.map((line) => `${wrapped(out, plain(line))}\n`).join('')}`);
  out.write('\n');
  const upFor = durationText(status.now - status.startedAt);
  for (const line of [
    ...status.accounts.map((account) => accountWords(status.now, account)),
    `relaykeeper ${status.version} up ${upFor}, ${status.configFile} (${status.configHash})`,
  ])
    out.write(`${paint(out, 'dim', wrapped(out, plain(line)))}\n`);
  if (down.length > 0) out.write(`Why: ${program} explain TASK\n`);
}

function writeDown(out: Output, program: string, { now, accounts }: StatusView, down: readonly TaskView[]): void {
  const shown = down.toSorted(longestFirst).slice(0, mostShown);
  writeTable(out, shown, [
    ['DOWN', ({ downSince }) => durationText(now - (downSince ?? now))],
    ...taskColumns(out, shown, accounts.length > 1),
    reasonColumn,
    nextColumn(out, now),
  ]);
  if (shown.length < down.length)
    out.write(`… and ${down.length - shown.length} more: ${program} tasks --state down\n`);
}

const saysApart: ReadonlySet<string> = new Set<Reason>(['held', 'outside-hours', 'observing']);

/** One line for a group with more to report than running tasks. */
function groupWords({ accounts, now }: StatusView, group: GroupView): string[] {
  const { states, apart, waiting, quarantined, abandoned, holds, storm } = group;
  const counts = [
    [group.down, 'down'],
    // They count also while a reason of more authority hides this one.
    [Math.max(apart.held, waiting.held ?? 0), 'held'],
    [Math.max(apart['outside-hours'], waiting['outside-hours'] ?? 0), 'outside-hours'],
    [Math.max(apart.observed, waiting.observing ?? 0), 'observed'],
    ...Object.entries(waiting).flatMap(([reason, tasks]) => (saysApart.has(reason) ? [] : [[tasks, reason] as const])),
    [states.overdue, 'overdue'],
    [states.unknown, 'of unknown status'],
    // Those whose reason is hidden by one of more authority.
    [quarantined + abandoned - (waiting.quarantined ?? 0) - (waiting.abandoned ?? 0), 'given up'],
  ] as const;
  const said = [
    ...counts.flatMap(([count, what]) => (count > 0 ? [`${count} ${what}`] : [])),
    ...(holds > 0 ? [`${holds} hold${holds === 1 ? '' : 's'}`] : []),
    ...(storm ? [`storm for ${durationText(now - storm.since)}, window ${storm.window}`] : []),
  ];
  const where = accounts.length > 1 ? `${group.account} / ` : '';
  const observed = group.mode === 'observe' ? ' (observe)' : '';
  return said.length > 0 ? [`${where}${group.group}${observed}: ${said.join(', ')}; ${states.active} running`] : [];
}

/** A pipe gets more; this fits into a line. */
function accountWords(now: number, account: AccountView): string {
  const { account: name, region, tasks, unmanaged, polledAt } = account;
  const polled = polledAt === null ? 'not polled yet' : `polled ${ago(now, polledAt)}`;
  return `account ${name} in ${region}: ${tasks} tasks, ${unmanaged} unmanaged; ${polled}; ${callsPerSecond(account)} calls/s`;
}

/** The processes that share the store, if it can be shared. */
function writeReplicas(out: Output, { replicas, othersReadAgoMs = 0, now }: StatusView): void {
  if (!replicas) return;
  out.write(`\nAccounts of other replicas are shown as they were ${durationText(othersReadAgoMs)} ago.\n`);
  const rows = replicas.map(({ name, isThis, version, startedAt, configHash, owned }) => {
    const left = owned.length === 0 ? '-' : durationText(Math.min(...owned.map(({ leftMs }) => leftMs)));
    const owns = owned.map(({ account }) => account).join(', ') || '-';
    const up = durationText(now - startedAt);
    return [isThis ? `${name} (this one)` : name, version, up, configHash, left, owns];
  });
  writeRows(out, rows);
  out.write('\n');
}

/** For a program: every account and every group. */
function writeStatus(out: Output, status: StatusView): void {
  const { version, now, startedAt, store, configFile, configHash, accounts, groups } = status;
  const isUp = store.up ? 'up' : 'DOWN: restarts are stopped';
  out.write(`relaykeeper ${version}, up ${durationText(now - startedAt)}, store ${store.kind} ${isUp}\n`);
  out.write(`configuration ${configFile} (${configHash})\n`);
  writeReplicas(out, status);
  const trouble = (one: Trouble) => troubleLine(out, one, now);
  for (const one of daemonTroubles(status)) out.write(`${plain(trouble(one))}\n`);
  out.write('\n');
  const accountRows = accounts.map((one) => {
    const { account, provider, region, owned, unread, owner = 'another process', tasks, unmanaged } = one;
    const troubles = accountTroubles(one, now).map(trouble).join('; ') || '-';
    const who = owned || unread ? 'this process' : owner;
    return [account, provider, region, who, lastPoll(now, one), tasks, unmanaged, callsPerSecond(one), troubles];
  });
  writeRows(out, accountRows);
  out.write('\n');
  const groupRows = groups.map(
    ({ account, group, mode, states, down, quarantined, abandoned, holds, waiting, storm }) => {
      const { active, stopped, not_started, overdue, unknown } = states;
      const counts = [active, down, stopped, not_started, overdue, unknown, quarantined + abandoned, holds];
      return [account, group, mode, ...counts, waitingWords(waiting, storm !== null)];
    },
  );
  writeRows(out, groupRows);
}

function lastPoll(now: number, { polledAt, pollIntervalMs }: AccountView): string {
  const every = pollIntervalMs === null ? '' : `, every ${durationText(pollIntervalMs)}`;
  return polledAt === null ? 'none yet' : `${ago(now, polledAt)}${every}`;
}

/** The account's limit, and those of its actions that are smaller. */
function callsPerSecond({ gate: { perSecond, restartPerSecond, listPerSecond } }: AccountView): string {
  const smaller = Object.entries({ restart: restartPerSecond, list: listPerSecond }).filter(
    ([, own]) => own < perSecond,
  );
  return [String(perSecond), ...smaller.map(([action, own]) => `${action} ${own}`)].join(', ');
}

const troubleLine = (out: Output, one: Trouble, now: number): string =>
  `${troubleMeanings[one.kind].words}${spanOf(out, one, now)}${one.detail === undefined ? '' : `: ${one.detail[0]}`}`;

function spanOf(out: Output, { since, until: end }: Trouble, now: number): string {
  const untilEnd = end === undefined ? '' : `until ${moment(out, end)}`;
  if (since === undefined) return untilEnd && ` ${untilEnd}`;
  return ` for ${durationText((end ?? now) - since)}, ${untilEnd || `since ${moment(out, since)}`}`;
}

function waitingWords(waiting: GroupView['waiting'], inStorm: boolean): string {
  const parts = Object.entries(waiting).flatMap(([reason, tasks]) => (tasks > 0 ? [`${reason} ${tasks}`] : []));
  return (inStorm ? ['storm', ...parts] : parts).join(', ') || '-';
}

function writeStopped(out: Output, now: number, stopped: readonly TaskView[]): void {
  if (stopped.length === 0) return;
  out.write('\n');
  const rows = stopped.toSorted(longestFirst).map(({ taskId, title, group, downSince, outage, verdict }) => {
    const down = downSince === null ? '-' : durationText(now - downSince);
    const why = reasonWords(out, verdict);
    return [taskId, title, group ?? '-', down, outage?.attempts ?? 0, why, moment(out, verdict.until)];
  });
  writeRows(out, rows);
}

/** Tasks that are not down come last. */
const longestFirst = (a: TaskView, b: TaskView): number => (a.downSince ?? later) - (b.downSince ?? later);
const later = Number.MAX_SAFE_INTEGER;

function reasonWords(out: Output, { kind, reason, wouldGo }: VerdictView): string {
  if (!wouldGo) return reason ?? kind;
  const when = wouldGo.at === null ? 'now' : `at ${moment(out, wouldGo.at)}`;
  return `${reason ?? kind}: restart ${wouldGo.n} would go ${when}`;
}

/** A terminal shows only the soonest: these are not urgent yet. */
const mostEnding = 5;

/** Tasks that will end as planned, without a successor. */
function writeEnding(out: Output, program: string, { ending, accounts, now }: StatusView): void {
  if (ending.length === 0) return;
  out.write('\n');
  if (out.isTerminal) out.write('Ends soon, and no later task has its destination:\n');
  const shown = out.isTerminal ? ending.slice(0, mostEnding) : ending;
  writeTable(out, shown, [
    ['ENDS', ({ endsAt }) => untilThen(out, now, endsAt)],
    ...taskColumns(out, shown, !out.isTerminal || accounts.length > 1),
  ]);
  if (shown.length < ending.length)
    out.write(`… and ${ending.length - shown.length} more: ${program} tasks --sort end\n`);
}

/** Where to look for one cause. */
function writeInCommon(out: Output, { inCommon, accounts }: StatusView): void {
  if (inCommon.length === 0) return;
  out.write('\n');
  for (const { account, sentence, startedAt } of inCommon) {
    const where = accounts.length > 1 ? `account ${account}: ` : '';
    const when = startedAt === undefined ? '' : `, the first at ${moment(out, startedAt)}`;
    out.write(`${wrapped(out, plain(`${where}${sentence}${when}`))}\n`);
  }
}
