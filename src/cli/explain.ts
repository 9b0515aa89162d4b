/** `explain TASK`: every rule and what it says about one task now. */
import { Command, Help } from 'commander';
import { targetWords } from '../domain/views/covered.ts';
import type { CallView, ExplainView, RuleView } from '../domain/views/shown.ts';
import { durationText } from '../domain/words/duration.ts';
import { reasonMeanings, reasons } from '../domain/words/reason.ts';
import { type DaemonOptions, query, withDaemon, withDaemonOptions } from './daemon.ts';
import { writeEvents } from './history.ts';
import { ago, inOneClock, moment, paint, plain, wrapped, writeJson, writeTable } from './show.ts';
import type { Output, Surroundings } from './surroundings.ts';

export const explainCommand = (surroundings: Surroundings): Command =>
  withDaemonOptions(new Command('explain'))
    .description('why a task is or is not restarted now, rule by rule')
    .argument('<TASK>', 'task id, the first 6 or more characters of it, or its title')
    .option('--account <NAME>', 'account of the task, if several have it')
    .option('--json', 'print JSON')
    .addHelpText('after', reasonsHelp)
    .action(async (id: string, options: DaemonOptions) => {
      const path = `/api/v1/tasks/${encodeURIComponent(id)}${query({ account: options.account })}`;
      const task = await withDaemon(surroundings, options, (daemon) => daemon.get<ExplainView>(path));
      if (options.json) return writeJson(surroundings.out, task);
      writeTask(surroundings, task);
    });

/** One line for each reason that can be shown. */
const reasonsHelp = `
Reasons not to restart a stopped task; if several apply, the first is shown:
${reasons.map((reason) => new Help().formatItem(reason, 14, reasonMeanings[reason].means, new Help())).join('\n')}`;

const nameWidth = 10;

function writeTask({ out, clock, program }: Surroundings, task: ExplainView): void {
  const line = (name: string, text: string) => {
    const whole = wrapped(out, name.padEnd(nameWidth) + inOneClock(out, plain(text)), nameWidth);
    out.write(`${paint(out, 'dim', whole.slice(0, nameWidth))}${whole.slice(nameWidth)}\n`);
  };
  out.write(`${paint(out, 'bold', plain(task.title))}  ${task.taskId}\n`);
  line('verdict', verdictWords(out, task));
  if (task.verdict.kind === 'wait') line('', task.verdict.sentence);
  const advice = meaningOf(task.verdict.reason)?.advice;
  if (advice !== undefined) line('to do', advice);
  line('state', `${task.state} (${task.statusText}) since ${moment(out, task.changedAt)}${task.gone ? ', gone' : ''}`);
  line('where', `account ${task.account}, cloud group ${task.cloudGroup}`);
  line('group', entryWords(task));
  line(
    'planned',
    `${moment(out, task.startsAt)} to ${moment(out, task.endsAt)}${task.due ? ', due now' : ', not due now'}`,
  );
  if (task.endsAt !== null && task.endsAt > clock.now()) {
    const then = task.successor
      ? `${task.successor.title} (${task.successor.taskId}) has its destination from then on`
      : 'no later task has its destination';
    line('ends', `in ${durationText(task.endsAt - clock.now())}; ${then}`);
  }
  if (task.outage) {
    const since = `${moment(out, task.outage.since)} (${ago(clock.now(), task.outage.since)})`;
    line('outage', `since ${since}, ${task.outage.attempts} restart${task.outage.attempts === 1 ? '' : 's'} in it`);
  }
  const { made, failedInRow, lastAt, phase } = task.attempts;
  line(
    'attempts',
    `${made} made, ${failedInRow} failed in a row, last ${moment(out, lastAt)}${phase ? `, ${phase}` : ''}`,
  );
  for (const hold of task.holds) {
    const end = hold.endsAt === undefined ? 'it is removed' : moment(out, hold.endsAt);
    line('hold', `${hold.id} by ${hold.author} on ${targetWords(hold)} until ${end}: ${hold.reason}`);
  }
  if (task.givenUp) line('given up', `${task.givenUp}; undo it with: ${program} release ${task.taskId}`);
  out.write('\n');
  writeTable(out, task.rules, [
    ['RULE', ({ reason }) => reason],
    ['SAYS', (rule) => ruleWords(out, rule)],
    ['DETAIL', ({ detail }) => inOneClock(out, detail)],
  ]);
  writeCalls(out, task.calls);
  if (task.recent.length === 0) return;
  out.write('\n');
  writeEvents(out, task.recent, true);
}

/** A newer daemon can have reasons that this program does not know. */
const meaningOf = (reason: string | undefined) => Object.entries(reasonMeanings).find(([name]) => name === reason)?.[1];

function verdictWords(out: Output, { verdict }: ExplainView): string {
  if (verdict.kind !== 'wait') return verdict.sentence;
  const { reason, until: at } = verdict;
  const forever = at === 'never' ? meaningOf(reason)?.forever : undefined;
  const end = forever ?? `until ${moment(out, at)}`;
  return `${reason ?? 'wait'}, ${end}`;
}

/** Which entry of `groups:` has the task, or what keeps the task out. */
function entryWords({ entry, cloudGroup }: ExplainView): string {
  if (!entry) return `none: no entry of groups: matches it (cloud group ${cloudGroup})`;
  const { group, excludedBy } = entry;
  if (!excludedBy) return `${group}: the first entry of groups: that matches it`;
  return `none: entry ${group} excludes it by ${excludedBy.key} ${excludedBy.glob}, and no later entry gets it`;
}

function writeCalls(out: Output, calls: readonly CallView[]): void {
  if (calls.length === 0) return;
  out.write('\n');
  writeTable(out, calls, [
    ['CALL', ({ at }) => moment(out, at)],
    ['BY', ({ by }) => by ?? 'rules'],
    ['ANSWER', ({ answer }) => answer ?? 'none yet'],
    ['CODE', ({ code }) => code ?? '-'],
    ['REQUEST', ({ requestId }) => requestId ?? '-'],
  ]);
}

const ruleWords = (out: Output, { notBefore }: RuleView): string =>
  notBefore === null ? 'ok' : `not before ${moment(out, notBefore)}`.replace('not before never', 'never');
