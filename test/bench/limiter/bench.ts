/**
 * The limiter beside the libraries, over real HTTP in real time: what the server sees, whom it would refuse, and how
 * fast it went. All contenders of a split run at the same time, each with a port, a connection pool and delays of its
 * own; the delays of a cell come from a seed, so that every contender meets the same.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'undici';
import { refusals, worstSecond } from '../../cloud/judges.ts';
import { type Sent, seeded, shareOfBound } from '../../cloud/limiter-load.ts';
import type { BenchOptions } from '../run.ts';
import { besideEachOther, type Contender, contenders } from './contenders.ts';
import { type FromServer, type Lag, type ToServer, watchLag } from './server.ts';

interface Named<T> {
  readonly name: string;
  readonly of: T;
}
type Random = () => number;

const roundTripsMs: readonly Named<(random: Random) => number>[] = [
  { name: 'fixed 20 ms', of: () => 20 },
  { name: '20–60 ms', of: (random) => 20 + 40 * random() },
  { name: '150–350 ms', of: (random) => 150 + 200 * random() },
  { name: '50 ms, 2 % at 1,500 ms', of: (random) => (random() < 0.02 ? 1_500 : 50) },
];

/** The part of the round trip that lies before the call counts. */
const splits: readonly Named<(random: Random) => number>[] = [
  { name: 'up', of: () => 1 },
  { name: 'down', of: () => 0 },
  { name: 'mixed', of: (random) => random() },
];

interface Cell {
  readonly contender: Contender;
  readonly profile: Named<(random: Random) => number>;
  readonly split: Named<(random: Random) => number>;
}

interface Measured extends Cell {
  readonly arrivals: readonly number[];
  readonly worst: number;
  readonly refused: ReturnType<typeof refusals>;
  /** Calls that the sliding server takes, of the bound limit / (1 s + mean round trip), and of the limit. */
  readonly shareOfBound: number;
  readonly shareOfLimit: number;
}

/** Sends the calls of one cell; what only the client can know. */
async function send(cell: Cell, port: number, calls: number): Promise<readonly Sent[]> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 64, pipelining: 1 });
  const random = seeded(calls + roundTripsMs.indexOf(cell.profile) * 10 + splits.indexOf(cell.split));
  const sent: Sent[] = [];
  await cell.contender.run(calls, async () => {
    const delayMs = cell.profile.of(random);
    const upMs = Math.round(delayMs * cell.split.of(random));
    const sentAt = performance.now();
    const headers = { 'x-up-ms': `${upMs}`, 'x-down-ms': `${Math.round(delayMs - upMs)}` };
    const { statusCode, body } = await pool.request({ method: 'GET', path: '/', headers });
    await body.dump();
    if (statusCode !== 200) throw new Error(`status ${statusCode}`);
    sent.push({ sentAt, roundTripMs: performance.now() - sentAt });
  });
  await pool.close();
  return sent;
}

async function ask(server: ChildProcess, message: ToServer): Promise<FromServer> {
  server.send(message);
  const [answer] = await once(server, 'message');
  return answer;
}

/** All cells at the same time, and each for about the same time: `callsOfTen` are the calls at ten a second. */
async function measure(server: ChildProcess, cells: readonly Cell[], callsOfTen: number) {
  const callsOf = ({ contender }: Cell) => Math.ceil((callsOfTen * contender.perSecond) / 10);
  const opened = await ask(server, { kind: 'open', cells: cells.length });
  if (opened.kind !== 'opened') throw new Error('the server did not open');
  const lag = watchLag();
  const sent = await Promise.all(
    cells.map(async (cell, index) => {
      // Spread over a second, so that the bursts of one cell are not the lag of another.
      await new Promise((resolve) => setTimeout(resolve, (index * 1_000) / cells.length));
      return send(cell, opened.ports[index] ?? 0, callsOf(cell));
    }),
  );
  const collected = await ask(server, { kind: 'collect' });
  if (collected.kind !== 'collected') throw new Error('the server did not report');
  const measured = cells.map((cell, index): Measured => {
    const arrivals = collected.arrivals[index] ?? [];
    const calls = sent[index] ?? [];
    const callsEach = callsOf(cell);
    const { perSecond } = cell.contender;
    if (arrivals.length !== callsEach || calls.length !== callsEach) {
      throw new Error(`${cell.contender.name}: ${arrivals.length} arrivals for ${callsEach} calls`);
    }
    const refused = refusals(arrivals, perSecond);
    const bound = (1 - refused.sliding / callsEach) * shareOfBound(calls, perSecond);
    const meanRoundTripMs = calls.reduce((sum, { roundTripMs }) => sum + roundTripMs, 0) / callsEach;
    const shareOfLimit = bound / (1 + meanRoundTripMs / 1_000);
    return { ...cell, arrivals, worst: worstSecond(arrivals), refused, shareOfBound: bound, shareOfLimit };
  });
  return { measured, client: lag(), server: collected.lag };
}

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
const range = (values: readonly number[], show: (value: number) => string = String) => {
  const [least, most] = [show(Math.min(...values)), show(Math.max(...values))];
  return least === most ? least : `${least} – ${most}`;
};

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

const columns = ['worst second', 'refused: sliding', 'fixed', 'bucket', 'of the bound', 'of 10/s'];

function figures(cells: readonly Measured[], several: (values: number[], show?: (v: number) => string) => string) {
  return [
    several(cells.map(({ worst }) => worst)),
    several(cells.map(({ refused }) => refused.sliding)),
    several(cells.map(({ refused }) => refused.fixed)),
    several(cells.map(({ refused }) => refused.bucket)),
    several(
      cells.map((cell) => cell.shareOfBound),
      percent,
    ),
    several(
      cells.map((cell) => cell.shareOfLimit),
      percent,
    ),
  ];
}

function print(
  measured: readonly Measured[],
  lags: readonly (readonly [string, Lag])[],
  calls: number,
  quick: boolean,
) {
  const each = (values: number[], show: (value: number) => string = String) => values.map(show).join(' / ');
  const splitNames = [...new Set(measured.map(({ split }) => split.name))];
  const rows = contenders.flatMap((contender) =>
    roundTripsMs.map((profile) => {
      const cells = measured.filter((cell) => cell.contender === contender && cell.profile === profile);
      return [contender.name, profile.name, ...figures(cells, each)];
    }),
  );
  const summary = contenders.map((contender) => [
    contender.name,
    ...figures(
      measured.filter((cell) => cell.contender === contender),
      range,
    ),
  ]);
  const lagLine = ([who, lag]: readonly [string, Lag]) =>
    `${who} mean ${lag.meanMs.toFixed(1)}, 99 % ${lag.p99Ms.toFixed(1)}, worst ${lag.maxMs.toFixed(1)} ms`;
  console.log(`
Ten calls a second, ${calls} calls a cell${quick ? ' (quick: not to be quoted)' : ''}; range over all cells:

${table(['limiter', ...columns], summary)}

Each profile, the round trip lying ${splitNames.join(' / ')}:

${table(['limiter', 'round trip', ...columns], rows)}

Worst second: most arrivals at the server in any second. Refused: calls of ${calls} that a server refuses which counts a
sliding second, whole seconds of its clock, or tokens. Of the bound: calls a second that the sliding server takes, as a
share of 10 / (1 s + mean round trip), both measured in the same run; above 100 % no client can know to be safe. Of 10/s:
the same as a share of the limit itself.
Event-loop lag (${availableParallelism()} cores, Node ${process.version}): ${lags.map(lagLine).join('; ')}.
`);
}

function printBeside(measured: readonly Measured[]) {
  const rows = roundTripsMs.flatMap((profile) => {
    const both = measured.filter((cell) => cell.profile === profile);
    const together = worstSecond(both.flatMap(({ arrivals }) => arrivals).sort((a, b) => a - b));
    return both.map((cell) => [
      cell.contender.name,
      profile.name,
      `${cell.worst} of ${cell.contender.perSecond}`,
      `${together} of 16`,
      String(cell.refused.sliding),
      percent(cell.shareOfBound),
    ]);
  });
  const header = ['calls', 'round trip', 'worst second', 'both together', 'refused: sliding', 'of the bound'];
  console.log(
    `Restarts at 1 a second beside lists at 15, one gate (the round trip lying mixed):\n\n${table(header, rows)}\n`,
  );
}

/** About seven minutes; quick: a minute. */
export async function bench({ quick }: BenchOptions): Promise<void> {
  const calls = quick ? 60 : 300;
  const server = fork(join(import.meta.dirname, 'server.ts'));
  const measured: Measured[] = [];
  const lags: [string, Lag][] = [];
  for (const split of quick ? splits.filter(({ name }) => name === 'mixed') : splits) {
    const cells = contenders.flatMap((contender) => roundTripsMs.map((profile) => ({ contender, profile, split })));
    console.error(`${cells.length} cells of ${calls} calls, the round trip lying ${split.name} …`);
    const round = await measure(server, cells, calls);
    measured.push(...round.measured);
    lags.push([`client (${split.name})`, round.client], [`server (${split.name})`, round.server]);
  }
  const pairs = roundTripsMs.flatMap((profile) =>
    splits.slice(-1).flatMap((split) => besideEachOther().map((contender) => ({ contender, profile, split }))),
  );
  console.error(`restarts at 1 a second beside lists at 15 …`);
  const beside = await measure(server, pairs, calls);
  server.disconnect();
  print(measured, lags, calls, quick);
  printBeside(beside.measured);
}
