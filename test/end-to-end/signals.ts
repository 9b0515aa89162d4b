/** Signals at every moment of a life: as an ordinary process, and as process 1 of a namespace, as in a container. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { account, env, tasks } from './cloud.ts';
import { endOf, plainServer, Stage, sleep, until, writeConfig } from './daemon.ts';

const launcher = join(import.meta.dirname, '../../src/relaykeeper');
/** Its own limit is 9 s; the rest is for a machine that does other things too. */
const endsWithinMs = 20_000;

async function openWorld(stage: Stage) {
  const cloud = await stage.cloud({ tasks: tasks('a', 3) });
  const folder = stage.folder();
  writeConfig(folder, { server: plainServer, accounts: [account(cloud)], groups: [{ name: 'vip' }] });
  return { cloud, folder };
}

/** From then on it hears of SIGHUP and of all the others: the lowest bit of those that it catches. */
const hears = (pid: number) =>
  until('it hears SIGHUP', () => /^SigCgt:\s+[0-9a-f]*[13579bdf]$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')));

describe.concurrent('SIGTERM while it starts ends it', () => {
  it.each([20, 200, 600])('an ordinary process, after %d ms', async (ms) => {
    await using stage = new Stage();
    const { folder } = await openWorld(stage);
    const daemon = stage.spawn({ folder, env });
    await sleep(ms);
    const from = performance.now();
    const { code, signal } = await daemon.stop();
    expect(performance.now() - from).toBeLessThan(endsWithinMs);
    // Before it has an ear, by the signal itself.
    expect(signal ?? code).toBeOneOf([0, 'SIGTERM']);
  });

  const canUnshare = process.getuid?.() === 0 && spawnSync('unshare', ['-pf', 'true']).status === 0;
  it.skipIf(!canUnshare).each([0, 50, 150, 400])('process 1, once it hears signals and %d ms later', async (ms) => {
    await using stage = new Stage();
    const { folder } = await openWorld(stage);
    const first = firstOfNamespace(stage, folder);
    const pid = await first.pid();
    await until('it is the launcher', () => readFileSync(`/proc/${pid}/comm`, 'utf8') !== 'unshare\n');
    await hears(pid);
    await sleep(ms);
    const from = performance.now();
    process.kill(pid, 'SIGTERM');
    const { code } = await first.ended;
    expect(performance.now() - from).toBeLessThan(endsWithinMs);
    expect(code).toBeOneOf([0, 143]);
  });

  it.skipIf(!canUnshare)(
    'process 1 lives through SIGHUP, SIGUSR1 and SIGUSR2 at any time, reloads, and passes its exit code on',
    async () => {
      await using stage = new Stage();
      const { folder } = await openWorld(stage);
      const first = firstOfNamespace(stage, folder);
      const pid = await first.pid();
      for (let n = 0; n < 20; n++) {
        for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) process.kill(pid, signal);
        await sleep(30);
      }
      await until('it has read its configuration again', () => first.stdout().includes('"config-loaded"'));
      expect(first.stderr()).toBe('');
      process.kill(pid, 'SIGTERM');
      expect(await first.ended).toEqual({ code: 0, signal: null });
      writeConfig(folder, 'accounts: []\n');
      expect((await firstOfNamespace(stage, folder).ended).code).toBe(78);
    },
  );
});

function firstOfNamespace(stage: Stage, folder: string) {
  const child = spawn('unshare', ['-pf', '--kill-child', launcher, 'run'], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  stage.onLeave(() => child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (piece) => {
    stdout += piece;
  });
  child.stderr.on('data', (piece) => {
    stderr += piece;
  });
  return {
    ended: once(child, 'close').then(([code, signal]) => ({ code, signal })),
    stdout: () => stdout,
    stderr: () => stderr,
    /** Of process 1, as this side sees it. */
    pid: async () => {
      let pid = 0;
      await until('there is a process 1', () => {
        pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8'));
        return pid > 0;
      });
      return pid;
    },
  };
}

describe.concurrent('signals that are no end', () => {
  it('SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGWINCH and SIGCONT from the first moment on: it starts, reloads, heals; no debugger opens', async () => {
    await using stage = new Stage();
    const { cloud, folder } = await openWorld(stage);
    // While there is a file of this name, nobody hears what the thread that reads the configuration says.
    const held = `data:text/javascript,import threads from 'node:worker_threads';
      import { existsSync } from 'node:fs';
      import { syncBuiltinESMExports } from 'node:module';
      threads.Worker = class extends threads.Worker {
        emit(...said) {
          if (!existsSync('held')) return super.emit(...said);
          setTimeout(() => this.emit(...said), 10);
        }
      };
      syncBuiltinESMExports();`;
    const daemon = stage.spawn({ folder, env, nodeArgs: ['--import', held] });
    await hears(daemon.pid);
    for (let n = 0; n < 20; n++) {
      for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGPIPE', 'SIGWINCH', 'SIGCONT'] as const)
        daemon.signal(signal);
      await sleep(30);
    }
    await daemon.saying('config-loaded');
    cloud.act({ kind: 'stop', taskId: 'a-0001' });
    await daemon.saying('restart-worked');
    daemon.signal('SIGUSR1');
    await sleep(200);
    // While a file is read: of all who ask meanwhile one more reads it as it is then.
    writeFileSync(join(folder, 'held'), '');
    writeConfig(folder, 'accounts: []\n');
    for (let n = 0; n < 20; n++) {
      daemon.signal('SIGHUP');
      await sleep(30);
    }
    expect(daemon.said('config-rejected')).toEqual([]);
    rmSync(join(folder, 'held'));
    await daemon.saying('config-rejected');
    expect((await daemon.ask('POST', '/-/reload')).status).toBe(400);
    // That by the changed file among them.
    expect(daemon.said('config-rejected').length).toBeLessThanOrEqual(4);
    expect((await daemon.stop()).code).toBe(0);
    expect(daemon.stderr).toBe('');
  });

  it('a debugger that SIGUSR1 opened before there was an ear is shut again', async () => {
    await using stage = new Stage();
    const { folder } = await openWorld(stage);
    // As if it had come while Node itself began.
    const open = "data:text/javascript,import { open } from 'node:inspector'; open(0, '127.0.0.1')";
    const daemon = await stage.start({ folder, env, nodeArgs: ['--import', open] });
    const port = Number(/ws:\/\/127\.0\.0\.1:(\d+)/.exec(daemon.stderr)?.[1]);
    expect(port).toBeGreaterThan(0);
    await expect(fetch(`http://127.0.0.1:${port}/json`)).rejects.toThrow();
  });

  it('a reload by SIGHUP that a mistake of ours ends is no silence: the process says so and ends', async () => {
    await using stage = new Stage();
    const { folder } = await openWorld(stage);
    // The thread of the second reading answers what no thread of ours does.
    const mistaken = `data:text/javascript,import threads from 'node:worker_threads';
      import { syncBuiltinESMExports } from 'node:module';
      let readings = 0;
      threads.Worker = class extends threads.Worker {
        constructor(file, options) {
          super(file, options);
          if (/load-thread/.test(file) && ++readings > 1) setImmediate(() => this.emit('message', null));
        }
      };
      syncBuiltinESMExports();`;
    const daemon = await stage.start({ folder, env, nodeArgs: ['--import', mistaken] });
    daemon.signal('SIGHUP');
    await until(
      'it ends',
      () => !daemon.running,
      () => daemon.tail(),
    );
    expect([(await daemon.ended).code, daemon.stderr]).toEqual([
      1,
      expect.stringContaining('ended by a bug: TypeError'),
    ]);
  });

  it('SIGTERM amid the pages of a long list is an end like any other', async () => {
    await using stage = new Stage();
    const cloud = await stage.cloud({ tasks: tasks('a', 300) });
    const config = {
      server: plainServer,
      accounts: [account(cloud, 'main', { poll: { schedule: '* * * * * *', pageSize: 5 } })],
      groups: [{ name: 'vip' }],
    };
    const daemon = await stage.start({ folder: stage.folder(), env, config });
    await until(
      'several pages are asked for at once',
      () => cloud.lists().length > 15,
      () => daemon.tail(),
    );
    const { code, stderr } = await daemon.stop();
    expect([code, stderr]).toEqual([0, '']);
  });

  it('a second SIGTERM ends it at once, also while it starts', async () => {
    await using stage = new Stage();
    const { folder } = await openWorld(stage);
    const daemon = stage.spawn({ folder, env });
    await hears(daemon.pid);
    // Again and again: the system makes one of two that come at once.
    while (daemon.running) {
      daemon.signal('SIGTERM');
      await sleep(50);
    }
    expect(endOf(await daemon.ended)).toBe(143);
  });
});
