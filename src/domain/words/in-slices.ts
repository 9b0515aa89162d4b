/** Does a long piece of work in slices, so that other work of the process goes first in between. */

/** Gives what `slices` gives at its end. */
export async function inSlices<T>(
  slices: Generator<void, T>,
  clock: { readonly yield: () => Promise<void> },
): Promise<T> {
  for (;;) {
    const slice = slices.next();
    if (slice.done) return slice.value;
    await clock.yield();
  }
}
