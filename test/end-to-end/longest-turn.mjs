/**
 * Loaded into a daemon (`--import`): keeps in the file `longest-turn` of its folder how many SIGWINCH came, and how many
 * milliseconds of its longest turn the main thread was computing since then. Computing, because what else runs on the machine
 * makes a turn longer too. Plain JavaScript: a TypeScript module loaded here would have Node load its compiler.
 */
import { writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const everyMs = 2;
const computed = () => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};

if (isMainThread) {
  let round = 0;
  let longest = 0;
  let before = computed();
  const tell = () => writeFileSync('longest-turn', `${round} ${longest}`);
  process.on('SIGWINCH', () => {
    round++;
    longest = 0;
    tell();
  });
  setInterval(() => {
    const took = computed() - before;
    if (took > longest) {
      longest = took;
      tell();
    }
    before = computed();
  }, everyMs).unref();
}
