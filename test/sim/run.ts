/**
 * `npm run sim -- --seed N [--trace]`   plays one seed; with --trace tells all of it
 * `npm run sim -- --seeds A-B`          plays a range, and ends at the first that fails
 * `npm run sim -- --minutes M`          plays fresh seeds for so long, on two threads
 * with `--all` goes on after a failure, with `--replicas 3` plays only the seeds of so many processes, with `--hours H`
 * ends after so many simulated hours
 * `npm run sim -- --non-interference --pairs N [--kind K] [--seed FIRST] [--replicas 3]`   the table of non-interference.ts:
 * kind of trouble by delay of others; with one kind, as for a mutant, it ends at the first pair that costs too much
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { playSeed, type Verdict } from './history.ts';
import { kinds } from './lasting-trouble.ts';
import { type Pair, playPair } from './non-interference.ts';
import { scriptOf } from './script.ts';

/** What is played: seeds of the swarm, or pairs, which are every one of `kinds` with each seed; each thread has every nth seed. */
interface Share {
  readonly thread: number;
  readonly threads: number;
  readonly first: number;
  readonly last: number;
  readonly endsAt: number;
  readonly replicas: number | undefined;
  readonly kinds: readonly string[];
  readonly pairs: number;
}
type Played = Verdict | Pair;

async function* played({ thread, threads, first, last, endsAt, replicas, kinds, pairs }: Share) {
  if (kinds.length > 0)
    for (let i = 0; i < pairs; i++) {
      const nth = Math.floor(i / kinds.length);
      if (nth % threads === thread) yield playPair(first + nth, kinds[i % kinds.length] ?? '', replicas ?? 1);
    }
  else
    for (let seed = first + thread; seed <= last && Date.now() < endsAt; seed += threads) {
      if (replicas !== undefined && scriptOf(seed).replicas !== replicas) continue;
      // Told before: one that takes its thread down with it must be known too.
      parentPort?.postMessage(seed);
      const { lines, ...verdict } = await playSeed(seed);
      yield { ...verdict, sends: [], lines: verdict.violation ? lines : [] };
    }
}

/** `heard` says whether that is enough. */
async function onThreads(threads: number, all: Omit<Share, 'thread' | 'threads'>, heard: (one: Played) => boolean) {
  const workers = Array.from({ length: threads }, (_, thread) => {
    const data: Share = { ...all, thread, threads };
    return new Worker(new URL(import.meta.url), { workerData: data });
  });
  await Promise.all(
    workers.map(
      (worker) =>
        new Promise<void>((resolve, reject) => {
          let playing: number | undefined;
          worker.on('message', (one: number | Played) => {
            if (typeof one === 'number') playing = one;
            else if (heard(one)) for (const other of workers) void other.terminate();
          });
          worker.on('error', (cause) => reject(new Error(`seed ${playing} ended its thread`, { cause })));
          worker.on('exit', () => resolve());
        }),
    ),
  );
}

function tell({ seed, violation, lines }: Verdict): void {
  console.log(`\nseed ${seed} FAILED: ${violation}\n`);
  console.log(lines.slice(-50).join('\n'));
  console.log(`\nTo replay it: npm run sim -- --seed ${seed} --trace`);
}

const cpuSeconds = (from?: NodeJS.CpuUsage) => {
  const { user, system } = process.cpuUsage(from);
  return (user + system) / 1e6;
};

async function one(seed: number, trace: boolean): Promise<boolean> {
  const from = process.cpuUsage();
  const verdict = await playSeed(seed, { trace });
  if (trace) console.log(verdict.lines.join('\n'));
  if (verdict.violation) {
    tell(verdict);
    return false;
  }
  const { hours, restarts, arrivals, events, fingerprint } = verdict;
  console.log(
    `seed ${seed} is green: ${hours.toFixed(1)} h, ${arrivals} calls, ${restarts} restarts, ${events} events in ${cpuSeconds(from).toFixed(2)} s of CPU; fingerprint ${fingerprint.toString(16)}`,
  );
  return true;
}

async function seeds(of: Pick<Share, 'first' | 'last' | 'replicas'>, minutes: number, mostHours: number, all: boolean) {
  const startedAt = Date.now();
  const failed: Verdict[] = [];
  const played = { seeds: 0, hours: 0, restarts: 0 };
  const share = { ...of, endsAt: startedAt + minutes * 60_000, kinds: [], pairs: 0 };
  await onThreads(Math.min(availableParallelism(), 2), share, (verdict) => {
    if (!('hours' in verdict)) return false;
    played.seeds++;
    played.hours += verdict.hours;
    played.restarts += verdict.restarts;
    if (!verdict.violation) return played.hours >= mostHours;
    failed.push(verdict);
    if (failed.length === 1) tell(verdict);
    else console.log(`seed ${verdict.seed} FAILED: ${verdict.violation}`);
    return !all;
  });
  const wall = (Date.now() - startedAt) / 60_000;
  const first = failed.slice(0, 20).map(({ seed }) => seed);
  console.log(
    `\n${played.seeds} seeds, ${played.hours.toFixed(0)} simulated hours, ${played.restarts} restarts in ${wall.toFixed(2)} min (${(cpuSeconds() / 60).toFixed(2)} min of CPU): ${(played.hours / wall).toFixed(0)} h/min; ${failed.length} failed${first.length > 0 ? `: ${first.join(', ')}` : ''}`,
  );
  return failed.length === 0;
}

async function pairs(count: number, first: number, replicas: number, only: string | undefined) {
  const names = Object.keys(kinds).filter((name) => replicas > 1 || !kinds[name]?.befalls);
  const chosen = only === undefined ? names : [only];
  const all: Pair[] = [];
  const share = { first, last: Infinity, endsAt: Infinity, replicas, kinds: chosen, pairs: count };
  await onThreads(4, share, (pair) => {
    if (!('kind' in pair)) return false;
    all.push(pair);
    for (const violation of pair.violations) console.log(violation);
    return only !== undefined && pair.violations.length > 0;
  });
  const beyond = (some: readonly Pair[]) => some.reduce((sum, { violations }) => sum + violations.length, 0);
  const rows = chosen.map((name) => {
    const ofIt = all.filter(({ kind }) => kind === name);
    const delaysMs = ofIt.flatMap((pair) => pair.delaysMs).sort((a, b) => a - b);
    const seconds = (share: number) =>
      (delaysMs[Math.min(delaysMs.length - 1, Math.floor(delaysMs.length * share))] ?? Number.NaN) / 1_000;
    const figures = {
      pairs: ofIt.length,
      'stops of others': delaysMs.length,
      'median delay, s': seconds(0.5),
      '99 of 100 within, s': seconds(0.99),
      'worst, s': seconds(1),
      'beyond the bound': beyond(ofIt),
    };
    return [name, figures] as const;
  });
  console.table(Object.fromEntries(rows));
  console.log(`\n${all.length} pairs, ${beyond(all)} violations`);
  return beyond(all) === 0;
}

if (!isMainThread) for await (const one of played(workerData as Share)) parentPort?.postMessage(one);
else {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      minutes: { type: 'string' },
      trace: { type: 'boolean', default: false },
      all: { type: 'boolean', default: false },
      replicas: { type: 'string' },
      hours: { type: 'string', default: 'Infinity' },
      'non-interference': { type: 'boolean', default: false },
      pairs: { type: 'string', default: '340' },
      kind: { type: 'string' },
    },
  });
  const replicas = values.replicas === undefined ? undefined : Number(values.replicas);
  const play = () => {
    if (values['non-interference'])
      return pairs(Number(values.pairs), Number(values.seed ?? 1), replicas ?? 1, values.kind);
    if (values.seed !== undefined) return one(Number(values.seed), values.trace);
    const [first = Date.now() % 1_000_000_000, last = Infinity] = (values.seeds?.split('-') ?? [])
      .filter(Boolean)
      .map(Number);
    const minutes = Number(values.minutes ?? (values.seeds === undefined ? 1 : 60));
    return seeds({ first, last, replicas }, minutes, Number(values.hours), values.all);
  };
  if (!(await play())) process.exitCode = 1;
}
