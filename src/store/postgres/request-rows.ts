/** The statements about operators' requests. Each is whole by itself, on whatever connection. */
import { sql } from 'kysely';
import type { OperatorOutcome, OperatorRequest } from '../../domain/ports/store-port.ts';
import type { Database } from '../tables.ts';
import { databaseNow } from './postgres-tables.ts';

/** A request as its owner takes it. */
export interface Taken {
  readonly request: OperatorRequest;
  /** The epoch of the owner that had taken it before, perhaps this one; null: nobody had. */
  readonly was: number | null;
  readonly ageMs: number;
}

const keptMs = 3_600_000;

/** Each may fail, and may have been done all the same. */
export type RequestRows = ReturnType<typeof requestRows>;

/** `replica`: the one that takes them. */
export const requestRows = (db: Database, replica: string) => ({
  async add(id: string, account: string, request: OperatorRequest): Promise<void> {
    await sql`insert into relaykeeper.request (id, account, body, asked_at)
      values (${id}, ${account}, ${JSON.stringify(request)}, ${databaseNow})`.execute(db);
  },
  async answerTo(id: string): Promise<OperatorOutcome | undefined> {
    const { rows } = await sql<{
      answer: string | null;
    }>`select answer from relaykeeper.request where id = ${id}`.execute(db);
    const answer = rows[0]?.answer;
    return answer ? (JSON.parse(answer) as OperatorOutcome) : undefined;
  },
  /** Answers what nobody has taken, written down or not: it cannot be from then on. False: somebody has, or it is answered. */
  async withdraw(id: string, account: string, request: OperatorRequest, outcome: OperatorOutcome): Promise<boolean> {
    const { rows } = await sql<{ id: string }>`insert into relaykeeper.request (id, account, body, asked_at, answer)
      values (${id}, ${account}, ${JSON.stringify(request)}, ${databaseNow}, ${JSON.stringify(outcome)})
      on conflict (id) do update set answer = excluded.answer
      where request.taken_in is null and request.answer is null returning id`.execute(db);
    return rows.length > 0;
  },
  /** Undefined: it is answered, or taken by a later owner, or the account is not in that epoch. */
  async takeRequest(id: string, epoch: number): Promise<Taken | undefined> {
    const { rows } = await sql<{ body: string; was: number | null; age: number }>`with open as (
        select id, taken_in, asked_at from relaykeeper.request
        where id = ${id} and answer is null and (taken_in is null or taken_in <= ${epoch}) for update)
      update relaykeeper.request set taken_in = ${epoch} from open, relaykeeper.lease
      where request.id = open.id and lease.account = request.account
        and lease.epoch = ${epoch} and lease.holder = ${replica}
      returning request.body, open.taken_in as was, ${databaseNow} - open.asked_at as age`.execute(db);
    const [taken] = rows;
    return taken && { request: JSON.parse(taken.body) as OperatorRequest, was: taken.was, ageMs: taken.age };
  },
  /** Nothing happens if another has taken it since. */
  async answer(id: string, epoch: number, outcome: OperatorOutcome): Promise<void> {
    await sql`update relaykeeper.request set answer = ${JSON.stringify(outcome)}
      where id = ${id} and taken_in = ${epoch} and answer is null`.execute(db);
  },
});

/** Requests that nobody waits for, and replicas that ended without a word. */
export async function forgetOld(db: Database): Promise<void> {
  await sql`delete from relaykeeper.request where abs(asked_at - ${databaseNow}) > ${keptMs}`.execute(db);
  await sql`delete from relaykeeper.replica where abs(seen_at - ${databaseNow}) > ${keptMs}`.execute(db);
}
