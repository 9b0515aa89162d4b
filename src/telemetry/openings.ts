/**
 * Which group an open outage was counted in.
 *
 * A task can move to another group while it is down. If its outage opened in one group and ended in another, neither
 * would ever add up again: so the ending, and the duration with it, count where the opening did. An outage that opened
 * before this process started ends in the group that has the task then.
 */
import type { Event } from '../domain/words/events.ts';

/** Holds one entry for each outage that is open: no more than there are tasks. */
export function createOpenings() {
  /** By account, from outage to group. */
  const open = new Map<string, Map<string, string>>();
  return {
    /** The group in which the event counts; undefined: in none. Takes note of outages that open and end. */
    groupOf(event: Event): string | undefined {
      const ofAccount = open.get(event.account);
      switch (event.type) {
        case 'outage-opened':
          if (ofAccount) ofAccount.set(event.outageId, event.group);
          else open.set(event.account, new Map([[event.outageId, event.group]]));
          return event.group;
        case 'outage-ended': {
          const openedIn = ofAccount?.get(event.outageId);
          ofAccount?.delete(event.outageId);
          return openedIn ?? event.group;
        }
        case 'owner-lost':
          // They end with the next owner.
          open.delete(event.account);
          return undefined;
        default:
          return 'group' in event ? event.group : undefined;
      }
    },
    keepAccounts(accounts: ReadonlySet<string>): void {
      for (const account of open.keys()) if (!accounts.has(account)) open.delete(account);
    },
  };
}
