/** Opens the store: the only door to this folder. An engine is loaded when it is asked for. */
import type { SharedStoreOptions, Store, StoreOptions } from './store.ts';

export type { SharedStoreOptions, Store, StoreOptions } from './store.ts';
export { StoreProblem } from './store-problem.ts';

/** What opens each engine of this machine, by the word in front of the path. A new one is its file, and its line here. */
export const localStores: Readonly<Record<string, (options: StoreOptions) => Promise<Store>>> = {
  sqlite: async (options) => (await import('./sqlite/sqlite-store.ts')).openSqlite(options),
};

/** What all engines are written with. Whoever has to wait anyway loads it meanwhile. */
export const loadAhead = (): Promise<unknown> => import('kysely');

/** What settings need to know of them. */
export const localEngines = Object.keys(localStores);

export async function openSharedStore(options: SharedStoreOptions): Promise<Store> {
  const { openPostgres } = await import('./postgres/postgres-store.ts');
  return openPostgres(options);
}
