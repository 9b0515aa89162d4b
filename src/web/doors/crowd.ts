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
  /** One of its requests is with the main thread. */
  asking: boolean;
  /** The second since which an answer waits to be read. */
  answeringSince: number | undefined;
}

export interface Crowd {
  /** Takes in a connection; undefined: there was no room at all, and it was closed. */
  enter(socket: Socket): Guest | undefined;
  /** It has sent a whole request, or read a whole answer. */
  progressed(guest: Guest): void;
  guests(): Iterable<Guest>;
}

export function createCrowd({ connections, connectionsOfAddress }: Limits): Crowd {
  // Sets keep their order: the connection that made progress last stands last.
  const byAddress = new Map<string, Set<Guest>>();
  let count = 0;

  function leave(guest: Guest): void {
    const neighbours = byAddress.get(guest.address);
    if (!neighbours?.delete(guest)) return;
    count--;
    if (neighbours.size === 0) byAddress.delete(guest.address);
  }

  function makeRoom(among: ReadonlySet<Guest>): boolean {
    for (const guest of among) {
      if (guest.asking) continue;
      leave(guest);
      guest.socket.destroy();
      return true;
    }
    return false;
  }

  const largest = (): ReadonlySet<Guest> =>
    [...byAddress.values()].reduce((most, one) => (one.size > most.size ? one : most), new Set<Guest>());

  return {
    enter(socket) {
      const address = socket.remoteAddress ?? '';
      const neighbours = byAddress.get(address) ?? new Set();
      const full =
        (neighbours.size >= connectionsOfAddress && !makeRoom(neighbours)) ||
        (count >= connections && !makeRoom(largest()));
      if (full) {
        socket.destroy();
        return undefined;
      }
      const guest: Guest = { socket, address, pending: 0, asking: false, answeringSince: undefined };
      // Looked up again: making room may have removed the last of this address.
      const beside = byAddress.get(address) ?? new Set();
      byAddress.set(address, beside.add(guest));
      count++;
      socket.once('close', () => leave(guest));
      return guest;
    },
    progressed(guest) {
      const neighbours = byAddress.get(guest.address);
      if (neighbours?.delete(guest)) neighbours.add(guest);
    },
    *guests() {
      for (const neighbours of byAddress.values()) yield* neighbours;
    },
  };
}
