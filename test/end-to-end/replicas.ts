/**
 * Several daemons over one PostgreSQL and many accounts, each account with a pretend cloud of its own that judges: nobody
 * calls more than ten times a second, and nobody restarts a task again before its backoff has passed.
 */
import { createConnection, createServer, type Socket } from 'node:net';
import { expect } from 'vitest';
import { type PostgresOptions, type PostgresServer, startPostgres } from '../postgres.ts';
import { account, env, type PretendCloud, tasks } from './cloud.ts';
import { type Daemon, plainServer, type Stage, type StartOptions, sleep, until } from './daemon.ts';

export const backoffMs = 4_000;
const perSecond = 10;

/** Between a replica and the database: passes on, cuts, swallows, or takes its time. */
export class Wire {
  /** The server's port: what joins from now on. */
  to: number;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((client) => this.#join(client));
  port = 0;
  /** What replicas have sent so far: about so many statements. */
  pieces = 0;
  /** Nothing gets through, and nobody learns of it. */
  blackhole = false;
  /** The answer to the next statement that has this in it is lost, with its connection. */
  losesAnswerTo: string | undefined;
  /** Told of each piece that a replica sends, before it is passed on. */
  onPiece: (piece: Buffer) => void = () => {};
  /** How long each piece from the replica waits: about a statement. */
  delayMs = 0;

  constructor(to: number) {
    this.to = to;
  }

  async open(port = 0, host = '127.0.0.1'): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(port, host, resolve));
    const address = this.#server.address();
    this.port = typeof address === 'object' && address ? address.port : 0;
    return this;
  }

  #join(client: Socket): void {
    const server = createConnection({ port: this.to, host: '127.0.0.1' });
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      let last: Promise<unknown> = Promise.resolve();
      from.on('data', (piece) => {
        last = last.then(async () => {
          if (from === client) {
            this.pieces++;
            this.onPiece(piece);
          }
          if (from === client && this.delayMs > 0) await sleep(this.delayMs);
          if (this.blackhole || to.destroyed) return;
          if (from === client && this.losesAnswerTo !== undefined && piece.includes(this.losesAnswerTo)) {
            this.losesAnswerTo = undefined;
            // The server has it and does it; then the line breaks.
            to.write(piece);
            client.pause();
            server.removeAllListeners('data');
            server.on('data', () => client.destroy());
            return;
          }
          to.write(piece);
        });
      });
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.#server.close();
    this.cut();
  }
}

export interface Replica {
  readonly daemon: Daemon;
  readonly wire: Wire;
  readonly folder: string;
}

export interface ReplicaSet {
  readonly server: PostgresServer;
  /** The database, without any wire between. */
  readonly url: string;
  readonly replicas: Replica[];
  readonly clouds: ReadonlyMap<string, PretendCloud>;
  /** One more, that listens; `store` gives the entry of the configuration from the address through its wire. */
  add(how?: Partial<StartOptions> & { readonly store?: (url: string) => string | object }): Promise<Replica>;
  /** The accounts of each living replica, as its own metrics say. */
  owned(replica: Replica): Promise<readonly string[]>;
  /** One owner each, and none has more than one account more than another. */
  balanced(withinMs?: number): Promise<void>;
  stopTasks(which: (account: string, index: number) => boolean): void;
  healed(withinMs?: number): Promise<void>;
  judge(): void;
}

export interface ReplicaSetOptions {
  readonly replicas: number;
  readonly accounts: number;
  readonly tasksEach?: number;
  readonly postgres?: PostgresOptions;
  /** One that runs already; the default is a new one as `postgres` says. */
  readonly server?: PostgresServer;
  /** More of each account's entry in the configuration. */
  readonly more?: object;
  /** Stands between all replicas and the server: gives the port that they are to use. */
  readonly pooler?: (server: PostgresServer) => Promise<number>;
}

export async function replicaSet(
  stage: Stage,
  { replicas: count, accounts, tasksEach = 4, pooler, more = {}, postgres = {}, ...given }: ReplicaSetOptions,
): Promise<ReplicaSet> {
  const server = given.server ?? (await startPostgres(postgres));
  stage.onLeave(() => server.stop());
  const direct = await server.database();
  const url = new URL(direct);
  const port = pooler ? await pooler(server) : server.port;
  const clouds = new Map<string, PretendCloud>();
  for (let i = 0; i < accounts; i++) clouds.set(`a${i}`, await stage.cloud({ tasks: tasks(`t${i}`, tasksEach) }));
  const replicas: Replica[] = [];

  async function add({ store, ...how }: Parameters<ReplicaSet['add']>[0] = {}): Promise<Replica> {
    const wire = await new Wire(port).open();
    stage.onLeave(() => wire.close());
    url.port = `${wire.port}`;
    const config = {
      server: plainServer,
      store: store?.(url.href) ?? url.href,
      accounts: [...clouds].map(([name, cloud]) => account(cloud, name, more)),
      groups: [{ name: 'vip', backoff: { initial: `${backoffMs}ms`, factor: 1, jitter: 0 }, verifyWithin: '3s' }],
    };
    const folder = stage.folder();
    const daemon = await stage.start({ folder, env, config, ...how });
    const replica = { daemon, wire, folder };
    replicas.push(replica);
    return replica;
  }

  const owned = async ({ daemon }: Replica): Promise<readonly string[]> =>
    (await daemon.metrics())
      .filter(({ name, value }) => name === 'relaykeeper_owner' && value === 1)
      .map(({ labels }) => labels.account ?? '');

  for (let i = 0; i < count; i++) await add();

  return {
    server,
    url: direct,
    replicas,
    clouds,
    add,
    owned,
    async balanced(withinMs = 120_000) {
      let seen: (readonly string[])[] = [];
      await until(
        'the accounts are spread evenly',
        async () => {
          seen = await Promise.all(replicas.filter(({ daemon }) => daemon.running).map(owned));
          const counts = seen.map(({ length }) => length);
          // One that was stopped shows for a moment what it had.
          return (
            seen.flat().length === accounts &&
            new Set(seen.flat()).size === accounts &&
            Math.max(...counts) - Math.min(...counts) <= 1
          );
        },
        () => JSON.stringify(seen),
        withinMs,
      );
    },
    stopTasks(which) {
      for (const [name, cloud] of clouds)
        [...cloud.world.tasks.keys()].forEach((taskId, index) => {
          if (which(name, index) && cloud.statusOf(taskId) === '生效中') cloud.act({ kind: 'stop', taskId });
        });
    },
    async healed(withinMs = 120_000) {
      const ill = () => [...clouds].filter(([, cloud]) => cloud.count('生效中') < tasksEach).map(([name]) => name);
      await until(
        'every task runs',
        () => ill().length === 0,
        () => `not yet: ${ill()}`,
        withinMs,
      );
    },
    judge() {
      for (const [name, cloud] of clouds) judgeCloud(name, cloud);
    },
  };
}

function judgeCloud(name: string, cloud: PretendCloud): void {
  const times = cloud.arrivals.map(({ at }) => at).toSorted((a, b) => a - b);
  const bursts = times.filter((at, i) => at - (times[i - perSecond] ?? Number.NEGATIVE_INFINITY) < 1_000);
  expect(bursts, `more than ${perSecond} calls in a second on account ${name}`).toEqual([]);
  const last = new Map<string, number>();
  for (const { taskId = '', at } of cloud.restarts().toSorted((a, b) => a.at - b.at)) {
    const gap = at - (last.get(taskId) ?? Number.NEGATIVE_INFINITY);
    // What was sent a little early by one clock may arrive a little early by the other.
    expect(gap, `two restarts of ${taskId} of account ${name}`).toBeGreaterThan(backoffMs - 100);
    last.set(taskId, at);
  }
}
