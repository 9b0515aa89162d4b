/** `store copy`, `backup`, `check`: which stores are meant, and how each errand ends. */
import { existsSync } from 'node:fs';
import type { StoreErrand, StoreErrandEnd, StoreErrandOptions } from '../domain/ports/app-port.ts';
import type { Settings, StoreSettings } from '../settings/settings.ts';
import { readStore } from '../settings/values.ts';
import { type Counts, copyStore } from '../store/copy.ts';
import { localEngines, StoreProblem } from '../store/open.ts';
import { type RawStore, rawDatabase, rawFiles } from '../store/raw.ts';
import { backUp, checkStore } from '../store/tend.ts';
import { findAndLoad } from './configuration.ts';
import { nameOf, placeOf } from './ledger-place.ts';

const exits = { done: 0, failed: 1, usage: 2, badConfiguration: 78 } as const;

class Wrong extends Error {
  readonly exitCode: number;
  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

export async function doStoreErrand(options: StoreErrandOptions): Promise<StoreErrandEnd> {
  try {
    return { exitCode: exits.done, lines: await linesOf(options.errand, options) };
  } catch (error) {
    if (error instanceof StoreProblem) return { exitCode: exits.failed, lines: [error.message] };
    if (error instanceof Wrong) return { exitCode: error.exitCode, lines: error.message.split('\n') };
    throw error;
  }
}

async function linesOf(errand: StoreErrand, options: StoreErrandOptions): Promise<readonly string[]> {
  switch (errand.kind) {
    case 'copy':
      return copy(await placeMeant(errand.from, options), await placeMeant(errand.to, options), options);
    case 'check':
      return check(await placeMeant(errand.at, options), options);
    case 'backup': {
      const place = await placeMeant(undefined, options);
      if ('url' in place)
        throw new Wrong(
          exits.usage,
          `${nameOf(place)}: use \`pg_dump --schema=relaykeeper\`, or \`relaykeeper store copy\` to a file`,
        );
      backUp(place.path, errand.file);
      return [`${place.path} is saved in ${errand.file}, and that was read back whole`];
    }
    default:
      return errand satisfies never;
  }
}

/** The store that is meant, of an engine that has errands. */
async function placeMeant(address: string | undefined, options: StoreErrandOptions): Promise<StoreSettings> {
  const place = await placeNamed(address, options);
  if ('path' in place) rawFileOf(place);
  return place;
}

/** An address, or the configured store. A password that is not in the address is the configured one, or PGPASSWORD. */
async function placeNamed(address: string | undefined, options: StoreErrandOptions): Promise<StoreSettings> {
  const { configPath, env, clock } = options;
  const configured = async (): Promise<Settings['store'] | undefined> => {
    const found = await findAndLoad(configPath, env, clock);
    if (found.ok) return found.settings.store;
    if (address === undefined) throw new Wrong(exits.badConfiguration, found.errors.join('\n'));
    return undefined;
  };
  if (address === undefined) {
    const store = await configured();
    if (!store) throw new Wrong(exits.badConfiguration, 'no store is configured');
    return store;
  }
  const read = readStore(address, localEngines);
  if (!read.ok) throw new Wrong(exits.usage, `the address of a store ${read.wrong}`);
  const { value } = read;
  if ('path' in value) return value;
  const store = await configured();
  if (store && 'url' in store && store.url === value.url && value.password === undefined) return store;
  const password = value.password ?? env.PGPASSWORD;
  const caFile = value.url.includes('sslmode=') ? env.PGSSLROOTCERT : undefined;
  return {
    kind: 'postgres',
    url: value.url,
    password: password === undefined ? undefined : { kind: 'value', reveal: () => password },
    caFile,
  };
}

function rawFileOf({ kind, path }: Extract<StoreSettings, { path: string }>): (typeof rawFiles)[string] {
  const open = rawFiles[kind];
  if (open) return open;
  const others = [...Object.keys(rawFiles), 'postgres'].join(', ');
  throw new Wrong(
    exits.usage,
    `${kind}:${path}: \`store copy\`, \`backup\` and \`check\` do not work on stores of the engine ${kind}; name one of ${others}`,
  );
}

/** Does something with an opened store. `create`: made if it is not there. */
async function within<T>(
  place: StoreSettings,
  { clock }: StoreErrandOptions,
  create: boolean,
  work: (store: RawStore) => Promise<T>,
): Promise<T> {
  const store = await ('url' in place
    ? rawDatabase(placeOf(place), create)
    : rawFileOf(place)(place.path, clock, create));
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

const told = (counts: Counts): string =>
  Object.entries(counts)
    .map(([table, rows]) => `${rows} ${table.replaceAll('_', ' ')}s`)
    .join(', ');

async function copy(from: StoreSettings, to: StoreSettings, options: StoreErrandOptions): Promise<readonly string[]> {
  if (nameOf(from) === nameOf(to)) throw new Wrong(exits.usage, 'a store is not copied to itself');
  if ('path' in from && !existsSync(from.path)) throw new Wrong(exits.failed, `there is no store at ${from.path}`);
  const counts = await within(from, options, false, (source) =>
    within(to, options, true, (target) => copyStore(source, target)),
  );
  return [`${nameOf(to)} has what ${nameOf(from)} has, compared row by row: ${told(counts)}`];
}

async function check(place: StoreSettings, options: StoreErrandOptions): Promise<readonly string[]> {
  const { counts, wrong } = await within(place, options, false, checkStore);
  if (wrong.length > 0) throw new Wrong(exits.failed, [`${nameOf(place)}: these cannot be read:`, ...wrong].join('\n'));
  return [`${nameOf(place)} is sound: ${told(counts)}`];
}
