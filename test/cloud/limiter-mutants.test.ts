/** Proves that the properties in limiter.test.ts can fail, and for the right reason. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { breed, mutants } from './limiter-mutants.ts';
import { broken, type Limiter, type Promised, play, type Scenario, scenarios } from './limiter-world.ts';

const attack = (limiter: Limiter, promised: Promised) =>
  fc.check(
    fc.property(scenarios, (scenario) => broken(promised, play(limiter, scenario), scenario.slewPpm).length === 0),
    { seed: 20_261_122, numRuns: 1_500 },
  );

describe('a mutant is caught, by a counterexample of a few moves', () => {
  test.each(mutants)('$name', async (mutant) => {
    const { failed, counterexample } = attack(await breed(mutant), mutant.breaks);
    expect(failed).toBe(true);
    const scenario: Scenario | undefined = counterexample?.[0];
    expect(scenario?.moves.length).toBeLessThanOrEqual(14);
  });
});

test('the limiter bred without a change is not', async () => {
  expect(attack(await breed({ name: 'none', changes: [] }), 'safe').failed).toBe(false);
});

test('a mutant whose words are gone from the source says so', async () => {
  await expect(breed({ name: 'stale', changes: [['no such words', '']] })).rejects.toThrow(
    'stale: "no such words" stands 0 times in limiter.ts',
  );
});
