/**
 * What operators ask of a replica that does not own the account: written down here, done by the owner, and answered.
 *
 * The owner takes a request in its epoch before it does anything. What an owner took and did not answer, the next one
 * does again if doing it twice is the same as once; a restart is not, and is answered as not known.
 */
import type { OperatorOutcome, OperatorRequest } from '../../domain/ports/store-port.ts';
import type { Clock } from '../../domain/ports/time-port.ts';
import type { RequestRows, Taken } from './request-rows.ts';
import type { Sight } from './rows.ts';

/** A restart waits for its permit and for the cloud's answer; a take-over lasts longer, and then it is asked again. */
const answeredWithinMs = 35_000;
const lookEveryMs = 250;
/** Nobody waits any more for what is as old as that. */
const staleAfterMs = 60_000;

interface RequestsOptions {
  readonly rows: RequestRows;
  readonly epochOf: (account: string) => number | undefined;
  readonly isReady: (account: string) => boolean;
  readonly serve: (account: string, request: OperatorRequest) => Promise<OperatorOutcome>;
}

interface AskOptions {
  readonly rows: RequestRows;
  readonly clock: Clock;
  /** Unlike that of any other request. */
  readonly id: string;
}

const refused = (message: string, next?: string): OperatorOutcome => ({
  kind: 'refused',
  code: 'unavailable',
  message,
  next,
});

/** Writes it down and waits for its answer. */
export async function askOwner(
  { rows, clock, id }: AskOptions,
  account: string,
  request: OperatorRequest,
): Promise<OperatorOutcome> {
  const fails = refused('the store fails, so its owner could not be asked', 'Ask again once it works.');
  try {
    await rows.add(id, account, request);
  } catch {
    return fails;
  }
  const giveUpAt = clock.monotonic() + answeredWithinMs;
  while (clock.monotonic() < giveUpAt) {
    await clock.sleep(lookEveryMs);
    // A database that fails for a moment may have the answer in the next.
    const answer = await rows.answerTo(id).catch(() => undefined);
    if (answer) return answer;
  }
  return withdraw(rows, id, account).catch(() => fails);
}

/** What nobody has taken is never done; what was taken may be. */
async function withdraw(rows: RequestRows, id: string, account: string): Promise<OperatorOutcome> {
  const none = refused(`nobody owns account ${account} now, so nothing was done`, 'Ask again in a moment.');
  if (await rows.withdraw(id, none)) return none;
  return refused(
    `the owner of account ${account} has it in hand and has not answered yet`,
    'Look at the task before you ask again.',
  );
}

/** Does what others were asked for the accounts of this replica; each once, though it is seen many times. */
export function serveRequests(options: RequestsOptions): (sight: Sight) => void {
  const inHand = new Set<string>();
  return ({ requests }) => {
    for (const { id, account, takenIn } of requests) {
      const epoch = options.epochOf(account);
      if (epoch === undefined || takenIn === epoch || inHand.has(id) || !options.isReady(account)) continue;
      inHand.add(id);
      // A database that fails is told by other operations; the asker is told that there was no answer.
      void serveOne(options, id, account, epoch)
        .catch(() => undefined)
        .finally(() => inHand.delete(id));
    }
  };
}

async function serveOne({ rows, serve }: RequestsOptions, id: string, account: string, epoch: number): Promise<void> {
  const taken = await rows.takeRequest(id, epoch);
  if (!taken) return;
  await rows.answer(id, epoch, await outcomeOf(taken, () => serve(account, taken.request)));
}

async function outcomeOf(
  { request, was, ageMs }: Taken,
  serve: () => Promise<OperatorOutcome>,
): Promise<OperatorOutcome> {
  if (was !== null && request.kind === 'restart')
    return refused(
      'its owner ended while it restarted the task: whether that was sent is not known',
      'Look at the task.',
    );
  if (ageMs > staleAfterMs) return refused('it waited too long for an owner, and was not done', 'Ask again.');
  try {
    return await serve();
  } catch (error) {
    return refused(error instanceof Error ? error.message : String(error));
  }
}
