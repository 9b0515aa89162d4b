/**
 * Loaded into a daemon (`--import`): a named pipe is what a file on a file system that is gone is, and everything that
 * asks for it holds its thread, until somebody writes into the pipe. How many do so stands in the file `hanging` of the
 * daemon's folder. Plain JavaScript: a TypeScript module loaded here would have Node load its compiler.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { open, stat } = fs.promises;
const { openSync } = fs;
const isDead = (path) => fs.lstatSync(path, { throwIfNoEntry: false })?.isFIFO() === true;

let hanging = 0;
async function hang(path) {
  fs.writeFileSync('hanging', String(++hanging));
  try {
    // Without O_NONBLOCK the kernel waits for who writes.
    await (await open(path, 'r')).close();
  } finally {
    fs.writeFileSync('hanging', String(--hanging));
  }
}

fs.promises.open = async (path, ...rest) => {
  if (isDead(path)) await hang(path);
  return open(path, ...rest);
};
fs.promises.stat = async (path, ...rest) => {
  if (isDead(path)) await hang(path);
  return stat(path, ...rest);
};
fs.openSync = (path, flags, ...rest) => openSync(path, isDead(path) ? 'r' : flags, ...rest);
syncBuiltinESMExports();
