/** `restart TASK…`: an operator's restart. It is sent now and ignores the rules that only wait. */
import type { Command } from 'commander';
import type { TaskView } from '../domain/views/shown.ts';
import type { CallFailure } from '../domain/words/failure.ts';
import type { RestartAnswer } from '../domain/words/task.ts';
import type { DaemonOptions } from './daemon.ts';
import { actionCommand, actOn } from './several.ts';
import { plain, writeJson } from './show.ts';
import { exitCodes, Failure, type Surroundings } from './surroundings.ts';

interface Options extends DaemonOptions {
  readonly force?: true;
}

interface Restarted {
  readonly task: TaskView;
  readonly answer: RestartAnswer;
}

const help = `
It ignores backoff, quarantine and storm, and does not count as an attempt; a
held task needs --force. The daemon refuses it for a running task, and when it
could have no effect. Exit code 0 only if the cloud accepted.

  restart 8fde6a
  restart --group vip --yes    every stopped task of the group, without asking
`;

export const restartCommand = (surroundings: Surroundings): Command =>
  actionCommand('restart', 'every stopped task of the group')
    .description('restart stopped tasks now, regardless of backoff, quarantine and storm')
    .option('--force', 'also if a hold covers it')
    .addHelpText('after', help)
    .action(async (ids: readonly string[], options: Options) => {
      const { out, program } = surroundings;
      const { asked, done } = await actOn<Restarted>(surroundings, ids, options, {
        verb: 'restart',
        means: ({ gone }) => !gone,
        body: { force: options.force ?? false },
        onDone(one) {
          if (!options.json) out.write(`${nameOf(one)}: ${plain(answerSentence(one.answer))}\n`);
        },
      });
      const [only] = done;
      if (only && asked.length === 1) return printEnd(surroundings, only, options.json === true);
      if (options.json) writeJson(out, done);
      const lost = asked.length - done.filter(({ answer }) => answer.kind === 'accepted').length;
      const next = `See what is down: ${program} status`;
      if (lost > 0) throw new Failure(exitCodes.failed, `${lost} of ${asked.length} restarts were not accepted`, next);
    });

const nameOf = ({ task }: Restarted): string => `${plain(task.title)} (${task.taskId})`;

/** Exit code 0 only if the cloud accepted: a script must not take "no answer" for done. */
function printEnd({ out, program }: Surroundings, restarted: Restarted, json: boolean): void {
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

const answerWords = {
  accepted: 'accepted by the cloud',
  refused: 'refused by the cloud',
  throttled: 'throttled by the cloud',
  'not-sent': 'not sent',
  unanswered: 'no answer',
} as const satisfies Readonly<Record<RestartAnswer['kind'], string>>;

const answerSentence = (answer: RestartAnswer): string =>
  answerWords[answer.kind] + (answer.kind === 'accepted' ? '' : `: ${failureWords(answer.failure)}`);

/** With the request id, which the vendor's support asks for first. */
const failureWords = ({ class: kind, code, message, requestId }: CallFailure): string =>
  `${code ?? kind}, ${message}${requestId === undefined ? '' : ` (request ${requestId})`}`;
