/** `restart TASK`: an operator's restart, sent now and past the rules that wait. */
import { Command } from 'commander';
import type { TaskView } from '../domain/views/shown.ts';
import type { CallFailure } from '../domain/words/failure.ts';
import type { RestartAnswer } from '../domain/words/task.ts';
import { askedBy, type DaemonOptions, withDaemon, withDaemonOptions } from './daemon.ts';
import { plain, writeJson } from './show.ts';
import { exitCodes, Failure, type Surroundings } from './surroundings.ts';

interface Options extends DaemonOptions {
  readonly account?: string;
  readonly by?: string;
  readonly force?: true;
  readonly json?: true;
}

interface Restarted {
  readonly task: TaskView;
  readonly answer: RestartAnswer;
}

export const restartCommand = (surroundings: Surroundings): Command =>
  withDaemonOptions(new Command('restart'))
    .description('restart a stopped task now, whatever backoff, quarantine or storm say')
    .argument('<TASK>', 'task id, the first 6 or more characters of it, or its title')
    .option('--force', 'also if a hold covers it')
    .option('--account <NAME>', 'account of the task, if several have it')
    .option('--by <NAME>', 'who asks (default: you@this-machine)')
    .option('--json', 'print JSON')
    .action(async (id: string, options: Options) => {
      const by = await askedBy(options.by, surroundings.env);
      const body = { account: options.account, by, force: options.force ?? false };
      const restarted = await withDaemon(surroundings, options, (daemon) =>
        daemon.post<Restarted>(`/api/v1/tasks/${encodeURIComponent(id)}/restart`, body),
      );
      tell(surroundings, restarted, options.json === true);
    });

/** Exit code 0 only if the cloud accepted: a script must not take "no answer" for done. */
function tell({ out, program }: Surroundings, { task, answer }: Restarted, json: boolean): void {
  if (json) writeJson(out, { task, answer });
  const what = `${plain(task.title)} (${task.taskId})`;
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
