/** Opens the store that the settings name. */
import type { StoreTrace } from '../domain/ports/store-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import type { StoreSettings } from '../settings/settings.ts';
import { localStores, openSharedStore, type SharedStoreOptions, type Store } from '../store/open.ts';
import { readUserFile } from '../user-files.ts';
import { reveal } from './secrets.ts';

interface PlaceOptions {
  readonly clock: Clock;
  readonly onTrace: (trace: StoreTrace) => void;
  readonly replica?: SharedStoreOptions['replica'];
  /** Only looks: writes nothing, and waits for no database that is not there. */
  readonly readOnly?: boolean;
}

export function openStoreOf(
  store: StoreSettings,
  { clock, onTrace, replica, readOnly = false }: PlaceOptions,
): Promise<Store> {
  const common = { clock, onTrace, readOnly };
  if ('path' in store) {
    const open = localStores[store.kind];
    if (!open) throw new Error(`no engine ${store.kind}`);
    return open({ ...common, file: store.path, threaded: !readOnly });
  }
  return openSharedStore({
    ...common,
    place: placeOf(store),
    ...(replica === undefined ? {} : { replica }),
    ...(readOnly ? { patienceMs: 0 } : {}),
  });
}

type Database = Extract<StoreSettings, { url: string }>;

/** All authorities that a system trusts are 250 KiB. */
const maxCaBytes = 1024 * 1024;

/** A password and a certificate from a file are read at every new connection. */
export const placeOf = ({ url, password, caFile }: Database): SharedStoreOptions['place'] => ({
  url,
  password: async () => (password === undefined ? '' : reveal(password)),
  ca: caFile === undefined ? undefined : async () => new TextDecoder().decode(await readUserFile(caFile, maxCaBytes)),
});

export const nameOf = (store: StoreSettings): string => ('url' in store ? store.url : store.path);
