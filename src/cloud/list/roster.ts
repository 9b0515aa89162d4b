/**
 * The cloud's own groups, for an account that must name them (a sub-account) while the configuration has globs: read
 * at start and every minute; a read that fails keeps the last (design section 5).
 */
import { globMatches } from '../../domain/words/policy.ts';
import type { CallFailure } from '../../domain/words/task.ts';
import type { CallContext } from '../call.ts';
import { read } from '../read.ts';
import { groupsBody, parseGroups } from '../wire.ts';

const readEveryMs = 60_000;
/** The most that the API gives. */
const pageSize = 1_000;
const longestRoster = 50;

export interface Roster {
  /** Names of the cloud groups that the globs match, read again if a minute old. Fails only if never read. */
  names(
    signal: AbortSignal,
  ): Promise<
    { readonly ok: true; readonly names: readonly string[] } | { readonly ok: false; readonly failure: CallFailure }
  >;
}

export function createRoster(context: CallContext, globs: readonly string[]): Roster {
  let known: readonly string[] | undefined;
  let readAgainAt = Number.NEGATIVE_INFINITY;
  return {
    async names(signal) {
      const now = context.clock.monotonic();
      if (known && now < readAgainAt) return { ok: true, names: known };
      const end = await readGroups(context, signal);
      if (end.ok) known = end.names.filter((name) => globs.some((glob) => globMatches(glob, name)));
      readAgainAt = now + readEveryMs;
      return known ? { ok: true, names: known } : end;
    },
  };
}

async function readGroups(context: CallContext, signal: AbortSignal): ReturnType<Roster['names']> {
  const names = new Set<string>();
  for (let page = 1; page <= longestRoster; page++) {
    const end = await read(
      context,
      { action: 'ListPullToPushGroup', body: groupsBody(page, pageSize), lane: 'other' },
      parseGroups,
      signal,
    );
    if (end.kind === 'failed') return { ok: false, failure: end.failure };
    if (end.kind === 'too-large') return { ok: false, failure: tooLarge };
    for (const name of end.value.names) names.add(name);
    if (end.value.entries < pageSize || page * pageSize >= (end.value.total ?? Number.POSITIVE_INFINITY)) break;
  }
  return { ok: true, names: [...names] };
}

const tooLarge: CallFailure = {
  class: 'server',
  code: undefined,
  httpStatus: undefined,
  requestId: undefined,
  message: 'ListPullToPushGroup: the answer is over 16 MiB',
};
