/** When a cloud group whose list failed is asked for together with the others again. */
import { expect, test } from 'vitest';
import { createIllGroups } from '../../src/cloud/list/ill-groups.ts';

/** Minutes and what was seen then: `-` its list failed, `+` it was answered. Gives when it was well again. */
function wellAfter(...seen: readonly (readonly [minutes: number, '-' | '+'])[]): readonly number[] {
  let now = 0;
  const ill = createIllGroups({ monotonic: () => now });
  const well: number[] = [];
  for (const [minutes, what] of seen) {
    now = minutes * 60_000;
    const before = ill.has('g');
    if (what === '-') ill.failed('g', 0);
    else ill.answered('g', 'in time');
    if (before && !ill.has('g')) well.push(minutes);
  }
  return well;
}

const every = (from: number, to: number, what: '-' | '+') =>
  Array.from({ length: to - from + 1 }, (_, n) => [from + n, what] as const);

test.each([
  ['the first time, after ten minutes of answers', [...every(0, 3, '-'), ...every(4, 30, '+')], [14]],
  [
    'the second time, after twenty',
    [...every(0, 0, '-'), ...every(1, 11, '+'), ...every(12, 13, '-'), ...every(14, 60, '+')],
    [11, 34],
  ],
  [
    'one that fails again before it is well has fallen ill again',
    [...every(0, 0, '-'), ...every(1, 9, '+'), ...every(10, 10, '-'), ...every(11, 60, '+')],
    [31],
  ],
  [
    'an hour without a failure later it is the first time again',
    [...every(0, 0, '-'), ...every(1, 61, '+'), ...every(62, 62, '-'), ...every(63, 90, '+')],
    [11, 73],
  ],
] as const)('%s', (_sentence, seen, expected) => {
  expect(wellAfter(...seen)).toEqual(expected);
});

test('one that answered last time is asked first, and none before it may be', () => {
  let now = 0;
  const ill = createIllGroups({ monotonic: () => now });
  for (const name of ['a', 'b', 'c']) ill.failed(name, 0);
  ill.answered('c', 'in time');
  ill.failed('b', 60_000);
  expect([ill.toBeAsked(['a', 'b', 'c']), ill.convalesces('c')]).toEqual([['c', 'a'], true]);
  now = 60_000;
  expect(ill.toBeAsked(['a', 'b', 'c'])).toEqual(['c', 'a', 'b']);
});

test('one that answers late is well at once the first time, then after one minute, three, and seven', () => {
  let minutes = 0;
  const ill = createIllGroups({ monotonic: () => minutes * 60_000 });
  const waited = [1, 2, 3, 4].map(() => {
    ill.failed('g', 0);
    const since = minutes;
    ill.answered('g', 'late');
    while (ill.has('g')) {
      minutes++;
      ill.answered('g', 'late');
    }
    return minutes - since;
  });
  expect(waited).toEqual([0, 1, 3, 7]);
});

test('when none is well all are asked together, and what they had is not forgotten', () => {
  let now = 0;
  const ill = createIllGroups({ monotonic: () => now });
  ill.failed('a', 0);
  ill.allAreWell();
  expect(ill.has('a')).toBe(false);
  ill.failed('a', 0);
  for (const minutes of [1, 12, 21]) {
    now = minutes * 60_000;
    ill.answered('a', 'in time');
    expect(ill.has('a')).toBe(minutes < 21);
  }
});
