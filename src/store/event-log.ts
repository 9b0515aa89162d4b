/**
 * The events that were kept: read newest first, pruned oldest first.
 *
 * Both go through the file in slices of a bounded number of rows, each a request of its own, so that a search for
 * something rare never makes an intent wait for long.
 */
import type { EventQuery, History, StoredEvent } from '../domain/ports/store-port.ts';
import { changeTypes, type Event, type EventType, groupConcerned } from '../domain/words/events.ts';
import { fewAtOnce } from '../few-at-once.ts';
import { decodeEvent, renamedTypes } from './records.ts';
import type { Database } from './tables.ts';
import type { Watch } from './watched.ts';

/** Events are kept for 30 days… */
export const eventsKeptMs = 30 * 24 * 3_600_000;
/** …and no more of them than this. */
export const maxEventsKept = 1_000_000;
const maxAnswered = 1_000;
/** Sequence numbers looked through by one statement. */
const sliceRows = 20_000;
const prunedRows = 2_000;

/** Rows that cannot be read are reported and left out: history is shown, nothing is decided from it. */
export function history(
  db: Database,
  { run, traceOmission }: Watch,
  settledUpTo = async () => Math.max(0, (await ends(db)).newest),
): History {
  // In the queue for the file stands one statement of all searches: a save waits for no more.
  const inTurn = fewAtOnce(1);
  const search = async (query: EventQuery, hopeless: AbortSignal): Promise<readonly StoredEvent[]> => {
    // PostgreSQL has no empty list.
    if (query.types?.length === 0) return [];
    const limit = Math.min(Math.max(1, Math.trunc(query.limit)), maxAnswered);
    const { oldest: first, newest } = await inTurn(() => ends(db));
    const oldest = Math.max(first, (query.after ?? -1) + 1);
    const found: StoredEvent[] = [];
    let before = Math.min(query.before ?? Number.POSITIVE_INFINITY, newest + 1);
    while (before > oldest && found.length < limit) {
      const from = Math.max(oldest, before - sliceRows);
      const asked = limit - found.length;
      const rows = await inTurn(() => slice(db, query, from, before, asked));
      hopeless.throwIfAborted();
      for (const { seq, body } of rows) {
        const event = decodeEvent(body);
        if (!event.ok) traceOmission('events', new Error(`event ${seq} cannot be read (${event.why}) and is left out`));
        else if (isAsked(event.value, query)) found.push({ seq, event: event.value });
      }
      // More of this slice may be wanted in place of those that were left out.
      before = rows.length < asked ? from : (rows.at(-1)?.seq ?? from);
    }
    return found;
  };
  return {
    events: (query) => run('events', (hopeless) => search(query, hopeless)),
    settledUpTo: () => run('events', settledUpTo),
  };
}

/** What the rows alone do not say. Old files have attempts that nobody sent among the real ones. */
const isAsked = (event: Event, { group, besides }: EventQuery): boolean =>
  !('trigger' in event && (event.trigger as string) === 'shadow') &&
  ('taskId' in event || ((group === undefined || groupConcerned(event) === group) && (besides?.(event) ?? true)));

async function ends(db: Database): Promise<{ readonly oldest: number; readonly newest: number }> {
  // Two statements: each is a look at one end of the key, together they would be a walk through all of it.
  const first = await db.selectFrom('event').select('seq').orderBy('seq').limit(1).executeTakeFirst();
  const last = await db.selectFrom('event').select('seq').orderBy('seq', 'desc').limit(1).executeTakeFirst();
  return { oldest: first?.seq ?? 0, newest: last?.seq ?? -1 };
}

function slice(db: Database, query: EventQuery, from: number, before: number, limit: number) {
  let select = db
    .selectFrom('event')
    .select(['seq', 'body'])
    .where('seq', '>=', from)
    .where('seq', '<', before)
    .orderBy('seq', 'desc')
    .limit(limit);
  if (query.account !== undefined) select = select.where('account', '=', query.account);
  const { taskId, besides, since } = query;
  if (taskId !== undefined)
    select = select.where(({ eb, or }) =>
      or([eb('task_id', '=', taskId), ...(besides ? [eb('task_id', 'is', null)] : [])]),
    );
  if (since !== undefined) select = select.where('at', '>=', since);
  const { group } = query;
  if (group !== undefined)
    select = select.where(({ eb, or, and }) =>
      or([eb('group_name', '=', group), and([eb('group_name', 'is', null), eb('type', 'in', onceWithoutGroup)])]),
    );
  if (query.types !== undefined) select = select.where('type', 'in', storedUnder(query.types));
  if (query.changes) {
    select = select.where('type', 'in', changeTypes);
    for (const [type, written] of byOperator)
      select = select.where(({ eb, or }) => or([eb('type', '!=', type), eb('body', 'like', `%${written}%`)]));
  }
  return select.execute();
}

/** Older versions wrote their group into the body alone. */
const onceWithoutGroup = [
  'storm-started',
  'storm-ended',
  'hold-added',
  'hold-extended',
  'hold-removed',
  'hold-expired',
] as const satisfies readonly EventType[];

/** How the JSON of an event says that a person did what the rules do as well; in texts its quotes would be escaped. */
const byOperator = [
  ['restart-intended', '"trigger":"manual"'],
  ['task-released', '"cause":"operator"'],
] as const satisfies readonly (readonly [EventType, string])[];

/** These types, and the names they had before. */
const storedUnder = (types: readonly string[]): readonly string[] => [
  ...types,
  ...[...renamedTypes].flatMap(([before, today]) => (types.includes(today) ? [before] : [])),
];

/**
 * Deletes events that are too old or too many, a slice at a time. Returns how many went.
 * `onSlicePruned` is the place to give the space back.
 */
export async function pruneEvents(
  db: Database,
  now: number,
  maxEvents: number,
  onSlicePruned: () => Promise<unknown>,
): Promise<number> {
  let pruned = 0;
  for (;;) {
    const { oldest, newest } = await ends(db);
    const surplus = Math.max(0, newest - oldest + 1 - maxEvents);
    const old = await db
      .selectFrom('event')
      .select('seq')
      .where('at', '<', now - eventsKeptMs)
      .orderBy('at')
      .limit(prunedRows)
      .execute();
    const doomed = old.map(({ seq }) => seq);
    if (doomed.length === 0 && surplus === 0) return pruned;
    pruned += await db.transaction().execute(async (write) => {
      const deletion =
        doomed.length > 0
          ? write.deleteFrom('event').where('seq', 'in', doomed)
          : write.deleteFrom('event').where('seq', '<', oldest + Math.min(surplus, prunedRows));
      return Number((await deletion.executeTakeFirst()).numDeletedRows);
    });
    await onSlicePruned();
  }
}
