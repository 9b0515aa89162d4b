/**
 * Who is connected to one door, and who has to go when it is full.
 *
 * Nobody is turned away: the newcomer is as likely to be the health check as a stranger. The connection that has made no
 * progress for longest is closed instead, first among those of the same address, and never one that waits for an answer.
 */
import type { Socket } from 'node:net';
import type { Limits } from '../between-threads.ts';

export interface Guest {
  readonly socket: Socket;
  readonly address: string;
  /** Requests not yet answered in full. */
  pending: number;
  /** The end of what it has asked so far. */
  served: Promise<void>;
  /** One of its requests is with the main thread. */
  asking: boolean;
  /** The second since which an answer waits to be read. */
  answeringSince: number | undefined;
}

export type Crowd = ReturnType<typeof createCrowd>;

export function createCrowd({ connections, connectionsOfAddress }: Limits) {
  // A set keeps its order: the connection that made progress last stands last.
  const guests = new Set<Guest>();

  function makeRoom(among: readonly Guest[]): boolean {
    const slowest = among.find(({ asking }) => !asking);
    if (!slowest) return false;
    guests.delete(slowest);
    slowest.socket.destroy();
    return true;
  }

  function makeRoomFor(address: string): boolean {
    const neighbours = [...guests].filter((guest) => guest.address === address);
    if (neighbours.length >= connectionsOfAddress) return makeRoom(neighbours);
    if (guests.size < connections) return true;
    const byAddress = [...Map.groupBy(guests, (guest) => guest.address).values()];
    return makeRoom(byAddress.reduce((most, one) => (one.length > most.length ? one : most)));
  }

  return {
    guests: guests as ReadonlySet<Guest>,
    /** Takes in a connection; undefined: there was no room at all, and it was closed. */
    enter(socket: Socket): Guest | undefined {
      const address = socket.remoteAddress ?? '';
      if (!makeRoomFor(address)) {
        socket.destroy();
        return undefined;
      }
      const served = Promise.resolve();
      const guest: Guest = { socket, address, pending: 0, served, asking: false, answeringSince: undefined };
      guests.add(guest);
      socket.once('close', () => guests.delete(guest));
      return guest;
    },
    /** It has sent a whole request, or read a whole answer. */
    progressed(guest: Guest): void {
      if (guests.delete(guest)) guests.add(guest);
    },
  };
}
