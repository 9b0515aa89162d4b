import { describe, expect, test, vi } from 'vitest';
import { answer, uplinkMs } from '../../src/simulator/answer.ts';
import { errorTable, type KnownCode } from '../../src/simulator/envelope.ts';
import type { Reply } from '../../src/simulator/exchange.ts';
import type { Effect, Fault } from '../../src/simulator/faults.ts';
import { addFault, perform, removeFaults, type World } from '../../src/simulator/world.ts';
import {
  type Ask,
  ask,
  aTask,
  aWorld,
  envelope,
  list,
  outcome,
  restartOf,
  second,
  signed,
  status,
  t0,
} from './signed.ts';

const v2: Ask = { action: 'ListPullToPushTaskV2', body: { Size: 500 } };
const worldWith = (...faults: readonly Fault[]): World =>
  aWorld({
    faults,
    tasks: [
      ...Array.from({ length: 10 }, (_, n) => aTask(`t${n}`, { cloudGroup: n < 5 ? 'vip' : 'news' })),
      aTask('dead', { stopped: true, cloudGroup: 'vip', life: { startsInMs: [0, 0] } }),
    ],
  });
const struckBy = (effect: Effect, call: Ask = v2): Reply => ask(worldWith({ effect }), call, t0);

/** The vendor's two tables, typed off its documentation. */
const table: readonly (readonly [KnownCode, number] | readonly [KnownCode, number, number])[] = [
  ['CommonErr', 200],
  ['InvalidParam', 400],
  ['InvalidParam.BindError', 400],
  ['RequestForbidden', 403],
  ['RequestForbidden.AccountIDNotAllow', 403],
  ['RequestForbidden.BillingStatus', 403],
  ['ResourceNotFound', 404],
  ['RequestLimitExceeded', 429],
  ['InternalServiceError.BadResponse', 502],
  ['MissingParameter', 400, 100002],
  ['MissingAuthenticationToken', 401, 100003],
  ['MissingRequestInfo', 400, 100004],
  ['MissingSignature', 401, 100005],
  ['InvalidTimestamp', 400, 100006],
  ['ServiceNotFound', 404, 100007],
  ['InvalidActionOrVersion', 404, 100008],
  ['InvalidAccessKey', 401, 100009],
  ['SignatureDoesNotMatch', 401, 100010],
  ['LackPolicy', 403, 100012],
  ['AccessDenied', 403, 100013],
  ['InternalError', 500, 100014],
  ['InternalServiceError', 502],
  ['InternalServiceTimeout', 504, 100016],
  ['FlowLimitExceeded', 429, 100018],
  ['ServiceUnavailableTemp', 503, 100019],
  ['MethodNotAllowed', 405],
  ['InvalidAuthorization', 400],
  ['InvalidCredential', 400],
  ['InvalidSecretToken', 401],
  ['LackProjectPolicy', 403],
  ['AccountFlowLimitExceeded', 429, 100027],
];

describe('error codes', () => {
  test.each(table)('%s comes with HTTP %i', (...[code, httpStatus, codeN]) => {
    for (const call of [v2, restartOf('dead')]) {
      const world = worldWith({ effect: { kind: 'error', code } });
      const reply = ask(world, call, t0);
      expect(outcome(reply)).toBe(`${httpStatus} ${code}`);
      expect(envelope(reply).ResponseMetadata.Error?.CodeN).toBe(codeN);
      expect(envelope(reply).Result).toBeUndefined();
      removeFaults(world);
      expect(status(world, 'dead', t0 + second)).toBe('停用');
    }
  });

  test('the table has every code that can be named', () => {
    expect(new Set(table.map(([code]) => code))).toEqual(new Set(Object.keys(errorTable)));
  });

  test('a code can come with another status, and one that nobody knows can come', () => {
    expect(outcome(struckBy({ kind: 'error', code: 'AccountFlowLimitExceeded', status: 200 }))).toBe(
      '200 AccountFlowLimitExceeded',
    );
    expect(outcome(struckBy({ kind: 'error', code: 'InvalidTimestamp', status: 403 }))).toBe('403 InvalidTimestamp');
    expect(outcome(struckBy({ kind: 'error', code: 'BrandNew' }))).toBe('400 BrandNew');
  });

  test('an error can hide that the call was carried out', () => {
    const watch = vi.fn();
    const fault: Fault = {
      match: { action: 'restart' },
      effect: { kind: 'error', code: 'InternalServiceTimeout', carriedOut: true },
    };
    const world = { ...worldWith(fault), watch };
    expect(outcome(ask(world, restartOf('dead'), t0))).toBe('504 InternalServiceTimeout');
    expect(status(world, 'dead', t0 + second)).toBe('生效中');
    expect(watch.mock.calls[0]).toMatchObject([
      { outcome: 'InternalServiceTimeout', effect: true, statusBefore: '停用' },
    ]);
  });
});

describe('broken answers', () => {
  test.each<[string, Effect, Reply['kind'], string]>([
    ['reset before the effect', { kind: 'reset', when: 'before' }, 'reset', '停用'],
    ['reset after the effect', { kind: 'reset', when: 'after' }, 'reset', '生效中'],
    ['stall before the effect', { kind: 'stall', when: 'before' }, 'stall', '停用'],
    ['stall after the effect', { kind: 'stall', when: 'after' }, 'stall', '生效中'],
    ['truncated body', { kind: 'truncate' }, 'truncated', '生效中'],
    ['drip', { kind: 'drip', bytes: 1, everyMs: 1000 }, 'drip', '生效中'],
    ['huge body', { kind: 'huge', bytes: 1e9 }, 'stream', '生效中'],
    ['an answer of one’s own', { kind: 'answer', status: 502, body: '<html>' }, 'response', '停用'],
    ['the same, carried out', { kind: 'answer', status: 502, body: '<html>', carriedOut: true }, 'response', '生效中'],
  ])('%s of a restart', (_, effect, kind, after) => {
    const world = worldWith({ match: { action: 'restart' }, effect });
    expect(ask(world, restartOf('dead'), t0).kind).toBe(kind);
    expect(status(world, 'dead', t0 + second)).toBe(after);
  });

  test('a truncated body lacks its end, and promises it', () => {
    const cut = struckBy({ kind: 'truncate' });
    const begun = struckBy({ kind: 'truncate', bytes: 40 });
    if (cut.kind !== 'truncated' || begun.kind !== 'truncated') throw new Error('not truncated');
    expect(cut.sentBytes).toBe(Buffer.byteLength(cut.body) - 1);
    expect(begun.sentBytes).toBe(40);
  });

  test('half a gigabyte is sent piece by piece and is valid to its end', () => {
    const reply = struckBy({ kind: 'huge', bytes: 500e6 });
    if (reply.kind !== 'stream') throw new Error('not streamed');
    let bytes = 0;
    for (const piece of reply.pieces()) {
      expect(piece.length).toBeLessThanOrEqual(64 * 1024);
      bytes += piece.length;
      if (bytes > 50e6) break;
    }
    expect(bytes).toBeGreaterThan(50e6);
    const small = struckBy({ kind: 'huge', bytes: 100_000 });
    const text = small.kind === 'stream' ? [...small.pieces()].join('') : '';
    expect(JSON.parse(text).Result.List[0].Title).toHaveLength(100_000);
  });
});

describe('where, when and how often', () => {
  test('a fault of a cloud group hits a call for a task that has come there while the call was on its way', () => {
    const world = worldWith({ match: { cloudGroup: 'news' }, effect: { kind: 'error', code: 'CommonErr' } });
    const request = signed(restartOf('dead'), t0);
    uplinkMs(world, request, t0);
    perform(world, { kind: 'edit', taskId: 'dead', change: { cloudGroup: 'news' } });
    expect(outcome(answer(world, request, t0))).toBe('200 CommonErr');
  });

  const error = { kind: 'error', code: 'CommonErr' } as const;
  const isHit = (world: World, call: Ask, now = t0) => outcome(ask(world, call, now)).endsWith('CommonErr');
  const groups: Ask = { action: 'ListPullToPushGroup', body: { PageNum: 1, PageSize: 10 } };

  test.each<[string, Fault['match'], Ask, boolean]>([
    ['an action hits that action', { action: 'RestartPullToPushTask' }, restartOf('dead'), true],
    [
      'and no other',
      { action: 'RestartPullToPushTask' },
      restartOf('dead', { action: 'ContinuePullToPushTask' }),
      false,
    ],
    ['`restart` hits all three', { action: 'restart' }, restartOf('dead', { action: 'ContinuePullToPushTask' }), true],
    ['`restart` hits no list', { action: 'restart' }, v2, false],
    ['`list` hits the groups too', { action: 'list' }, groups, true],
    ['a task hits calls that name it', { taskId: 'dead' }, restartOf('dead'), true],
    ['and no others', { taskId: 't1' }, restartOf('dead'), false],
    ['a cloud group hits tasks in it, named or not', { cloudGroup: 'vip' }, restartOf('dead'), true],
    ['and lists that ask for it', { cloudGroup: 'vip' }, { ...v2, body: { GroupNames: ['vip'] } }, true],
    ['and no list of another', { cloudGroup: 'vip' }, { ...v2, body: { GroupNames: ['news'] } }, false],
    ['a key hits its calls', { accessKeyId: 'AKMAIN' }, v2, true],
    ['and no others', { accessKeyId: 'AKOTHER' }, v2, false],
  ])('%s', (_, match, call, expected) => {
    expect(isHit(worldWith({ match, effect: error }), call)).toBe(expected);
  });

  test('from, until, count, probability', () => {
    const timed = worldWith({ effect: error, from: t0 + 10, until: t0 + 20 });
    expect([9, 10, 19, 20].map((ms) => isHit(timed, v2, t0 + ms))).toEqual([false, true, true, false]);
    const thrice = worldWith({ effect: error, count: 3 });
    expect(Array.from({ length: 5 }, () => isHit(thrice, v2))).toEqual([true, true, true, false, false]);
    const half = worldWith({ effect: error, probability: 0.5 });
    const hits = Array.from({ length: 400 }, () => isHit(half, v2)).filter(Boolean).length;
    expect(hits).toBeGreaterThan(150); // 200 ± 5 × 10
    expect(hits).toBeLessThan(250);
  });

  test('the first of two ends has the call, and the second keeps its count', () => {
    const world = worldWith(
      { effect: error, count: 1 },
      { effect: { kind: 'error', code: 'InternalError' }, count: 1 },
    );
    const results = Array.from({ length: 3 }, () => outcome(ask(world, v2, t0)));
    expect(results).toEqual(['200 CommonErr', '500 InternalError', '200 ok']);
  });

  test('a fault can be taken back', () => {
    const world = worldWith();
    const id = addFault(world, { effect: error });
    addFault(world, { effect: error, match: { action: 'restart' } });
    expect(isHit(world, v2)).toBe(true);
    removeFaults(world, id);
    expect([isHit(world, v2), isHit(world, restartOf('dead'))]).toEqual([false, true]);
  });
});

describe('twists', () => {
  const pages = (world: World, now = t0) => {
    const page = (Page: number) => envelope(ask(world, { ...v2, body: { Page, Size: 4 } }, now)).Result;
    return [1, 2, 3].map((n) => ({
      ids: (page(n)?.List ?? []).map(({ TaskId }) => TaskId),
      total: page(n)?.Pagination?.TotalCount,
    }));
  };

  test('drift shows tasks twice or leaves them out, and the total may disagree', () => {
    const twice = pages(worldWith({ effect: { kind: 'drift', shift: -1 } })).flatMap(({ ids }) => ids);
    expect(twice.length - new Set(twice).size).toBe(1);
    const missed = pages(worldWith({ effect: { kind: 'drift', shift: 2 } })).flatMap(({ ids }) => ids);
    expect([missed.length, new Set(missed).size]).toEqual([9, 9]);
    const totals = pages(worldWith({ effect: { kind: 'drift', shift: 0, totalOff: 1 } })).map(({ total }) => total);
    expect(totals).toEqual([11, 12, 12]);
  });

  test('a stale list shows what was, and new pictures only as often as asked', () => {
    const world = worldWith({ effect: { kind: 'stale', refreshMs: 60_000 } });
    expect(status(world, 'dead', t0)).toBe('停用');
    ask(world, restartOf('dead'), t0 + 1000);
    expect([10, 60, 61].map((s) => status(world, 'dead', t0 + s * second))).toEqual(['停用', '停用', '生效中']);
    const frozen = worldWith({ effect: { kind: 'stale' } });
    list(frozen, t0);
    ask(frozen, restartOf('dead'), t0);
    expect(status(frozen, 'dead', t0 + 3600 * second)).toBe('停用');
    expect(list(frozen, t0 + 3600 * second, { GroupNames: ['news'] })).toHaveLength(5);
  });

  test('blind, shrink, another status, malformed items, restarts in vain', () => {
    expect(list(worldWith({ effect: { kind: 'blind' } }), t0)).toEqual([]);
    expect(list(worldWith({ effect: { kind: 'shrink', keep: 3 } }), t0)).toHaveLength(3);
    const strange = worldWith({ match: { taskId: 't1' }, effect: { kind: 'status', text: '审核中' } });
    expect([status(strange, 't1', t0), status(strange, 't2', t0)]).toEqual(['审核中', '生效中']);
    const broken = worldWith({ match: { cloudGroup: 'news' }, effect: { kind: 'malformed' } });
    expect(list(broken, t0).filter(({ TaskId }) => typeof TaskId === 'string')).toHaveLength(6);
    const vain = worldWith({ effect: { kind: 'in-vain' }, until: t0 + 10_000 });
    const tried = [0, 20].map((s) => [
      outcome(ask(vain, restartOf('dead'), t0 + s * second)),
      status(vain, 'dead', t0 + (s + 1) * second),
    ]);
    expect(tried).toEqual([
      ['200 ok', '停用'],
      ['200 ok', '生效中'],
    ]);
  });

  test('the cloud’s clock can be off for a while', () => {
    const world = worldWith({ effect: { kind: 'clock', offsetMs: 20 * 60_000 }, from: t0 + 1000, until: t0 + 2000 });
    const results = [0, 1000, 2000].map((ms) => outcome(ask(world, v2, t0 + ms)));
    expect(results).toEqual(['200 ok', '400 InvalidTimestamp', '200 ok']);
  });

  test('latency: its own way there and back, a tail, and slow faults on top', () => {
    const latency = { uplinkMs: [10, 20], downlinkMs: [30, 40] } as const;
    const world = aWorld({ parameters: { latency } });
    const request = signed(v2, t0);
    const back = (reply: Reply) => (reply.kind === 'stall' ? Number.NaN : reply.afterMs);
    const there = Array.from({ length: 200 }, () => uplinkMs(world, request, t0));
    const backs = Array.from({ length: 200 }, () => back(ask(world, v2, t0)));
    expect([Math.min(...there) >= 10, Math.max(...there) <= 20, Math.max(...there) - Math.min(...there) > 8]).toEqual([
      true,
      true,
      true,
    ]);
    expect([Math.min(...backs) >= 30, Math.max(...backs) <= 40]).toEqual([true, true]);

    addFault(world, { match: { action: 'list' }, effect: { kind: 'slow-up', ms: [500, 500] }, count: 1 });
    addFault(world, { match: { action: 'list' }, effect: { kind: 'slow-down', ms: [700, 700] }, count: 1 });
    expect(uplinkMs(world, request, t0)).toBeGreaterThanOrEqual(510);
    expect(uplinkMs(world, request, t0)).toBeLessThanOrEqual(20);
    expect(back(ask(world, v2, t0))).toBeGreaterThanOrEqual(730);
    expect(back(ask(world, v2, t0))).toBeLessThanOrEqual(40);

    const tailed = aWorld({
      parameters: {
        latency: { uplinkMs: [25, 25], downlinkMs: [25, 25], tail: { share: 0.02, uplinkMs: 1450, downlinkMs: 0 } },
      },
    });
    const slow = Array.from({ length: 5000 }, () => uplinkMs(tailed, request, t0)).filter((ms) => ms === 1475).length;
    expect(slow).toBeGreaterThan(50); // 100 ± 5 × 9.9
    expect(slow).toBeLessThan(150);
  });
});
