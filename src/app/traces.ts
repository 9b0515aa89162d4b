/**
 * Passes on what clients and store report besides their results, to metrics, log and keepers. What comes with every poll
 * is counted each time but logged only once an hour, so that the log stays readable; of the store only what changes.
 */
import type { CloudTrace } from '../domain/ports/cloud-port.ts';
import type { StoreTrace } from '../domain/ports/store-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Fleet } from './fleet.ts';

const loggedAgainAfterMs = 3_600_000;
/** Beyond this many different things all are forgotten, and logged once more. */
const mostRemembered = 1_000;

export function tracesTo(
  metrics: Metrics,
  log: Log,
  clock: Clock,
  fleet: () => Fleet | undefined,
): (trace: CloudTrace) => void {
  const isNews = seldom(clock);
  return (trace) => {
    metrics.cloud(trace);
    const { account } = trace;
    const keeper = fleet()?.keeper(account);
    if (trace.kind === 'action-retired') keeper?.learned({ type: 'action-retired', from: trace.from, to: trace.to });
    if (trace.kind === 'region-found') keeper?.learned({ type: 'region-found', region: trace.region });
    if (trace.kind === 'page-halved' && isNews(`${account} ${trace.pageSize}`))
      log.notice(
        'page-halved',
        { account, pageSize: trace.pageSize },
        `A page of the list is too large (16 MiB, 300,000 values, or 64 levels): relaykeeper reads it again, ${trace.pageSize} tasks at a time.`,
      );
    if (trace.kind === 'malformed-item' && isNews(`${trace.kind} ${account} ${trace.where}`))
      log.notice(
        'malformed-item',
        { account, where: trace.where },
        `relaykeeper cannot read an item of the list (${trace.where}) and leaves it out; malformed_items_total counts such items.`,
      );
    if (trace.kind === 'unread-field' && isNews(`${trace.kind} ${account} ${trace.where}`))
      log.notice(
        'unread-field',
        { account, where: trace.where },
        `relaykeeper cannot read ${trace.where} of a task in the list: it goes on with the value that it read last, or without one.`,
      );
  };
}

/** A store that cannot be opened, before there is a fleet, is reported as the reason why nothing starts. */
export function storeTracesTo(
  metrics: Metrics,
  log: Log,
  clock: Clock,
  fleet: () => Fleet | undefined,
): (trace: StoreTrace) => void {
  let trouble: 'none' | 'some' | 'no restarts' = 'none';
  let lostAt = 0;
  const isNews = seldom(clock);
  return (trace) => {
    metrics.store(trace);
    const keepers = fleet()?.keepers();
    if (!keepers) return;
    const before = trouble;
    trouble = !trace.up ? 'no restarts' : trace.whole && !trace.error ? 'none' : 'some';
    const alsoFails = trace.error !== undefined && isNews(trace.error.message);
    if (trouble === before && !alsoFails) return;
    const owning = keepers.filter(({ ledger }) => ledger.owned);
    if (before === 'no restarts' && trouble !== before)
      for (const keeper of owning) keeper.learned({ type: 'store-back', since: lostAt });
    if (trouble === 'no restarts' && trouble !== before) {
      lostAt = clock.now();
      const error = trace.error?.message ?? trace.operation;
      for (const keeper of owning) keeper.learned({ type: 'store-lost', error });
    }
    if (trace.error)
      log.notice(
        'store-failing',
        { operation: trace.operation, error: trace.error.message },
        `The store fails: ${trace.error.message}. ${whatGoesOn(trace)}.`,
      );
    else
      log.notice(
        'store-recovered',
        { operation: trace.operation },
        trouble === 'none' ? 'The store works again.' : 'Restarts go on; not all of the store works yet.',
      );
  };
}

function whatGoesOn({ up, operation }: StoreTrace): string {
  if (!up) return 'relaykeeper restarts nothing until the store works again';
  return operation === 'load' ? 'Restarts of the accounts that are loaded go on' : 'Restarts go on';
}

/** True the first time for each `what`, and once an hour from then on. */
function seldom(clock: Clock): (what: string) => boolean {
  const loggedAt = new Map<string, number>();
  return (what) => {
    const now = clock.monotonic();
    const last = loggedAt.get(what);
    if (last !== undefined && now - last < loggedAgainAfterMs) return false;
    if (loggedAt.size >= mostRemembered) loggedAt.clear();
    loggedAt.set(what, now);
    return true;
  };
}
