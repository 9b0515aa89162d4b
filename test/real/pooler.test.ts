/** Replicas behind PgBouncer, which gives each transaction whatever connection is free, and has fewer than they ask for. */
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Stage, until } from '../end-to-end/daemon.ts';
import { replicaSet } from '../end-to-end/replicas.ts';
import { freePort } from '../ports.ts';
import type { PostgresServer } from '../postgres.ts';

const serverConnections = 4;

async function pgbouncer(stage: Stage, server: PostgresServer): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'rk-pgbouncer-'));
  chmodSync(folder, 0o755);
  stage.onLeave(() => rmSync(folder, { recursive: true, force: true }));
  const port = await freePort();
  const config = join(folder, 'pgbouncer.ini');
  writeFileSync(
    config,
    `[databases]
* = host=127.0.0.1 port=${server.port} user=keeper
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${serverConnections}
`,
  );
  // It refuses to run as root.
  const asNobody = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const child = spawn('/usr/sbin/pgbouncer', ['-q', ...asNobody, config], { stdio: 'ignore' });
  stage.onLeave(() => child.kill('SIGKILL'));
  const answers = () =>
    new Promise<boolean>((resolve) => {
      const socket = createConnection({ port, host: '127.0.0.1' });
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('close', () => socket.destroy());
    });
  await until('pgbouncer listens', answers);
  return port;
}

it('replicas behind a transaction pooler share, hand over, and outlive its restart', async () => {
  await using stage = new Stage();
  const set = await replicaSet(stage, { replicas: 3, accounts: 6, pooler: (server) => pgbouncer(stage, server) });
  await set.balanced();
  set.stopTasks((_, index) => index === 0);
  await set.healed();
  const [{ count } = { count: 0 }] = await set.server.ask(
    "select count(*)::int as count from pg_stat_activity where usename = 'keeper'",
  );
  expect(count).toBeLessThanOrEqual(serverConnections);
  set.replicas[0]?.daemon.child.kill('SIGTERM');
  set.stopTasks((_, index) => index === 1);
  await set.healed();
  await set.balanced();
  await set.server.restart();
  set.stopTasks((_, index) => index === 2);
  await set.healed();
  set.judge();
  for (const { daemon } of set.replicas) expect(daemon.stdout).not.toContain('prepared statement');
});
