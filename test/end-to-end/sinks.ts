/** Where the log goes, and that neither healing nor ending depends on it: real pipes, terminals and full disks. */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { account, env, type PretendCloud, tasks } from './cloud.ts';
import { type Daemon, plainServer, Stage, until, writeConfig } from './daemon.ts';

/** From SIGTERM to the end, with whatever sink: its own limit is 9 s, on a machine that does other things too. */
const endsWithinMs = 20_000;

/** At this level a pipe is full after the first poll: each task found is a line. */
const config = (cloud: PretendCloud) => ({
  log: { level: 'debug' },
  server: plainServer,
  accounts: [account(cloud)],
  defaults: { verifyWithin: '1s', backoff: { initial: '200ms', max: '1s' }, storm: false },
  groups: [{ name: 'vip' }],
});

async function openWorld(stage: Stage) {
  const cloud = await stage.cloud({ tasks: tasks('a', 300) });
  const folder = stage.folder();
  writeConfig(folder, config(cloud));
  return { cloud, folder };
}

let stopped = 0;

/** A task that stops now is restarted. */
async function heals(daemon: Daemon, cloud: PretendCloud): Promise<void> {
  const taskId = `a-${String((stopped++ % 300) + 1).padStart(4, '0')}`;
  const before = cloud.restarts(taskId).length;
  cloud.act({ kind: 'stop', taskId });
  await until(
    `${taskId} is restarted`,
    () => cloud.restarts(taskId).length > before,
    () => daemon.tail(),
  );
}

const dropped = (daemon: Daemon) => daemon.metric('log_messages_dropped_total');

async function endsInTime(daemon: Daemon): Promise<void> {
  daemon.signal('SIGTERM');
  expect(await daemon.gone()).toBeLessThan(endsWithinMs);
}

/** The daemon on a terminal of its own, behind a process that holds the other side. */
const inTerminal = `declare -p line > words; declare -f run >> words; script -qfc 'bash -c ". ./words; run"' /dev/null > /dev/null &`;

const canMount = process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0;

describe.concurrent('a log that goes nowhere: it heals on, counts what is lost, and ends at SIGTERM', () => {
  it.each<[name: string, shell: string, refuses: boolean]>([
    ['a full device for both', 'run > /dev/full 2> /dev/full', true],
    ['one pipe for both that nobody reads', '(run 2>&1) | sleep 600', false],
    ['a reader that takes one byte a second', '(run) | while read -rn1; do sleep 1; done', false],
    ['a reader that has gone', '(run) | true', true],
    ['closed from the start', 'run >&- 2>&-', false],
  ])('%s', async (_name, shell, refuses) => {
    await using stage = new Stage();
    const { cloud, folder } = await openWorld(stage);
    const daemon = await stage.spawn({ folder, env, shell }).answering();
    await heals(daemon, cloud);
    if (refuses)
      await until(
        'lines are lost',
        async () => (await dropped(daemon)) > 0,
        () => daemon.tail(),
      );
    await heals(daemon, cloud);
    await endsInTime(daemon);
  });

  it('a terminal that nobody reads, and then goes away', async () => {
    await using stage = new Stage();
    const { cloud, folder } = await openWorld(stage);
    const shell = `${inTerminal} echo $! > script; wait`;
    const daemon = await stage.spawn({ folder, env, shell }).answering();
    let script = 0;
    await until('the other side is known', () => {
      script = Number(readFileSync(join(folder, 'script'), 'utf8'));
      return script > 0;
    });
    // Stopped, `script` does not read its side of the terminal.
    process.kill(script, 'SIGSTOP');
    for (let n = 0; n < 2; n++) await heals(daemon, cloud);
    process.kill(script, 'SIGKILL');
    await until('lines are lost', async () => (await dropped(daemon)) > 0);
    await heals(daemon, cloud);
    await endsInTime(daemon);
  });

  it.skipIf(!canMount)(
    'a disk that fills up while it runs: whole lines come again when it has space, in a deleted file too',
    async () => {
      await using stage = new Stage();
      const { cloud, folder } = await openWorld(stage);
      const disk = join(folder, 'disk');
      mkdirSync(disk);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]);
      stage.onLeave(() => execFileSync('umount', ['-l', disk]));
      const daemon = await stage.spawn({ folder, env, shell: 'run > disk/log' }).answering();
      await until('lines are lost', async () => (await dropped(daemon)) > 0);
      await heals(daemon, cloud);
      const lost = await dropped(daemon);
      const log = join(disk, 'log');
      const full = statSync(log).size;
      execFileSync('mount', ['-o', 'remount,size=1m', disk]);
      await until('it grows again', () => statSync(log).size > full + 1_000);
      const lostUntilThen = await dropped(daemon);
      expect(lostUntilThen).toBeGreaterThanOrEqual(lost);
      const stillOpen = openSync(log, 'r');
      rmSync(log);
      await heals(daemon, cloud);
      expect(await dropped(daemon)).toBe(lostUntilThen);
      await endsInTime(daemon);
      const lines = readFileSync(stillOpen, 'utf8').split('\n');
      closeSync(stillOpen);
      expect(lines.at(-1)).toBe('');
      // The one that was cut stands alone.
      expect(lines.slice(0, -1).filter((line) => !isJson(line)).length).toBeLessThanOrEqual(1);
      expect(lines.some((line) => line.includes('"event":"stopped"'))).toBe(true);
    },
  );
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe.concurrent('a start that fails ends at once with its exit code, whatever takes its sentence', () => {
  it.each([
    ['a full device', 'run > /dev/full 2> /dev/full'],
    ['closed', 'run >&- 2>&-'],
    ['a pipe that nobody reads, full', '{ head -c 1000000 /dev/zero & sleep 0.2; run; } 2>&1 | sleep 30 '],
    ['a reader that has gone', '((run) 2>&1; echo $? > code) | true; exit $(cat code)'],
  ])('%s', async (_name, shell) => {
    await using stage = new Stage();
    const folder = stage.folder();
    writeConfig(folder, 'accounts: []\n');
    const daemon = stage.spawn({ folder, env, shell });
    await until('it has begun', () => existsSync(join(folder, 'pid')));
    expect(await daemon.gone()).toBeLessThan(endsWithinMs);
    if (!shell.includes('sleep')) expect((await daemon.ended).code).toBe(78);
  });
});
