/**
 * Loading and saving one account's memory: a save is one transaction, a load one view of what others may write meanwhile.
 *
 * Both go in pieces, and between two pieces the thread answers, so the main thread is never kept long.
 */
import { sql } from 'kysely';
import type { AccountRecord, BudgetEntry, StoredLedger } from '../domain/memory/ledger.ts';
import { mapTimes, notAfter } from '../domain/memory/times.ts';
import type { LedgerChanges, LedgerStore } from '../domain/ports/store-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import { type Event, groupConcerned, isRecorded } from '../domain/words/events.ts';
import { accountRecord, decode, encode, encodeEvent, failedAttempt, hold, taskRecord } from './records.ts';
import { StoreProblem } from './store-problem.ts';
import { type Database, keys, type Write } from './tables.ts';

/** Rows in one statement. SQLite takes 32,766 parameters; bigger pieces were not faster, only longer. */
const writtenRows = 200;
const readRows = 500;
/** Failed attempts read at most; the domain's own bound is of the same size. */
const budgetRows = 100_000;

/** Where a ledger is, and with what a person repairs it. */
interface LedgerPlace {
  readonly db: Database;
  readonly name: string;
  /** What opens it for SQL, such as `sqlite3 FILE`. */
  readonly editor: string;
  /** Throws if what `view` shows cannot be what an owner has to know. */
  readonly mustKnow?: (view: Write) => Promise<void>;
  /** Nobody else writes: what is loaded stays as it is, and other accounts are saved between two pieces of it. */
  readonly isAlone?: () => boolean;
}

/** One account's part of a transaction. */
export interface Saving {
  readonly account: string;
  readonly changes: LedgerChanges;
}

/** The clock is asked at each load: times after its `now` are taken as it. */
export function ledgerStore(place: LedgerPlace, clock: Clock): LedgerStore {
  const { db } = place;
  return {
    load: (account, budgetSince) => {
      const loadIn = (view: Database) => load({ view, place, account, clock }, budgetSince);
      if (place.isAlone?.()) return loadIn(db);
      return db
        .transaction()
        .setAccessMode('read only')
        .execute(async (view) => {
          await place.mustKnow?.(view);
          return loadIn(view);
        });
    },
    save: async (account, changes) => {
      if (isNothing(changes)) return;
      await db.transaction().execute((write) => saveAll(write, [{ account, changes }]));
    },
  };
}

export const isNothing = ({ events, tasks, removedTasks, holds, removedHolds, accountRecord }: LedgerChanges) =>
  !events.some(isRecorded) &&
  tasks.length + removedTasks.length + holds.length + removedHolds.length === 0 &&
  accountRecord === undefined;

/**
 * What is both removed and saved stays: forgetting too much is the worse mistake. Nothing but a piece is ever made of what
 * is saved: lists of 100,000 rows would be 20 MB, their text 130.
 */
export async function saveAll(write: Write, savings: readonly Saving[]): Promise<void> {
  for (const { account, changes } of savings) {
    for (const piece of pieces(changes.removedTasks))
      await write.deleteFrom('task_record').where('account', '=', account).where('task_id', 'in', piece).execute();
    for (const piece of pieces(changes.removedHolds))
      await write.deleteFrom('hold').where('account', '=', account).where('id', 'in', piece).execute();
  }
  for (const piece of pieces(each(savings, ({ events }) => events.filter(isRecorded))))
    await write.insertInto('event').values(piece.map(eventRow)).execute();
  for (const piece of pieces(each(savings, ({ tasks }) => tasks)))
    await write
      .insertInto('task_record')
      .values(
        lastOfEach(piece, ({ taskId }) => taskId).map(([account, record]) => ({
          account,
          task_id: record.taskId,
          body: encode(record),
        })),
      )
      .onConflict((conflict) => conflict.columns(keys.task_record).doUpdateSet(theNewBody))
      .execute();
  for (const piece of pieces(each(savings, ({ holds }) => holds)))
    await write
      .insertInto('hold')
      .values(
        lastOfEach(piece, ({ id }) => id).map(([account, kept]) => ({ account, id: kept.id, body: encode(kept) })),
      )
      .onConflict((conflict) => conflict.columns(keys.hold).doUpdateSet(theNewBody))
      .execute();
  for (const piece of pieces(each(savings, ({ accountRecord }) => (accountRecord ? [accountRecord] : []))))
    await write
      .insertInto('account_record')
      .values(piece.map(([account, record]) => ({ account, body: encode(record) })))
      .onConflict((conflict) => conflict.columns(keys.account_record).doUpdateSet(theNewBody))
      .execute();
}

/** Of a row that is there already. */
const theNewBody = { body: sql<string>`excluded.body` };

type Row<T> = readonly [account: string, row: T];

function* each<T>(savings: readonly Saving[], of: (changes: LedgerChanges) => readonly T[]): Generator<Row<T>> {
  for (const { account, changes } of savings) for (const one of of(changes)) yield [account, one];
}

/** Of a statement: PostgreSQL refuses to update a row twice in one. */
const lastOfEach = <T>(piece: readonly Row<T>[], id: (row: T) => string): readonly Row<T>[] => [
  ...new Map(piece.map((row) => [JSON.stringify([row[0], id(row[1])]), row])).values(),
];

const eventRow = ([account, event]: Row<Event>) => ({
  // Whole milliseconds: a clock that was set back by a fraction of one must not make a row that PostgreSQL refuses.
  at: Math.floor(event.at),
  account,
  type: event.type,
  task_id: 'taskId' in event ? event.taskId : null,
  group_name: groupConcerned(event) ?? null,
  attempt_id: 'attemptId' in event ? event.attemptId : null,
  body: encodeEvent(event),
});

function* pieces<T>(rows: Iterable<T>): Generator<readonly T[]> {
  let piece: T[] = [];
  for (const row of rows) {
    piece.push(row);
    if (piece.length < writtenRows) continue;
    yield piece;
    piece = [];
  }
  if (piece.length > 0) yield piece;
}

interface Loading {
  readonly view: Database;
  readonly place: LedgerPlace;
  readonly account: string;
  readonly clock: Clock;
}

async function load(loading: Loading, budgetSince: number): Promise<StoredLedger> {
  const { view, place, account, clock } = loading;
  const past = notAfter(clock.now());
  const unreadable: string[] = [];
  const keep = <T>(what: string, decoded: ReturnType<typeof decode<T>>): T[] => {
    if (decoded.ok) return [decoded.value];
    unreadable.push(`${what} (${decoded.why})`);
    return [];
  };

  const tasks = await loadTasks(loading, (id, body) =>
    keep(`the task record "${id}"`, decode(taskRecord, body)).map((record) => mapTimes('task', record, past)),
  );
  const holds = await view.selectFrom('hold').select(['id', 'body']).where('account', '=', account).execute();
  const own = await view.selectFrom('account_record').select('body').where('account', '=', account).execute();
  const failed = await loadFailed(view, account, budgetSince);

  const kept: StoredLedger = {
    tasks,
    holds: holds
      .flatMap(({ id, body }) => keep(`the hold "${id}"`, decode(hold, body)))
      .map((one) => mapTimes('hold', one, past)),
    accountRecord: own
      .flatMap(({ body }) => keep<AccountRecord>('the account record', decode(accountRecord, body)))
      .map((record) => mapTimes('account', record, past))[0],
    budget: failed
      .flatMap(({ seq, body }) => keep(`the event ${seq}`, decode(failedAttempt, body)))
      .filter(({ trigger }) => trigger === 'auto')
      .map(({ at, attemptId, group }): BudgetEntry => ({ at, attemptId, group }))
      .map((entry) => mapTimes('failure', entry, past)),
  };
  if (unreadable.length > 0) throw new StoreProblem(unreadableSentence(place, account, unreadable));
  return kept;
}

/**
 * Refused rather than dropped: a lost record could mean a restart too soon or a hold overridden, and a person can
 * decide to lose it, in one command.
 */
function unreadableSentence({ name, editor }: LedgerPlace, account: string, unreadable: readonly string[]): string {
  const more = unreadable.length > 1 ? ` and ${unreadable.length - 1} more` : '';
  return (
    `${name}: ${unreadable[0]}${more} of account "${account}" cannot be read, so nothing is decided for this account. ` +
    `Restore a backup, or delete that row with \`${editor}\` (tables task_record, hold, account_record, event): ` +
    'what it remembered is lost then'
  );
}

/** The next piece is on its way while one is read. */
export async function loadTasks<T>(
  { view, account, clock }: Omit<Loading, 'place'>,
  read: (taskId: string, body: string) => readonly T[],
): Promise<readonly T[]> {
  const fetch = (after?: string) => {
    const select = view
      .selectFrom('task_record')
      .select(['task_id', 'body'])
      .where('account', '=', account)
      .orderBy('task_id')
      .limit(readRows);
    return (after === undefined ? select : select.where('task_id', '>', after)).execute();
  };
  const records: T[] = [];
  let coming: ReturnType<typeof fetch> | undefined = fetch();
  while (coming !== undefined) {
    const rows: Awaited<typeof coming> = await coming;
    const last = rows.at(-1);
    coming = last !== undefined && rows.length === readRows ? fetch(last.task_id) : undefined;
    for (const { task_id, body } of rows) records.push(...read(task_id, body));
    // The next answer is often there already, and would be taken without a pause.
    await clock.yield();
  }
  return records;
}

/** The newest failed attempts after `since` that were not given back, oldest first. */
async function loadFailed(view: Database, account: string, since: number) {
  const rows = await view
    .selectFrom('event as failed')
    .select(['failed.seq', 'failed.body'])
    .where('failed.type', '=', sql.lit('restart-failed'))
    .where('failed.account', '=', account)
    .where('failed.at', '>', since)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('event as back')
            .select('back.seq')
            .where('back.type', '=', sql.lit('restart-given-back'))
            .where('back.account', '=', account)
            .whereRef('back.attempt_id', '=', 'failed.attempt_id'),
        ),
      ),
    )
    .orderBy('failed.at', 'desc')
    .orderBy('failed.seq', 'desc')
    .limit(budgetRows)
    .execute();
  return rows.reverse();
}
