/**
 * The keys that calls are signed with, and their renewal: what can be renewed is renewed before it expires, one renewal
 * at a time. Where they come from is a `KeySource`. No message here has a key or a token in it.
 */
import type { Environment } from '../../domain/ports/app-port.ts';
import type { Credentials as WhereFrom } from '../../domain/ports/cloud-port.ts';
import type { Clock } from '../../domain/ports/time-port.ts';
import type { CallFailure } from '../../domain/words/failure.ts';
import { followUserFiles, versionsOf } from '../../user-files.ts';
import type { Credentials } from '../sign.ts';
import type { vendors } from '../vendors.ts';
import { type AskForKeys, KeysUnavailable, type ReadKeys } from './key-source.ts';
import { keySource } from './where-from.ts';

type KeysEnd =
  | { readonly ok: true; readonly credentials: Credentials }
  | { readonly ok: false; readonly failure: CallFailure };

export type KeyRing = ReturnType<typeof createKeyRing>;

interface KeyRingOptions {
  readonly credentials: WhereFrom;
  /** Whose names of variables are looked for. */
  readonly vendor: keyof typeof vendors;
  readonly env: Environment;
  /** Unix milliseconds by the cloud's clock. */
  readonly cloudNow: () => number;
  readonly clock: Clock;
  readonly ask: AskForKeys;
  /** Key files changed and were read: other keys are in use from here on. */
  readonly onChanged: () => void;
}

/** Temporary keys are renewed this long before their end, or at a third of their life if that is shorter. */
const renewBeforeMs = 5 * 60_000;
/** Keys that are still valid are not asked for sooner than this long after the last time. */
const renewAgainMs = 30_000;
/**
 * Keys that were just given are used for so long, whatever they say of their end: the clock here can be wrong, and
 * then the cloud is to judge.
 */
const usedForMs = 2 * renewAgainMs;
const lookAtFilesEveryMs = 2_000;

export function createKeyRing(options: KeyRingOptions) {
  const { clock, cloudNow } = options;
  const source = keySource(options.credentials, options.vendor, options.env);
  let newest: (ReadKeys & { readonly renewAt: number; readonly usedUntil: number }) | undefined;
  let reading: Promise<KeysEnd> | undefined;
  let renewNotBefore = Number.NEGATIVE_INFINITY;

  const valid = () =>
    newest && (newest.expiresAt === undefined || cloudNow() < newest.expiresAt || clock.monotonic() < newest.usedUntil)
      ? newest
      : undefined;

  const readNow = async (): Promise<KeysEnd> => {
    try {
      const read = await source.read(options.ask);
      const lifeMs = read.expiresAt === undefined ? Number.POSITIVE_INFINITY : read.expiresAt - cloudNow();
      newest = {
        ...read,
        renewAt: cloudNow() + lifeMs - Math.min(renewBeforeMs, lifeMs / 3),
        usedUntil: clock.monotonic() + usedForMs,
      };
      return { ok: true, credentials: read.credentials };
    } catch (error) {
      if (!(error instanceof KeysUnavailable)) throw error;
      return { ok: false, failure: { class: error.class, message: `credentials: ${error.message}` } };
    } finally {
      renewNotBefore = clock.monotonic() + renewAgainMs;
    }
  };
  /** One reading at a time, whoever waits for it. */
  const read = (): Promise<KeysEnd> => {
    reading ??= readNow().finally(() => {
      reading = undefined;
    });
    return reading;
  };

  const since = versionsOf(source.files);
  if (source.local) void read();
  const stopFollowing = followUserFiles(source.files, since, lookAtFilesEveryMs, clock, async () => {
    // It can have begun before the change.
    await reading;
    const before = newest?.credentials;
    const end = await read();
    if (end.ok && !same(before, end.credentials)) options.onChanged();
    // Without keys, or with refused ones, the next call reads again.
    return true;
  });

  return {
    /** Keys that are valid now and need no asking. */
    ready: () => valid()?.credentials,
    /** Valid keys, renewed if they are about to expire. Rejects with the signal's reason if it aborts. */
    async current(signal: AbortSignal): Promise<KeysEnd> {
      const now = valid();
      if (now && (cloudNow() < now.renewAt || clock.monotonic() < renewNotBefore)) {
        return { ok: true, credentials: now.credentials };
      }
      const end = await unlessAborted(read(), signal);
      const still = valid();
      return !end.ok && still ? { ok: true, credentials: still.credentials } : end;
    },
    /** The cloud refused these keys: reads again, and gives other ones if there are. */
    async replace(refused: Credentials, signal: AbortSignal): Promise<Credentials | undefined> {
      const now = valid()?.credentials;
      if (now && !same(now, refused)) return now;
      if (source.local && source.files.length === 0) return undefined;
      const end = await unlessAborted(read(), signal);
      return end.ok && !same(end.credentials, refused) ? end.credentials : undefined;
    },
    close: stopFollowing,
  };
}

const same = (a: Credentials | undefined, b: Credentials): boolean =>
  a?.accessKeyId === b.accessKeyId && a.secretAccessKey === b.secretAccessKey && a.sessionToken === b.sessionToken;

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
