/**
 * The number up to which every event is visible. Numbers are given out before the transactions that use them end, so
 * one can become visible after a larger one, or never, if its transaction is rolled back. Events behind a gap
 * therefore wait until every transaction that ran when the gap was first seen has ended: then the gap is filled, or
 * stays.
 */
import { sql } from 'kysely';
import type { Clock } from '../../domain/ports/time-port.ts';
import type { Database } from '../tables.ts';
import { oldestRunning } from './postgres-tables.ts';

/** Only this many of the newest are looked at: what lies further back has long been settled. */
const mostSeen = 5_000;
/** No save of ours lasts so long. Somebody else's transaction on the same server can. */
const longestSaveMs = 60_000;

interface Seen {
  /** What is up to here was settled before. */
  readonly start: number;
  /** Those behind it, ascending. */
  readonly seqs: readonly number[];
  /** The oldest transaction that still ran. */
  readonly oldest: number;
}

/** Gaps below `below` are final once every transaction up to `xact` has ended. */
interface Doubt {
  readonly below: number;
  readonly xact: number;
  readonly since: number;
}

export function settledOn(db: Database, clock: Clock): () => Promise<number> {
  let upTo = 0;
  let doubt: Doubt | undefined;
  let looking: Promise<number> | undefined;

  const isFinal = (seq: number, oldest: number): boolean =>
    doubt !== undefined &&
    seq <= doubt.below &&
    (oldest > doubt.xact || clock.monotonic() - doubt.since > longestSaveMs);

  /** True: a gap was seen for the first time. */
  async function look(): Promise<boolean> {
    const { start, seqs, oldest } = await seenOn(db, upTo);
    upTo = start;
    for (const seq of seqs) {
      if (seq > upTo + 1 && !isFinal(seq, oldest)) break;
      upTo = seq;
    }
    const behindGap = seqs.find((seq) => seq > upTo);
    // What this gap waits for must not move on with what comes after it.
    if (behindGap === undefined || (doubt && behindGap <= doubt.below)) return false;
    doubt = { below: seqs.at(-1) ?? behindGap, xact: await newestTransaction(db), since: clock.monotonic() };
    return true;
  }

  async function settle(): Promise<number> {
    // Where nothing else is being written, the second look shows it.
    if (await look()) await look();
    return upTo;
  }

  return () => {
    looking ??= settle().finally(() => {
      looking = undefined;
    });
    return looking;
  };
}

/** One statement, so that all of it is of one moment. */
async function seenOn(db: Database, upTo: number): Promise<Seen> {
  const { rows } = await sql<Seen>`
    with edge as (
      select greatest(${upTo}::bigint, coalesce((select max(seq) from relaykeeper.event), 0) - ${mostSeen}) as start
    )
    select start,
      (select coalesce(json_agg(seq order by seq), '[]') from relaykeeper.event where seq > start) as seqs,
      ${oldestRunning} as oldest
    from edge`.execute(db);
  return rows[0] ?? { start: upTo, seqs: [], oldest: 0 };
}

/** A new number: every save that began before has a smaller one, since a save takes its own before those of its events. */
async function newestTransaction(db: Database): Promise<number> {
  const { rows } = await sql<{ xact: number }>`select pg_current_xact_id()::text::bigint as xact`.execute(db);
  return rows[0]?.xact ?? 0;
}
