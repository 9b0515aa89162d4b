/**
 * Passes stored events on to those who listen: once a second the new ones, and only while somebody listens. The thread of
 * the doors gets one message for each event and sends it to all of them.
 */
import type { Operations } from '../domain/ports/operations-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import type { EventView } from '../domain/views/shown.ts';
import { groupConcerned } from '../domain/words/events.ts';
import type { EventFilter, Happening, ToDoors } from './between-threads.ts';

const lookEveryMs = 1_000;
/** The most that is sent for one second, or to a listener that comes back: beyond that a list is the better picture. */
const mostSent = 500;

export const gap = 'event: gap\ndata: {}\n\n';
/** How soon a browser comes back, milliseconds. */
const retry = 'retry: 2000\n\n';

export type Happenings = ReturnType<typeof createHappenings>;

export function createHappenings(
  { events, settledUpTo }: Pick<Operations, 'events' | 'settledUpTo'>,
  clock: Clock,
  post: (message: ToDoors) => void,
) {
  const stop = new AbortController();
  /** The last event passed on; undefined: nobody has listened yet. */
  let sentUpTo: number | undefined;
  let listeners = 0;
  let looking = false;

  async function sendNew(): Promise<void> {
    const upTo = await settledUpTo();
    if (sentUpTo !== undefined && upTo <= sentUpTo) return;
    const fresh = await events({ after: sentUpTo, before: upTo + 1, limit: mostSent });
    if (fresh.length === mostSent) post({ kind: 'gap' });
    for (const stored of fresh.toReversed()) post({ kind: 'happened', happening: happeningOf(stored) });
    sentUpTo = upTo;
  }

  async function look(): Promise<void> {
    if (looking) return;
    looking = true;
    while (listeners > 0) {
      await clock.sleep(lookEveryMs, stop.signal);
      if (stop.signal.aborted) return;
      // A failing store reports itself; what it did not give comes once it does.
      await sendNew().catch(() => {});
    }
    looking = false;
  }

  return {
    /** What a listener who has seen `lastSeen` missed, as it is written out, and up to which event that is. */
    async join(filter: EventFilter, lastSeen: number | undefined) {
      // Finds nothing, and refuses names that there are not: a listener to those would wait for ever.
      if (Object.values(filter).some((wanted) => wanted !== undefined))
        await events({ ...filter, before: 0, limit: 1 });
      const upTo = await settledUpTo();
      const missed =
        lastSeen === undefined || lastSeen >= upTo
          ? []
          : await events({ ...filter, after: lastSeen, before: upTo + 1, limit: mostSent });
      if (!looking) sentUpTo = upTo;
      const texts = missed.toReversed().map((stored) => happeningOf(stored).text);
      return { backlog: [retry, ...(missed.length === mostSent ? [gap] : []), ...texts].join(''), upTo };
    },
    listening(count: number): void {
      listeners = count;
      void look();
    },
    close: () => stop.abort(),
  };
}

function happeningOf(stored: EventView): Happening {
  const { seq, event } = stored;
  return {
    seq,
    account: event.account,
    group: groupConcerned(event),
    taskId: 'taskId' in event ? event.taskId : undefined,
    type: event.type,
    text: `id: ${seq}\ndata: ${JSON.stringify(stored)}\n\n`,
  };
}
