/**
 * Which region calls are signed for. BytePlus' pages and its official clients name two different ones, so without a
 * word in the configuration the other one is tried when the first is refused, until a call has succeeded.
 */
export interface Region {
  current(): string;
  /** A call was taken: its region is the right one. */
  worked(): void;
  /** A call was refused with this code. True if that can be the region's fault, and now there is another to sign for. */
  refused(code: string | undefined): boolean;
}

const mayMeanRegion: ReadonlySet<string | undefined> = new Set(['SignatureDoesNotMatch', 'InvalidCredential']);

/** `onFound` is told once, if it is not the first candidate that works. */
export function createRegion(candidates: readonly [string, ...string[]], onFound: (region: string) => void): Region {
  let index = 0;
  let settled = candidates.length === 1;
  const current = () => candidates[index] ?? candidates[0];
  return {
    current,
    worked() {
      if (!settled && index > 0) onFound(current());
      settled = true;
    },
    refused(code) {
      if (settled || !mayMeanRegion.has(code)) return false;
      index = (index + 1) % candidates.length;
      return true;
    },
  };
}
