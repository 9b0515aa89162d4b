/** What fresh histories are drawn from: it changes with every commit, and the same code is tried with the same ones. */
import { execFileSync } from 'node:child_process';

/** Hexadecimal; zeros outside a repository. */
export function commitHash(): string {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '0'.repeat(40);
  }
}
