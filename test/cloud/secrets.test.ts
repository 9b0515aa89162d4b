/**
 * Secrets are planted wherever the cloud, the network and the files can put them; whatever the client says of it (its
 * results, its traces, what it throws) is searched for them.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bench, envelope, never, pageOf, rawTask, scripted, send, serve } from './fixtures.ts';

const planted = [
  'AKLTplantedKey',
  'plantedSecretKey',
  'plantedSessionToken',
  'plantedStreamKey',
  'plantedPushKey',
  'plantedCallback',
  'plantedQuery',
  'plantedJwt',
];
const credentials = {
  kind: 'keys',
  accessKeyId: { kind: 'value', reveal: () => 'AKLTplantedKey' },
  secretAccessKey: { kind: 'value', reveal: () => 'plantedSecretKey' },
  sessionToken: { kind: 'value', reveal: () => 'plantedSessionToken' },
} as const;
const addresses = {
  SrcAddr: 'rtmp://pull.example/app/plantedStreamKey?auth=plantedQuery',
  SrcAddrS: ['https://x.example/plantedStreamKey.mp4'],
  VodSrcAddrs: [{ SrcAddr: 'https://x.example/plantedStreamKey.mp4' }],
  DstAddr: 'rtmp://push.example/app/plantedPushKey',
  CallbackURL: 'https://hook.example/plantedCallback',
};
const everything = planted.join(' rtmp://x/');

/** Looks into nested values and into errors, their causes included. */
function searchable(value: unknown): string {
  return JSON.stringify(value, (_key, inner) =>
    inner instanceof Error ? { ...inner, message: inner.message, stack: inner.stack, cause: inner.cause } : inner,
  );
}

const answers: readonly (readonly [what: string, answer: (action: string) => object])[] = [
  ['an error that quotes them', () => envelope(undefined, { Code: 'InvalidParam', Message: everything })],
  ['a code that is an address', () => envelope(undefined, { Code: 'rtmp://push/plantedPushKey' })],
  ['a request id that is an address', () => ({ ResponseMetadata: { RequestId: everything, Error: { Code: 'X' } } })],
  ['keys as request id and code', () => envelope(undefined, { Code: 'plantedSecretKey' }, 'AKLTplantedKey')],
  ['a key as the request id of a success', () => envelope(undefined, undefined, 'plantedSecretKey')],
  ['text that is no JSON', () => ({ kind: 'response', status: 500, date: everything, body: Buffer.from(everything) })],
  ['a refused signature', () => envelope(undefined, { Code: 'SignatureDoesNotMatch', Message: everything })],
  [
    'items of every kind',
    () =>
      pageOf(
        [
          rawTask('a', addresses),
          rawTask('b', { ...addresses, EndTime: everything }),
          rawTask('c', { ...addresses, TaskId: everything }),
          rawTask('rtmp://push/plantedPushKey'),
          rawTask('AKLTplantedKey'),
          rawTask('e', { Title: `live ${everything}`, GroupName: 'vip rtmp://push/plantedPushKey' }),
          rawTask('f', { Title: 'x-plantedSecretKey-x', Status: 'pulling rtmp://pull/plantedStreamKey failed' }),
          rawTask('g', { Title: 'push.example/app?sign=plantedQuery&a=1', Status: 'AKLTplantedKey' }),
          rawTask('d', { ...addresses, GroupName: `${everything}\n` }),
          everything,
        ],
        { Page: 1, Size: 500 },
      ),
  ],
];

test.each(answers)('%s: nothing of it comes out', async (_what, answer) => {
  const { cloud, restart, traces } = bench(scripted(answer), { credentials });
  const said: unknown[] = [await cloud.observe(never), await cloud.look(['vip'], never), await restart(), traces];
  expect(traces.length).toBeGreaterThan(2);
  for (const secret of planted) expect(searchable(said)).not.toContain(secret);
});

test('over HTTP, with a connection that breaks and a token that STS quotes back', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'relaykeeper-secrets-'));
  writeFileSync(join(folder, 'token'), 'plantedJwt');
  const server = await serve((response, { action }) => {
    if (action === 'AssumeRoleWithOIDC') {
      return send(response, 403, envelope(undefined, { Code: 'AccessDenied', Message: everything }));
    }
    response.destroy(new Error(everything));
  });
  const env = {
    VOLCENGINE_OIDC_ROLE_TRN: 'r',
    VOLCENGINE_OIDC_TOKEN_FILE: join(folder, 'token'),
    VOLCENGINE_OIDC_STS_ENDPOINT: server.url,
  };
  for (const options of [{ credentials }, { credentials: { kind: 'oidc' } as const, env }]) {
    const { cloud, restart, traces } = bench(server.url, options);
    const said = searchable([await cloud.observe(never), await restart(), traces]);
    expect(said).toContain('failure');
    for (const secret of planted) expect(said).not.toContain(secret);
    await cloud.close();
  }
  await server.close();
  rmSync(folder, { recursive: true });
});
