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

/** With what it has. */
interface Share extends Candidate {
  readonly kept: string[];
}

const byLoad = (a: Share, b: Share): number => a.kept.length - b.kept.length;

/** `owners`: who has each account now; an account without a living owner is left out. Gives whose each should be. */
export function assign(
  accounts: readonly string[],
  candidates: readonly Candidate[],
  owners: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const shares = candidates.map((one): Share => ({ ...one, kept: [] })).sort((a, b) => (a.id < b.id ? -1 : 1));
  const free: string[] = [];
  for (const account of accounts.toSorted()) {
    const owner = shares.find(({ id }) => id === owners.get(account));
    const kept = owner?.accounts.has(account) ? owner.kept : free;
    kept.push(account);
  }
  for (const account of free) {
    const [least] = shares.filter((one) => one.accounts.has(account)).sort(byLoad);
    least?.kept.push(account);
  }
  while (moveOne(shares));
  return new Map(shares.flatMap(({ id, kept }) => kept.map((account) => [account, id] as const)));
}

/** One account from the fullest replica that can give to one that has at least two fewer. */
function moveOne(shares: readonly Share[]): boolean {
  const emptiest = shares.toSorted(byLoad);
  for (const from of shares.toSorted((a, b) => byLoad(b, a))) {
    for (const to of emptiest) {
      if (!to.settled || byLoad(from, to) < 2) continue;
      const given = from.kept.findLast((account) => to.accounts.has(account));
      if (given === undefined) continue;
      from.kept.splice(from.kept.indexOf(given), 1);
      to.kept.push(given);
      return true;
    }
  }
  return false;
}
