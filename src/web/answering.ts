/**
 * From a request as the doors pass it on to the answer that they write out: the app, in its turn.
 *
 * A health check is answered at once: it costs nothing, and must be answered when everything else waits.
 */
import type { Clock } from '../domain/ports/time-port.ts';
import { createApi } from './api.ts';
import type { ApiOptions, AppOptions } from './app-options.ts';
import { type Answer, type Ask, streamHeader } from './between-threads.ts';
import { createTurns, type WebLane } from './turns.ts';

/** A flood at the doors writes no more lines than this; the next line says how many there were. */
const refusedToldEveryMs = 1_000;

const health: ReadonlySet<string> = new Set(['/-/healthy', '/livez', '/-/ready', '/readyz']);

export function createAnswering(options: AppOptions): (ask: Ask) => Promise<Answer> {
  const api = createApi(options);
  const turns = createTurns(options.clock);
  const tellRefused = refusalsTo(options.log, options.clock);
  const answer = async (ask: Ask): Promise<Answer> => {
    const { handler, response } = await api(requestOf(ask), ask.door);
    const { status } = response;
    if (status === 401 || status === 403 || (status === 404 && handler.startsWith('/hooks/')))
      tellRefused(ask, handler, status);
    const body = new Uint8Array(await response.arrayBuffer());
    const { [streamHeader]: joined, ...headers } = headersOf(response);
    return { handler, status, headers, body, ...(joined === undefined ? {} : { joined: JSON.parse(joined) }) };
  };
  return (ask) =>
    ask.method === 'GET' && health.has(ask.target) ? answer(ask) : turns(laneOf(ask), () => answer(ask));
}

const headersOf = ({ headers }: Response): Readonly<Record<string, string>> => Object.fromEntries(headers);

const laneOf = ({ door, target }: Ask): WebLane => (target === '/metrics' ? 'scrape' : door);

/** A method or an address that the standard's Request does not take becomes one that nothing answers to. */
function requestOf({ method, target, headers, body }: Ask): Request {
  try {
    return new Request(`http://relaykeeper${target.startsWith('/') ? target : '/*'}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: Uint8Array.from(body) }),
    });
  } catch {
    return new Request('http://relaykeeper/*');
  }
}

function refusalsTo(log: ApiOptions['log'], clock: Clock) {
  let toldAt = Number.NEGATIVE_INFINITY;
  let untold = 0;
  return ({ method, from }: Ask, handler: string, status: number): void => {
    if (clock.monotonic() - toldAt < refusedToldEveryMs) {
      untold++;
      return;
    }
    const more = untold === 0 ? '' : `; ${untold} more were refused since the last such line`;
    toldAt = clock.monotonic();
    untold = 0;
    log.tell(
      'request-denied',
      { method, route: handler, status: String(status), from },
      `${method} ${handler} from ${from || 'the socket'} was refused (${status})${more}.`,
    );
  };
}
