/** Gives work its turn, first come first served, so that at most so much of it runs at once under each name. */
export function fewAtOnce(most: number): <T>(work: () => Promise<T>, whose?: string) => Promise<T> {
  const turns = new Map<string, { running: number; readonly waiting: (() => void)[] }>();
  return async (work, whose = '') => {
    const turn = turns.get(whose) ?? { running: 0, waiting: [] };
    turns.set(whose, turn);
    if (turn.running < most) turn.running++;
    else await new Promise<void>((resolve) => turn.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = turn.waiting.shift();
      if (next) next();
      else if (--turn.running === 0) turns.delete(whose);
    }
  };
}
