/** What a script is drawn with: one row of numbers for each salt of a seed, and units of time. */
import { execFileSync } from 'node:child_process';
import { between, draw, pick, type Random, seeded } from '../../src/simulator/random.ts';

export const second = 1_000;
export const minute = 60 * second;
export const hour = 60 * minute;

export class Dice {
  readonly random: Random;
  constructor(seed: number, salt: string) {
    this.random = seeded(seed, salt);
    // The first numbers of neighbouring seeds are alike.
    for (let i = 0; i < 8; i++) draw(this.random);
  }
  chance = (p: number): boolean => draw(this.random) < p;
  int = (least: number, most: number): number => least + Math.floor(draw(this.random) * (most - least + 1));
  ms = (least: number, most: number): number => Math.round(between(this.random, [least, most]));
  pick = <T>(list: readonly T[]): T => pick(this.random, list);
}

/** What fresh histories are drawn from: it changes with every commit. Hexadecimal; zeros outside a repository. */
export function commitHash(): string {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '0'.repeat(40);
  }
}
