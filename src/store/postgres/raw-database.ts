/** The tables of a database, for whoever tends it. */
import { sql } from 'kysely';
import type { PostgresPlace, RawStore } from '../store.ts';
import { StoreProblem } from '../store-problem.ts';
import { connectTo } from './connection.ts';
import { postgresProblem } from './postgres-problem.ts';
import { prepare, readKey } from './postgres-tables.ts';
import { look } from './rows.ts';

/** Rejects with `StoreProblem` if a replica owns an account in it, or if it is no store; so does all that is asked of its tables. */
export async function rawDatabase(place: PostgresPlace, create: boolean): Promise<RawStore> {
  const name = place.url;
  const { db, close } = connectTo(place, 2, undefined, (error) => postgresProblem(error, name));
  try {
    await (create ? prepare(db, name) : readKey(db, name));
    const { leases, now } = await look(db);
    const owned = [...leases].find(([, { expiresAt }]) => expiresAt > now);
    if (owned) throw new StoreProblem(`a replica owns account ${owned[0]} in ${name}: stop all of them first`);
  } catch (error) {
    await close();
    throw error;
  }
  const numberEvents = async () => {
    await sql`select setval(pg_get_serial_sequence('relaykeeper.event', 'seq'), greatest(1, (select max(seq) from relaykeeper.event)))`.execute(
      db,
    );
  };
  return { name, db, numberEvents, close };
}
