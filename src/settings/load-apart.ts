/**
 * Reading a configuration while other work goes on. A megabyte of mistakes takes a second and more to explain, and a
 * path can lead to a file system that is gone: so a thread of its own waits and computes, and is stopped if it takes
 * too long.
 */
import { Worker } from 'node:worker_threads';
import type { Clock } from '../domain/ports/time-port.ts';
import type { LoadRequest } from './load.ts';
import type { Checked, Loaded } from './loaded.ts';

export type ApartRequest = Omit<LoadRequest, 'readFile'>;

const longestMs = 30_000;
/** A megabyte of the worst YAML takes less than half of it. */
const maxOldGenerationSizeMb = 512;

/** What `loadSettings` gives, without holding anything up. Never rejects. */
export async function loadApart(request: ApartRequest, clock: Clock): Promise<Loaded> {
  const thread = startThread(request);
  if (!thread) return loadHere(request);
  const { promise, resolve } = Promise.withResolvers<Checked | { readonly wrong: string }>();
  const failed = (wrong: string) => resolve({ wrong });
  const takeBack = clock.after(longestMs, () => failed(`was not read within ${longestMs / 1000} s`));
  thread.once('message', resolve);
  thread.once('error', (error) => failed(`could not be checked: ${error.message}`));
  thread.once('exit', () => failed('could not be checked: its thread ended'));
  try {
    const said = await promise;
    // Here, so that the thread need not wait until all that it leads to is loaded.
    const { fileProblem, settle } = await import('./loaded.ts');
    return settle('wrong' in said ? { ok: false, errors: [fileProblem(request.path, said.wrong)] } : said);
  } finally {
    takeBack();
    // Not waited for: one that hangs in the kernel ends when the kernel lets it.
    void thread.terminate();
  }
}

/** Undefined: the system gives this process no more threads, as in a container at its limit of processes. */
function startThread(workerData: ApartRequest): Worker | undefined {
  try {
    const resourceLimits = { maxOldGenerationSizeMb };
    return new Worker(new URL('./load-thread.ts', import.meta.url), { workerData, resourceLimits });
  } catch {
    return undefined;
  }
}

/** Holds this thread up meanwhile, which is better than a daemon that has no configuration, or keeps an old one. */
async function loadHere(request: ApartRequest): Promise<Loaded> {
  const [{ loadSettings }, { readFileNow }] = await Promise.all([import('./load.ts'), import('../user-files.ts')]);
  return loadSettings({ ...request, readFile: readFileNow });
}
