/** A wrong region is healed on the first call where the configuration names none, and only there. */
import { expect, test } from 'vitest';
import type { CloudOptions } from '../../src/cloud/client.ts';
import { bench, envelope, never, pageOf, rawTask, send, serve } from './fixtures.ts';

/** An endpoint that takes signatures for one region; what regions it was asked for. */
async function regional(region: string, code = 'SignatureDoesNotMatch', options: Partial<CloudOptions> = {}) {
  const asked: string[] = [];
  const server = await serve((response, request) => {
    const named = /\/\d{8}\/([^/]+)\/live\/request/.exec(String(request.headers.authorization))?.[1] ?? '';
    asked.push(named);
    if (named !== region) return send(response, 401, envelope(undefined, { Code: code }));
    send(response, 200, pageOf([rawTask('t1')], request.body));
  });
  const { cloud, traces, gate } = bench(server.url, { provider: 'byteplus', ...options });
  const observe = async () => {
    const seen = await cloud.observe(never);
    return seen.kind === 'failed' ? seen.failure.code : seen.items.length;
  };
  const end = async () => {
    await cloud.close();
    await server.close();
  };
  return { asked, observe, end, gate, found: () => traces.filter(({ kind }) => kind === 'region-found') };
}

test.each(['SignatureDoesNotMatch', 'InvalidCredential'])(
  '%s on the first call: the other region, through the gate, and it is remembered and reported once',
  async (code) => {
    const one = await regional('cn-north-1', code);
    expect([await one.observe(), await one.observe()]).toEqual([1, 1]);
    expect(one.asked).toEqual(['ap-singapore-1', 'cn-north-1', 'cn-north-1']);
    expect(one.gate.lanes).toEqual(['poll', 'poll', 'poll']);
    expect(one.found()).toEqual([{ kind: 'region-found', account: 'main', region: 'cn-north-1' }]);
    await one.end();
  },
);

test('where the first region is right that is reported, once', async () => {
  const one = await regional('ap-singapore-1');
  expect([await one.observe(), await one.observe()]).toEqual([1, 1]);
  const found = { kind: 'region-found', account: 'main', region: 'ap-singapore-1' };
  expect([one.asked, one.found()]).toEqual([['ap-singapore-1', 'ap-singapore-1'], [found]]);
  await one.end();
});

test.each([
  ['is the first to be tried, and no news', 'cn-north-1', 'cn-north-1', ['cn-north-1'], 0],
  [
    'and is right no longer: the other, and that is news',
    'ap-singapore-1',
    'cn-north-1',
    ['cn-north-1', 'ap-singapore-1'],
    1,
  ],
  ['and is none that is known: as without it', 'ap-singapore-1', 'mars-1', ['ap-singapore-1'], 1],
])('what is remembered %s', async (_what, right, remembered, asked, reported) => {
  const one = await regional(right, 'SignatureDoesNotMatch', { rememberedRegion: () => remembered });
  expect(await one.observe()).toBe(1);
  expect([one.asked, one.found().length]).toEqual([asked, reported]);
  await one.end();
});

test.each<[string, string, Partial<CloudOptions>]>([
  ['a region that was written is kept to', 'SignatureDoesNotMatch', { region: 'ap-singapore-1' }],
  ['a wrong key is no wrong region', 'InvalidAccessKey', {}],
  ['Volcengine has one region', 'SignatureDoesNotMatch', { provider: 'volcengine' }],
])('%s', async (_, code, options) => {
  const one = await regional('elsewhere', code, options);
  expect(await one.observe()).toBe(code);
  expect(one.asked).toHaveLength(1);
  await one.end();
});

test('neither works: two sendings for a call, not more', async () => {
  const one = await regional('elsewhere');
  expect(await one.observe()).toBe('SignatureDoesNotMatch');
  expect(one.asked).toEqual(['ap-singapore-1', 'cn-north-1']);
  await one.end();
});
