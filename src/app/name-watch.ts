/**
 * Warns of each name in a `match` that no task has, with the nearest name that exists: ten minutes after a
 * configuration took effect, and whenever a group loses its last task. Once for each name and configuration.
 */
import { isListed } from '../domain/memory/condition.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import { inSlices } from '../domain/words/in-slices.ts';
import type { Keeper } from '../keeper/keeper.ts';
import type { Settings } from '../settings/settings.ts';
import { findUnmatched, type Place } from './unmatched.ts';

const afterMs = 10 * 60_000;
/** While an account has yet to be listed, its tasks are not known to be missing. */
const againMs = 60_000;

interface NameWatchOptions {
  readonly clock: Clock;
  readonly keepers: () => readonly Keeper[];
  readonly warn: (warning: string) => void;
}

export type NameWatch = ReturnType<typeof watchNames>;

export function watchNames({ clock, keepers, warn }: NameWatchOptions) {
  let groups: Settings['groups'] = [];
  let warned = new Set<string>();
  let cancel = () => {};

  function lookIn(ms: number): void {
    cancel();
    cancel = clock.after(ms, () => void look());
  }

  async function look(): Promise<void> {
    const all = keepers();
    const asked = groups;
    const listed = ({ ledger }: Keeper) =>
      ledger.owned && !ledger.fresh && ledger.accountRecord.circuits.list.kind === 'closed';
    if (!all.every(listed)) return lookIn(againMs);
    const tasks = all.flatMap(({ account, ledger }) =>
      [...ledger.tasks.values()]
        .filter(isListed)
        .map(({ item: { title, cloudGroup }, group = null }) => ({ account, title, cloudGroup, group })),
    );
    if ((await inSlices(findUnmatched(asked, tasks), clock)).length === 0) return;
    const places: Place[] = [];
    for (const { account, cloud } of all) {
      // A reload or the end closes a client while it is asked. Then nobody needs to know.
      const names = await cloud.cloudGroups().catch(() => 'closed' as const);
      if (names === 'closed') return;
      for (const cloudGroup of names ?? []) places.push({ account, cloudGroup });
    }
    for (const warning of await inSlices(findUnmatched(asked, tasks, places), clock)) {
      if (!warned.has(warning)) warn(warning);
      warned.add(warning);
    }
  }

  return {
    /** From here on these settings are in force. */
    begin: (settings: Settings) => {
      groups = settings.groups;
      warned = new Set();
      lookIn(afterMs);
    },
    /** A group has no task any more. */
    lookSoon: () => lookIn(0),
    end: () => cancel(),
  };
}
