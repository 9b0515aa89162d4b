/**
 * Who may act: one process a file, by a lock that the operating system frees when the process dies, kill -9 included.
 *
 * The lock covers the whole file, so whoever has it owns every account in it. Only the owner changes the file: it
 * checks it for damage, brings the schema up to date and counts the epoch, once, when it gets the lock.
 */
import type { Ownership } from '../../domain/ports/store-port.ts';
import type { Clock } from '../../domain/ports/time-port.ts';
import { StoreProblem } from '../store-problem.ts';
import { type Database, keys, migrate, readMeta, readVersion, schemaVersion, writeMeta } from '../tables.ts';
import type { Watch } from '../watched.ts';
import type { Sqlite } from './dialect.ts';

const standbyPollMs = 1_000;

export interface Lock extends Ownership {
  /** Tries once. The epoch: the lock is ours and the file is ready to be written; undefined: another has it. */
  tryNow(): Promise<number | undefined>;
  /** It is over, for whatever reason: aborts every `lost`. */
  lose(reason: Error): void;
}

/** A store's file, its database and who looks on. */
export interface FileParts {
  readonly sqlite: Sqlite;
  readonly db: Database;
  readonly file: string;
  readonly clock: Clock;
  readonly watch: Watch;
}

export function fileLock(parts: FileParts): Lock {
  const { sqlite, file, clock, watch } = parts;
  const lost = new AbortController();
  let taking: Promise<number> | undefined;
  let epoch: number | undefined;

  /** Several accounts may ask at once: the first takes over for all. A failed one (disk full) is tried again. */
  const takeOnce = async () => {
    taking ??= watch.run('migrate', () => takeOver(parts));
    try {
      epoch = await taking;
    } finally {
      taking = undefined;
    }
    return epoch;
  };
  const tryNow = async () => {
    lost.signal.throwIfAborted();
    if (epoch !== undefined) return epoch;
    const locked = await watch.run('lock', () => sqlite.ask('lock', `${file}.lock`));
    return locked ? (epoch ?? takeOnce()) : undefined;
  };

  return {
    tryNow,
    lose: (reason) => lost.abort(reason),
    remainingMs: () => (epoch !== undefined && !lost.signal.aborted ? Number.POSITIVE_INFINITY : 0),
    acquire: async (_account, signal) => {
      for (;;) {
        signal.throwIfAborted();
        const mine = await tryNow();
        if (mine !== undefined) return { epoch: mine, lost: lost.signal };
        await clock.sleep(standbyPollMs, signal);
      }
    },
  };
}

async function takeOver({ sqlite, db, file }: FileParts): Promise<number> {
  await sqlite.ask('open', file, 'create');
  await sqlite.ask('check', Object.keys(keys));
  return db.transaction().execute(async (write) => {
    const version = await readVersion(write);
    refuseNewer(version, file);
    await migrate(write, version, { schema: '', numbered: 'integer primary key autoincrement' });
    const epoch = Number((await readMeta(write, 'epoch')) ?? 0) + 1;
    await writeMeta(write, 'epoch', String(epoch));
    return epoch;
  });
}

export function refuseNewer(version: number, file: string): void {
  if (version <= schemaVersion) return;
  throw new StoreProblem(
    `${file} was written by a newer relaykeeper (schema version ${version}, this one knows up to ${schemaVersion}): ` +
      'run that version again, or restore the file from before the upgrade',
  );
}
