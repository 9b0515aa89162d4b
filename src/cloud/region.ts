/**
 * Which region calls are signed for. BytePlus' pages and its official clients name two different ones, so unless the
 * configuration names one, the other is tried when the first is refused, until a call has succeeded.
 */

const mayMeanRegion: ReadonlySet<string | undefined> = new Set(['SignatureDoesNotMatch', 'InvalidCredential']);

export type Region = ReturnType<typeof createRegion>;

/**
 * `remembered`: the region that worked before, read from the ledger before the first call; it is tried first. `onFound` is
 * called at most once: with the region that works, if there was a choice and it is not the remembered one.
 */
export function createRegion(
  candidates: readonly [string, ...string[]],
  remembered: () => string | undefined,
  onFound: (region: string) => void,
) {
  /** Undefined: nothing was refused yet, and what is remembered may still be read. */
  let refusedTo: number | undefined;
  let settled = candidates.length === 1;
  const index = () => refusedTo ?? Math.max(0, candidates.indexOf(remembered() ?? candidates[0]));
  const current = (): string => candidates[index()] ?? candidates[0];
  return {
    current,
    /** A call was taken: its region is the right one. */
    worked(): void {
      if (!settled && current() !== remembered()) onFound(current());
      settled = true;
    },
    /** A call was refused with this code. True if that can be the region's fault, and now there is another to sign for. */
    refused(code: string | undefined): boolean {
      if (settled || !mayMeanRegion.has(code)) return false;
      refusedTo = (index() + 1) % candidates.length;
      return true;
    },
  };
}
