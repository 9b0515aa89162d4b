/**
 * Passes on what the client reports besides its results, to metrics, log and keeper. What comes with every poll is counted
 * each time but logged only once an hour, so that the log stays readable.
 */
import type { CloudTrace } from '../domain/ports/cloud-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Fleet } from './fleet.ts';

const toldAgainAfterMs = 3_600_000;
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
      log.tell(
        'page-halved',
        { account, pageSize: trace.pageSize },
        `A page of the list is too large (16 MiB, 300,000 values, or 64 levels): relaykeeper reads it again, ${trace.pageSize} tasks at a time.`,
      );
    if (trace.kind === 'malformed-item' && isNews(`${account} ${trace.where}`))
      log.tell(
        'malformed-item',
        { account, where: trace.where },
        `relaykeeper cannot read an item of the list (${trace.where}) and leaves it out; malformed_items_total counts such items.`,
      );
  };
}

/** True the first time for each `what`, and once an hour from then on. */
function seldom(clock: Clock): (what: string) => boolean {
  const toldAt = new Map<string, number>();
  return (what) => {
    const now = clock.monotonic();
    const last = toldAt.get(what);
    if (last !== undefined && now - last < toldAgainAfterMs) return false;
    if (toldAt.size >= mostRemembered) toldAt.clear();
    toldAt.set(what, now);
    return true;
  };
}
