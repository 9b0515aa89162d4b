/** `restart TASK…`: an operator's restart, sent now and past the rules that wait. */
import type { Command } from 'commander';
import type { TaskView } from '../domain/views/shown.ts';
import type { CallFailure } from '../domain/words/failure.ts';
import type { RestartAnswer } from '../domain/words/task.ts';
import { askedBy, withDaemon } from './daemon.ts';
import { type ActionOptions, actionCommand, chosen, eachOf } from './several.ts';
import { plain, writeJson } from './show.ts';
import { exitCodes, Failure, type Surroundings } from './surroundings.ts';

interface Options extends ActionOptions {
  readonly force?: true;
}

interface Restarted {
  readonly task: TaskView;
  readonly answer: RestartAnswer;
}

const stopped = { query: { state: 'stopped' }, concerned: (task: TaskView) => !task.gone };

const help = `
It passes backoff, quarantine and storm, and counts as no attempt; a held task
needs --force. Refused for a task that runs, and where nothing could come of it.
Exit code 0 only if the cloud accepted.

  restart 8fde6a
  restart --group vip --yes    every stopped task of the group, without asking
`;

export const restartCommand = (surroundings: Surroundings): Command =>
  actionCommand('restart', 'every stopped task of the group')
    .description('restart stopped tasks now, regardless of backoff, quarantine and storm')
    .option('--force', 'also if a hold covers it')
    .addHelpText('after', help)
    .action(async (ids: readonly string[], options: Options) => {
      const by = await askedBy(options.by, surroundings.env);
      const json = options.json === true;
      await withDaemon(surroundings, options, async (daemon) => {
        const tasks = await chosen(surroundings, daemon, ids, options, 'restart', stopped);
        const restart = ({ id, account }: (typeof tasks)[number]) =>
          daemon.post<Restarted>(`/api/v1/tasks/${encodeURIComponent(id)}/restart`, {
            account,
            by,
            force: options.force ?? false,
          });
        const [only] = tasks;
        if (only && tasks.length === 1) return tell(surroundings, await restart(only), json);
        const { done, failed } = await eachOf(surroundings, tasks, async (task) => {
          const restarted = await restart(task);
          if (!json) surroundings.out.write(`${nameOf(restarted)}: ${plain(answerSentence(restarted.answer))}\n`);
          return restarted;
        });
        if (json) writeJson(surroundings.out, done);
        const lost = failed + done.filter(({ answer }) => answer.kind !== 'accepted').length;
        const next = `See what is down: ${surroundings.program} status`;
        if (lost > 0)
          throw new Failure(exitCodes.failed, `${lost} of ${tasks.length} restarts were not accepted`, next);
      });
    });

const nameOf = ({ task }: Restarted): string => `${plain(task.title)} (${task.taskId})`;

/** Exit code 0 only if the cloud accepted: a script must not take "no answer" for done. */
function tell({ out, program }: Surroundings, restarted: Restarted, json: boolean): void {
  const { task, answer } = restarted;
  if (json) writeJson(out, { task, answer });
  const what = nameOf(restarted);
  const watch = `${program} explain ${task.taskId}`;
  if (answer.kind !== 'accepted') {
    const next =
      answer.kind === 'unanswered'
        ? `It may have worked: do not send it again yet. The next poll shows: ${watch}`
        : `See what is in its way: ${watch}`;
    throw new Failure(exitCodes.failed, `restart of ${what}: ${plain(answerSentence(answer))}`, next);
  }
  if (!json) out.write(`restart of ${what}: ${answerSentence(answer)}\nSee whether it comes up: ${watch}\n`);
}

/** What the cloud answered. */
function answerSentence(answer: RestartAnswer): string {
  switch (answer.kind) {
    case 'accepted':
      return 'accepted by the cloud';
    case 'refused':
      return `refused by the cloud: ${failureWords(answer.failure)}`;
    case 'throttled':
      return `throttled by the cloud: ${failureWords(answer.failure)}`;
    case 'not-sent':
      return `not sent: ${failureWords(answer.failure)}`;
    case 'unanswered':
      return `no answer: ${failureWords(answer.failure)}`;
    default:
      return answer satisfies never;
  }
}

/** With the request's id: it is what the vendor's support asks for first. */
const failureWords = ({ class: kind, code, message, requestId }: CallFailure): string =>
  `${code ?? kind}, ${message}${requestId === undefined ? '' : ` (request ${requestId})`}`;
