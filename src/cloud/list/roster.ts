/**
 * The cloud's own groups, for an account that must name them (a sub-account) while the configuration has globs. Read
 * at start and every minute; if a read fails, the last list stays in force, and no poll waits for a slow one. Before the
 * first, those that are known by other means stand in for it; to a list that does not add up they are added.
 */

import type { CallFailure } from '../../domain/words/failure.ts';
import { anyMatches, isGlob } from '../../domain/words/policy.ts';
import type { CallContext } from '../call.ts';
import { read } from '../read.ts';
import { groupsBody, parseGroups } from '../wire.ts';
import { barrenPages } from './paging.ts';

const readEveryMs = 60_000;
/** How long a poll waits for newer names than it has. */
const besideMs = 250;
/** The most that the API gives. */
const pageSize = 1_000;
/** Pages beyond are not read. */
const longestRoster = 50;

type RosterEnd =
  /** `drift`: there may be others. `unread`: of these globs nobody knows which groups there are. */
  | {
      readonly ok: true;
      readonly names: readonly string[];
      readonly drift: boolean;
      readonly unread: readonly string[];
    }
  | { readonly ok: false; readonly failure: CallFailure };

/**
 * Gives the names of the cloud groups that the globs match, read again if a minute old. While they were never read it gives
 * those that are known by `otherMeans`, and that others are missing; without such it fails.
 */
export function createRoster(context: CallContext, globs: readonly string[], otherMeans: () => Iterable<string>) {
  let known: Extract<RosterEnd, { ok: true }> | undefined;
  let wasRead = false;
  let readAgainAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<RosterEnd> | undefined;
  const matching = (names: Iterable<string>) =>
    [...new Set(names)].filter((name) => name !== '' && anyMatches(globs, name));
  const readNames = async (signal: AbortSignal): Promise<RosterEnd> => {
    const standIns = known ? [] : matching(otherMeans());
    const end = await readGroups(context, signal, known !== undefined || standIns.length > 0);
    if (end.ok) {
      // What a list lacks that does not add up is not gone.
      const names = matching(end.drift ? [...end.names, ...otherMeans()] : end.names);
      known = { ...end, names, drift: end.drift && names.length > 0 };
    } else if (standIns.length > 0) known = { ok: true, names: standIns, drift: true, unread: globs.filter(isGlob) };
    wasRead ||= end.ok;
    return known ?? end;
  };
  return async (signal: AbortSignal): Promise<RosterEnd> => {
    const now = context.clock.monotonic();
    if (known && wasRead && now < readAgainAt) return known;
    readAgainAt = now + readEveryMs;
    reading ??= readNames(signal).finally(() => {
      reading = undefined;
    });
    if (!known) return reading;
    // One that ends later serves the next poll.
    reading.catch(() => {});
    await Promise.race([reading, context.clock.sleep(besideMs, signal)]);
    return known;
  };
}

/** As with tasks, what the cloud promises only ends the list, and a short page is read on from its real size. */
export async function readGroups(context: CallContext, signal: AbortSignal, once: boolean): Promise<RosterEnd> {
  const names = new Set<string>();
  let size = pageSize;
  let total: number | undefined;
  let received = 0;
  let barren = 0;
  for (let call = 0; call < longestRoster; call++) {
    const page = Math.floor(received / size) + 1;
    const end = await read(
      context,
      { action: 'ListPullToPushGroup', body: groupsBody(page, size), lane: 'other', once },
      parseGroups,
      signal,
    );
    if (end.kind !== 'ok') return { ok: false, failure: end.failure };
    const { entries } = end.value;
    const before = names.size;
    for (const name of end.value.names) names.add(name);
    total = end.value.total === undefined ? total : Math.max(end.value.total, total ?? 0);
    const reached = (page - 1) * size + entries;
    barren = names.size > before ? 0 : barren + 1;
    if (reached <= received || barren >= barrenPages) break;
    received = reached;
    if (received === total) break;
    if (entries < size) size = entries;
  }
  if (received === 0 && total !== undefined && total > 0) return { ok: false, failure: nothingSent };
  return { ok: true, names: [...names], drift: received !== total, unread: [] };
}

const nothingSent: CallFailure = {
  class: 'server',
  message: 'ListPullToPushGroup: the answer has none of the groups that it promises',
};
