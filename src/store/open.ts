/** Opens the store: the only door to this folder. An engine is loaded when it is asked for. */
import type { PostgresPlace, StorePlace } from './store.ts';

export type { RawStore, Store, StoreOptions, StorePlace } from './store.ts';
export { StoreProblem } from './store-problem.ts';

/** The engines of this machine, by the word in front of the path. A new one is its file, and its line here. */
export const localStores: Readonly<Record<string, (file: string) => Promise<StorePlace>>> = {
  sqlite: async (file) => (await import('./sqlite/sqlite-store.ts')).sqliteAt(file),
};

/** What all engines are written with. Whoever has to wait anyway loads it meanwhile. */
export const loadAhead = (): Promise<unknown> => import('kysely');

/** What settings need to know of them. */
export const localEngines = Object.keys(localStores);

/** A database that any number of processes share. */
export const databaseAt = async (place: PostgresPlace): Promise<StorePlace> =>
  (await import('./postgres/postgres-store.ts')).postgresAt(place);
