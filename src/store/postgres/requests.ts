/**
 * What operators ask of a replica that does not own the account: written down here, done by the owner, and answered.
 *
 * The owner takes a request in its epoch before it acts. If an owner took a request and did not answer, the next one
 * repeats it where twice is the same as once; it does not repeat a restart, but answers that the outcome is unknown. A
 * statement may have taken effect although it failed: so the owner remembers what it did until the answer is stored,
 * and what an operator was answered was not done can never happen later.
 */
import type { OperatorOutcome, OperatorRequest, Shared } from '../../domain/ports/store-port.ts';
import type { Clock } from '../../domain/ports/time-port.ts';
import type { Sentences } from '../../domain/words/reason.ts';
import type { RequestRows, Taken } from './request-rows.ts';
import type { Snapshot } from './rows.ts';

/** A restart waits for its permit and for the cloud's answer; a take-over lasts longer, and then it is asked again. */
const answeredWithinMs = 35_000;
const lookEveryMs = 250;
/** Nobody waits any more for what is as old as that. */
const staleAfterMs = 60_000;

type RequestsOptions = Parameters<Shared['serve']>[0] & {
  readonly rows: RequestRows;
  readonly epochOf: (account: string) => number | undefined;
};

interface AskOptions {
  readonly rows: RequestRows;
  readonly clock: Clock;
  /** Unlike that of any other request. */
  readonly id: string;
}

const refused = ([message, chinese]: Sentences, next?: string): OperatorOutcome => ({
  kind: 'refused',
  code: 'unavailable',
  message,
  chinese,
  next,
});

export async function askOwner(
  { rows, clock, id }: AskOptions,
  account: string,
  request: OperatorRequest,
): Promise<OperatorOutcome> {
  /** What nobody has taken is never done; what was taken may be. */
  const withdraw = async (none: OperatorOutcome): Promise<OperatorOutcome> => {
    try {
      if (await rows.withdraw(id, account, request, none)) return none;
      const answer = await rows.answerTo(id);
      if (answer) return answer;
    } catch {
      return refused(
        [
          `the store fails, so nobody knows whether the owner of account ${account} does it`,
          `存储失败：不知道负责账号 ${account} 的进程是否会执行`,
        ],
        'Look at the task before you ask again.',
      );
    }
    return refused(
      [
        `the owner of account ${account} has taken the request and has not answered yet`,
        `负责账号 ${account} 的进程已接手，还没有答复`,
      ],
      'Look at the task before you ask again.',
    );
  };
  try {
    await rows.add(id, account, request);
  } catch {
    return withdraw(
      refused(
        ['the store fails, so its owner could not be asked', '存储失败，无法询问负责的进程'],
        'Ask again once it works.',
      ),
    );
  }
  const giveUpAt = clock.monotonic() + answeredWithinMs;
  while (clock.monotonic() < giveUpAt) {
    await clock.sleep(lookEveryMs);
    // A database that fails for a moment may have the answer in the next.
    const answer = await rows.answerTo(id).catch(() => undefined);
    if (answer) return answer;
  }
  return withdraw(
    refused(
      [`nobody owns account ${account} now, so nothing was done`, `现在没有进程负责账号 ${account}，什么都没有做`],
      'Ask again in a moment.',
    ),
  );
}

/** Does what others were asked for the accounts of this replica; each once, though it is seen many times. */
export function serveRequests({ rows, epochOf, isReady, serve }: RequestsOptions): (snapshot: Snapshot) => void {
  const inHand = new Set<string>();
  /** Of what was done here, until it is seen to be answered. */
  const outcomes = new Map<string, OperatorOutcome>();
  const serveOne = async (id: string, account: string, epoch: number): Promise<void> => {
    const taken = await rows.takeRequest(id, epoch);
    if (!taken) return;
    const outcome = outcomes.get(id) ?? (await outcomeOf(taken, epoch, () => serve(account, taken.request)));
    outcomes.set(id, outcome);
    await rows.answer(id, epoch, outcome);
  };
  return ({ requests }) => {
    for (const id of outcomes.keys())
      if (!inHand.has(id) && !requests.some((open) => open.id === id)) outcomes.delete(id);
    for (const { id, account } of requests) {
      const epoch = epochOf(account);
      if (epoch === undefined || inHand.has(id) || !isReady(account)) continue;
      inHand.add(id);
      // A database that fails shows in other operations; what is still open has its turn at the next look.
      void serveOne(id, account, epoch)
        .catch(() => undefined)
        .finally(() => inHand.delete(id));
    }
  };
}

async function outcomeOf(
  { request, was, ageMs }: Taken,
  epoch: number,
  serve: () => Promise<OperatorOutcome>,
): Promise<OperatorOutcome> {
  if (was !== null && was !== epoch && request.kind === 'restart')
    return refused(
      [
        'its owner ended while it restarted the task: whether that was sent is not known',
        '负责的进程在重启任务时结束了：不知道重启是否已发出',
      ],
      'Look at the task.',
    );
  if (ageMs > staleAfterMs)
    return refused(['it waited too long for an owner, and was not done', '等待负责的进程太久，没有执行'], 'Ask again.');
  try {
    return await serve();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return refused([message, message]);
  }
}
