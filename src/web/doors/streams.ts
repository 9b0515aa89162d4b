/**
 * The listeners to events, in the thread of the doors: each gets the events it asked for, as they happen. Their number is
 * bounded; a listener that does not read is dropped, and comes back by itself with the number of the last event it has.
 */
import type { ServerResponse } from 'node:http';
import type { EventFilter, Happening, Joined, Limits } from '../between-threads.ts';
import { gap } from '../happenings.ts';

/** A proxy on the way must not take a quiet stream for a dead one. */
const breatheEverySeconds = 15;
/** Listeners read from here at their own pace. When it is full the older half goes, and with it those who have not read it. */
const mostRemembered = 1_000;

interface Listener {
  readonly res: ServerResponse;
  readonly address: string;
  readonly filter: EventFilter;
  upTo: number;
  readonly endsAt: number;
}

export type Streams = ReturnType<typeof createStreams>;

export function createStreams(
  { streams, streamsOfAddress, streamSeconds }: Limits,
  onListeners: (listeners: number) => void,
) {
  const listeners = new Set<Listener>();
  const remembered: Happening[] = [];

  function readOn(listener: Listener): void {
    const from = remembered.findLastIndex(({ seq }) => seq <= listener.upTo) + 1;
    for (const happening of remembered.slice(from)) {
      if (listener.res.writableNeedDrain) return;
      listener.upTo = happening.seq;
      if (wants(listener.filter, happening)) listener.res.write(happening.text);
    }
  }

  function forgetHalf(): void {
    const last = remembered.splice(0, mostRemembered / 2).at(-1);
    for (const { res, upTo } of listeners) if (last && upTo < last.seq) res.destroy();
  }

  return {
    hasRoom: (address: string): boolean =>
      listeners.size < streams && [...listeners].filter((one) => one.address === address).length < streamsOfAddress,
    /** The answer's beginning is written; from here on what happens follows, until the listener goes. */
    follow(res: ServerResponse, address: string, { filter, upTo }: Joined, second: number): Promise<void> {
      const listener: Listener = { res, address, filter, upTo, endsAt: second + streamSeconds };
      listeners.add(listener);
      onListeners(listeners.size);
      res.on('drain', () => readOn(listener));
      readOn(listener);
      return new Promise((resolve) => {
        res.once('close', () => {
          listeners.delete(listener);
          onListeners(listeners.size);
          if (listeners.size === 0) remembered.length = 0;
          resolve();
        });
      });
    },
    happened(happening: Happening): void {
      remembered.push(happening);
      for (const listener of listeners) readOn(listener);
      if (remembered.length > mostRemembered) forgetHalf();
    },
    gap(): void {
      for (const { res } of listeners) res.write(gap);
    },
    onSecond(second: number): void {
      for (const listener of listeners) {
        if (second >= listener.endsAt) listener.res.end();
        else if (second % breatheEverySeconds === 0 && listener.res.writableLength === 0) listener.res.write(':\n\n');
      }
    },
    end(): void {
      for (const { res } of listeners) res.end();
    },
  };
}

const wants = ({ account, group, taskId, types }: EventFilter, happening: Happening): boolean =>
  (account === undefined || account === happening.account) &&
  (group === undefined || group === happening.group) &&
  (taskId === undefined || taskId === happening.taskId) &&
  (types === undefined || types.includes(happening.type));
