/** Certificate and key for `listen`, read again when their files change: renewed certificates need no restart. */
import { createSecureContext } from 'node:tls';
import type { Clock } from '../domain/ports/time-port.ts';
import { fileTrouble, followUserFiles, readUserFile, versionsOf } from '../user-files.ts';
import type { WebLog } from './app-options.ts';
import type { KeyPair } from './between-threads.ts';
import { codeOf, WebProblem } from './problem.ts';

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A chain of certificates with room to spare. */
const maxPemBytes = 1024 * 1024;

export const tlsCheckEveryMs = 10_000;

/** Throws a WebProblem that names the file, never what is in it. */
export async function readKeyPair({ certFile, keyFile }: TlsFiles) {
  const read = (name: string, file: string) =>
    readUserFile(file, maxPemBytes).then(Buffer.from, (error: unknown) => {
      throw new WebProblem(`server.tls.${name}: cannot read ${file}: ${fileTrouble(error)}`);
    });
  const pair = { cert: await read('certFile', certFile), key: await read('keyFile', keyFile) };
  try {
    createSecureContext(pair);
  } catch (error) {
    throw new WebProblem(
      `server.tls: ${certFile} and ${keyFile} are not a certificate and its key in PEM (${codeOf(error)})`,
    );
  }
  return pair;
}

export const versionOfPair = ({ certFile, keyFile }: TlsFiles): Promise<string> => versionsOf([certFile, keyFile]);

/**
 * Uses the new pair when its files change after `since`; one that does not fit leaves the old one in use, and is read
 * again until it does. Gives back the way to stop.
 */
export function followKeyPair(
  files: TlsFiles,
  since: Promise<string>,
  clock: Clock,
  log: WebLog,
  everyMs: number,
  use: (pair: KeyPair) => void,
): () => void {
  let said: string | undefined;
  const renew = async () => {
    try {
      use(await readKeyPair(files));
      log.notice('tls-loaded', { file: files.certFile }, 'The daemon now uses the new certificate.');
      said = undefined;
      return true;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const msg = 'The new certificate is not valid; the daemon keeps using the old one.';
      if (why !== said) log.notice('tls-rejected', { file: files.certFile, error: why }, msg);
      said = why;
      return false;
    }
  };
  return followUserFiles([files.certFile, files.keyFile], since, everyMs, clock, renew);
}
