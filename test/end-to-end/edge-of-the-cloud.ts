/**
 * What the cloud promises, leaves out or was once refused for, through the process: none of it keeps a stopped task
 * from being restarted, and what may be missing is told.
 */
import { describe, expect, it } from 'vitest';
import type { Effect } from '../../src/simulator/faults.ts';
import { account, env, key, type PretendCloud, tasks } from './cloud.ts';
import { command, configPath, type Daemon, plainServer, Stage, until } from './daemon.ts';

const configOf = (clouds: Readonly<Record<string, PretendCloud>>, more: object = {}) => ({
  log: { level: 'debug' },
  server: plainServer,
  accounts: Object.entries(clouds).map(([name, cloud]) => account(cloud, name, more)),
  groups: [{ name: 'vip', storm: false }],
});

const see = (daemon: Daemon) => () => daemon.tail();

describe.concurrent('the edge of the cloud', () => {
  it('a million promised, pages shorter than asked, totals that are none: all is seen, healed, and told', async () => {
    await using stage = new Stage();
    const faults: Readonly<Record<string, readonly Effect[]>> = {
      million: [{ kind: 'promise', total: 1_000_000 }],
      short: [{ kind: 'page-cap', most: 100 }],
      words: [
        { kind: 'promise', total: 'many' },
        { kind: 'page-cap', most: 100 },
      ],
      none: [{ kind: 'promise', total: -1 }],
    };
    const clouds: Record<string, PretendCloud> = {};
    for (const [name, effects] of Object.entries(faults)) {
      const cloud = await stage.cloud({ tasks: tasks(name, 250) });
      for (const effect of effects) cloud.fault({ match: { action: 'list' }, effect });
      clouds[name] = cloud;
    }
    const daemon = await stage.start({ folder: stage.folder(), env, config: configOf(clouds) });
    for (const name of Object.keys(clouds)) {
      await until(`${name} is listed`, () => daemon.said('poll-completed', { account: name }).length > 3, see(daemon));
      const line = daemon.said('poll-completed', { account: name }).at(-1);
      expect([name, line?.tasks, line?.drift]).toEqual([name, 250, name !== 'short']);
    }
    // Newest first: these are at the end of the list.
    const stoppedAt = performance.now();
    for (const [name, cloud] of Object.entries(clouds))
      for (let n = 1; n <= 5; n++) cloud.act({ kind: 'stop', taskId: `${name}-000${n}` });
    for (const [name, cloud] of Object.entries(clouds))
      await until(`${name} is healed`, () => cloud.count('生效中') === 250, see(daemon), 10_000);
    expect(performance.now() - stoppedAt).toBeLessThan(10_000);

    const calls = (cloud: PretendCloud) => cloud.lists().length;
    const polls = (name: string) => daemon.said('poll-completed', { account: name }).length;
    // A page of 250, one more to see the end: the promise made no more of it (and looks at restarts).
    if (clouds.million) expect(calls(clouds.million)).toBeLessThan(3 * (polls('million') + 20));

    for (const name of ['million', 'words', 'none']) {
      await daemon.saying('list-incomplete', { account: name });
      expect(await daemon.metric('list_incomplete', { account: name })).toBe(1);
    }
    expect(await daemon.metric('list_incomplete', { account: 'short' })).toBe(0);
    const { stdout } = await command(daemon.folder, ['status', '--config', configPath(daemon.folder)]);
    expect(stdout).toMatch(/^million\t.*list incomplete since/m);
    expect(stdout).not.toMatch(/^short\t.*list incomplete since/m);
    clouds.million?.mend();
    await daemon.saying('list-complete', { account: 'million' });
  });

  it('what a key was refused for ends with that key: at the next start, and in the running process', async () => {
    await using stage = new Stage();
    const cloud = await stage.cloud({ tasks: tasks('late', 3, { stopped: true }) });
    const folder = stage.folder();
    const wrong = { ...env, TEST_SECRET: 'c2VjcmV0LXRoYXQtaXMtd3Jvbmc' };
    const config = { ...configOf({ main: cloud }), groups: [{ name: 'vip', storm: false, firstSight: 'restart' }] };
    const first = await stage.start({ folder, env: wrong, config });
    // Refused often enough for the next probe to be half a minute away.
    await until('the circuit has backed off', () => first.said('circuit-probed').length >= 3, see(first), 60_000);
    await first.stop();
    const second = await stage.start({ folder, env });
    await until('all are healed', () => cloud.count('生效中') === 3, see(second), 8_000);
    await second.stop();
  });

  it('key files that change while the circuit is open are tried at once', async () => {
    await using stage = new Stage();
    const cloud = await stage.cloud({ tasks: tasks('filed', 2, { stopped: true }) });
    const folder = stage.folder();
    const { writeFileSync } = await import('node:fs');
    writeFileSync(`${folder}/ak`, key.accessKeyId);
    writeFileSync(`${folder}/sk`, 'c2VjcmV0LXRoYXQtaXMtd3Jvbmc');
    const credentials = { accessKeyIdFile: `${folder}/ak`, secretAccessKeyFile: `${folder}/sk` };
    const daemon = await stage.start({ folder, env, config: configOf({ main: cloud }, { credentials }) });
    await until('the circuit has backed off', () => daemon.said('circuit-probed').length >= 4, see(daemon), 60_000);
    writeFileSync(`${folder}/sk`, key.secretAccessKey);
    // Looked at every 2 s; the probe that was due would come 16 s after the one before.
    await until('all are healed', () => cloud.count('生效中') === 2, see(daemon), 8_000);
  });
});
