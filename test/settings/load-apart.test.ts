/** Threads that read a configuration and never end: what a file system that is gone makes of them. */
import { EventEmitter } from 'node:events';
import { expect, test, vi } from 'vitest';
import { loadApart } from '../../src/settings/load-apart.ts';
import { VirtualClock } from '../sim/virtual-clock.ts';

/** As the kernel holds them: asked to end, they do so when their file system is back. */
const threads = vi.hoisted(() => [] as EventEmitter[]);
vi.mock('node:worker_threads', () => ({
  Worker: class extends EventEmitter {
    constructor() {
      super();
      threads.push(this);
    }
    async terminate() {}
  },
}));

test('readings that hang are few, however often somebody asks, and end when the file system is back', async () => {
  const clock = new VirtualClock(0);
  const errors: (string | undefined)[] = [];
  const ask = async () => {
    const loaded = loadApart({ path: 'relaykeeper.yaml', env: {}, engines: ['sqlite'] }, clock);
    await clock.run(31_000);
    const end = await loaded;
    errors.push(end.ok ? undefined : end.errors[0]?.message);
  };
  for (let time = 0; time < 10; time++) await ask();
  expect(threads).toHaveLength(3);
  expect(new Set(errors.slice(0, 3))).toEqual(new Set(['was not read within 30 s']));
  expect(new Set(errors.slice(3))).toEqual(
    new Set(['was not read: 3 earlier readings of it hang. Is its file system gone, or that of a file that it names?']),
  );
  threads[0]?.emit('exit');
  await ask();
  expect(threads).toHaveLength(4);
});
