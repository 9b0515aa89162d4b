/**
 * Is the pretend cloud honest? The vendor's own client, which knows nothing of it, must be able to use it.
 */
import { Service } from '@volcengine/openapi';
import type { OpenApiResponse } from '@volcengine/openapi/lib/base/types.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { type Door, openDoor } from '../../src/simulator/door.ts';
import type { AccessKey } from '../../src/simulator/signature.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { aTask, hour, mainKey } from './signed.ts';

const temporary: AccessKey = { accessKeyId: 'AKTMP', secretAccessKey: 'tmp-secret', sessionToken: 'STS2+token/=' };

let world: World;
let door: Door;
beforeAll(async () => {
  // The client heeds these for every address, our own included.
  process.env.NO_PROXY = process.env.no_proxy = '127.0.0.1';
  const now = Date.now();
  const times = { startsAt: now - hour, endsAt: now + hour };
  world = createWorld({
    seed: 5,
    now,
    keys: [mainKey, temporary],
    parameters: { limits: { accountPerSecond: 1000 } },
    tasks: [
      ...Array.from({ length: 24 }, (_, n) => aTask(`t${n}`, { ...times, cloudGroup: n % 2 ? 'vip' : 'news' })),
      aTask('dead', { ...times, title: '英超Live07', stopped: true, life: { startsInMs: [0, 0] } }),
    ],
  });
  door = await openDoor({ world, clock: systemClock, port: 0 });
});
afterAll(() => door.close());

const client = (key: AccessKey = mainKey) =>
  new Service({
    serviceName: 'live',
    region: 'cn-north-1',
    protocol: 'http:',
    host: new URL(door.url).host,
    defaultVersion: '2023-01-01',
    accessKeyId: key.accessKeyId,
    secretKey: key.secretAccessKey,
    sessionToken: key.sessionToken,
  });

interface Listed {
  readonly List: readonly { readonly TaskId: string; readonly Title: string; readonly Status: string }[];
  readonly Pagination: Readonly<Record<string, number>>;
}

/** Calls through the client as its users do; the types of its answers are theirs. */
const call = (action: string, body: object, key?: AccessKey) =>
  client(key).createJSONAPI(action)(body) as Promise<OpenApiResponse<Listed>>;

describe('the official Node client', () => {
  test('lists all pages of version 2', async () => {
    const pages = await Promise.all([1, 2].map((Page) => call('ListPullToPushTaskV2', { Page, Size: 20 })));
    expect(pages.map(({ Result }) => Result?.List.length)).toEqual([20, 5]);
    expect(pages[0]?.Result?.Pagination).toEqual({ PageCur: 1, PageSize: 20, PageTotal: 2, TotalCount: 25 });
    expect(pages[0]?.ResponseMetadata).toMatchObject({
      Action: 'ListPullToPushTaskV2',
      Region: 'cn-north-1',
      Service: 'live',
    });
  });

  test('restarts a stopped task, sees it active, and is answered that it cannot be restarted again', async () => {
    const body = { TaskId: 'dead', GroupName: 'default' };
    const first = await call('RestartPullToPushTask', body);
    expect(first.ResponseMetadata.Error).toBeUndefined();
    expect(first.Result).toBeUndefined();
    const list = await call('ListPullToPushTaskV2', { GroupNames: ['default'] });
    expect(list.Result?.List).toMatchObject([{ TaskId: 'dead', Status: '生效中' }]);
    const again = await call('ContinuePullToPushTask', body);
    expect(again.ResponseMetadata.Error).toMatchObject({ Code: 'InvalidParam' });
    expect(world.tasks.get('dead')?.restarts).toBe(1);
  });

  test('works with a temporary key', async () => {
    const { ResponseMetadata } = await call('ListPullToPushTaskV2', {}, temporary);
    expect(ResponseMetadata.Error).toBeUndefined();
  });

  test.each([
    ['a wrong secret', { ...mainKey, secretAccessKey: 'guess' }, 'SignatureDoesNotMatch'],
    ['an unknown key', { ...mainKey, accessKeyId: 'AKNOBODY' }, 'InvalidAccessKey'],
    ['an old token', { ...temporary, sessionToken: 'old' }, 'InvalidSecretToken'],
  ])('is refused with %s', async (_, key, code) => {
    const { ResponseMetadata } = await call('ListPullToPushTaskV2', {}, key);
    expect(ResponseMetadata.Error?.Code).toBe(code);
  });
});
