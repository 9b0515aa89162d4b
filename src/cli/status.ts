/** `status`: is everything up, is it healing, and if not, why not. */
import { Command } from 'commander';
import type { AccountView, GroupView, StatusView, TaskView, VerdictView } from '../domain/views/shown.ts';
import { type DaemonOptions, query, withDaemon, withDaemonOptions } from './daemon.ts';
import { ago, duration, moment, paint, plain, until, writeJson, writeTable } from './show.ts';
import type { Output, Surroundings } from './surroundings.ts';

/** Stopped tasks shown on a terminal; a storm must not push the summary off the screen. */
const mostStopped = 20;

interface Options extends DaemonOptions {
  readonly json?: true;
}

export const statusCommand = (surroundings: Surroundings): Command =>
  withDaemonOptions(new Command('status'))
    .description('accounts, groups, and the managed tasks that are stopped now')
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      const { status, stopped, unknown } = await withDaemon(surroundings, options, async (daemon) => ({
        status: await daemon.get<StatusView>('/api/v1/status'),
        stopped: await daemon.list<TaskView>(`/api/v1/tasks${query({ state: 'stopped' })}`),
        unknown: await daemon.list<TaskView>(`/api/v1/tasks${query({ state: 'unknown' })}`),
      }));
      const { out, program } = surroundings;
      const down = unknown.filter(({ state, downSince }) => state === 'unknown' && downSince !== null);
      const managed = [...stopped, ...down].filter((task) => task.group !== null && !task.gone);
      if (options.json) return writeJson(out, { ...status, stopped: managed });
      writeStatus(out, status);
      writeStopped(out, program, status.now, managed);
      writeInCommon(out, status);
    });

function writeStatus(out: Output, status: StatusView): void {
  const store = `${status.store.kind} ${status.store.up ? 'up' : paint(out, 'red', 'DOWN: restarts are stopped')}`;
  out.write(`relaykeeper ${status.version}, up ${duration(status.now - status.startedAt)}, store ${store}\n`);
  out.write(`configuration ${status.configFile} (${status.configHash})\n\n`);
  writeTable(
    out,
    ['ACCOUNT', 'PROVIDER', 'OWNER', 'LAST POLL', 'TASKS', 'UNMANAGED', 'CALLS/S', 'TROUBLE'],
    status.accounts.map((account) => [
      account.account,
      account.provider,
      account.owned ? 'this process' : 'another process',
      lastPoll(status.now, account),
      String(account.tasks),
      String(account.unmanaged),
      callsPerSecond(account),
      accountTrouble(out, account, status.now),
    ]),
  );
  out.write('\n');
  writeTable(
    out,
    [
      'ACCOUNT',
      'GROUP',
      'MODE',
      'ACTIVE',
      'DOWN',
      'STOPPED',
      'NOT STARTED',
      'OVERDUE',
      'UNKNOWN',
      'GIVEN UP',
      'HOLDS',
      'WAITING',
    ],
    status.groups.map((group) => [
      group.account,
      group.group,
      group.mode,
      String(group.states.active),
      String(group.down),
      String(group.states.stopped),
      String(group.states.not_started),
      String(group.states.overdue),
      String(group.states.unknown),
      String(group.quarantined + group.abandoned),
      String(group.holds),
      waiting(group),
    ]),
  );
}

function lastPoll(now: number, { polledAt, pollIntervalMs }: AccountView): string {
  const every = pollIntervalMs === null ? '' : `, every ${duration(pollIntervalMs)}`;
  return polledAt === null ? 'none yet' : `${ago(now, polledAt)}${every}`;
}

/** The account's limit, and those of its actions that are smaller. */
function callsPerSecond({ gate: { perSecond, restartPerSecond, listPerSecond } }: AccountView): string {
  const smaller = Object.entries({ restart: restartPerSecond, list: listPerSecond }).filter(
    ([, own]) => own < perSecond,
  );
  return [String(perSecond), ...smaller.map(([action, own]) => `${action} ${own}`)].join(', ');
}

function accountTrouble(out: Output, account: AccountView, now: number): string {
  const trouble: string[] = [];
  for (const [name, circuit] of Object.entries(account.circuits)) {
    if (circuit)
      trouble.push(`${name} circuit open for ${duration(now - circuit.since)}: ${circuit.code ?? circuit.class}`);
  }
  if (account.storm) trouble.push(`storm for ${duration(now - account.storm.since)}, window ${account.storm.window}`);
  if (account.suspectSince !== null) trouble.push(`list not believed since ${moment(out, account.suspectSince)}`);
  if (account.incompleteSince !== null) trouble.push(`list incomplete since ${moment(out, account.incompleteSince)}`);
  if (account.throttledUntil !== null && account.throttledUntil > now) trouble.push('throttled');
  if (account.clockOffsetMs !== 0) trouble.push(`clock off by ${duration(Math.abs(account.clockOffsetMs))}`);
  return trouble.join('; ') || '-';
}

function waiting(group: GroupView): string {
  const parts = Object.entries(group.waiting).flatMap(([reason, tasks]) => (tasks > 0 ? [`${reason} ${tasks}`] : []));
  return (group.storm ? ['storm', ...parts] : parts).join(', ') || '-';
}

function writeStopped(out: Output, program: string, now: number, stopped: readonly TaskView[]): void {
  if (stopped.length === 0) {
    if (out.isTerminal) out.write('\nNo managed task is stopped.\n');
    return;
  }
  const oldestFirst = stopped.toSorted((a, b) => (a.downSince ?? later) - (b.downSince ?? later));
  const shown = out.isTerminal ? oldestFirst.slice(0, mostStopped) : oldestFirst;
  out.write('\n');
  writeTable(
    out,
    ['STOPPED TASK', 'TITLE', 'GROUP', 'DOWN FOR', 'ATTEMPTS', 'REASON', 'NOT BEFORE'],
    shown.map((task) => [
      task.taskId,
      plain(task.title),
      task.group ?? '-',
      task.downSince === null ? '-' : duration(Math.max(0, now - task.downSince)),
      String(task.outage?.attempts ?? 0),
      reasonWords(out, task.verdict),
      until(out, task.verdict.until),
    ]),
  );
  if (shown.length < stopped.length) out.write(`… and ${stopped.length - shown.length} more (--json has them all)\n`);
  if (out.isTerminal) out.write(`Why: ${program} explain TASK\n`);
}

function reasonWords(out: Output, { kind, reason, wouldGo }: VerdictView): string {
  if (!wouldGo) return reason ?? kind;
  const when = wouldGo.at === null ? 'now' : `at ${moment(out, wouldGo.at)}`;
  return `${reason ?? kind}: restart ${wouldGo.n} would go ${when}`;
}

/** Where to look for one cause. */
function writeInCommon(out: Output, { inCommon, accounts }: StatusView): void {
  if (inCommon.length === 0) return;
  out.write('\n');
  for (const { account, sentence, startedAt } of inCommon) {
    const where = accounts.length > 1 ? `account ${account}: ` : '';
    const when = startedAt === undefined ? '' : `, the first at ${moment(out, startedAt)}`;
    out.write(`${plain(`${where}${sentence}`)}${when}\n`);
  }
}

/** What is not down stands below what is. */
const later = Number.MAX_SAFE_INTEGER;
