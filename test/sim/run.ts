/**
 * `npm run sim -- --seed N [--trace]`   plays one seed; with --trace tells all of it
 * `npm run sim -- --seeds A-B`          plays a range, and ends at the first that fails
 * `npm run sim -- --minutes M`          plays fresh seeds for so long, on two threads
 * with `--all` goes on after a failure, with `--replicas 3` plays only the seeds of so many processes, with `--hours H`
 * ends after so many simulated hours
 * `npm run sim -- --non-interference --pairs N [--kind K] [--seed FIRST] [--replicas 3]`   the table of non-interference.ts
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { playSeed, type Verdict } from './history.ts';
import { reportPairs } from './non-interference-report.ts';
import { scriptOf } from './script.ts';

interface Share {
  readonly first: number;
  readonly step: number;
  readonly last: number;
  readonly endsAt: number;
  readonly replicas: number | undefined;
}

function tell({ seed, violation, lines }: Verdict): void {
  console.log(`\nseed ${seed} FAILED: ${violation}\n`);
  console.log(lines.slice(-50).join('\n'));
  console.log(`\nTo replay it: npm run sim -- --seed ${seed} --trace`);
}

async function one(seed: number, trace: boolean): Promise<void> {
  const from = process.cpuUsage();
  const verdict = await playSeed(seed, { trace });
  const cpu = process.cpuUsage(from);
  if (trace) console.log(verdict.lines.join('\n'));
  if (verdict.violation) {
    if (trace) console.log(`\nseed ${seed} FAILED: ${verdict.violation}`);
    else tell(verdict);
    process.exitCode = 1;
    return;
  }
  const { hours, restarts, arrivals, events, fingerprint } = verdict;
  const seconds = ((cpu.user + cpu.system) / 1e6).toFixed(2);
  console.log(
    `seed ${seed} is green: ${hours.toFixed(1)} h, ${arrivals} calls, ${restarts} restarts, ${events} events in ${seconds} s of CPU; fingerprint ${fingerprint.toString(16)}`,
  );
}

async function share({ first, step, last, endsAt, replicas }: Share): Promise<void> {
  for (let seed = first; seed <= last && Date.now() < endsAt; seed += step) {
    if (replicas !== undefined && scriptOf(seed).replicas !== replicas) continue;
    // Told before: one that takes its thread down with it must be known too.
    parentPort?.postMessage(seed);
    const { lines, sends: _sends, ...verdict } = await playSeed(seed);
    parentPort?.postMessage({ ...verdict, sends: [], lines: verdict.violation ? lines : [] } satisfies Verdict);
  }
}

interface Range extends Pick<Share, 'first' | 'last' | 'replicas'> {
  readonly minutes: number;
  readonly hours: number;
  readonly keepGoing: boolean;
}

async function many({ first, last, minutes, hours: mostHours, replicas, keepGoing }: Range): Promise<void> {
  const threads = Math.min(availableParallelism(), 2);
  const startedAt = Date.now();
  const endsAt = startedAt + minutes * 60_000;
  let seeds = 0;
  let hours = 0;
  let restarts = 0;
  const failed: number[] = [];
  const workers = Array.from({ length: threads }, (_, index) => {
    const data: Share = { first: first + index, step: threads, last, endsAt, replicas };
    return new Worker(new URL(import.meta.url), { workerData: data });
  });
  await Promise.all(
    workers.map(
      (worker) =>
        new Promise<void>((resolve, reject) => {
          let playing: number | undefined;
          worker.on('message', (verdict: number | Verdict) => {
            if (typeof verdict === 'number') {
              playing = verdict;
              return;
            }
            seeds++;
            hours += verdict.hours;
            restarts += verdict.restarts;
            if (hours >= mostHours) for (const other of workers) void other.terminate();
            if (!verdict.violation) return;
            failed.push(verdict.seed);
            if (failed.length === 1) tell(verdict);
            else console.log(`seed ${verdict.seed} FAILED: ${verdict.violation}`);
            if (!keepGoing) for (const other of workers) void other.terminate();
          });
          worker.on('error', (cause) => reject(new Error(`seed ${playing} ended its thread`, { cause })));
          worker.on('exit', () => resolve());
        }),
    ),
  );
  const wall = (Date.now() - startedAt) / 60_000;
  const cpu = process.cpuUsage();
  console.log(
    `\n${seeds} seeds, ${hours.toFixed(0)} simulated hours, ${restarts} restarts in ${wall.toFixed(2)} min (${((cpu.user + cpu.system) / 6e7).toFixed(2)} min of CPU): ${(hours / wall).toFixed(0)} h/min; ${failed.length} failed${failed.length > 0 ? `: ${failed.slice(0, 20).join(', ')}` : ''}`,
  );
  if (failed.length > 0) process.exitCode = 1;
}

if (!isMainThread) await share(workerData as Share);
else {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      minutes: { type: 'string' },
      trace: { type: 'boolean', default: false },
      all: { type: 'boolean', default: false },
      replicas: { type: 'string' },
      hours: { type: 'string' },
      'non-interference': { type: 'boolean', default: false },
      pairs: { type: 'string', default: '340' },
      kind: { type: 'string' },
    },
  });
  const [first = 1, last = Number.MAX_SAFE_INTEGER] = (values.seeds ?? '').split('-').filter(Boolean).map(Number);
  if (values['non-interference']) {
    const [pairs, firstSeed, replicas] = [Number(values.pairs), Number(values.seed ?? 1), Number(values.replicas ?? 1)];
    if (!(await reportPairs(pairs, firstSeed, replicas, values.kind))) process.exitCode = 1;
  } else if (values.seed !== undefined) await one(Number(values.seed), values.trace);
  else {
    const fresh = values.seeds === undefined;
    await many({
      first: fresh ? Date.now() % 1_000_000_000 : first,
      last,
      minutes: Number(values.minutes ?? (fresh ? 1 : 60)),
      hours: Number(values.hours ?? Number.POSITIVE_INFINITY),
      replicas: values.replicas === undefined ? undefined : Number(values.replicas),
      keepGoing: values.all,
    });
  }
}
