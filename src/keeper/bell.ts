/** Wakes the one loop that waits for something to do; a ring while nobody waits is kept, and rings do not add up. */
export class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves at the next ring, at once if one was kept, or when `signal` aborts. One waiter at a time. */
  async wait(signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener('abort', resolve as () => void, { once: true });
      });
      // A long life must not collect listeners.
      if (this.#wake) signal.removeEventListener('abort', this.#wake);
    }
    this.#rung = false;
    this.#wake = undefined;
  }
}
