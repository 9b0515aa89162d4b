/** Reading files of bounded size, and saying in a few words why one could not be read. */
import { closeSync, openSync, readSync } from 'node:fs';

/** The bytes of a file; throws if it cannot be read or is larger than `maxBytes`. */
export type ReadFile = (path: string, maxBytes: number) => Uint8Array;

/** Synchronous, because it runs at start and on a reload only, on small files. Never reads more than the bound. */
export const readFileWithin: ReadFile = (path, maxBytes) => {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(maxBytes + 1);
    let length = 0;
    while (length < bytes.length) {
      const read = readSync(file, bytes, length, bytes.length - length, null);
      if (read === 0) break;
      length += read;
    }
    if (length > maxBytes) throw new TooLarge(maxBytes);
    return bytes.subarray(0, length);
  } finally {
    closeSync(file);
  }
};

export class TooLarge extends Error {
  constructor(maxBytes: number) {
    super(`it is larger than ${maxBytes / 1024} KiB`);
    this.name = 'TooLarge';
  }
}

const words: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory',
};

/** Why a file could not be read, without its path. */
export function fileTrouble(error: unknown): string {
  if (error instanceof TooLarge) return error.message;
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown error';
  return words[code] ?? code;
}
