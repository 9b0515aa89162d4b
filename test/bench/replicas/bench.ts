/**
 * 200 accounts of 1,000 tasks over three daemons and a real PostgreSQL: how even, how many statements, what each costs, and
 * how long a take-over lasts. Limits are those of the project's issue about more than one replica.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type PostgresServer, startPostgres } from '../../postgres.ts';
import type { BenchOptions } from '../run.ts';
import { benchKey } from '../scale/cloud.ts';
import { ended, gauge, gauged, launcher, listening, roundTripMs, sleep } from '../scale/contender.ts';
import type { Reading } from '../scale/reading.ts';
import type { FromClouds, Seen, ToClouds } from './clouds.ts';

const here = import.meta.dirname;
const replicaCount = 3;
const everySeconds = 15;
const mostStatements = 100;
/** On a machine that does other things too. */
const settledWithinMs = 15 * 60_000;

// ---- the clouds ----------------------------------------------------------------------------------------------------

async function openClouds(accounts: number, tasks: number) {
  const child = fork(join(here, 'clouds.ts'));
  const ask = async (message: ToClouds): Promise<FromClouds> => {
    child.send(message);
    const [answer] = await once(child, 'message');
    return answer;
  };
  const opened = await ask({ kind: 'open', accounts, tasks, roundTripMs });
  if (opened.kind !== 'opened') throw new Error('the clouds did not open');
  return {
    urls: opened.urls,
    stop: (each: number) => ask({ kind: 'stop', each }),
    async look(): Promise<Seen> {
      const seen = await ask({ kind: 'look' });
      if (seen.kind !== 'seen') throw new Error('the clouds did not report');
      return seen;
    },
    close: () => child.disconnect(),
  };
}

// ---- the database --------------------------------------------------------------------------------------------------

const log = 'statements.log';
const loggingFlags = [
  'log_statement=all',
  'logging_collector=on',
  'log_directory=.',
  `log_filename=${log}`,
  'log_rotation_age=0',
  'log_rotation_size=0',
  'log_line_prefix=%a|',
];

/** What the daemons have asked since the last time, by its first words. */
function statementsOf(server: PostgresServer): () => ReadonlyMap<string, number> {
  const path = join(server.directory, log);
  const file = openSync(path, 'r');
  let at = 0;
  return () => {
    const piece = Buffer.alloc(statSync(path).size - at);
    at += readSync(file, piece, 0, piece.length, at);
    const counts = new Map<string, number>();
    for (const [, text = ''] of piece
      .toString()
      .matchAll(/^relaykeeper\|LOG: {2}(?:statement|execute [^:]*): (.*(?:\n\t.*)*)/gm)) {
      const kind = kindOf(text.replaceAll(/\s+/g, ' '));
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    return counts;
  };
}

/** In the order in which they are tried. */
const kinds: readonly (readonly [string, RegExp])[] = [
  ['begin, commit', /^(begin|start transaction|commit|rollback)/i],
  ['look at the leases', /json_build_object/],
  ['renew or free leases', /^update relaykeeper\.lease/],
  ['claim leases', /^with free/],
  ['say that a replica lives', /^with known/],
  ['a save: its limits', /set_config/],
  ['a save: its epochs', /for key share/],
  ['a save: records and events', /^(insert|delete)/],
  ['what others wrote', /asked\.mark|pg_snapshot_xmin|relaykeeper\.hold/],
];
const kindOf = (text: string) => kinds.find(([, pattern]) => pattern.test(text))?.[0] ?? text.slice(0, 60);

// ---- a replica -----------------------------------------------------------------------------------------------------

interface Replica {
  readonly child: ChildProcess;
  readonly url: string;
  read(): Promise<Reading>;
  watch(): void;
  end(): Promise<void>;
}

async function startReplica(store: string, clouds: readonly string[]): Promise<Replica> {
  const folder = mkdtempSync(join(tmpdir(), 'rk-replicas-'));
  const config = {
    server: { listen: '127.0.0.1:0', socket: 'rk.sock' },
    store,
    accounts: clouds.map((endpoint, index) => ({
      name: `a${index}`,
      endpoint,
      credentials: benchKey,
      poll: { schedule: `*/${everySeconds} * * * * *` },
    })),
    groups: [{ name: 'vip' }],
  };
  writeFileSync(join(folder, 'relaykeeper.yaml'), JSON.stringify(config));
  const child = spawn(launcher, ['run', '--config', 'relaykeeper.yaml'], {
    cwd: folder,
    env: {
      PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
      NODE_OPTIONS: `--import ${gauge} ${process.env.SCALE_FLAGS ?? ''}`,
    },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const url = await listening(child);
  const { read, watch } = gauged(child);
  const end = async () => {
    if (child.exitCode === null && child.signalCode === null) await ended(child);
    rmSync(folder, { recursive: true, force: true });
  };
  return { child, url, read, watch, end };
}

const lives = ({ child }: Replica) => child.exitCode === null && child.signalCode === null;

/** How many accounts each living one owns, and how many of them it has listed. */
async function shares(
  replicas: readonly Replica[],
): Promise<readonly { readonly owned: number; readonly listed: number }[]> {
  return Promise.all(
    replicas.filter(lives).map(async ({ url }) => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const mine = [...text.matchAll(/^relaykeeper_owner\{account="([^"]+)"\} 1$/gm)].map(([, name]) => name);
      const seen = new Set(
        [...text.matchAll(/^relaykeeper_last_poll_tasks\{account="([^"]+)"\} [1-9]/gm)].map(([, name]) => name),
      );
      return { owned: mine.length, listed: mine.filter((name) => seen.has(name)).length };
    }),
  );
}

/** Until every account is owned, and listed by its owner; `even`: by nobody two more than by another. Milliseconds. */
async function settled(replicas: readonly Replica[], accounts: number, even: boolean): Promise<number> {
  const from = performance.now();
  for (;;) {
    const all = await shares(replicas);
    const owned = all.map((one) => one.owned);
    const sum = (figures: readonly number[]) => figures.reduce((total, one) => total + one, 0);
    const isEven = Math.max(...owned) - Math.min(...owned) <= 1;
    if (sum(owned) === accounts && sum(all.map((one) => one.listed)) === accounts && (isEven || !even))
      return performance.now() - from;
    if (performance.now() - from > settledWithinMs) throw new Error(`not settled: ${JSON.stringify(all)}`);
    await sleep(500);
  }
}

// ---- what is reported --------------------------------------------------------------------------------------------------

const table = (header: readonly string[], rows: readonly (readonly string[])[]) =>
  [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
const mib = (figure: number) => `${figure.toFixed(0)} MiB`;
const ms = (figure: number) => `${figure.toFixed(0)} ms`;

/** About six minutes; quick: about two. For who looks for the reason of a figure: `REPLICAS_ACCOUNTS=50 REPLICAS_TASKS=100`; `SCALE_FLAGS` are Node's. */
export async function bench({ quick }: BenchOptions): Promise<void> {
  const [some, many, restSeconds] = quick ? [20, 100, 30] : [200, 1_000, 120];
  const accounts = Number(process.env.REPLICAS_ACCOUNTS ?? some);
  const tasks = Number(process.env.REPLICAS_TASKS ?? many);
  const server = await startPostgres({ flags: loggingFlags });
  const clouds = await openClouds(accounts, tasks);
  const replicas: Replica[] = [];
  console.log(
    `${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(1)} before, Node ${process.version}: ${accounts} accounts of ${tasks} tasks, polled every ${everySeconds} s, ${replicaCount} replicas that start together${quick ? ' (quick: not to be quoted)' : ''}.\n`,
  );
  try {
    const store = await server.database();
    const since = statementsOf(server);
    const start = async () => {
      replicas.push(await startReplica(store, clouds.urls));
    };
    await Promise.all(Array.from({ length: replicaCount }, start));
    const spread = await settled(replicas, accounts, true);
    // What the first polls found is saved, and the others have read it.
    await sleep(2 * everySeconds * 1_000);

    since();
    await clouds.look();
    for (const one of replicas) one.watch();
    const before = await Promise.all(replicas.map((one) => one.read()));
    const from = performance.now();
    await sleep(restSeconds * 1_000);
    const rested = (performance.now() - from) / 1_000;
    const after = await Promise.all(replicas.map((one) => one.read()));
    const [statements, atRest, share] = [since(), await clouds.look(), await shares(replicas)];
    const perSecond = [...statements.values()].reduce((sum, one) => sum + one, 0) / rested;

    console.log(
      table(
        ['replica, at rest', 'accounts', 'CPU of a core', 'RSS', 'RSS peak', 'heap', 'longest turn (computing)'],
        replicas.map((_, index) => {
          const [one, had] = [after[index], before[index]];
          if (!one || !had) throw new Error('each was read');
          return [
            `${index + 1}`,
            `${share[index]?.owned}`,
            `${((one.cpuMs - had.cpuMs) / rested / 10).toFixed(1)} %`,
            mib(one.rssMiB),
            mib(one.peakRssMiB),
            mib(one.heapMiB),
            `${ms(one.longestTurnMs)} (${ms(one.longestTurnCpuMs)})`,
          ];
        }),
      ),
    );
    console.log(
      `\nSpread within one account ${seconds(spread)} after the last had begun to listen. ${(atRest.calls / rested).toFixed(1)} calls a second reach the clouds, which use ${(atRest.cpuMs / rested / 10).toFixed(0)} % of a core.\n`,
    );
    const rows = [...statements].toSorted(([, a], [, b]) => b - a);
    console.log(
      table(
        ['statements at rest, of all replicas', 'a second'],
        [
          ...rows.map(([kind, count]) => [kind, (count / rested).toFixed(2)]),
          [`**together (limit ${mostStatements})**`, `**${perSecond.toFixed(1)}**`],
        ],
      ),
    );

    const each = quick ? 2 : 5;
    const heals = async () => {
      const began = performance.now();
      while ((await clouds.look()).ill > 0) await sleep(200);
      return performance.now() - began;
    };
    await clouds.stop(each);
    const healed = await heals();
    const busy = since();
    const saves = busy.get('a save: its epochs') ?? 0;

    const [victim] = replicas;
    if (!victim) throw new Error('there is one');
    const died = once(victim.child, 'exit');
    victim.child.kill('SIGKILL');
    await died;
    await clouds.stop(each);
    const taken = await settled(replicas, accounts, false);
    const healedAfter = await heals();
    const rest = await settled(replicas, accounts, true);
    await start();
    const joined = await settled(replicas, accounts, true);
    const last = await Promise.all(replicas.filter(lives).map((one) => one.read()));
    const { worstSecond } = await clouds.look();
    console.log(
      `\n${table(
        ['what happens', 'how long'],
        [
          [
            `${each} tasks of each account stop: all run again`,
            `${seconds(healed)}, with ${saves} transactions for ${accounts * each} restarts`,
          ],
          ['kill -9 of one replica: all accounts owned and listed by the others', seconds(taken)],
          ['… and what stopped with it runs again', seconds(taken + healedAfter)],
          ['… and evenly', seconds(taken + healedAfter + rest)],
          ['another joins: evenly over three, and listed', seconds(joined)],
          ['RSS of each then', last.map((one) => mib(one.rssMiB)).join(', ')],
          ['most calls in a second on any account', `${worstSecond}`],
        ],
      )}`,
    );
  } finally {
    for (const one of replicas) await one.end();
    clouds.close();
    await server.stop();
  }
}
