/** The store that the settings name. */
import type { StoreSettings } from '../settings/settings.ts';
import { databaseAt, localStores, type StorePlace } from '../store/open.ts';
import { readUserFile } from '../user-files.ts';
import { reveal } from './secrets.ts';

/** All authorities that a system trusts are 250 KiB. */
const maxCaBytes = 1024 * 1024;

/** A password and a certificate from a file are read at every new connection. */
export async function placeOf(store: StoreSettings): Promise<StorePlace> {
  if ('path' in store) {
    const at = localStores[store.kind];
    if (!at) throw new Error(`no engine ${store.kind}`);
    return at(store.path);
  }
  const { url, password, caFile } = store;
  return databaseAt({
    url,
    password: async () => (password === undefined ? '' : reveal(password)),
    ca: caFile === undefined ? undefined : async () => new TextDecoder().decode(await readUserFile(caFile, maxCaBytes)),
  });
}
