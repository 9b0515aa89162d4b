/**
 * The daemon at the size of the largest accounts, beside the script that a user would write instead: real processes,
 * real HTTP, real time. Limits in the tables are those of the project's issue "Years in minutes".
 */
import { availableParallelism, loadavg } from 'node:os';
import type { BenchOptions } from '../run.ts';
import type { Restarted } from './cloud.ts';
import {
  type BenchCloud,
  type Contender,
  daemonFolder,
  openBenchCloud,
  pageSize,
  perSecond,
  roundTripMs,
  sleep,
  startDaemon,
  startScript,
} from './contender.ts';
import { measureDecide } from './decide.ts';
import type { Reading } from './reading.ts';

type Start = (cloud: BenchCloud, everySeconds: number) => Promise<Contender>;

const keeper: Start = (cloud, everySeconds) => {
  const folder = daemonFolder(cloud.url, everySeconds);
  return startDaemon(folder).then((contender) => ({
    ...contender,
    end: () => contender.end().finally(folder.remove),
  }));
};
const script: Start = (cloud, everySeconds) => startScript(cloud.url, everySeconds);

// ---- what a poll costs -------------------------------------------------------------------------------------------

interface Size {
  readonly tasks: number;
  readonly everySeconds: number;
  /** Polls after the first: that one finds every task and saves it. */
  readonly polls: number;
}

interface Cost {
  readonly size: Size;
  readonly name: string;
  readonly firstPollMs: number;
  readonly pollMs: number;
  readonly idealMs: number;
  readonly cpuPerPollMs: number;
  readonly first: Reading;
  readonly later: Reading;
  /** After two polls more, with the event loop watched. */
  readonly turns: Reading;
  readonly scrapesMs: readonly number[];
  readonly cloudCpuPerCallMs: number;
}

/** The limiter's bound for so many calls: L / (W + round trip). */
const idealMs = (calls: number, meanRoundTripMs: number) => (calls * (1_000 + meanRoundTripMs)) / perSecond;

const mean = (figures: readonly number[]) => figures.reduce((sum, one) => sum + one, 0) / figures.length;

async function polled(contender: Contender, polls: number): Promise<readonly number[]> {
  for (;;) {
    const durations = await contender.polls();
    if (durations.length >= polls) return durations;
    await sleep(1_000);
  }
}

/** All readings begin and end shortly before a poll is due, so that whole polls are compared. */
async function measureCost(start: Start, size: Size): Promise<Cost> {
  const cloud = await openBenchCloud(size.tasks);
  const contender = await start(cloud, size.everySeconds);
  contender.watch();
  const [firstPollMs = Number.NaN] = await polled(contender, 1);
  await sleep(1_000);
  const first = await contender.read();
  await cloud.collect();
  contender.watchNoLonger();
  // What the first poll found is saved beside the second.
  const before = await polled(contender, 2);
  const from = await contender.read();
  const scrapesMs: number[] = [];
  const durations = await scrapingUntil(contender, before.length + size.polls, scrapesMs, rarelyMs);
  await sleep(1_000);
  const later = await contender.read();
  const { cpuMsPerCall, lists } = await cloud.collect();
  // Watching the event loop costs a part of what was measured until now.
  contender.watch();
  await scrapingUntil(contender, durations.length + 2, scrapesMs, oftenMs);
  const turns = await contender.read();
  await contender.end();
  cloud.close();
  const measured = durations.slice(before.length);
  const callsPerPoll = contender.callsPerPoll(size.tasks);
  return {
    size,
    name: contender.name,
    firstPollMs,
    pollMs: mean(measured),
    idealMs: idealMs(callsPerPoll, roundTripMs + cpuMsPerCall),
    // By the calls that were made: a poll that was under way at the end is computed in part.
    cpuPerPollMs: ((later.cpuMs - from.cpuMs) * callsPerPoll) / lists,
    first,
    later,
    turns,
    scrapesMs,
    cloudCpuPerCallMs: cpuMsPerCall,
  };
}

/** Between scrapes: no part of a poll's time, so that they come at any moment of it. */
const rarelyMs = 7_000;
/** Enough scrapes for a p99. */
const oftenMs = 300;

/** Scrapes until so many polls are done. */
async function scrapingUntil(
  contender: Contender,
  polls: number,
  scrapesMs: number[],
  everyMs: number,
): Promise<readonly number[]> {
  for (;;) {
    const scrape = await contender.scrape?.();
    if (scrape) scrapesMs.push(scrape.tookMs);
    const durations = scrape?.polls ?? (await contender.polls());
    if (durations.length >= polls) return durations;
    // Who has no scrapes is asked for its polls alone.
    await sleep(scrape ? everyMs : rarelyMs);
  }
}

// ---- a thousand tasks at rest --------------------------------------------------------------------------------------

interface Rest {
  readonly name: string;
  readonly cpuShare: number;
  readonly reading: Reading;
}

/** Nobody watches the event loop or scrapes meanwhile. */
async function measureRest(start: Start, seconds: number): Promise<Rest> {
  const cloud = await openBenchCloud(1_000);
  const contender = await start(cloud, 15);
  await sleep(20_000);
  const from = await contender.read();
  const startedAt = performance.now();
  await sleep(seconds * 1_000);
  const reading = await contender.read();
  const cpuShare = (reading.cpuMs - from.cpuMs) / (performance.now() - startedAt);
  await contender.end();
  cloud.close();
  return { name: contender.name, cpuShare, reading };
}

// ---- from stopped to restarted -------------------------------------------------------------------------------------

interface Healing {
  readonly name: string;
  /** Stop to arrival of the accepted restart, of all rounds. */
  readonly afterMs: readonly number[];
  /** The same without the limiter's time: for the poll's pages, and for the calls since the first restart of its round. */
  readonly withoutLimiterMs: readonly number[];
  readonly neverRestarted: number;
  readonly worstSecond: number;
  readonly refused: number;
}

const stoppedTogether = 100;

async function measureHealing(start: Start, tasks: number, everySeconds: number, rounds: number): Promise<Healing> {
  const cloud = await openBenchCloud(tasks);
  const contender = await start(cloud, everySeconds);
  await polled(contender, 1);
  await cloud.collect();
  const afterMs: number[] = [];
  const withoutLimiterMs: number[] = [];
  const permitMs = idealMs(1, roundTripMs);
  let last = await cloud.collect();
  for (let round = 0; round < rounds; round++) {
    // At another moment of the schedule each time.
    await sleep(everySeconds * 1_000 * (1 + round / rounds));
    await cloud.stop(stoppedTogether);
    await sleep(everySeconds * 1_000 + 30_000);
    last = await cloud.collect();
    const pages = Math.ceil(tasks / pageSize);
    for (const one of last.restarted) {
      afterMs.push(one.afterMs);
      withoutLimiterMs.push(one.afterMs - (pages + one.callsBefore) * permitMs);
    }
  }
  await contender.end();
  cloud.close();
  const { stillStopped, worstSecond, throttled } = last;
  return {
    name: contender.name,
    afterMs,
    withoutLimiterMs,
    neverRestarted: stillStopped,
    worstSecond,
    refused: throttled,
  };
}

interface Mass {
  readonly restarted: number;
  /** Of those that stopped, after `withinSeconds`. */
  readonly stillStopped: number;
  /** From the stop to the first restart, and to the last. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** From the first to the last, as a multiple of what the limiter's bound makes of all calls between them. */
  readonly ofBound: number;
  readonly worstSecond: number;
  readonly refused: number;
}

const massStop = { tasks: 100_000, stopped: 1_000, everySeconds: 5, withinSeconds: 600 };

async function measureMass(start: Start): Promise<Mass> {
  const cloud = await openBenchCloud(massStop.tasks);
  const contender = await start(cloud, massStop.everySeconds);
  await polled(contender, 2);
  await cloud.collect();
  await cloud.stop(massStop.stopped);
  const all: Restarted[] = [];
  let last = await cloud.collect();
  for (let waited = 0; last.stillStopped > 0 && waited < massStop.withinSeconds; waited += 10) {
    await sleep(10_000);
    last = await cloud.collect();
    all.push(...last.restarted);
    say(`${waited + 10} s: ${count(all.length)} restarted …`);
  }
  await contender.end();
  cloud.close();
  const [first, final] = [all[0], all.at(-1)];
  const [firstMs, lastMs] = [first?.afterMs ?? Number.NaN, final?.afterMs ?? Number.NaN];
  const { worstSecond, throttled: refused, stillStopped } = last;
  const ofBound = (lastMs - firstMs) / idealMs((final?.callsBefore ?? 0) - (first?.callsBefore ?? 0), roundTripMs);
  return { restarted: all.length, stillStopped, firstMs, lastMs, ofBound, worstSecond, refused };
}

// ---- start -----------------------------------------------------------------------------------------------------------

interface Started {
  readonly readyMs: number;
  /** What of it was computing, on all threads: the better figure on a machine with other work. */
  readonly cpuMs: number;
}

/** Starts of the daemon on a store that has a record of each task; milliseconds to /-/ready. */
async function measureStarts(tasks: number, starts: number): Promise<readonly Started[]> {
  const cloud = await openBenchCloud(tasks);
  const folder = daemonFolder(cloud.url, 15);
  const first = await startDaemon(folder);
  await polled(first, 1);
  await sleep(2_000);
  await first.end();
  const started: Started[] = [];
  for (let start = 0; start < starts; start++) {
    const again = await startDaemon(folder);
    const { cpuMs } = await again.read();
    started.push({ readyMs: again.readyAfterMs ?? Number.NaN, cpuMs });
    await again.end();
  }
  folder.remove();
  cloud.close();
  return started;
}

// ---- the tables --------------------------------------------------------------------------------------------------------

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

const quantile = (figures: readonly number[], share: number) =>
  figures.toSorted((a, b) => a - b)[Math.min(figures.length - 1, Math.floor(figures.length * share))] ?? Number.NaN;
const ms = (figure: number) => `${figure.toFixed(figure < 10 ? 1 : 0)} ms`;
const seconds = (figure: number) => `${(figure / 1_000).toFixed(2)} s`;
const mib = (figure: number) => `${figure.toFixed(0)} MiB`;
const megabytes = (mibs: number) => `${((mibs * 1_024 * 1_024) / 1e6).toFixed(0)} MB`;
const count = (figure: number) => figure.toLocaleString('en');

function costRow({ size, name, ...cost }: Cost): string[] {
  const { first, later, turns, scrapesMs } = cost;
  return [
    count(size.tasks),
    name,
    `${seconds(cost.pollMs)} (${(cost.pollMs / cost.idealMs).toFixed(2)} ×)`,
    seconds(cost.firstPollMs),
    seconds(cost.cpuPerPollMs),
    `${ms(turns.longestTurnMs)} (${ms(turns.longestTurnCpuMs)})`,
    `${ms(first.longestTurnMs)} (${ms(first.longestTurnCpuMs)})`,
    mib(later.rssMiB),
    mib(later.peakRssMiB),
    mib(later.heapMiB),
    scrapesMs.length === 0 ? '–' : `${ms(quantile(scrapesMs, 0.5))} / ${ms(Math.max(...scrapesMs))}`,
  ];
}

const costColumns = [
  'tasks',
  'who',
  'poll (of ideal)',
  'first poll',
  'CPU per poll',
  'longest turn (computing)',
  'in the first poll',
  'RSS',
  'RSS peak',
  'heap',
  'scrape: median / worst',
];

function healingRow({ name, afterMs, withoutLimiterMs, ...rest }: Healing): string[] {
  const [p50, p99] = [0.5, 0.99].map((share) => seconds(quantile(afterMs, share)));
  const [net50, net99] = [0.5, 0.99].map((share) => seconds(quantile(withoutLimiterMs, share)));
  return [
    name,
    `${p50} / ${p99}`,
    `${net50} / ${net99}`,
    `${rest.neverRestarted}`,
    `${rest.worstSecond}`,
    `${rest.refused}`,
  ];
}

const say = (text: string) => console.error(text);

// ---- the parts, each with its table ------------------------------------------------------------------------------

/**
 * What to measure, for who looks for the reason of a figure: `SCALE_ONLY=cost,decide,rest,start,healing,mass` some parts,
 * `SCALE_WHO=relaykeeper` without the script, `--only 100000` one size; SCALE_FLAGS are Node's for the daemon
 * (`--cpu-prof --cpu-prof-dir=/tmp/prof`).
 */
const { SCALE_ONLY, SCALE_WHO } = process.env;
const wanted = (part: string) => SCALE_ONLY === undefined || SCALE_ONLY.split(',').includes(part);
const starts: readonly Start[] = SCALE_WHO === undefined ? [keeper, script] : [keeper];

/**
 * The first start after a change compiles, and keeps Node's TypeScript compiler in memory (15 MiB); what is deployed is
 * compiled before (Dockerfile). So each has run once before it is measured.
 */
async function compile(start: Start): Promise<void> {
  const cloud = await openBenchCloud(1_000);
  const contender = await start(cloud, 1);
  await polled(contender, 2);
  await contender.end();
  cloud.close();
}

async function costs(quick: boolean, only: number | undefined): Promise<void> {
  const all: readonly Size[] = [
    { tasks: 1_000, everySeconds: 5, polls: quick ? 3 : 10 },
    { tasks: 10_000, everySeconds: 5, polls: 8 },
    { tasks: 100_000, everySeconds: 30, polls: 4 },
  ];
  const sizes = all.filter(({ tasks }) => (only === undefined ? !quick || tasks === 1_000 : tasks === only));
  if (sizes.length === 0) throw new Error(`--only: there is no run with ${only} tasks`);
  const measured: Cost[] = [];
  for (const size of sizes) {
    for (const start of starts) {
      say(`polls of ${count(size.tasks)} tasks …`);
      measured.push(await measureCost(start, size));
    }
  }
  const cloud = measured.map((cost) => `${count(cost.size.tasks)}, ${cost.name}: ${ms(cost.cloudCpuPerCallMs)}`);
  console.log(`${table(costColumns, measured.map(costRow))}

A turn is one of the event loop, in brackets what of it was computing. The cloud's own computing for a call:
${cloud.join('; ')}.
`);
  const compared = sizes.flatMap(({ tasks }) => {
    const [own, other] = measured.filter(({ size }) => size.tasks === tasks);
    return own && other ? comparison(own, other) : [];
  });
  if (compared.length > 0)
    console.log(`${table(['in this run', 'relaykeeper', 'plain script', 'ratio', 'wanted'], compared)}\n`);
}

/** What is wanted of the daemon beside the script, in the terms in which it is wanted. */
function comparison(own: Cost, other: Cost): string[][] {
  const { tasks } = own.size;
  const row = (what: string, of: (cost: Cost) => number, shown: (figure: number) => string, wanted = '–') => [
    `${what}, ${count(tasks)} tasks`,
    shown(of(own)),
    shown(of(other)),
    `${(of(own) / of(other)).toFixed(2)} ×`,
    wanted,
  ];
  const speed = [
    `poll, ${count(tasks)} tasks`,
    seconds(own.pollMs),
    seconds(other.pollMs),
    `${(other.pollMs / own.pollMs).toFixed(2)} × as fast`,
    tasks === 100_000 ? '≥ 1.7 × as fast' : '–',
  ];
  const rss = row('RSS', ({ later }) => later.rssMiB, mib, { 1000: '≤ 1.15 ×', 100000: '≤ 0.6 ×' }[tasks]);
  if (tasks < 100_000) return [rss, speed];
  return [
    rss,
    row('CPU per poll, scrapes included', ({ cpuPerPollMs }) => cpuPerPollMs, seconds, '≤ 1.5 ×'),
    speed,
    [
      `peak of RSS, first poll included`,
      megabytes(own.first.peakRssMiB),
      megabytes(other.first.peakRssMiB),
      '',
      '≤ 250 MB',
    ],
    [`scrape while polling: p99 of ${own.scrapesMs.length}`, ms(quantile(own.scrapesMs, 0.99)), '', '', '≤ 50 ms'],
  ];
}

function decisions(quick: boolean): void {
  const rows = measureDecide(quick ? 10_000 : 100_000).map((row) => [
    `${count(row.tasks)} tasks`,
    ms(row.firstMs),
    ms(row.quietMs),
    ms(row.stoppedMs),
    ms(row.longestSliceMs),
  ]);
  console.log(`${table(['decide', 'first sight', 'nothing changed', '1 % stopped', 'longest slice'], rows)}\n`);
}

async function rests(quick: boolean): Promise<void> {
  const rows: string[][] = [];
  for (const start of starts) {
    say('1,000 tasks every 15 s …');
    const { name, cpuShare, reading } = await measureRest(start, quick ? 30 : 120);
    rows.push([name, `${(cpuShare * 100).toFixed(2)} %`, mib(reading.rssMiB), mib(reading.peakRssMiB)]);
  }
  console.log(`${table(['1,000 tasks every 15 s', 'CPU of a core', 'RSS', 'RSS peak'], rows)}\n`);
}

async function readiness(quick: boolean): Promise<void> {
  say('starts …');
  const tasks = quick ? 1_000 : 10_000;
  const started = await measureStarts(tasks, quick ? 3 : 10);
  const readyMs = started.map((one) => one.readyMs);
  const cpuMs = quantile(
    started.map((one) => one.cpuMs),
    0.5,
  );
  const [median, worst] = [quantile(readyMs, 0.5), Math.max(...readyMs)].map(ms);
  console.log(
    `Start to ready with ${count(tasks)} records: median ${median}, worst ${worst} of ${started.length}; computing ${ms(cpuMs)}.\n`,
  );
}

async function healings(quick: boolean): Promise<void> {
  const rows: string[][] = [];
  for (const start of starts) {
    const tasks = quick ? 1_000 : 10_000;
    say(`${stoppedTogether} of ${count(tasks)} stop together …`);
    rows.push(healingRow(await measureHealing(start, tasks, 15, quick ? 1 : 5)));
  }
  const header = [
    `${stoppedTogether} stop together, polled every 15 s`,
    'stop to accepted restart: median / p99',
    "less the limiter's time",
    'never restarted',
    'worst second',
    'refused',
  ];
  console.log(`${table(header, rows)}\n`);
}

async function massStops(quick: boolean): Promise<void> {
  if (quick) return;
  const { tasks, stopped } = massStop;
  say(`${count(stopped)} of ${count(tasks)} stop at once …`);
  const { restarted, stillStopped, firstMs, lastMs, ofBound, worstSecond, refused } = await measureMass(keeper);
  if (stillStopped > 0)
    console.log(`**${count(stillStopped)} were still stopped after ${massStop.withinSeconds} s.**\n`);
  console.log(
    `${count(stopped)} of ${count(tasks)} stop at once: ${count(restarted)} restarted, the first after ${seconds(firstMs)}, the last after ${seconds(lastMs)}: ${ofBound.toFixed(2)} × the bound of all calls between (wanted: ≤ 1.10); worst second ${worstSecond}, refused ${refused}.\n`,
  );
}

/** About 40 minutes; quick: about five; `--only 1000` three, `--only 100000` 23, of which `mass` six and `cost` sixteen. */
export async function bench({ quick, only }: BenchOptions): Promise<void> {
  console.log(
    `${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(1)} before, Node ${process.version}, round trip ${roundTripMs} ms, ${perSecond} calls a second, pages of ${pageSize}${quick ? ' (quick: not to be quoted)' : ''}.\n`,
  );
  for (const start of starts) await compile(start);
  const sized = (tasks: number) => only === undefined || only === tasks;
  if (wanted('cost')) await costs(quick, only);
  if (wanted('decide') && sized(100_000)) decisions(quick);
  if (wanted('rest') && sized(1_000)) await rests(quick);
  if (wanted('start') && sized(10_000)) await readiness(quick);
  if (wanted('healing') && sized(10_000)) await healings(quick);
  if (wanted('mass') && sized(massStop.tasks)) await massStops(quick);
}
