/** Many pairs of histories, on a few threads, and the table of what they cost: kind of trouble by delay of others. */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type Pair, playPair } from './non-interference.ts';
import { kinds } from './non-interference-troubles.ts';

const threads = 4;

interface Share {
  /** Seeds from there on, each so many after the one before; every kind of trouble with each. */
  readonly firstSeed: number;
  readonly step: number;
  readonly pairs: number;
  readonly kinds: readonly string[];
  readonly replicas: number;
}

/** The first of the seeds are played with every kind, and of the last as many as are left. */
function sharesOf(pairs: number, firstSeed: number, names: readonly string[], replicas: number): readonly Share[] {
  const perThread = Array.from({ length: threads }, () => 0);
  for (let left = pairs, seed = 0; left > 0; left -= names.length, seed++)
    perThread[seed % threads] = (perThread[seed % threads] ?? 0) + Math.min(left, names.length);
  return perThread.map((share, index) => ({
    firstSeed: firstSeed + index,
    step: threads,
    pairs: share,
    kinds: names,
    replicas,
  }));
}

/** Plays pairs and prints the table. With one kind of trouble, as for a mutant, it ends at the first that costs too much. */
export async function reportPairs(pairs: number, firstSeed: number, replicas: number, only?: string): Promise<boolean> {
  const names =
    only === undefined ? Object.keys(kinds).filter((name) => replicas > 1 || !kinds[name]?.befalls) : [only];
  const played: Pair[] = [];
  const workers = sharesOf(pairs, firstSeed, names, replicas).map(
    (share) => new Worker(new URL(import.meta.url), { workerData: share }),
  );
  await Promise.all(
    workers.map(
      (worker) =>
        new Promise<void>((resolve, reject) => {
          worker.on('message', (pair: Pair) => {
            played.push(pair);
            for (const violation of pair.violations) console.log(violation);
            if (only !== undefined && pair.violations.length > 0) for (const other of workers) void other.terminate();
          });
          worker.on('error', reject);
          worker.on('exit', () => resolve());
        }),
    ),
  );
  const violations = played.reduce((sum, pair) => sum + pair.violations.length, 0);
  for (const line of tableOf(played, names)) console.log(line);
  console.log(`\n${played.length} pairs, ${violations} violations`);
  for (const name of names) {
    const { atFirst } = kinds[name] ?? {};
    if (atFirst !== undefined) console.log(`${name}: in its first minute a turn of a storm, for ${atFirst}`);
  }
  return violations === 0;
}

function tableOf(played: readonly Pair[], names: readonly string[]): readonly string[] {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const titles = [
    'kind of trouble',
    'pairs',
    'stops of others',
    'median delay',
    '99 of 100 within',
    'worst',
    'over 1 s',
    'beyond the bound',
  ];
  return [
    row(titles),
    `|---|${'--:|'.repeat(titles.length - 1)}`,
    ...names.map((name) => {
      const pairs = played.filter(({ kind }) => kind === name);
      const delaysMs = pairs.flatMap((pair) => pair.delaysMs).sort((a, b) => a - b);
      const within = (share: number) => {
        const ms = delaysMs[Math.min(delaysMs.length - 1, Math.floor(delaysMs.length * share))];
        return ms === undefined ? '' : `${(ms / 1_000).toFixed(2)} s`;
      };
      const beyond = pairs.reduce((sum, pair) => sum + pair.violations.length, 0);
      const late = delaysMs.filter((ms) => ms > 1_000).length;
      const counts = [late, beyond].map(String);
      return row([name, `${pairs.length}`, `${delaysMs.length}`, within(0.5), within(0.99), within(1), ...counts]);
    }),
  ];
}

if (!isMainThread) {
  const { firstSeed, step, pairs, kinds: names, replicas } = workerData as Share;
  for (let i = 0; i < pairs; i++)
    parentPort?.postMessage(
      await playPair(firstSeed + step * Math.floor(i / names.length), names[i % names.length] ?? '', replicas),
    );
}
