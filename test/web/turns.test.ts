import { expect, test } from 'vitest';
import type { Clock } from '../../src/domain/ports/time-port.ts';
import { type Asker, createTurns } from '../../src/web/turns.ts';

/** Time passes only when somebody sleeps or works. */
function tame() {
  let now = 0;
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    // A turn that is waited for ends before its time is up.
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal) return signal.addEventListener('abort', () => resolve());
        now += ms;
        resolve();
      }),
    after: () => () => {},
    yield: async () => {},
  };
  return {
    clock,
    work: (ms: number) => async () => {
      now += ms;
      return now;
    },
  };
}

test('web work takes a quarter of the time, after 50 ms at once', async () => {
  const { clock, work } = tame();
  const turns = createTurns(clock);
  const ends = await Promise.all(Array.from({ length: 100 }, () => turns('listen', work(10))));
  expect(ends.slice(0, 6)).toEqual([10, 20, 30, 40, 50, 60]);
  // A second of work, of which 50 ms need no rest.
  expect(ends.at(-1)).toBeGreaterThan(3_600);
  expect(ends.at(-1)).toBeLessThan(4_100);
  for (const [n, end] of ends.entries()) expect(10 * (n + 1)).toBeLessThanOrEqual(end / 4 + 60);
});

test('after a rest there are 50 ms at once again, never more', async () => {
  const { clock, work } = tame();
  const turns = createTurns(clock);
  await turns('listen', work(50));
  // It is still being reckoned up.
  await new Promise(setImmediate);
  await clock.sleep(60_000);
  const began = clock.monotonic();
  const ends = await Promise.all(Array.from({ length: 10 }, () => turns('listen', work(50))));
  expect(ends.map((end) => end - began).slice(0, 2)).toEqual([50, 100]);
  expect((ends.at(-1) ?? 0) - began).toBeGreaterThan(1_600);
});

test('doors take turns: who waits at one is not kept waiting by a flood at another', async () => {
  const { clock, work } = tame();
  const turns = createTurns(clock);
  const order: Asker[] = [];
  const ask = (asker: Asker) => turns(asker, work(1)).then(() => order.push(asker));
  const flood = Array.from({ length: 50 }, () => ask('listen'));
  await Promise.all([ask('socket'), ask('scrape'), ...flood]);
  expect(order.slice(0, 4)).toContain('socket');
  expect(order.slice(0, 4)).toContain('scrape');
});

test('what takes longer than a turn goes on beside the others, and a failure stops nobody', async () => {
  const { clock, work } = tame();
  const turns = createTurns({
    ...clock,
    sleep: (ms, signal) => (signal ? Promise.resolve() : clock.sleep(ms)),
  });
  const forEver = turns('socket', () => new Promise<never>(() => {}));
  const failed = turns('socket', () => Promise.reject(new Error('no')));
  await expect(failed).rejects.toThrow('no');
  expect(await turns('socket', work(1))).toBeGreaterThan(0);
  await expect(Promise.race([forEver, Promise.resolve('under way')])).resolves.toBe('under way');
});
