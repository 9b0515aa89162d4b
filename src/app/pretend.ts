/**
 * The pretend cloud as a transport: `provider: simulator` answers inside the process, without a port. It is wiring,
 * like everything in app/: the client and the pretend cloud know nothing of each other.
 */
import { answerGraceMs, type HttpOutcome, type Transport } from '../cloud/transport.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import { answerInProcess, type Seen, steadyTime } from '../simulator/in-process.ts';
import type { World } from '../simulator/world.ts';

/** Calls reach `world` as they would over HTTP: signed, counted, late, and lost. */
export function pretendTransport(world: World, clock: Clock): Transport {
  const time = steadyTime(clock);
  return {
    async send(request, signal) {
      const seat = { world, clock, time, maxBytes: request.maxBytes };
      const patience = new AbortController();
      const takeBack = clock.after(request.timeoutMs, () => patience.abort());
      let takeBackGrace = () => {};
      const onAbort = () => {
        takeBackGrace = clock.after(answerGraceMs, () => patience.abort());
      };
      signal.addEventListener('abort', onAbort, { once: true });
      const { method, path, headers, body } = request;
      const host = new URL(request.origin).host;
      const seen = await answerInProcess(
        seat,
        { method, target: path, headers: { host, ...headers }, body },
        patience.signal,
      );
      takeBack();
      takeBackGrace();
      signal.removeEventListener('abort', onAbort);
      return outcomeOf(seen, signal.aborted);
    },
    close: async () => {},
  };
}

function outcomeOf(seen: Seen, aborted: boolean): HttpOutcome {
  switch (seen.kind) {
    case 'response':
      return {
        kind: 'response',
        status: seen.status,
        date: dateOf(seen.headers),
        retryAfter: seen.headers['Retry-After'],
        body: Buffer.from(seen.body),
      };
    case 'too-large':
      return { kind: 'too-large', status: seen.status, date: dateOf(seen.headers) };
    case 'broken':
      return { kind: 'lost', why: 'reset' };
    case 'gave-up':
      return aborted ? { kind: 'aborted', left: true } : { kind: 'lost', why: 'timeout' };
    default:
      return seen satisfies never;
  }
}

const dateOf = (headers: Readonly<Record<string, string>>): string | undefined => headers.Date ?? headers.date;
