import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { knownCodes } from '../../src/cloud/errors.ts';
import { classMeanings, type ErrorClass, errorClasses } from '../../src/domain/words/failure.ts';
import type { RestartAnswer } from '../../src/domain/words/task.ts';
import { bench, envelope, never, type Pretend, send, serve } from './fixtures.ts';

type Row = readonly [
  status: number,
  code: string | undefined,
  errorClass: ErrorClass,
  restart: RestartAnswer['kind'],
  /** Physical requests that one read, and one restart, may cost while the cloud goes on answering so. */
  sentByRead: number,
  sentByRestart: number,
];

test.each(errorClasses)('%s can occur: it has a code, or comes without one', (name) => {
  expect(classMeanings[name].codeless || knownCodes.pairs.some((pair) => pair.class === name)).toBe(true);
});

// The classes, row by row, with the HTTP status of the vendor's documentation.
const rows: readonly Row[] = [
  [429, 'FlowLimitExceeded', 'throttled', 'throttled', 1, 1],
  [429, 'AccountFlowLimitExceeded', 'throttled', 'throttled', 1, 1],
  [200, 'AccountFlowLimitExceeded', 'throttled', 'throttled', 1, 1],
  [200, 'FlowLimitExceeded', 'throttled', 'throttled', 1, 1],
  [429, undefined, 'throttled', 'throttled', 1, 1],
  [429, 'RequestLimitExceeded', 'quota', 'refused', 1, 1],
  // The keys of this bench cannot change, so reading them again is no reason to ask again.
  [401, 'InvalidAccessKey', 'auth', 'refused', 1, 1],
  [401, 'SignatureDoesNotMatch', 'auth', 'refused', 1, 1],
  [401, 'InvalidSecretToken', 'auth', 'refused', 1, 1],
  [401, 'MissingSignature', 'auth', 'refused', 1, 1],
  [401, 'MissingAuthenticationToken', 'auth', 'refused', 1, 1],
  [400, 'InvalidAuthorization', 'auth', 'refused', 1, 1],
  [400, 'InvalidCredential', 'auth', 'refused', 1, 1],
  [403, 'AccessDenied', 'permission', 'refused', 1, 1],
  [403, 'LackPolicy', 'permission', 'refused', 1, 1],
  [403, 'RequestForbidden', 'forbidden', 'refused', 1, 1],
  [403, 'RequestForbidden.AccountIDNotAllow', 'forbidden', 'refused', 1, 1],
  [403, 'LackProjectPolicy', 'forbidden', 'refused', 1, 1],
  [403, 'RequestForbidden.BillingStatus', 'billing', 'refused', 1, 1],
  [400, 'InvalidTimestamp', 'clock', 'refused', 2, 2],
  [403, 'InvalidTimestamp', 'clock', 'refused', 2, 2],
  [404, 'InvalidActionOrVersion', 'retired', 'refused', 1, 2],
  [400, 'InvalidParam', 'invalid', 'refused', 1, 1],
  [400, 'InvalidParam.BindError', 'invalid', 'refused', 1, 1],
  [400, 'MissingParameter', 'invalid', 'refused', 1, 1],
  [400, 'MissingRequestInfo', 'invalid', 'refused', 1, 1],
  [404, 'ResourceNotFound', 'not-found', 'refused', 1, 1],
  [500, 'InternalError', 'server', 'unanswered', 5, 1],
  [502, 'InternalServiceError', 'server', 'unanswered', 5, 1],
  [502, 'InternalServiceError.BadResponse', 'server', 'unanswered', 5, 1],
  [504, 'InternalServiceTimeout', 'server', 'unanswered', 5, 1],
  [503, 'ServiceUnavailableTemp', 'server', 'unanswered', 5, 1],
  [200, 'InternalError', 'server', 'unanswered', 5, 1],
  [500, undefined, 'server', 'unanswered', 5, 1],
  [500, 'NeverHeardOf', 'server', 'unanswered', 5, 1],
  [500, 'CommonErr', 'server', 'unanswered', 5, 1],
  [200, 'CommonErr', 'common', 'refused', 5, 1],
  [404, 'ServiceNotFound', 'unknown', 'refused', 1, 1],
  [405, 'MethodNotAllowed', 'unknown', 'refused', 1, 1],
  [400, 'NeverHeardOf', 'unknown', 'refused', 1, 1],
  [200, 'NeverHeardOf', 'unknown', 'refused', 1, 1],
  [429, 'NeverHeardOf', 'unknown', 'refused', 1, 1],
  [400, undefined, 'unknown', 'refused', 1, 1],
];

/** The whole of the vendor's documentation: codes of Restart's own table and those common to every action. */
const documented = rows.map(([, code]) => code).filter((code) => code !== undefined && code !== 'NeverHeardOf');

describe('each row of the error table, over HTTP', () => {
  let server: Pretend;
  let row: Row = [200, undefined, 'unknown', 'refused', 0, 0];
  beforeAll(async () => {
    server = await serve((response) => {
      const [status, code] = row;
      if (status === 200 || code) return send(response, status, envelope(undefined, { Code: code ?? '' }));
      send(response, status, envelope());
    });
  });
  afterAll(() => server.close());
  beforeEach(() => {
    server.requests.length = 0;
  });

  test.each(rows)('HTTP %i %s is %s; a restart is %s; a read is sent %i times, a restart %i', async (...given) => {
    const [httpStatus, code, errorClass, restartKind, sentByRead, sentByRestart] = given;
    row = given;
    const { cloud, gate, traces, restart } = bench(server.url, { cloudGroups: ['vip'] });

    const seen = await cloud.observe(never);
    expect(seen).toMatchObject({ kind: 'failed', failure: { class: errorClass, code, httpStatus } });
    expect(server.requests).toHaveLength(sentByRead);

    server.requests.length = 0;
    const answer = await restart();
    expect(answer).toMatchObject({ kind: restartKind, failure: { class: errorClass, code, httpStatus } });
    expect(server.requests).toHaveLength(sentByRestart);

    const sent = sentByRead + sentByRestart;
    expect(gate.outcomes).toEqual(Array(sent).fill('answered'));
    const slowed = code === 'FlowLimitExceeded' ? ['list', 'restart'] : ['account', 'account'];
    expect(gate.slowed).toEqual(errorClass === 'throttled' ? slowed : []);

    const label = code === 'NeverHeardOf' ? 'other' : (code ?? errorClass);
    if (code !== 'CommonErr' || httpStatus === 200) {
      expect(knownCodes.pairs).toContainEqual({ code: label, class: errorClass });
    }
    const reported = traces.filter(({ kind }) => kind === 'request');
    expect(reported).toHaveLength(sent);
    await cloud.close();
  });
});

test('every documented code is known, with its class, once', () => {
  const pairs = knownCodes.pairs.map(({ code, class: errorClass }) => `${code} ${errorClass}`);
  expect(new Set(pairs).size).toBe(pairs.length);
  for (const code of documented) expect(knownCodes.pairs.map((known) => known.code)).toContain(code);
  expect(new Set(documented).size).toBe(31);
});

describe('answers that are no answer of the API', () => {
  const cases: readonly [what: string, status: number, headers: Record<string, string>, body: string, error: object][] =
    [
      ['HTML with 200', 200, { 'content-type': 'text/html' }, '<html>hello</html>', { class: 'server' }],
      ['HTML with 502', 502, {}, '<h1>bad gateway</h1>', { class: 'server' }],
      ['HTML with 429', 429, {}, '<h1>slow down</h1>', { class: 'throttled' }],
      ['HTML with 403', 403, {}, 'forbidden by the firewall', { class: 'server', httpStatus: 403 }],
      ['JSON that is no envelope', 200, {}, '{"ok":true}', { class: 'server' }],
      ['JSON null', 200, {}, 'null', { class: 'server' }],
      ['half a JSON', 200, {}, '{"ResponseMetadata":{"Req', { class: 'server' }],
      ['nothing', 200, {}, '', { class: 'server' }],
      ['204', 204, {}, '', { class: 'server' }],
      ['a redirect', 302, { location: '/elsewhere' }, '', { class: 'server', httpStatus: 302 }],
      [
        'a redirect with an envelope',
        307,
        { location: '/?Action=x' },
        JSON.stringify(envelope({})),
        { class: 'server' },
      ],
      ['an unknown encoding', 200, { 'content-encoding': 'zstd9' }, JSON.stringify(envelope({})), { class: 'server' }],
      ['gzip that is none', 200, { 'content-encoding': 'gzip' }, JSON.stringify(envelope({})), { class: 'server' }],
      ['a Result that is no list', 200, {}, JSON.stringify(envelope({ List: { a: 1 } })), { class: 'server' }],
    ];
  test.each(cases)('%s: a failed poll, at most five requests, none of them followed or hidden', async (...given) => {
    const [what, status, headers, body, failure] = given;
    const server = await serve((response) => void response.writeHead(status, headers).end(body));
    const { cloud, restart } = bench(server.url);
    expect(await cloud.observe(never)).toMatchObject({ kind: 'failed', failure });
    expect(server.requests).toHaveLength(status === 429 ? 1 : 5);
    expect(new Set(server.requests.map(({ action }) => action))).toEqual(new Set(['ListPullToPushTaskV2']));

    server.requests.length = 0;
    const expected = what === 'a Result that is no list' ? 'accepted' : status === 429 ? 'throttled' : 'unanswered';
    expect((await restart()).kind).toBe(expected);
    expect(server.requests).toHaveLength(1);
    await cloud.close();
    await server.close();
  });
});

test('a read is sent again with growing, scattered pauses, each with a permit of its own lane', async () => {
  const server = await serve((response) => send(response, 500, envelope()));
  const { cloud, clock, gate } = bench(server.url);
  await cloud.observe(never);
  expect(gate.lanes).toEqual(['poll', 'poll', 'poll', 'poll', 'poll']);
  expect(clock.slept).toHaveLength(4);
  for (const [nth, ms] of clock.slept.entries()) {
    expect(ms).toBeGreaterThanOrEqual(250 * 2 ** nth);
    expect(ms).toBeLessThan(375 * 2 ** nth);
  }
  await cloud.close();
  await server.close();
});

test('a read that fails four times and then is answered is a whole poll', async () => {
  const server = await serve((response, _request, nth) =>
    nth < 5
      ? send(response, 200, envelope(undefined, { Code: 'CommonErr' }))
      : send(response, 200, envelope({ List: [] })),
  );
  const { cloud } = bench(server.url);
  expect(await cloud.observe(never)).toMatchObject({ kind: 'complete', items: [], failedCloudGroups: [] });
  await cloud.close();
  await server.close();
});
