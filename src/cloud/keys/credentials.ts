/**
 * The keys that calls are signed with, and their renewal: given in the configuration (values or files), from the
 * environment, from a Kubernetes service account (OIDC) or from an ECS instance's role (reference "Credentials").
 *
 * `KeyRing` is what the calls see. Where keys come from is a `KeySource`; what can be renewed is renewed before it
 * expires, one renewal at a time. No message here has a key or a token in it.
 */
import type { Environment } from '../../domain/ports/app-port.ts';
import type { Clock } from '../../domain/ports/time-port.ts';
import type { CallFailure } from '../../domain/words/failure.ts';
import { field } from '../../domain/words/mapping.ts';
import { followUserFiles } from '../../user-files.ts';
import { parseJson } from '../json.ts';
import type { Credentials } from '../sign.ts';
import { firstInChain, type KeyNames, keyNames, variablesOf } from './key-names.ts';
import { checked, KeysUnavailable, type ReadKeys, readSmallFile } from './key-source.ts';
import { type AskForKeys, askEcsRole, askOidc } from './temporary.ts';

export type Secret = { readonly value: string } | { readonly file: string };

export type CredentialsOptions =
  | {
      readonly from: 'static';
      readonly accessKeyId: Secret;
      readonly secretAccessKey: Secret;
      readonly sessionToken?: Secret;
    }
  /** `chain`: the first of env, oidc, ecsRole that is set up. */
  | { readonly from: 'env' | 'oidc' | 'ecsRole' | 'chain' };

type KeysEnd =
  | { readonly ok: true; readonly credentials: Credentials }
  | { readonly ok: false; readonly failure: CallFailure };

export interface KeyRing {
  /** Keys that are valid now and need no asking. */
  ready(): Credentials | undefined;
  /** Valid keys, renewed if they are about to expire. Rejects with the signal's reason if it aborts. */
  current(signal: AbortSignal): Promise<KeysEnd>;
  /** The cloud refused these keys: reads again, and gives other ones if there are. */
  replace(refused: Credentials, signal: AbortSignal): Promise<Credentials | undefined>;
  close(): void;
}

interface KeySource {
  /** Rejects with KeysUnavailable. */
  read(): Promise<ReadKeys>;
  /** Files whose change means other keys. */
  readonly files: readonly string[];
  /** Whether reading again can give other keys. */
  readonly canChange: boolean;
  /** Whether reading sends nothing: then the keys are read at once. */
  readonly local: boolean;
}

interface KeyRingOptions {
  readonly credentials: CredentialsOptions;
  /** Whose names of variables are looked for. */
  readonly vendor: keyof typeof keyNames;
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

export function createKeyRing(options: KeyRingOptions): KeyRing {
  const { clock, cloudNow } = options;
  const source = sourceOf(options);
  let held: (ReadKeys & { readonly renewAt: number; readonly usedUntil: number }) | undefined;
  let reading: Promise<KeysEnd> | undefined;
  let renewNotBefore = Number.NEGATIVE_INFINITY;

  const valid = () =>
    held && (held.expiresAt === undefined || cloudNow() < held.expiresAt || clock.monotonic() < held.usedUntil)
      ? held
      : undefined;

  const readNow = async (): Promise<KeysEnd> => {
    try {
      const read = await source.read();
      const lifeMs = read.expiresAt === undefined ? Number.POSITIVE_INFINITY : read.expiresAt - cloudNow();
      held = {
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

  if (source.local) void read();
  const stopFollowing = followUserFiles(source.files, lookAtFilesEveryMs, clock, async () => {
    const before = held?.credentials;
    const end = await read();
    if (end.ok && !same(before, end.credentials)) options.onChanged();
  });

  return {
    ready: () => valid()?.credentials,
    async current(signal) {
      const now = valid();
      if (now && cloudNow() < now.renewAt) return { ok: true, credentials: now.credentials };
      if (now && clock.monotonic() < renewNotBefore) return { ok: true, credentials: now.credentials };
      const end = await unlessAborted(read(), signal);
      const still = valid();
      return !end.ok && still ? { ok: true, credentials: still.credentials } : end;
    },
    async replace(refused, signal) {
      const now = valid()?.credentials;
      if (now && !same(now, refused)) return now;
      if (!source.canChange) return undefined;
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

// ---- where keys come from ------------------------------------------------------------------------------------------

function sourceOf(options: KeyRingOptions): KeySource {
  const { credentials, env, ask } = options;
  const names: KeyNames = keyNames[options.vendor];
  const asking = (read: KeySource['read']): KeySource => ({ read, files: [], canChange: true, local: false });
  const oidc = () => asking(() => askOidc(names.prefix, env, ask));
  const ecsRole = () => asking(() => askEcsRole(names.prefix, env, ask));
  switch (credentials.from) {
    case 'static':
      return fromConfiguration(credentials);
    case 'env':
      return fromEnvironment(names, env);
    case 'oidc':
      return oidc();
    case 'ecsRole':
      return ecsRole();
    case 'chain': {
      const first = firstInChain(names, env);
      switch (first.kind) {
        case 'env':
          return fromEnvironment(names, env);
        case 'file':
          return fromVendorFile(first.file);
        case 'oidc':
          return oidc();
        case 'ecsRole':
          return env[`${names.prefix}_ECS_METADATA`] ? ecsRole() : lastResort(ecsRole(), first.looked);
        default:
          return first satisfies never;
      }
    }
    default:
      return credentials satisfies never;
  }
}

/** Nothing points to the instance's role, so that it has none is the end of the chain, and not a fault of the network. */
function lastResort(ecsRole: KeySource, looked: readonly string[]): KeySource {
  const noneFound = (cause: unknown) => {
    if (!(cause instanceof KeysUnavailable)) throw cause;
    throw new KeysUnavailable(
      `none found. Looked at ${looked.join(', ')}; ${cause.message}. Set one of them, or write \`credentials:\` in the configuration`,
    );
  };
  return { ...ecsRole, read: () => ecsRole.read().catch(noneFound) };
}

/** Keys that are had without asking anybody, and that do not expire; they change with these files alone. */
const atHand = (read: () => Promise<Credentials>, files: readonly string[] = []): KeySource => ({
  read: async () => ({ credentials: await read(), expiresAt: undefined }),
  files,
  canChange: files.length > 0,
  local: true,
});

/** The file of the vendor's own Live clients: JSON with `ak` and `sk`. */
function fromVendorFile(file: string): KeySource {
  return atHand(async () => {
    const raw = parseJson(await readSmallFile(file, 'the file'));
    const text = (name: 'ak' | 'sk') => {
      const value = field(raw, name);
      if (typeof value !== 'string') throw new KeysUnavailable(`the file ${file} has no \`${name}\``);
      return checked(value, `\`${name}\` in ${file}`);
    };
    return { accessKeyId: text('ak'), secretAccessKey: text('sk'), sessionToken: undefined };
  }, [file]);
}

function fromConfiguration(given: Extract<CredentialsOptions, { from: 'static' }>): KeySource {
  const all = [given.accessKeyId, given.secretAccessKey, given.sessionToken];
  const files = all.flatMap((secret) => (secret && 'file' in secret ? [secret.file] : []));
  return atHand(async () => {
    const [accessKeyId, secretAccessKey, sessionToken] = await Promise.all([
      readSecret(given.accessKeyId, 'accessKeyId'),
      readSecret(given.secretAccessKey, 'secretAccessKey'),
      given.sessionToken ? readSecret(given.sessionToken, 'sessionToken') : undefined,
    ]);
    return { accessKeyId, secretAccessKey, sessionToken };
  }, files);
}

function fromEnvironment(names: KeyNames, env: Environment): KeySource {
  const variables = variablesOf(names, env);
  if (variables.kind !== 'whole') {
    const why = `${variables.missing.join(' and ')} not set in the environment`;
    return atHand(() => Promise.reject(new KeysUnavailable(why)));
  }
  const read = (name: string) => checked(env[name] ?? '', `the environment variable ${name}`);
  return atHand(async () => ({
    accessKeyId: read(variables.id),
    secretAccessKey: read(variables.secret),
    sessionToken: env[variables.token] ? read(variables.token) : undefined,
  }));
}

async function readSecret(secret: Secret, name: string): Promise<string> {
  if ('value' in secret) return checked(secret.value, name);
  return checked(await readSmallFile(secret.file, `${name}File`), `${name}File ${secret.file}`);
}
