/** Records each change of the configuration, so that `history` still shows today's changes after a restart. */
import type { ConfigDifference } from '../domain/words/events.ts';
import type { Store } from '../store/open.ts';
import type { Fleet } from './fleet.ts';

/** `difference` null: the process began with it. Of replicas that load the same file, the first to come records it. */
export async function writeDownConfig(
  { history }: Pick<Store, 'history'>,
  fleet: Fleet,
  hash: string,
  difference: ConfigDifference | null,
): Promise<void> {
  const [last] = await history.events({ types: ['config-changed'], limit: 1 });
  if (last?.event.type === 'config-changed' && last.event.hash === hash) return;
  fleet
    .keepers()
    .find(({ ledger }) => ledger.owned)
    ?.learned({ type: 'config-changed', hash, difference });
}
