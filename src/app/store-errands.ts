/** `store copy`, `backup`, `check`: which stores are meant, and how each errand ends. */
import type { StoreErrand, StoreErrandEnd, StoreErrandOptions } from '../domain/ports/app-port.ts';
import { type ExitCode, exitCodes } from '../domain/words/exit-code.ts';
import type { Settings } from '../settings/settings.ts';
import { readStore } from '../settings/values.ts';
import { type Counts, copyStore } from '../store/copy.ts';
import { localEngines, type RawStore, type StorePlace, StoreProblem } from '../store/open.ts';
import { checkStore } from '../store/tend.ts';
import { findAndLoad } from './configuration.ts';
import { placeOf } from './ledger-place.ts';

class Wrong extends Error {
  readonly exitCode: ExitCode;
  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

export async function doStoreErrand(options: StoreErrandOptions): Promise<StoreErrandEnd> {
  try {
    return { exitCode: exitCodes.done, lines: await linesOf(options.errand, options) };
  } catch (error) {
    if (error instanceof StoreProblem) return { exitCode: exitCodes.failed, lines: [error.message] };
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
      await offered(place, place.backUp)(errand.file, options.clock);
      return [`${place.name} is saved in ${errand.file}, and that was read back whole`];
    }
    default:
      return errand satisfies never;
  }
}

/** An address, or the configured store. A password that is not in the address is the configured one, or PGPASSWORD. */
async function placeMeant(address: string | undefined, options: StoreErrandOptions): Promise<StorePlace> {
  const { configPath, env, clock } = options;
  const configured = async (): Promise<Settings['store'] | undefined> => {
    const found = await findAndLoad(configPath, env, clock);
    if (found.ok) return found.settings.store;
    if (address === undefined) throw new Wrong(exitCodes.badConfiguration, found.errors.join('\n'));
    return undefined;
  };
  if (address === undefined) {
    const store = await configured();
    if (!store) throw new Wrong(exitCodes.badConfiguration, 'no store is configured');
    return placeOf(store);
  }
  const read = readStore(address, localEngines);
  if (!read.ok) throw new Wrong(exitCodes.usage, `the address of a store ${read.wrong}`);
  const { value } = read;
  if ('path' in value) return placeOf(value);
  const store = await configured();
  if (store && 'url' in store && store.url === value.url && value.password === undefined) return placeOf(store);
  const password = value.password ?? env.PGPASSWORD;
  const caFile = value.url.includes('sslmode=') ? env.PGSSLROOTCERT : undefined;
  return placeOf({
    kind: 'postgres',
    url: value.url,
    password: password === undefined ? undefined : { kind: 'value', reveal: () => password },
    caFile,
  });
}

function offered<Errand extends object>({ name }: StorePlace, errand: Errand | { readonly instead: string }): Errand {
  if ('instead' in errand) throw new Wrong(exitCodes.usage, `${name}: ${errand.instead}`);
  return errand;
}

/** Does something with a store, and closes it. */
async function within<T>(opening: Promise<RawStore>, work: (store: RawStore) => Promise<T>): Promise<T> {
  const store = await opening;
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

const countsText = (counts: Counts): string =>
  Object.entries(counts)
    .map(([table, rows]) => `${rows} ${table.replaceAll('_', ' ')}s`)
    .join(', ');

async function copy(from: StorePlace, to: StorePlace, { clock }: StoreErrandOptions): Promise<readonly string[]> {
  if (from.name === to.name) throw new Wrong(exitCodes.usage, 'a store is not copied to itself');
  const [openFrom, openTo] = [offered(from, from.tables), offered(to, to.tables)];
  const counts = await within(openFrom(clock, false), (source) =>
    within(openTo(clock, true), (target) => copyStore(source, target)),
  );
  return [`${to.name} has what ${from.name} has, compared row by row: ${countsText(counts)}`];
}

async function check(place: StorePlace, { clock }: StoreErrandOptions): Promise<readonly string[]> {
  const { counts, wrong } = await within(offered(place, place.tables)(clock, false), checkStore);
  if (wrong.length > 0)
    throw new Wrong(exitCodes.failed, [`${place.name}: these cannot be read:`, ...wrong].join('\n'));
  return [`${place.name} is sound: ${countsText(counts)}`];
}
