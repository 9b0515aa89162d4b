/** Which of the known words somebody probably meant. Apart because keys, values and names all ask it. */

/** Longer words are not compared: a mistyped key is never that long, a pasted file may be. */
const longestCompared = 64;

const plain = (word: string) => word.toLowerCase().replace(/[-_ ./]/g, '');

/** Insertions, deletions, replacements and swaps of neighbours that lead from one word to the other. */
export function distance(from: string, to: string): number {
  let before: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (last[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      const least = Math.min(replaced, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      row.push(swapped ? Math.min(least, (before[j - 2] ?? 0) + 1) : least);
    }
    before = last;
    last = row;
  }
  return last[to.length] ?? 0;
}

/**
 * The nearest of `known`, if it is near enough to be meant: a third of the letters may differ; spelling style never counts.
 * If none is, the only one that begins so.
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > longestCompared) return undefined;
  const asked = plain(word);
  if (asked === '') return undefined;
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const apart = distance(asked, plain(candidate));
    const allowed = Math.max(1, Math.floor(Math.max(asked.length, plain(candidate).length) / 3));
    if (apart <= allowed && apart < bestDistance) {
      best = candidate;
      bestDistance = apart;
    }
  }
  if (best !== undefined || asked.length < 3) return best;
  const begun = known.filter((candidate) => plain(candidate).startsWith(asked));
  return begun.length === 1 ? begun[0] : undefined;
}
