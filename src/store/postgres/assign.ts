/**
 * Which replica should have which account: pure, so that every replica that sees the same rows comes to the same answer.
 * As little moves as possible: an account goes only from a replica that has two more than another.
 */

export interface Candidate {
  readonly id: string;
  /** The accounts that it is configured for and wants. */
  readonly accounts: ReadonlySet<string>;
  /** It has been there long enough for accounts that have an owner to be moved to it. */
  readonly settled: boolean;
}

/** `owners`: who has each account now; an account without a living owner is left out. Gives whose each should be. */
export function assign(
  accounts: readonly string[],
  candidates: readonly Candidate[],
  owners: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const inOrder = candidates.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const owned = new Map<string, string[]>(inOrder.map(({ id }) => [id, []]));
  const loadOf = ({ id }: Candidate) => owned.get(id)?.length ?? 0;
  const least = (among: readonly Candidate[]) =>
    among.reduce<Candidate | undefined>((a, b) => (a && loadOf(a) <= loadOf(b) ? a : b), undefined);

  const sorted = accounts.toSorted();
  for (const account of sorted) {
    const owner = inOrder.find(({ id }) => id === owners.get(account));
    if (owner?.accounts.has(account)) owned.get(owner.id)?.push(account);
  }
  for (const account of sorted) {
    if ([...owned.values()].some((kept) => kept.includes(account))) continue;
    const taker = least(inOrder.filter((one) => one.accounts.has(account)));
    if (taker) owned.get(taker.id)?.push(account);
  }
  for (let moved = true; moved; ) moved = moveOne(inOrder, owned, loadOf);
  return new Map([...owned].flatMap(([id, kept]) => kept.map((account) => [account, id] as const)));
}

/** One account from the fullest replica that can give to one that has at least two fewer. */
function moveOne(
  candidates: readonly Candidate[],
  owned: ReadonlyMap<string, string[]>,
  loadOf: (candidate: Candidate) => number,
): boolean {
  for (const from of candidates.toSorted((a, b) => loadOf(b) - loadOf(a))) {
    for (const to of candidates.toSorted((a, b) => loadOf(a) - loadOf(b))) {
      if (!to.settled || loadOf(from) - loadOf(to) < 2) continue;
      const given = owned.get(from.id)?.findLast((account) => to.accounts.has(account));
      if (given === undefined) continue;
      const kept = owned.get(from.id) ?? [];
      kept.splice(kept.indexOf(given), 1);
      owned.get(to.id)?.push(given);
      return true;
    }
  }
  return false;
}
