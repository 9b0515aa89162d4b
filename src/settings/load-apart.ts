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
type Said = Checked | { readonly wrong: string };

const longestMs = 30_000;
/** A megabyte of the worst YAML takes less than half of it. */
const maxOldGenerationSizeMb = 512;
/** A file system that is gone holds a thread and its memory, some 20 MB, until it is back. */
const mostHanging = 3;
const hanging = new Set<Worker>();
const stillHanging = `was not read: ${mostHanging} earlier readings of it hang. Is its file system gone, or that of a file that it names?`;

/** What `loadSettings` gives, without holding anything up. Never rejects. */
export async function loadApart(request: ApartRequest, clock: Clock): Promise<Loaded> {
  const said = hanging.size < mostHanging ? await readBeside(request, clock) : { wrong: stillHanging };
  // Here, so that the thread need not wait until all that it leads to is loaded.
  const { fileProblem, settle } = await import('./loaded.ts');
  if (!('wrong' in said)) return settle(said);
  // No file holds that: who follows them reads it again.
  const read = new Map([[request.path, { why: said.wrong }]]);
  return { ok: false, unchecked: true, errors: [fileProblem(request.path, said.wrong)], read };
}

async function readBeside(request: ApartRequest, clock: Clock): Promise<Said> {
  const thread = startThread(request);
  if (!thread) return readHere(request);
  const { promise, resolve } = Promise.withResolvers<Said>();
  const failed = (wrong: string) => resolve({ wrong });
  const takeBack = clock.after(longestMs, () => {
    hanging.add(thread);
    failed(`was not read within ${longestMs / 1000} s`);
  });
  thread.once('message', resolve);
  thread.once('error', (error) => failed(`could not be checked: ${error.message}`));
  thread.once('exit', () => {
    hanging.delete(thread);
    failed('could not be checked: its thread ended');
  });
  try {
    return await promise;
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
async function readHere(request: ApartRequest): Promise<Said> {
  const [{ checkSettings }, { readFileNow }] = await Promise.all([import('./load.ts'), import('../user-files.ts')]);
  return checkSettings({ ...request, readFile: readFileNow });
}
