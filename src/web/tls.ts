/** Certificate and key for `listen`, read again when their files change: renewed certificates need no restart. */
import { createSecureContext } from 'node:tls';
import type { Clock } from '../domain/ports/time-port.ts';
import { fileTrouble, readUserFile, versionOfUserFile } from '../user-files.ts';
import type { WebLog } from './app-options.ts';
import type { KeyPair } from './between-threads.ts';
import { codeOf, WebProblem } from './problem.ts';

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A chain of certificates with room to spare. */
const maxPemBytes = 1024 * 1024;

/** How often the files are looked at. */
export const tlsCheckEveryMs = 10_000;

/** Throws a WebProblem that names the file, never what is in it. */
export async function readKeyPair({ certFile, keyFile }: TlsFiles): Promise<KeyPair> {
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

/** Looks at the files from time to time; a pair that does not fit leaves the old one in use. Gives back the end of it. */
export function followKeyPair(
  files: TlsFiles,
  clock: Clock,
  log: WebLog,
  everyMs: number,
  use: (pair: KeyPair) => void,
): () => void {
  let stop = () => {};
  let ended = false;
  let seen: string | undefined;
  const look = async () => {
    try {
      const found = await versionOf(files);
      if (seen !== undefined && found !== seen) {
        use(await readKeyPair(files));
        log.tell('tls-loaded', { file: files.certFile }, 'the new certificate is in use');
      }
      seen = found;
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      log.tell(
        'tls-rejected',
        { file: files.certFile, error: said },
        'the changed certificate is not valid, so the old one stays in use',
      );
    }
    if (!ended) stop = clock.after(everyMs, () => void look());
  };
  void look();
  return () => {
    ended = true;
    stop();
  };
}

/** Changes when a file is written, or when a link leads elsewhere. */
async function versionOf({ certFile, keyFile }: TlsFiles): Promise<string> {
  return (await Promise.all([certFile, keyFile].map(versionOfUserFile))).join(' ');
}
