/**
 * How far the cloud's clock is from ours, learned from the `Date` header of every answer: the
 * median of the last nine samples, taken as 0 below 2 s.
 */
const samplesKept = 9;
const halfSecondMs = 500;
const ignoredBelowMs = 2_000;
/** A `Date` further off than this is no clock. */
const believedMs = 100 * 365 * 86_400_000;
/**
 * The cloud refuses a call that was signed with a time far from its own (15 min, and this is four times that): where it
 * took ours, a `Date` further off is that of a proxy, or a wrong one.
 */
const acceptedSkewMs = 3_600_000;
/** Changes smaller than this are the header's resolution and the network's delay: not reported. */
const reportedFromMs = 1_000;

export type ClockOffset = ReturnType<typeof createClockOffset>;

export function createClockOffset(onChange: (offsetMs: number) => void) {
  let samples: number[] = [];
  let offsetMs = 0;
  let reportedMs: number | undefined;

  return {
    /**
     * `sentAt` and `answeredAt`: Unix milliseconds by our clock. `takenAs`: the cloud's time that the call was signed with,
     * if the cloud took it. True if the header was a time.
     */
    sample(date: string | undefined, sentAt: number, answeredAt: number, takenAs?: number): boolean {
      // The header is cut to whole seconds: on average the cloud's clock is half a second further.
      const cloudAt = date === undefined ? Number.NaN : Date.parse(date) + halfSecondMs;
      const seenMs = cloudAt - (sentAt + answeredAt) / 2;
      if (!(Math.abs(seenMs) <= believedMs)) return false;
      if (takenAs !== undefined && Math.abs(cloudAt - takenAs) > acceptedSkewMs) return false;
      // The cloud dated it at some moment of its way: what that explains is nothing new.
      const explainedMs = (answeredAt - sentAt) / 2 + halfSecondMs;
      const sampleMs = Math.abs(seenMs - offsetMs) <= explainedMs ? offsetMs : seenMs;
      samples = [...samples, sampleMs].slice(-samplesKept);
      const median = [...samples].sort((a, b) => a - b)[Math.floor(samples.length / 2)] ?? 0;
      offsetMs = Math.abs(median) < ignoredBelowMs ? 0 : Math.round(median);
      if (reportedMs === undefined || Math.abs(offsetMs - reportedMs) >= reportedFromMs) {
        reportedMs = offsetMs;
        onChange(offsetMs);
      }
      return true;
    },
    /** The cloud says that our time is wrong: only what it says from here on counts. */
    forget(): void {
      samples = [];
    },
    offsetMs: (): number => offsetMs,
  };
}
