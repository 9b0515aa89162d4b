/**
 * What operators ask of a replica that does not own the account: written down here, done by the owner, and answered.
 *
 * The owner takes a request in its epoch before it does anything. What an owner took and did not answer, the next one
 * does again if doing it twice is the same as once; a restart is not, and is answered as not known.
 */
import { randomUUID } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { OperatorOutcome, OperatorRequest } from '../../domain/ports/store-port.ts';
import type { Clock } from '../../domain/ports/time-port.ts';
import type { Tables } from '../tables.ts';
import { databaseNow } from './postgres-tables.ts';
import type { Sight } from './rows.ts';

/** A restart waits for its permit and for the cloud's answer; a take-over lasts longer, and then it is asked again. */
const answeredWithinMs = 35_000;
const lookEveryMs = 250;
/** Nobody waits any more for what is as old as that. */
const staleAfterMs = 60_000;
const keptMs = 3_600_000;

interface RequestsOptions {
  readonly db: Kysely<Tables>;
  readonly clock: Clock;
  readonly epochOf: (account: string) => number | undefined;
  readonly isReady: (account: string) => boolean;
  readonly serve: (account: string, request: OperatorRequest) => Promise<OperatorOutcome>;
}

const refused = (message: string, next?: string): OperatorOutcome => ({
  kind: 'refused',
  code: 'unavailable',
  message,
  next,
});

/** Writes it down and waits for its answer. */
export async function askOwner(
  { db, clock }: Pick<RequestsOptions, 'db' | 'clock'>,
  account: string,
  request: OperatorRequest,
): Promise<OperatorOutcome> {
  const id = randomUUID();
  const fails = refused('the store fails, so its owner could not be asked', 'Ask again once it works.');
  try {
    await sql`insert into relaykeeper.request (id, account, body, asked_at)
      values (${id}, ${account}, ${JSON.stringify(request)}, ${databaseNow})`.execute(db);
  } catch {
    return fails;
  }
  const giveUpAt = clock.monotonic() + answeredWithinMs;
  while (clock.monotonic() < giveUpAt) {
    await clock.sleep(lookEveryMs);
    // A database that fails for a moment may have the answer in the next.
    const answer = await answerTo(db, id).catch(() => undefined);
    if (answer) return JSON.parse(answer) as OperatorOutcome;
  }
  return withdraw(db, id, account).catch(() => fails);
}

async function answerTo(db: Kysely<Tables>, id: string): Promise<string | null | undefined> {
  const { rows } = await sql<{
    answer: string | null;
  }>`select answer from relaykeeper.request where id = ${id}`.execute(db);
  return rows[0]?.answer;
}

/** What nobody has taken is never done; what was taken may be. */
async function withdraw(db: Kysely<Tables>, id: string, account: string): Promise<OperatorOutcome> {
  const none = refused(`nobody owns account ${account} now, so nothing was done`, 'Ask again in a moment.');
  const { rows } = await sql<{ id: string }>`update relaykeeper.request set answer = ${JSON.stringify(none)}
    where id = ${id} and taken_in is null and answer is null returning id`.execute(db);
  if (rows.length > 0) return none;
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

async function serveOne({ db, serve }: RequestsOptions, id: string, account: string, epoch: number): Promise<void> {
  const { rows } = await sql<{ body: string; was: number | null; age: number }>`with open as (
      select id, taken_in, asked_at from relaykeeper.request
      where id = ${id} and answer is null and (taken_in is null or taken_in < ${epoch}) for update)
    update relaykeeper.request set taken_in = ${epoch} from open, relaykeeper.lease
    where request.id = open.id and lease.account = request.account and lease.epoch = ${epoch}
    returning request.body, open.taken_in as was, ${databaseNow} - open.asked_at as age`.execute(db);
  const [taken] = rows;
  if (!taken) return;
  const request = JSON.parse(taken.body) as OperatorRequest;
  const outcome = await outcomeOf(request, taken, () => serve(account, request));
  await sql`update relaykeeper.request set answer = ${JSON.stringify(outcome)}
    where id = ${id} and taken_in = ${epoch} and answer is null`.execute(db);
}

async function outcomeOf(
  request: OperatorRequest,
  { was, age }: { readonly was: number | null; readonly age: number },
  serve: () => Promise<OperatorOutcome>,
): Promise<OperatorOutcome> {
  if (was !== null && request.kind === 'restart')
    return refused(
      'its owner ended while it restarted the task: whether that was sent is not known',
      'Look at the task.',
    );
  if (age > staleAfterMs) return refused('it waited too long for an owner, and was not done', 'Ask again.');
  try {
    return await serve();
  } catch (error) {
    return refused(error instanceof Error ? error.message : String(error));
  }
}

export async function forgetAnswered(db: Kysely<Tables>): Promise<void> {
  await sql`delete from relaykeeper.request where asked_at < ${databaseNow} - ${keptMs}`.execute(db);
}
