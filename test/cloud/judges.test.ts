import { describe, expect, test } from 'vitest';
import { refusals, worstSecond } from './judges.ts';

const burst = (at: number, calls: number) => Array<number>(calls).fill(at);

describe('the judges', () => {
  test.each<[string, number[], number, { sliding: number; fixed: number; bucket: number }]>([
    ['nothing at all', [], 0, { sliding: 0, fixed: 0, bucket: 0 }],
    ['two at once are all that a second has', burst(0, 2), 2, { sliding: 0, fixed: 0, bucket: 0 }],
    ['the third is one too many for each', burst(0, 3), 3, { sliding: 1, fixed: 1, bucket: 1 }],
    [
      'a second later there is room for two again',
      [...burst(300, 2), ...burst(1_300, 2)],
      2,
      { sliding: 0, fixed: 0, bucket: 0 },
    ],
    [
      'a millisecond less is too early, but another second on the wall',
      [...burst(1, 2), ...burst(1_000, 2)],
      4,
      { sliding: 2, fixed: 0, bucket: 1 },
    ],
    [
      'a bucket gives back half a second later what a window has not',
      [...burst(0, 2), 500],
      3,
      { sliding: 1, fixed: 1, bucket: 0 },
    ],
    ['a refused call takes no room', [0, 0, 0, 1_000, 1_000], 3, { sliding: 1, fixed: 1, bucket: 1 }],
  ])('%s', (_, arrivals, worst, refused) => {
    expect(worstSecond(arrivals)).toBe(worst);
    expect(refusals(arrivals, 2)).toEqual(refused);
  });
});
