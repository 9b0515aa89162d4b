/**
 * The unix socket's file: in a directory that exists, free of what a dead process left.
 *
 * Who can open the file is admin, so it is made under a umask that gives it mode 0600 from the first moment on.
 */
import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import type { Clock } from '../domain/ports/time-port.ts';
import { makeDirectory } from '../user-files.ts';
import { codeOf, WebProblem } from './problem.ts';

/** Longer than any process of this machine needs to accept, unless it is stuck: then it is alive all the same. */
const answerWithinMs = 1_000;

/** Makes the way free for a socket at `path`, or throws the WebProblem. */
export async function clearSocketPath(path: string, clock: Clock): Promise<void> {
  try {
    await makeDirectory(dirname(path));
    await removeStale(path, clock);
  } catch (error) {
    if (error instanceof WebProblem) throw error;
    throw socketProblem(path, codeOf(error));
  }
}

export const socketProblem = (path: string, code: string) =>
  new WebProblem(
    `server.socket: cannot make ${path} (${code}): ${advice[code] ?? 'set server.socket to another place'}`,
    { taken: code === 'EADDRINUSE' },
  );

const mayNotWrite = 'this user may not write there; change its owner or set server.socket to another place';
const notADirectory = 'a part of the path is a file, not a directory';
const advice: Readonly<Record<string, string>> = {
  EACCES: mayNotWrite,
  EPERM: mayNotWrite,
  EROFS: 'that file system is read-only; set server.socket to a place that can be written',
  EADDRINUSE: 'another process has just made it; is another relaykeeper starting?',
  ENOTDIR: notADirectory,
  EEXIST: notADirectory,
};

/** Removes the file of a process that is gone. One that is alive, or a file that is no socket, is a problem. */
async function removeStale(path: string, clock: Clock): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (!found) return;
  if (!found.isSocket()) {
    throw new WebProblem(`server.socket: ${path} exists and is not a socket: move it away or choose another path`);
  }
  if (await isAlive(path, clock)) {
    throw new WebProblem(
      `server.socket: another process answers on ${path}: stop it first, or give this one a path of its own`,
      { taken: true },
    );
  }
  await unlink(path);
}

function isAlive(path: string, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    const settle = (alive: boolean) => {
      takeBack();
      probe.destroy();
      resolve(alive);
    };
    const takeBack = clock.after(answerWithinMs, () => settle(true));
    probe.once('connect', () => settle(true));
    // Only a refusal says that nobody listens; a full queue or missing rights do not.
    probe.once('error', (error) => settle(codeOf(error) !== 'ECONNREFUSED' && codeOf(error) !== 'ENOENT'));
  });
}
