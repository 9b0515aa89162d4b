/**
 * From a request as the doors pass it on to the answer that they write out: the app, in its turn.
 *
 * A health check is answered at once: it costs nothing, and must be answered when everything else waits.
 */
import type { Clock } from '../domain/ports/time-port.ts';
import { createApi } from './api.ts';
import type { AppOptions } from './app-options.ts';
import { type Answer, type Ask, healthPaths } from './between-threads.ts';
import { type Asker, createTurns } from './turns.ts';

/** A flood at the doors writes no more lines than this; the next line says how many there were. */
const refusedLoggedEveryMs = 1_000;

const health: ReadonlySet<string> = new Set(healthPaths);

export function createAnswering(options: AppOptions): (ask: Ask) => Promise<Answer> {
  const api = createApi(options);
  const turns = createTurns(options.clock);
  const logRefused = refusalsTo(options.log, options.clock);
  const answer = async (ask: Ask): Promise<Answer> => {
    const answered = await api(ask);
    const { handler: route, status } = answered;
    if (status === 401 || status === 403 || (status === 404 && route.startsWith('/hooks/')))
      logRefused(ask, route, status);
    return answered;
  };
  return (ask) =>
    ask.method === 'GET' && health.has(ask.target) ? answer(ask) : turns(askerOf(ask), () => answer(ask));
}

const askerOf = ({ door, target }: Ask): Asker => (target === '/metrics' ? 'scrape' : door);

function refusalsTo(log: AppOptions['log'], clock: Clock) {
  let loggedAt = Number.NEGATIVE_INFINITY;
  let unlogged = 0;
  return ({ method, from }: Ask, handler: string, status: number): void => {
    if (clock.monotonic() - loggedAt < refusedLoggedEveryMs) {
      unlogged++;
      return;
    }
    const more = unlogged === 0 ? '' : `; ${unlogged} more were refused since the last such line`;
    loggedAt = clock.monotonic();
    unlogged = 0;
    log.notice(
      'request-denied',
      { method, route: handler, status: String(status), from },
      `${method} ${handler} from ${from || 'the socket'} was refused (${status})${more}.`,
    );
  };
}
