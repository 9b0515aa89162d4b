/**
 * Where tasks pull from and push to, by host alone, and which push to the same place: tasks that are down together often
 * share one. Kept in memory only, and of an address nothing else: paths, queries and user names carry keys.
 */
import type { TaskHosts } from '../domain/ports/cloud-port.ts';
import { withoutSecrets } from './shown-text.ts';

/** As the cloud wrote it, and what is kept of it: a number that only the same address without its query has. */
interface Destination {
  readonly address: unknown;
  readonly fingerprint: number | undefined;
}

export type HostMemory = ReturnType<typeof createHostMemory>;

/** Twice the largest accounts. Beyond that, the ones seen first are forgotten. */
const mostTasks = 200_000;
/** Different pairs; more are kept, but no longer once each. */
const mostShared = 10_000;
/** Main source and its stand-ins; files on demand can be many. */
const mostSources = 4;
const longestHost = 253;

export function createHostMemory() {
  /** Where a task stands in the two lists. A map for each of them would take 100,000 tasks 4 MB more. */
  const places = new Map<string, number>();
  const hostsAt: TaskHosts[] = [];
  /** NaN: none. */
  const destinationsAt: number[] = [];
  const shared = new Map<string, TaskHosts>();

  const placeFor = (taskId: string): number => {
    const [oldest] = places.size < mostTasks || places.has(taskId) ? [] : places;
    if (oldest) places.delete(oldest[0]);
    const place = places.get(taskId) ?? oldest?.[1] ?? places.size;
    places.set(taskId, place);
    return place;
  };
  const destinationOf = (taskId: string): number | undefined => {
    const destination = destinationsAt[places.get(taskId) ?? -1];
    return Number.isNaN(destination) ? undefined : destination;
  };

  return {
    /** `taskId`: if possible the very string that is kept elsewhere, so that it is there once. */
    saw(taskId: string, sources: readonly string[], destination: Destination, secrets: readonly string[]): void {
      const from: string[] = [];
      for (const address of sources) {
        const host = from.length < mostSources ? hostOf(address, secrets) : undefined;
        if (host !== undefined && !from.includes(host)) from.push(host);
      }
      const to = hostOf(destination.address, secrets);
      const key = `${from.join(' ')} > ${to}`;
      let hosts = shared.get(key);
      if (!hosts) {
        hosts = { sources: from.map(copied), destination: to === undefined ? undefined : copied(to) };
        if (shared.size >= mostShared) shared.clear();
        shared.set(copied(key), hosts);
      }
      const place = placeFor(taskId);
      hostsAt[place] = hosts;
      destinationsAt[place] = destination.fingerprint ?? Number.NaN;
    },
    /** Whether its hosts are here, with that destination. */
    knows: (taskId: string, destination: number | undefined) =>
      places.has(taskId) && destinationOf(taskId) === destination,
    of: (taskId: string) => hostsAt[places.get(taskId) ?? -1],
    destinationOf,
    /** A walk past numbers: to look 100,000 tasks up one by one takes twenty times as long. */
    sharingDestination(taskId: string): readonly string[] {
      const wanted = destinationOf(taskId);
      const sharing: string[] = [];
      if (wanted === undefined) return sharing;
      for (const [other, place] of places) if (destinationsAt[place] === wanted) sharing.push(other);
      return sharing;
    },
  };
}

const authority =
  /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?(\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]+)(?::\d{1,5})?(?=[/?#]|$)([^?#]*)/i;

/**
 * The host of an address, in small letters. None, if it could be something else: a password with a slash in it makes
 * a part of itself look like a host, and leaves its `@` behind. A name has a dot in it, or it is an address of IPv6.
 */
export function hostOf(address: unknown, secrets: readonly string[]): string | undefined {
  if (typeof address !== 'string') return undefined;
  const [, written = '', path = ''] = authority.exec(address) ?? [];
  const host = written.toLowerCase();
  if (host.length > longestHost || !/[.:]/.test(host) || path.includes('@')) return undefined;
  return withoutSecrets(written, secrets) === written ? host : undefined;
}

/** A piece of a string keeps the whole alive: here that would be the address, with its keys. */
const copied = (text: string): string => Buffer.from(text).toString();
