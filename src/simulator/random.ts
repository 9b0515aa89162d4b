/**
 * Chance with a seed, so that one integer is one history of the pretend cloud.
 *
 * The state is a plain number in a plain object: it can be copied with the world, and each task has its own, so that
 * the order in which tasks are looked at changes nothing. The generator is mulberry32 (Tommy Ettinger, public domain
 * algorithm): 32 bits of state are plenty for a pretence, and never good enough for a secret.
 */

export interface Random {
  state: number;
}

/** Least and most, both reachable. */
export type Span = readonly [number, number];

/** The same seed and salt give the same numbers; different salts give unrelated ones (FNV-1a over both). */
export function seeded(seed: number, salt = ''): Random {
  let hash = 0x811c9dc5;
  for (const character of `${seed}#${salt}`) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  return { state: hash >>> 0 };
}

/** 0 ≤ x < 1. */
export function draw(random: Random): number {
  random.state = (random.state + 0x6d2b79f5) >>> 0;
  let mixed = random.state;
  mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}

export function between(random: Random, [least, most]: Span): number {
  return least + draw(random) * (most - least);
}

/** Time to the next event of a Poisson process with this mean gap: −mean × ln(1 − u). */
export function untilNext(random: Random, meanMs: number): number {
  return -meanMs * Math.log(1 - draw(random));
}

export function hex(random: Random, digits: number): string {
  let text = '';
  while (text.length < digits) text += Math.floor(draw(random) * 16).toString(16);
  return text;
}

/** Throws on an empty list. */
export function pick<T>(random: Random, list: readonly T[]): T {
  const chosen = list[Math.floor(draw(random) * list.length)];
  if (chosen === undefined) throw new Error('nothing to pick from');
  return chosen;
}
