import { expect, test } from 'vitest';
import { writeDownConfig } from '../../src/app/config-trail.ts';
import type { ConfigDifference } from '../../src/domain/words/events.ts';
import { account, running, seldom } from './running.ts';

const yaml = `accounts: [${account('main', seldom)}, ${account('second', seldom)}]\ngroups: [{name: vip}]\n`;
const nothing = { added: [], removed: [], changed: [] };
const vip: ConfigDifference = { accounts: nothing, groups: { ...nothing, changed: ['vip'] }, changed: [] };

async function started(lost?: AbortSignal) {
  const daemon = await running(yaml, lost);
  await daemon.run(20);
  const written = () =>
    daemon.stored.flatMap(({ event }) =>
      event.type === 'config-changed' ? [[event.account, event.hash, event.difference?.groups.changed]] : [],
    );
  const trail = async (hash: string, difference: ConfigDifference | null) => {
    await writeDownConfig({ history: daemon.history }, daemon.fleet, hash, difference);
    await daemon.run(1);
  };
  return { daemon, written, trail };
}

test('each change is written down, with what differs; a start, and a replica, with the same file adds nothing', async () => {
  const { daemon, written, trail } = await started();
  await using _ = daemon;
  await trail('one', null);
  await trail('one', null);
  await trail('two', vip);
  await trail('two', vip);
  await trail('one', vip);
  // Changed while nothing ran.
  await trail('three', null);
  expect(written()).toEqual([
    ['main', 'one', undefined],
    ['main', 'two', ['vip']],
    ['main', 'one', ['vip']],
    ['main', 'three', undefined],
  ]);
  const [newest] = await daemon.operations.events({ types: ['config-changed'], limit: 2 });
  expect(newest?.sentence).toBe('started with a new configuration (three)');
});

test('who owns no account writes nothing', async () => {
  const { daemon, written, trail } = await started(AbortSignal.abort());
  await using _ = daemon;
  await trail('one', vip);
  expect(written()).toEqual([]);
});
