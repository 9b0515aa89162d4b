/** Who is measured: each sends a number of calls at ten a second, in the way its own documentation has it. */
import Bottleneck from 'bottleneck';
import PQueue from 'p-queue';
import pThrottle from 'p-throttle';
import { systemClock } from '../../../src/clock.ts';
import { createGate } from '../../../src/cloud/limiter/gate.ts';
import type { Gate, Lane } from '../../../src/domain/ports/gate-port.ts';

const perSecond = 10;

export interface Contender {
  readonly name: string;
  readonly perSecond: number;
  /** Resolves when all calls were answered. */
  readonly run: (calls: number, send: () => Promise<void>) => Promise<void>;
}

const all = async (calls: number, one: () => Promise<unknown>): Promise<void> => {
  await Promise.all(Array.from({ length: calls }, one));
};

const responseWindow = (spacing: 'even' | 'none'): Contender => ({
  name: `**relaykeeper, ${spacing}**`,
  perSecond,
  run: (calls, send) => through(createGate({ perSecond, spacing, clock: systemClock }), 'poll', calls, send),
});

const through = (gate: Gate, lane: Lane, calls: number, send: () => Promise<void>) =>
  all(calls, async () => {
    const permit = await gate.acquire(lane);
    await send();
    permit.done('answered');
  });

/** BytePlus' limits: one gate with both, which a restart a second and fifteen lists share. */
export function besideEachOther(): readonly [restarts: Contender, lists: Contender] {
  const [restart, list] = [1, 15];
  const gate = createGate({ perSecond: restart + list, restart, list, spacing: 'even', clock: systemClock });
  return [
    { name: 'restarts', perSecond: restart, run: (calls, send) => through(gate, 'restart', calls, send) },
    { name: 'lists', perSecond: list, run: (calls, send) => through(gate, 'poll', calls, send) },
  ];
}

const bottleneck = (how: string, options: Bottleneck.ConstructorOptions): Contender => ({
  name: `bottleneck, ${how}`,
  perSecond,
  run: async (calls, send) => {
    const limiter = new Bottleneck(options);
    await all(calls, () => limiter.schedule(send));
    await limiter.disconnect();
  },
});

const pQueue = (name: string, strict: boolean): Contender => ({
  name,
  perSecond,
  run: (calls, send) => {
    const queue = new PQueue({ intervalCap: perSecond, interval: 1_000, strict });
    return all(calls, () => queue.add(send));
  },
});

export const contenders: readonly Contender[] = [
  responseWindow('even'),
  responseWindow('none'),
  {
    name: 'p-throttle, strict',
    perSecond,
    run: (calls, send) => all(calls, pThrottle({ limit: perSecond, interval: 1_000, strict: true })(send)),
  },
  bottleneck('reservoir', {
    reservoir: perSecond,
    reservoirRefreshAmount: perSecond,
    reservoirRefreshInterval: 1_000,
  }),
  bottleneck('minTime 100', { minTime: 1_000 / perSecond }),
  pQueue('p-queue', false),
  pQueue('p-queue, strict', true),
  {
    name: 'awaited loop, sleep 100 ms',
    perSecond,
    run: async (calls, send) => {
      for (let sent = 0; sent < calls; sent++) {
        await send();
        await systemClock.sleep(1_000 / perSecond);
      }
    },
  },
];
