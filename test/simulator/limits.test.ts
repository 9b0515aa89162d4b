import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { answer } from '../../src/simulator/answer.ts';
import { volcengineLimits } from '../../src/simulator/arrivals.ts';
import { likeVendor, type World } from '../../src/simulator/world.ts';
import { ask, aWorld, outcome, signed, t0 } from './signed.ts';

const v2 = signed({ action: 'ListPullToPushTaskV2' }, t0);
const groups = signed({ action: 'ListPullToPushGroup', body: { PageNum: 1, PageSize: 10 } }, t0);
const restart = signed({ action: 'RestartPullToPushTask', body: { TaskId: 'nobody' } }, t0);

const limited = (limits = {}): World => aWorld({ parameters: { limits: { ...volcengineLimits, ...limits } } });
const at = (world: World, request: typeof v2, times: readonly number[]) =>
  times.map((ms) => outcome(answer(world, request, t0 + ms)));
const every = (gapMs: number, count: number) => Array.from({ length: count }, (_, n) => n * gapMs);

describe('limits', () => {
  test('ten calls of any actions share the account’s second; the eleventh is refused with HTTP 200', () => {
    const world = limited();
    expect(at(world, v2, every(50, 6)).concat(at(world, groups, [300, 350, 400, 450]))).toEqual(
      Array(10).fill('200 ok'),
    );
    expect(at(world, groups, [999])).toEqual(['200 AccountFlowLimitExceeded']);
  });

  test('the second slides: 1,000 ms after the first call there is room again, 999 ms after there is none', () => {
    expect(at(limited(), v2, [...every(50, 10), 1000])[10]).toBe('200 ok');
    expect(at(limited(), v2, [...every(50, 10), 999])[10]).toBe('200 AccountFlowLimitExceeded');
  });

  test('two bursts around the turn of a second are one burst', () => {
    const world = limited();
    at(world, v2, [900, 910, 920, 930, 940]);
    expect(at(world, v2, [1000, 1010, 1020, 1030, 1040, 1050]).at(-1)).toBe('200 AccountFlowLimitExceeded');
    expect([world.arrivals.worstSecond, world.arrivals.throttled]).toEqual([11, 1]);
  });

  test('each action has its own limit, refused with 429', () => {
    const world = limited({ accountPerSecond: 1000 });
    expect(at(world, v2, Array(16).fill(0)).slice(14)).toEqual(['200 ok', '429 FlowLimitExceeded']);
    expect(at(world, restart, Array(11).fill(0)).slice(9)).toEqual(['404 ResourceNotFound', '429 FlowLimitExceeded']);
    expect(new Set(at(world, groups, Array(100).fill(0)))).toEqual(new Set(['200 ok']));
  });

  test('what was refused counts too, so hammering keeps the door shut', () => {
    const hammer = every(90, 40);
    expect(at(limited(), v2, hammer).filter((result) => result === '200 ok')).toHaveLength(10);
  });

  test('a refused call is not carried out', () => {
    const watch = vi.fn();
    const world = { ...limited({ accountPerSecond: 0 }), watch };
    expect(outcome(answer(world, restart, t0))).toBe('200 AccountFlowLimitExceeded');
    expect(watch.mock.calls).toMatchObject([[{ outcome: 'AccountFlowLimitExceeded', effect: false }]]);
  });

  test('another tool with the same account takes its part', () => {
    const beside = (gapMs: number) =>
      at(limited({ othersPerSecond: 5 }), v2, every(gapMs, 50)).filter((result) => result === '200 ok').length;
    // Five a second of the ten are left; six are one too many once the other tool has its five in the window.
    expect(beside(200)).toBe(50);
    expect(beside(160)).toBeLessThan(10);
  });

  test('the worst second is the largest number of arrivals in any sliding second', () => {
    const gaps = fc.array(fc.nat(400), { maxLength: 60 });
    fc.assert(
      fc.property(gaps, (steps) => {
        let sum = 0;
        const times = steps.map((step) => {
          sum += step;
          return sum;
        });
        const world = limited();
        at(world, v2, times);
        const worst = Math.max(
          0,
          ...times.map((end) => times.filter((time) => time <= end && time > end - 1000).length),
        );
        expect(world.arrivals.worstSecond).toBe(worst);
        expect(world.arrivals.total).toBe(times.length);
      }),
      { numRuns: 60 },
    );
  });

  test('the book stays bounded, the counts do not', () => {
    const world = aWorld();
    for (let n = 0; n < 25_000; n += 1)
      answer(world, { method: 'GET', target: `/?Action=a${n}`, headers: {}, body: '' }, t0 + n);
    expect(world.arrivals.total).toBe(25_000);
    expect([...world.arrivals.countedByAction.keys()]).toEqual(['unknown']);
    expect(world.arrivals.worstSecond).toBe(1_000);
  });

  test('a request that never was signed counts as well', () => {
    const world = limited();
    for (let n = 0; n < 10; n += 1) answer(world, { method: 'POST', target: '/', headers: {}, body: '' }, t0);
    expect(outcome(ask(world, { action: 'ListPullToPushTaskV2' }, t0))).toBe('200 AccountFlowLimitExceeded');
  });
});

describe('like BytePlus', () => {
  const world = () => aWorld({ parameters: likeVendor.byteplus });
  const sea = (action: string, body: object) => signed({ action, body, region: 'ap-singapore-1' }, t0);
  const lists = sea('ListPullToPushTaskV2', {});

  test('one restart a second, and lists besides', () => {
    const one = world();
    const anyRestart = sea('ContinuePullToPushTask', { TaskId: 'nobody' });
    expect(at(one, anyRestart, [0, 999])).toEqual(['404 ResourceNotFound', '429 FlowLimitExceeded']);
    expect(new Set(at(one, lists, every(100, 8)))).toEqual(new Set(['200 ok']));
  });

  test('its region is demanded in the signature and named in the answer', () => {
    expect(at(world(), v2, [0])).toEqual(['400 InvalidCredential']);
    const reply = answer(world(), lists, t0);
    expect(reply.kind === 'response' && JSON.parse(reply.body).ResponseMetadata.Region).toBe('ap-singapore-1');
  });
});
