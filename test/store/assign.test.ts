/** Whose each account should be: even, and with as few moves as can be. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assign, type Candidate } from '../../src/store/postgres/assign.ts';

const accounts = Array.from({ length: 12 }, (_, i) => `a${String(i).padStart(2, '0')}`);
const candidate = (id: string, settled = true, able: readonly string[] = accounts): Candidate => ({
  id,
  settled,
  accounts: new Set(able),
});
const countsOf = (whose: ReadonlyMap<string, string>) => {
  const counts = new Map<string, number>();
  for (const id of whose.values()) counts.set(id, (counts.get(id) ?? 0) + 1);
  return Object.fromEntries([...counts].toSorted());
};

describe('the accounts', () => {
  it.each<[string, readonly Candidate[], Readonly<Record<string, number>>, Readonly<Record<string, number>>]>([
    ['all go to the only one', [candidate('x')], {}, { x: 12 }],
    ['are shared evenly', [candidate('x'), candidate('y'), candidate('z')], {}, { x: 4, y: 4, z: 4 }],
    [
      'stay where they are while nobody has two fewer',
      [candidate('x'), candidate('y')],
      { x: 7, y: 5 },
      { x: 6, y: 6 },
    ],
    [
      'stay while nobody has two fewer',
      [candidate('x'), candidate('y'), candidate('z')],
      { x: 5, y: 4, z: 3 },
      { x: 4, y: 4, z: 4 },
    ],
    [
      'stay with who has one more',
      [candidate('x', true, accounts.slice(0, 11)), candidate('y')],
      { x: 6 },
      { x: 6, y: 6 },
    ],
    ['do not move to one that has only just begun', [candidate('x'), candidate('y', false)], { x: 12 }, { x: 12 }],
    [
      'without an owner go to one that has only just begun',
      [candidate('x'), candidate('y', false)],
      { x: 6 },
      { x: 6, y: 6 },
    ],
    [
      'of one that is gone are shared by the others',
      [candidate('x'), candidate('y')],
      { x: 4, y: 4, gone: 4 },
      { x: 6, y: 6 },
    ],
    ['go only to who knows them', [candidate('x'), candidate('y', true, accounts.slice(0, 2))], {}, { x: 10, y: 2 }],
  ])('%s', (_, candidates, had, has) => {
    const owners = new Map<string, string>();
    let next = 0;
    for (const [id, count] of Object.entries(had))
      for (let i = 0; i < count; i++) owners.set(accounts[next++] ?? '', id);
    expect(countsOf(assign(accounts, candidates, owners))).toEqual(has);
  });

  it('come to rest: who sees the outcome changes nothing, and nobody has two more than another', () => {
    const ids = fc.uniqueArray(fc.constantFrom('p', 'q', 'r', 's', 't'), { minLength: 1 });
    fc.assert(
      fc.property(
        ids,
        fc.array(fc.constantFrom('p', 'q', 'r', 's', 't', 'u'), { minLength: 12, maxLength: 12 }),
        (living, owned) => {
          const candidates = living.map((id) => candidate(id));
          const first = assign(accounts, candidates, new Map(accounts.map((account, i) => [account, owned[i] ?? ''])));
          expect(assign(accounts, candidates.toReversed(), first)).toEqual(first);
          expect(first.size).toBe(12);
          const counts = living.map((id) => [...first.values()].filter((one) => one === id).length);
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});
