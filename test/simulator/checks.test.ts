import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { answer } from '../../src/simulator/answer.ts';
import type { Request } from '../../src/simulator/exchange.ts';
import type { AccessKey } from '../../src/simulator/signature.ts';
import {
  type Ask,
  ask,
  aTask,
  aWorld,
  envelope,
  hour,
  list,
  mainKey,
  minute,
  outcome,
  restartOf,
  signed,
  t0,
} from './signed.ts';

const temporary: AccessKey = {
  accessKeyId: 'AKTMP',
  secretAccessKey: 'temporary-secret',
  sessionToken: 'STS-token/+=',
};
const sub: AccessKey = {
  accessKeyId: 'AKSUB',
  secretAccessKey: 'sub-secret',
  subAccount: true,
  sees: ['vip'],
};
const stranger: AccessKey = { accessKeyId: 'AKELSE', secretAccessKey: 'else-secret', sees: 'nothing' };

const world = () =>
  aWorld({
    keys: [mainKey, temporary, sub, stranger],
    tasks: [
      aTask('dead', { cloudGroup: 'vip', stopped: true }),
      aTask('live', { cloudGroup: 'vip' }),
      aTask('early', { startsAt: t0 + 10 * minute }),
      aTask('over', { endsAt: t0 - minute }),
      aTask('news1', { cloudGroup: 'news', stopped: true }),
    ],
  });

const change = (request: Request, headers: Record<string, string | undefined>): Request => ({
  ...request,
  headers: Object.fromEntries(
    Object.entries({ ...request.headers, ...headers }).filter((header): header is [string, string] => !!header[1]),
  ),
});
const page = signed({ action: 'ListPullToPushTaskV2', body: { Page: 1 } }, t0);
const authorization = page.headers.Authorization ?? '';

describe('signatures', () => {
  test.each<[string, Request, string]>([
    ['signed by the official signer', page, '200 ok'],
    ['header names in lower case', { ...page, headers: lower(page.headers) }, '200 ok'],
    ['no Authorization', change(page, { Authorization: undefined }), '401 MissingAuthenticationToken'],
    [
      'Authorization without Signature',
      change(page, { Authorization: 'HMAC-SHA256 Credential=A' }),
      '401 MissingSignature',
    ],
    [
      'Authorization of another kind',
      change(page, { Authorization: authorization.replace('HMAC', 'AWS4-HMAC') }),
      '400 InvalidAuthorization',
    ],
    ['no X-Date', change(page, { 'X-Date': undefined }), '400 MissingRequestInfo'],
    ['X-Date in another form', change(page, { 'X-Date': '2026-03-01T00:00:00Z' }), '400 InvalidTimestamp'],
    ['no hash of the body', change(page, { 'X-Content-Sha256': undefined }), '400 MissingRequestInfo'],
    ['another hash of the body', change(page, { 'X-Content-Sha256': 'ab'.repeat(32) }), '401 SignatureDoesNotMatch'],
    ['another body', { ...page, body: '{"Page":2}' }, '401 SignatureDoesNotMatch'],
    ['another query', { ...page, target: `${page.target}&X=1` }, '401 SignatureDoesNotMatch'],
    ['X-Date changed by a second', change(page, { 'X-Date': '20260301T000001Z' }), '401 SignatureDoesNotMatch'],
    ['a token that is not signed', change(page, { 'X-Security-Token': 'forged' }), '401 SignatureDoesNotMatch'],
    [
      'the last digit of the signature changed',
      change(page, { Authorization: flipLast(authorization) }),
      '401 SignatureDoesNotMatch',
    ],
    [
      'signed headers out of order',
      change(page, { Authorization: authorization.replace('x-content-sha256;x-date', 'x-date;x-content-sha256') }),
      '400 InvalidAuthorization',
    ],
  ])('%s', (_, request, expected) => {
    expect(outcome(answer(world(), request, t0))).toBe(expected);
  });

  test.each<[string, Partial<Ask>, string]>([
    ['an unknown key', { key: { ...mainKey, accessKeyId: 'AKNOBODY' } }, '401 InvalidAccessKey'],
    ['a wrong secret', { key: { ...mainKey, secretAccessKey: 'guess' } }, '401 SignatureDoesNotMatch'],
    ['another region', { region: 'cn-south-9' }, '400 InvalidCredential'],
    ['another service', { service: 'vod' }, '404 ServiceNotFound'],
    ['15 minutes early', { signedAt: t0 + 15 * minute }, '200 ok'],
    ['15 minutes and a second early', { signedAt: t0 + 15 * minute + 1000 }, '400 InvalidTimestamp'],
    ['15 minutes and a second late', { signedAt: t0 - 15 * minute - 1000 }, '400 InvalidTimestamp'],
    ['a temporary key with its token', { key: temporary }, '200 ok'],
    ['a temporary key without its token', { key: { ...temporary, sessionToken: undefined } }, '401 InvalidSecretToken'],
    ['a temporary key with another token', { key: { ...temporary, sessionToken: 'old' } }, '401 InvalidSecretToken'],
  ])('%s', (_, more, expected) => {
    expect(outcome(ask(world(), { action: 'ListPullToPushTaskV2', ...more }, t0))).toBe(expected);
  });

  test('the time that was too far off can be learned from the answer', () => {
    const off = aWorld({ parameters: { clockOffsetMs: 20 * minute } });
    const refused = ask(off, { action: 'ListPullToPushTaskV2' }, t0);
    expect(outcome(refused)).toBe('400 InvalidTimestamp');
    const date = refused.kind === 'response' ? Date.parse(refused.headers.date ?? '') : Number.NaN;
    expect(date).toBe(t0 + 20 * minute);
    expect(outcome(ask(off, { action: 'ListPullToPushTaskV2', signedAt: date }, t0))).toBe('200 ok');
  });

  test('a hash that lies is refused even if the rest is signed for the true body', () => {
    const sign = (bodyHashHeader: string) => {
      const names = ['x-content-sha256', 'x-date'];
      const headers = { 'x-content-sha256': bodyHashHeader, 'x-date': '20260301T000000Z' };
      const lines = `x-content-sha256:${bodyHashHeader}\nx-date:20260301T000000Z\n`;
      const target = '/?Action=ListPullToPushTaskV2&Version=2023-01-01';
      const canonical = ['POST', '/', target.slice(2), lines, names.join(';'), sha256('{}')].join('\n');
      const scope = ['20260301', 'cn-north-1', 'live', 'request'];
      const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
      const toSign = `HMAC-SHA256\n20260301T000000Z\n${scope.join('/')}\n${sha256(canonical)}`;
      const signature = hmac(scope.reduce<string | Buffer>(hmac, mainKey.secretAccessKey), toSign).toString('hex');
      const credential = `Credential=${mainKey.accessKeyId}/${scope.join('/')}`;
      const authorization = `HMAC-SHA256 ${credential}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
      return {
        method: 'POST',
        target,
        headers: { ...headers, authorization, 'content-type': 'application/json' },
        body: '{}',
      };
    };
    expect(outcome(answer(world(), sign(sha256('{}')), t0))).toBe('200 ok');
    expect(outcome(answer(world(), sign(sha256('{ }')), t0))).toBe('401 SignatureDoesNotMatch');
  });

  test('whatever the official signer signs is accepted, and nothing else', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((value) => value.isWellFormed());
    fc.assert(
      fc.property(text, text, fc.constantFrom(mainKey, temporary), fc.nat(9), (name, extra, key, spoiled) => {
        const request = signed(
          { action: 'ListPullToPushTaskV2', query: { odd: extra }, body: { GroupNames: [name] }, key },
          t0,
        );
        expect(outcome(answer(world(), request, t0))).toBe('200 ok');
        const cut = { ...request, body: request.body.replace('GroupNames', `GroupNames${spoiled}`) };
        expect(outcome(answer(world(), cut, t0))).toBe('401 SignatureDoesNotMatch');
      }),
      { numRuns: 150 },
    );
  });
});

describe('routes and parameters', () => {
  const v2 = 'ListPullToPushTaskV2';
  test.each<[string, Ask, string]>([
    ['an action that relaykeeper has no use for', { action: 'StopPullToPushTask' }, '404 InvalidActionOrVersion'],
    ['a name that every object has', { action: 'toString' }, '404 InvalidActionOrVersion'],
    ['a version that does not exist', { action: v2, version: '2020-08-01' }, '404 InvalidActionOrVersion'],
    ['no action', { action: '' }, '400 MissingParameter'],
    ['GET where POST belongs', { action: v2, method: 'GET' }, '405 MethodNotAllowed'],
    ['a body that is no JSON', { action: v2, body: '{' }, '400 InvalidParam.BindError'],
    ['a body that is a list', { action: v2, body: [] }, '400 InvalidParam.BindError'],
    ['a field that relaykeeper has no use for', { action: v2, body: { Title: 'x' } }, '400 InvalidParam.BindError'],
    ['Page as text', { action: v2, body: { Page: '1' } }, '400 InvalidParam.BindError'],
    ['GroupNames as text', { action: v2, body: { GroupNames: 'vip' } }, '400 InvalidParam.BindError'],
    ['Page 0', { action: v2, body: { Page: 0 } }, '400 InvalidParam'],
    ['Size 500', { action: v2, body: { Size: 500 } }, '200 ok'],
    ['Size 501', { action: v2, body: { Size: 501 } }, '400 InvalidParam'],
    ['Size 0', { action: v2, body: { Size: 0 } }, '400 InvalidParam'],
    ['groups', { action: 'ListPullToPushGroup', body: { PageNum: 1, PageSize: 1000 } }, '200 ok'],
    ['groups without a page', { action: 'ListPullToPushGroup' }, '400 InvalidParam.BindError'],
    [
      'groups, 1001 at a time',
      { action: 'ListPullToPushGroup', body: { PageNum: 1, PageSize: 1001 } },
      '400 InvalidParam',
    ],
    ['restart without TaskId', { action: 'RestartPullToPushTask', body: {} }, '400 InvalidParam'],
    ['restart with a number', restartOf('x', { body: { TaskId: 7 } }), '400 InvalidParam.BindError'],
    ['restart of a stopped task', restartOf('dead'), '200 ok'],
    ['continue of a stopped task', restartOf('dead', { action: 'ContinuePullToPushTask' }), '200 ok'],
    ['relaunch of a stopped task', restartOf('dead', { action: 'RelaunchPullToPushTask' }), '200 ok'],
    ['restart of an active task', restartOf('live'), '400 InvalidParam'],
    ['restart of one that has not started', restartOf('early'), '400 InvalidParam'],
    ['restart of one that has ended', restartOf('over'), '400 InvalidParam'],
    ['restart of nothing', restartOf('nobody'), '404 ResourceNotFound'],
    ['restart with the right group', restartOf('dead', { body: { TaskId: 'dead', GroupName: 'vip' } }), '200 ok'],
    [
      'restart with another group',
      restartOf('dead', { body: { TaskId: 'dead', GroupName: 'news' } }),
      '404 ResourceNotFound',
    ],
    [
      'restart with no such group',
      restartOf('dead', { body: { TaskId: 'dead', GroupName: 'nope' } }),
      '403 RequestForbidden',
    ],
  ])('%s', (_, call, expected) => {
    expect(outcome(ask(world(), call, t0))).toBe(expected);
  });

  test('JSON without its content type is not read', () => {
    expect(outcome(answer(world(), change(page, { 'content-type': 'text/plain' }), t0))).toBe(
      '400 InvalidParam.BindError',
    );
  });

  test.each<[string, Ask, string]>([
    ['list without a group', { action: v2 }, '400 InvalidParam'],
    ['list with an empty list of groups', { action: v2, body: { GroupNames: [] } }, '400 InvalidParam'],
    ['list of its group', { action: v2, body: { GroupNames: ['vip'] } }, '200 ok'],
    [
      'list of a group it may not see',
      { action: v2, body: { GroupNames: ['vip', 'news'] } },
      '403 RequestForbidden.AccountIDNotAllow',
    ],
    ['restart without a group', restartOf('dead'), '400 InvalidParam'],
    ['restart with its group', restartOf('dead', { body: { TaskId: 'dead', GroupName: 'vip' } }), '200 ok'],
    [
      'restart in a group it may not see',
      restartOf('news1', { body: { TaskId: 'news1', GroupName: 'news' } }),
      '403 RequestForbidden.AccountIDNotAllow',
    ],
  ])('a sub-account: %s', (_, call, expected) => {
    expect(outcome(ask(world(), { ...call, key: sub }, t0))).toBe(expected);
  });

  test('a sub-account is shown its own groups only', () => {
    const call = { action: 'ListPullToPushGroup', body: { PageNum: 1, PageSize: 10 }, key: sub };
    const { Result } = envelope(ask(world(), call, t0));
    expect([Result?.Total, Result?.List?.map(({ Name }) => Name)]).toEqual([1, ['vip']]);
  });

  test('the key of somebody else sees an empty account, without an error', () => {
    const reply = ask(world(), { action: v2, key: stranger }, t0);
    expect([outcome(reply), envelope(reply).Result?.Pagination?.TotalCount]).toEqual(['200 ok', 0]);
    expect(outcome(ask(world(), restartOf('dead', { key: stranger }), t0))).toBe('404 ResourceNotFound');
  });
});

describe('lists', () => {
  const many = () =>
    aWorld({
      tasks: Array.from({ length: 45 }, (_, n) => aTask(`t${n}`, { title: n % 2 ? `Sport${n}` : `新闻${n}` })),
    });

  test('pages are offsets over the newest first, and the last may be short', () => {
    const world = many();
    const sizes = [1, 2, 3, 4].map((Page) => list(world, t0, { Page }).length);
    expect(sizes).toEqual([20, 20, 5, 0]);
    expect(list(world, t0, { Page: 1, Size: 2 }).map(({ TaskId }) => TaskId)).toEqual(['t44', 't43']);
    const { Result } = envelope(ask(world, { action: 'ListPullToPushTaskV2', body: { Page: 3 } }, t0));
    expect(Result?.Pagination).toEqual({ PageCur: 3, PageSize: 20, PageTotal: 3, TotalCount: 45 });
  });

  test('an empty list comes in three shapes', () => {
    const world = aWorld();
    const shapes = Array.from({ length: 40 }, () =>
      JSON.stringify(envelope(ask(world, { action: 'ListPullToPushTaskV2' }, t0)).Result?.List),
    );
    expect(new Set(shapes)).toEqual(new Set(['null', '[]', undefined]));
  });

  test('times come in both forms and mean the same moment; every address carries a planted secret', () => {
    const items = list(aWorld({ tasks: ['a1', 'b2', 'c3'].map((id) => aTask(id)) }), t0);
    expect(new Set(items.map(({ EndTime }) => String(EndTime).slice(19)))).toEqual(new Set(['Z', '+08:00']));
    expect(items.map(({ StartTime }) => Date.parse(String(StartTime)) - t0)).toEqual([-hour, -hour, -hour]);
    for (const item of items) {
      expect(
        [item.SrcAddr, item.DstAddr, item.CallbackURL].every((text) => String(text).includes('planted-secret')),
      ).toBe(true);
    }
  });

  test('the envelope repeats who was asked what, with an id of the cloud’s time', () => {
    const { ResponseMetadata } = envelope(ask(world(), { action: 'ListPullToPushTaskV2' }, t0));
    expect(ResponseMetadata).toMatchObject({
      Action: 'ListPullToPushTaskV2',
      Version: '2023-01-01',
      Service: 'live',
      Region: 'cn-north-1',
    });
    expect(ResponseMetadata.RequestId).toMatch(/^20260301000000[0-9A-F]{20}$/);
  });
});

function lower(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function flipLast(text: string): string {
  return text.slice(0, -1) + (text.endsWith('0') ? '1' : '0');
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
