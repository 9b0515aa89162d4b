/**
 * A history in which nothing but tasks goes wrong, with every duration times `scale`: what the rules do in it must
 * not depend on how long a second is. Only for durations that are configured; the built-in ones (limiter, throttle,
 * circuits, blindness) have no part in it.
 */

import type { Life } from '../../src/simulator/pretend-task.ts';
import type { Span } from '../../src/simulator/random.ts';
import { begin } from '../domain/story.ts';
import { Dice } from './dice.ts';
import type { Scheduled, Script } from './happening.ts';
import { cloudGroupFor, policyOf } from './policies.ts';
import type { Gate } from './seam.ts';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

export function calmScript(seed: number, scale: number): Script {
  const dice = new Dice(seed, 'calm');
  const groups = ['g0', 'g1'].map((name) => {
    const policy = policyOf(dice, name);
    const { backoff, quarantine, budget } = policy;
    return {
      ...policy,
      firstSight: 'restart' as const,
      hours: [],
      backoff: {
        ...backoff,
        initialMs: backoff.initialMs * scale,
        maxMs: backoff.maxMs * scale,
        resetAfterMs: backoff.resetAfterMs * scale,
      },
      quarantine: {
        retryEveryMs: quarantine.retryEveryMs * scale,
        abandonAfterMs: quarantine.abandonAfterMs * scale,
      },
      budget: budget && { ...budget, perMs: budget.perMs * scale },
      verifyWithinMs: policy.verifyWithinMs * scale,
    };
  });
  const lifeOf = (): Partial<Life> => {
    const startsInMs: Span = [1_500 * scale, 9_000 * scale];
    const survives = dice.pick([20, 90, 400]) * second * scale;
    return dice.pick<Partial<Life>>([
      { startsInMs },
      { startsInMs, restartsInVain: dice.int(1, 9) },
      { startsInMs, restartsInVain: Number.POSITIVE_INFINITY },
      { startsInMs, survivesMs: [survives, 2 * survives] },
    ]);
  };
  const tasks = Array.from({ length: dice.int(3, 15) }, (_, index) => ({
    taskId: `t${index}`,
    title: `title${index}`,
    cloudGroup: cloudGroupFor(dice.pick(groups)),
    startsAt: begin - hour,
    endsAt: begin + 6.9 * 24 * hour,
    life: lifeOf(),
  }));
  const schedule: Scheduled[] = tasks
    .flatMap(({ taskId }) =>
      Array.from({ length: dice.int(1, 4) }, () => ({
        atMs: dice.ms(2 * minute, 4 * hour) * scale,
        what: { kind: 'world', act: { kind: 'stop', taskId } } as const,
      })),
    )
    .sort((a, b) => a.atMs - b.atMs);
  const way: Span = [20 * scale, 20 * scale];
  return {
    seed,
    configuration: {
      policies: { account: 'main', storm: { percent: 40, atLeast: 5 }, groups },
      pollEveryMs: 15 * second * scale,
      verifyEveryMs: 5 * second * scale,
      requestTimeoutMs: 10 * second * scale,
      perSecond: 1_000_000,
      spacing: 'none',
      pageSize: 500,
      client: 'thin',
      subAccount: false,
    },
    tasks,
    parameters: {
      latency: { uplinkMs: way, downlinkMs: way },
      limits: { accountPerSecond: 1_000_000, actionPerSecond: {} },
    },
    replicas: 1,
    weatherMs: 5 * hour * scale,
    schedule,
    appetite: undefined,
    endless: false,
  };
}

/** Lets everybody go at once: the limiter's second is no configured duration. */
export const openGate: Gate = {
  acquire: async (_lane, signal) => {
    signal?.throwIfAborted();
    return { done: () => {} };
  },
  throttled: () => {},
  configure: () => {},
  takenOver: () => {},
  admitted: () => 0,
  snapshot: () => ({
    perSecond: 10,
    restartPerSecond: 10,
    listPerSecond: 10,
    slowed: [],
    queued: { restart: 0, verify: 0, poll: 0, other: 0 },
    permitsOut: 0,
  }),
};
