/**
 * How a server may count: three ways to refuse a call as one too many, and the plain truth about the worst second.
 * All take arrivals in milliseconds, in order.
 */
const secondMs = 1_000;

/** The most arrivals within any [x, x + 1 s). */
export function worstSecond(arrivals: readonly number[]): number {
  let worst = 0;
  let first = 0;
  arrivals.forEach((arrival, index) => {
    while (arrival - (arrivals[first] ?? arrival) >= secondMs) first++;
    worst = Math.max(worst, index - first + 1);
  });
  return worst;
}

export interface Judge {
  readonly name: 'sliding' | 'fixed' | 'bucket';
  /** For each arrival whether this server takes it. Refused calls do not count towards its limit. */
  readonly takes: (arrivals: readonly number[], perSecond: number) => readonly boolean[];
}

export const judges: readonly Judge[] = [
  {
    name: 'sliding',
    takes: (arrivals, perSecond) => {
      const taken: number[] = [];
      return arrivals.map((arrival) => {
        const oldest = taken[taken.length - perSecond];
        const takes = oldest === undefined || arrival - oldest >= secondMs;
        if (takes) taken.push(arrival);
        return takes;
      });
    },
  },
  {
    name: 'fixed',
    takes: (arrivals, perSecond) => {
      let second = Number.NaN;
      let taken = 0;
      return arrivals.map((arrival) => {
        const now = Math.floor(arrival / secondMs);
        if (now !== second) taken = 0;
        second = now;
        return taken < perSecond && ++taken > 0;
      });
    },
  },
  {
    name: 'bucket',
    takes: (arrivals, perSecond) => {
      let tokens = perSecond;
      let last = arrivals[0] ?? 0;
      return arrivals.map((arrival) => {
        tokens = Math.min(perSecond, tokens + ((arrival - last) / secondMs) * perSecond);
        last = arrival;
        // A sum of a thousand fractions may miss a whole token by its rounding.
        const takes = tokens >= 1 - 1e-9;
        if (takes) tokens -= 1;
        return takes;
      });
    },
  },
];

/** How many of the arrivals each of the three refuses. */
export function refusals(arrivals: readonly number[], perSecond: number): Record<Judge['name'], number> {
  const refused = { sliding: 0, fixed: 0, bucket: 0 };
  for (const judge of judges) refused[judge.name] = judge.takes(arrivals, perSecond).filter((takes) => !takes).length;
  return refused;
}
