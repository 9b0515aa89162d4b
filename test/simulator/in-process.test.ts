import { describe, expect, test, vi } from 'vitest';
import type { Clock } from '../../src/domain/ports/time-port.ts';
import type { Effect } from '../../src/simulator/faults.ts';
import { answerInProcess, steadyTime } from '../../src/simulator/in-process.ts';
import { addFault } from '../../src/simulator/world.ts';
import { aTask, aWorld, restartOf, signed, t0 } from './signed.ts';

/** Time that passes only when it is slept, at once; the sum is kept. */
function quickClock(): Clock & { step(ms: number): void } {
  let wall = t0;
  let slept = 0;
  return {
    now: () => wall + slept,
    monotonic: () => slept,
    sleep: async (ms, signal) => {
      if (ms === Number.POSITIVE_INFINITY) return new Promise(() => undefined);
      if (!signal?.aborted) slept += ms;
    },
    after: () => () => undefined,
    yield: async () => undefined,
    step: (ms) => {
      wall += ms;
    },
  };
}

function seat(effect?: Effect, maxBytes = 1e6) {
  const clock = quickClock();
  const watch = vi.fn();
  const world = aWorld({
    watch,
    tasks: [aTask('dead', { stopped: true })],
    parameters: { latency: { uplinkMs: [20, 20], downlinkMs: [30, 30] } },
  });
  if (effect) addFault(world, { effect });
  return { world, clock, time: steadyTime(clock), maxBytes, watch };
}
const request = signed(restartOf('dead'), t0);
const never = () => new Promise<void>(() => {});

describe('in process', () => {
  test('an answer arrives after both ways, and the cloud counts it after the first', async () => {
    const place = seat();
    expect(await answerInProcess(place, request, never())).toMatchObject({ kind: 'response', status: 200 });
    expect(place.clock.monotonic()).toBe(50);
    expect(place.watch).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ at: t0 + 20 }));
  });

  test.each<[Effect, string]>([
    [{ kind: 'reset', when: 'before' }, 'lost'],
    [{ kind: 'truncate' }, 'lost'],
    [{ kind: 'huge', bytes: 2e9 }, 'too-large'],
    [{ kind: 'answer', status: 500, body: '' }, 'response'],
  ])('%o is seen as %s', async (effect, kind) => {
    expect((await answerInProcess(seat(effect), request, never())).kind).toBe(kind);
  });

  test('a drip takes its time', async () => {
    const place = seat({ kind: 'drip', bytes: 1, everyMs: 1000 });
    const seen = await answerInProcess(place, request, never());
    const bytes = seen.kind === 'response' ? seen.body.length : Number.NaN;
    expect(bytes).toBeGreaterThan(100);
    expect(place.clock.monotonic()).toBe(50 + bytes * 1000);
  });

  test('a stall lasts as long as the client’s patience, and the call was carried out', async () => {
    const place = seat({ kind: 'stall', when: 'after' });
    const patience = new Promise<void>((resolve) => setTimeout(resolve, 20));
    expect(await answerInProcess(place, request, patience)).toEqual({ kind: 'lost', why: 'timeout' });
    expect(place.world.tasks.get('dead')?.restarts).toBe(1);
  });

  test('a step of this machine’s clock is none of the cloud’s', () => {
    const clock = quickClock();
    const time = steadyTime(clock);
    clock.step(-3600_000);
    expect(time()).toBe(t0);
  });
});
