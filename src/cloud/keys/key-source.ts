/** What every source of keys is and shares: how it is asked, why it has none, and how a key is checked. */
import { fileTrouble, readUserFile } from '../../user-files.ts';
import type { Credentials } from '../sign.ts';
import type { HttpOutcome, HttpRequest } from '../transport.ts';

const longestFile = 64 * 1024;

/** What asking for keys needs from outside. */
export interface AskForKeys {
  /** One request, through the gate if it goes to the API's own endpoint. */
  readonly send: (request: Omit<HttpRequest, 'timeoutMs' | 'maxBytes' | 'direct'>) => Promise<HttpOutcome>;
  /** Used unless `…_OIDC_STS_ENDPOINT` says otherwise; a host or an origin. */
  readonly stsEndpoint: string;
  readonly metadataOrigin: string;
}

export interface KeySource {
  /** Where the keys come from, for a person; undefined: the configuration gives the keys. */
  readonly origin: string | undefined | Promise<string | undefined>;
  /** Rejects with KeysUnavailable. */
  read(ask: AskForKeys): Promise<ReadKeys>;
  /** Files whose change means other keys. */
  readonly files: readonly string[];
  /** Reading sends nothing: the keys are read at once, and change with the files alone. */
  readonly local: boolean;
}

/** What a source read. Without `expiresAt` (Unix milliseconds, the cloud's clock) the keys do not expire. */
export interface ReadKeys {
  readonly credentials: Credentials;
  readonly expiresAt: number | undefined;
}

/** Keys cannot be had: `why` is one sentence that says what is wrong, where, and what to do. */
export class KeysUnavailable extends Error {
  readonly class: 'auth' | 'network' | 'timeout';
  constructor(why: string, errorClass: KeysUnavailable['class'] = 'auth') {
    super(why);
    this.class = errorClass;
  }
}

/** The trimmed text of a file of at most 64 KiB; `what` names it in the message. */
export async function readSmallFile(path: string, what: string): Promise<string> {
  try {
    return new TextDecoder().decode(await readUserFile(path, longestFile)).trim();
  } catch (error) {
    throw new KeysUnavailable(`${what} ${path} cannot be read: ${fileTrouble(error)}`);
  }
}

/** Keys stand in HTTP headers: printable ASCII without blanks. */
export function checked(value: string, where: string): string {
  const trimmed = value.trim();
  if (trimmed === '') throw new KeysUnavailable(`${where} is empty`);
  if (!/^[!-~]+$/.test(trimmed)) throw new KeysUnavailable(`${where} has blanks or other characters that no key has`);
  return trimmed;
}
