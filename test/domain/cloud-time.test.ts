import { expect, test } from 'vitest';
import { byCloud, byOurs, cloudTime, msBetween, plus } from '../../src/domain/words/cloud-time.ts';

test('the compiler refuses to mix the cloud’s time with ours', () => {
  const [ours, theirs] = [1_000, cloudTime(601_000)];
  // Each line is an error to the compiler; `npx tsc` fails if one is none.
  const mixed = [
    // @ts-expect-error
    () => theirs - ours,
    // @ts-expect-error
    () => ours - theirs,
    // @ts-expect-error
    () => theirs > ours,
    // @ts-expect-error
    () => Math.max(ours, theirs),
    // @ts-expect-error
    (): number => theirs,
    // @ts-expect-error
    () => msBetween(theirs, ours),
  ];
  expect(mixed).toHaveLength(6);
});

test('there and back by the difference of the clocks', () => {
  expect(byOurs(cloudTime(601_000), 600_000)).toBe(1_000);
  expect(byCloud(1_000, 600_000)).toBe(601_000);
  expect(msBetween(byCloud(1_000, 600_000), plus(cloudTime(601_000), 45_000))).toBe(45_000);
  expect(plus(cloudTime(1), 1) > cloudTime(1)).toBe(true);
});
