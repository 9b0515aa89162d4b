/**
 * The pretend cloud as a transport: `provider: simulator` answers inside the process, without a port. It is wiring,
 * like everything in app/: the client and the pretend cloud know nothing of each other.
 */
import { answerGraceMs, type Transport } from '../cloud/transport.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import { createDemoWorld } from '../simulator/demo.ts';
import { answerInProcess, steadyTime } from '../simulator/in-process.ts';
import type { Vendor, World } from '../simulator/world.ts';

/** Fixed, so that every try-out shows the same story. */
const demoSeed = 7;

export const openPretend = (like: Vendor, clock: Clock): Transport =>
  pretendTransport(createDemoWorld({ seed: demoSeed, now: clock.now(), like }), clock);

/** Calls reach `world` as they would over HTTP: signed, counted, late, and lost. */
export function pretendTransport(world: World, clock: Clock): Transport {
  const time = steadyTime(clock);
  return {
    async send(request, signal) {
      const seat = { world, clock, time, maxBytes: request.maxBytes };
      const { promise: givenUp, resolve: giveUp } = Promise.withResolvers<void>();
      const takeBack = clock.after(request.timeoutMs, giveUp);
      let takeBackGrace = () => {};
      const onAbort = () => {
        takeBackGrace = clock.after(answerGraceMs, giveUp);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      const { origin, method, path, headers, body } = request;
      const [, host = ''] = origin.split('//');
      const arriving = { method, target: path, headers: { host, ...headers }, body };
      const seen = await answerInProcess(seat, arriving, givenUp);
      takeBack();
      takeBackGrace();
      signal.removeEventListener('abort', onAbort);
      const isGivenUp = signal.aborted && seen.kind === 'lost' && seen.why === 'timeout';
      return isGivenUp ? { kind: 'aborted', left: true } : seen;
    },
    close: async () => {},
  };
}
