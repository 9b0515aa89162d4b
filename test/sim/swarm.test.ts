/**
 * The swarm within `npm test`: seeds that found something once, fresh ones from the commit's hash, and the relations
 * between histories. More of it: `npm run sim -- --minutes 10`. That it finds what it should: `npm run mutants`.
 */
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { draw, seeded } from '../../src/simulator/random.ts';
import { calmScript, openGate } from './calm.ts';
import { playScript, playSeed, type Verdict } from './swarm.ts';

/** Each of them found a fault in src/ (see the commits that name them), or in the simulation. */
const known = [
  12, 47, 67, 68, 120, 150, 164, 221, 272, 279, 353, 415, 450, 646, 669, 674, 728, 898, 928, 1320, 20484, 21161, 21396,
  194297438, 402833084, 402834077, 402835958, 402834050, 402835480, 402834521, 402835231, 402834292, 405002304,
  405004003, 405738129, 405738539, 407645650, 407647272, 407649317, 408830830, 408832681, 408832628, 408839671,
  408840429, 409836127, 409844756, 409845444, 410594603, 410595344, 410597169, 410597830, 410599036, 410599928,
  410600054, 410600584, 410601023, 410601450, 410601655, 410601993, 411315565, 412589297, 412731487, 414510672,
  414511016, 414511465, 414512561, 414515934, 414516622, 414517314, 414517439, 414518010, 415876270, 415876968,
  416629012, 416635021,
];
const freshSeeds = 60;
/** On a busy machine fewer fresh seeds are played, rather than the whole being late. */
const freshWithinMs = 25_000;

function expectGreen({ seed, violation, lines }: Verdict): void {
  if (violation === undefined) return;
  expect.fail(`${violation}\n\n${lines.slice(-50).join('\n')}\n\nTo replay it: npm run sim -- --seed ${seed} --trace`);
}

/** Changes with every commit, so that the same code is tried with the same seeds. */
function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'no commit';
  }
}

test('seeds that failed once', { timeout: 60_000 }, async () => {
  for (const seed of known) expectGreen(await playSeed(seed));
});

test('fresh seeds of this commit', { timeout: 60_000 }, async () => {
  const random = seeded(1, commit());
  const endsAt = Date.now() + freshWithinMs;
  let hours = 0;
  for (let i = 0; i < freshSeeds && Date.now() < endsAt; i++) {
    const verdict = await playSeed(Math.floor(draw(random) * 1e9));
    expectGreen(verdict);
    hours += verdict.hours;
  }
  expect(hours).toBeGreaterThan(5);
});

describe('relations', () => {
  test.each([3, 14, 27])('the same seed, the same history: %i', { timeout: 30_000 }, async (seed) => {
    const [once, again] = [await playSeed(seed), await playSeed(seed)];
    expect(again.fingerprint).toBe(once.fingerprint);
    expect(once.events).toBeGreaterThan(100);
  });

  test.each([3, 7, 14, 40])('the list in another order, the same restarts: %i', { timeout: 30_000 }, async (seed) => {
    const straight = await playSeed(seed);
    const reversed = await playSeed(seed, { shuffle: (items) => items.toReversed() });
    expect(reversed.sends).toEqual(straight.sends);
    expect(straight.sends.length).toBeGreaterThan(5);
  });

  test.each([1, 2, 3, 4, 5, 6])(
    'every duration doubled, the same restarts at twice the time: %i',
    { timeout: 30_000 },
    async (seed) => {
      const options = { gate: openGate };
      const [single, double] = [
        await playScript(calmScript(seed, 1), options),
        await playScript(calmScript(seed, 2), options),
      ];
      expectGreen(single);
      expectGreen(double);
      const within = ({ sends }: Verdict, ms: number) =>
        sends
          .map((send) => send.split(' '))
          .map(([at = '', taskId = '']) => ({ at: Number(at), taskId }))
          .filter(({ at }) => at < ms);
      const halfDay = 4.9 * 3_600_000;
      const [once, twice] = [within(single, halfDay), within(double, 2 * halfDay)];
      expect(twice.map(({ taskId }) => taskId)).toEqual(once.map(({ taskId }) => taskId));
      for (const [index, { at }] of once.entries()) expect(Math.abs((twice[index]?.at ?? 0) - 2 * at)).toBeLessThan(50);
      expect(once.length).toBeGreaterThan(10);
    },
  );
});
