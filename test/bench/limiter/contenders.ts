/** Who is measured: each sends a number of calls at ten a second, in the way its own documentation has it. */
import Bottleneck from 'bottleneck';
import PQueue from 'p-queue';
import pThrottle from 'p-throttle';
import { systemClock } from '../../../src/clock.ts';
import { createGate } from '../../../src/cloud/limiter/gate.ts';

export const perSecond = 10;

export interface Contender {
  readonly name: string;
  /** Resolves when all calls were answered. */
  readonly run: (calls: number, send: () => Promise<void>) => Promise<void>;
}

const all = async (calls: number, one: () => Promise<unknown>): Promise<void> => {
  await Promise.all(Array.from({ length: calls }, one));
};

const responseWindow = (spacing: 'even' | 'none'): Contender => ({
  name: `**relaykeeper, ${spacing}**`,
  run: (calls, send) => {
    const gate = createGate({ perSecond, spacing, clock: systemClock });
    return all(calls, async () => {
      const permit = await gate.acquire('poll');
      await send();
      permit.done('answered');
    });
  },
});

const bottleneck = (how: string, options: Bottleneck.ConstructorOptions): Contender => ({
  name: `bottleneck, ${how}`,
  run: async (calls, send) => {
    const limiter = new Bottleneck(options);
    await all(calls, () => limiter.schedule(send));
    await limiter.disconnect();
  },
});

const pQueue = (name: string, strict: boolean): Contender => ({
  name,
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
    run: async (calls, send) => {
      for (let sent = 0; sent < calls; sent++) {
        await send();
        await systemClock.sleep(1_000 / perSecond);
      }
    },
  },
];
