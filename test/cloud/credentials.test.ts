import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type * as FilesOfNode from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createKeyRing } from '../../src/cloud/keys/credentials.ts';
import type { AskForKeys } from '../../src/cloud/keys/key-source.ts';
import type { HttpOutcome } from '../../src/cloud/transport.ts';
import type { Credentials } from '../../src/domain/ports/cloud-port.ts';
import type * as UserFiles from '../../src/user-files.ts';
import { versionOfUserFile } from '../../src/user-files.ts';
import { bench, envelope, hastyClock, never, send, serve } from './fixtures.ts';

/** As of a home directory whose file system is gone, without the five seconds for which it is waited for. */
const home = vi.hoisted(() => ({ hangs: false }));
vi.mock('../../src/user-files.ts', async (original) => {
  const files = await original<typeof UserFiles>();
  const gone = () => Promise.reject(new Error('there is no answer within 5 s'));
  const versionOfUserFile = (path: string) => (home.hangs ? gone() : files.versionOfUserFile(path));
  return { ...files, versionOfUserFile };
});

/** What happens before a file is asked for its version; `opened`: the files that were read before. */
const asking = vi.hoisted(() => ({ opened: new Set<string>(), first: (_path: string) => {} }));
vi.mock('node:fs/promises', async (original) => {
  const files = await original<typeof FilesOfNode>();
  const open = (path: string, flags: number) => {
    asking.opened.add(path);
    return files.open(path, flags);
  };
  const stat = (path: string, how: { bigint: true }) => {
    asking.first(path);
    return files.stat(path, how);
  };
  return { ...files, open, stat };
});

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'relaykeeper-keys-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
const write = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

type Env = Record<string, string | undefined>;
type Asked = Parameters<AskForKeys['send']>[0];

/** A ring whose time stands still unless it is moved, whose file looks are made by hand, and whose questions are recorded. */
function ring(
  credentials: Credentials,
  env: Env = {},
  answer: (asked: Asked) => HttpOutcome | Promise<HttpOutcome> = () => refusedHttp,
  vendor: 'volcengine' | 'byteplus' = 'volcengine',
) {
  const asked: Asked[] = [];
  const time = { ms: Date.UTC(2026, 0, 1) };
  const timers: (() => void)[] = [];
  let changes = 0;
  const keys = createKeyRing({
    credentials,
    vendor,
    env,
    cloudNow: () => time.ms,
    clock: {
      ...hastyClock(),
      monotonic: () => time.ms,
      after: (_ms, run) => {
        timers.push(run);
        return () => {};
      },
    },
    ask: {
      stsEndpoint: 'https://sts.example',
      metadataOrigin: 'http://metadata.example',
      send: async (request) => {
        asked.push(request);
        return answer(request);
      },
    },
    onChanged: () => changes++,
  });
  const current = async () => {
    const end = await keys.current(never);
    return end.ok ? end.credentials.accessKeyId : `${end.failure.class}: ${end.failure.message}`;
  };
  return { keys, asked, time, timers, current, changes: () => changes };
}
const refusedHttp: HttpOutcome = { kind: 'never-left', why: 'refused' };
const json = (body: unknown, status = 200): HttpOutcome => ({
  kind: 'response',
  status,
  date: undefined,
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
});

describe('which keys are used', () => {
  const volcengine = { VOLCENGINE_ACCESS_KEY: 'v', VOLCENGINE_SECRET_KEY: 's' };
  const stackId = { VOLCSTACK_ACCESS_KEY_ID: 'i', VOLCSTACK_SECRET_ACCESS_KEY: 's' };
  const stack = { VOLCSTACK_ACCESS_KEY: 'k', VOLCSTACK_SECRET_KEY: 's' };
  test.each<[Credentials['kind'], Env, string]>([
    ['env', { ...stack, ...stackId, ...volcengine }, 'v'],
    ['env', { ...stack, ...stackId }, 'i'],
    ['env', stack, 'k'],
    ['env', { ...stack, VOLCENGINE_ACCESS_KEY: 'half' }, 'k'],
    ['env', { VOLCENGINE_ACCESS_KEY: 'half' }, 'auth: credentials: VOLCENGINE_SECRET_KEY not set in the environment'],
    [
      'env',
      { VOLCENGINE_ACCESS_KEY: 'a b', VOLCENGINE_SECRET_KEY: 's' },
      'auth: credentials: the environment variable VOLCENGINE_ACCESS_KEY has blanks or other characters that no key has',
    ],
    ['env', {}, 'auth: credentials: VOLCENGINE_ACCESS_KEY and VOLCENGINE_SECRET_KEY not set in the environment'],
    ['chain', { ...volcengine, VOLCENGINE_ECS_METADATA: 'role' }, 'v'],
    [
      'chain',
      {},
      'auth: credentials: none found. Looked at VOLCENGINE_ACCESS_KEY, VOLCENGINE_SECRET_KEY, VOLCSTACK_ACCESS_KEY_ID, VOLCSTACK_SECRET_ACCESS_KEY, VOLCSTACK_ACCESS_KEY, VOLCSTACK_SECRET_KEY, VOLC_ACCESSKEY, VOLC_SECRETKEY, VOLCENGINE_OIDC_ROLE_TRN, VOLCENGINE_OIDC_TOKEN_FILE, VOLCENGINE_ECS_METADATA; ecsRole: the metadata service at http://metadata.example: no answer (refused). Set one of them, or write `credentials:` in the configuration',
    ],
    [
      'chain',
      { VOLCENGINE_ECS_METADATA: 'r', VOLCENGINE_ECS_METADATA_DISABLED: 'true' },
      'auth: credentials: ecsRole: switched off by VOLCENGINE_ECS_METADATA_DISABLED=true',
    ],
    [
      'ecsRole',
      {},
      'network: credentials: ecsRole: the metadata service at http://metadata.example: no answer (refused)',
    ],
    [
      'ecsRole',
      { VOLCENGINE_ECS_METADATA: 'r' },
      'network: credentials: ecsRole: the metadata service at http://metadata.example: no answer (refused)',
    ],
    [
      'oidc',
      { VOLCENGINE_OIDC_ROLE_TRN: 'r' },
      'auth: credentials: oidc: VOLCENGINE_OIDC_TOKEN_FILE not set in the environment',
    ],
    [
      'oidc',
      { VOLCENGINE_OIDC_ROLE_TRN: 'r', VOLCENGINE_OIDC_TOKEN_FILE: '/no/such' },
      'auth: credentials: oidc: VOLCENGINE_OIDC_TOKEN_FILE /no/such cannot be read: there is no such file',
    ],
  ])('%s with %j', async (from, env, expected) => {
    if (from === 'keys') throw new Error('not of this table');
    expect(await ring({ kind: from }, env).current()).toBe(expected);
  });

  test('the session token belongs to its pair', async () => {
    const { keys } = ring(
      { kind: 'env' },
      { ...volcengine, VOLCENGINE_SESSION_TOKEN: 't', VOLCSTACK_SESSION_TOKEN: 'u' },
    );
    expect(await keys.current(never)).toEqual({
      ok: true,
      credentials: { accessKeyId: 'v', secretAccessKey: 's', sessionToken: 't' },
    });
  });
});

describe('each source of each vendor, against strict pretend endpoints', () => {
  const vendors = [
    ['volcengine', 'VOLCENGINE', 'https://sts.example'],
    ['byteplus', 'BYTEPLUS', 'https://sts.example'],
  ] as const;
  const notFound = json('', 404);
  const keysAnswer = (expiry: string) => ({
    AccessKeyId: 'temporary',
    SecretAccessKey: 's',
    SessionToken: 't',
    [expiry]: '2026-01-01T02:00:00Z',
  });
  /** Takes exactly what the reference describes. */
  const metadata = (roles: unknown) => (asked: Asked) => {
    if (asked.origin !== 'http://metadata.example' || asked.body !== '') return notFound;
    if (asked.method === 'PUT') {
      const ttl = asked.headers['X-volc-ecs-metadata-token-ttl-seconds'];
      return asked.path === '/latest/api/token' && ttl === '21600' ? json('meta-token') : notFound;
    }
    if (asked.headers['X-volc-ecs-metadata-token'] !== 'meta-token') return json('', 401);
    const under = '/volcstack/latest/iam/security_credentials';
    if (asked.path === `${under}?type=user&format=json`) return json(roles);
    return asked.path === `${under}/live-role` ? json(keysAnswer('ExpiredTime')) : notFound;
  };

  test.each<[string, Env, string]>([
    ['byteplus', { BYTEPLUS_ACCESS_KEY: 'a', BYTEPLUS_ACCESS_KEY_ID: 'b', BYTEPLUS_SECRET_KEY: 's' }, 'a'],
    ['byteplus', { BYTEPLUS_ACCESS_KEY_ID: 'b', BYTEPLUS_SECRET_ACCESS_KEY: 's', BYTEPLUS_ACCESSKEY: 'c' }, 'b'],
    ['byteplus', { BYTEPLUS_ACCESSKEY: 'c', BYTEPLUS_SECRETKEY: 's', VOLCENGINE_ACCESS_KEY: 'v' }, 'c'],
    ['volcengine', { VOLC_ACCESSKEY: 'w', VOLC_SECRETKEY: 's', BYTEPLUS_ACCESS_KEY: 'a' }, 'w'],
    [
      'volcengine',
      { VOLC_ACCESSKEY: 'w', VOLC_SECRETKEY: 's', VOLCSTACK_ACCESS_KEY: 'k', VOLCSTACK_SECRET_KEY: 's' },
      'k',
    ],
  ])('%s reads %j', async (vendor, env, expected) => {
    if (vendor !== 'byteplus' && vendor !== 'volcengine') throw new Error('no vendor');
    for (const from of ['env', 'chain'] as const)
      expect(await ring({ kind: from }, env, undefined, vendor).current()).toBe(expected);
  });

  test('the file of Volcengine’s Live clients, after the environment and before OIDC; not for BytePlus', async () => {
    mkdirSync(join(folder, '.volc'));
    const path = write('.volc/config', '{"ak": "of-file", "sk": "s"}');
    const env = { HOME: folder, VOLCENGINE_OIDC_ROLE_TRN: 'r', VOLCENGINE_OIDC_TOKEN_FILE: '/no/such' };
    expect(await ring({ kind: 'chain' }, env).current()).toBe('of-file');
    expect(await ring({ kind: 'chain' }, { ...env, VOLC_ACCESSKEY: 'w', VOLC_SECRETKEY: 's' }).current()).toBe('w');
    expect(await ring({ kind: 'chain' }, env, undefined, 'byteplus').current()).toContain('none found');
    write('.volc/config', '{"ak": "of-file"}');
    expect(await ring({ kind: 'chain' }, env).current()).toBe(`auth: credentials: the file ${path} has no \`sk\``);
  });

  test.each(vendors)('%s: a service account’s token', async (vendor, prefix, sts) => {
    const env = {
      [`${prefix}_OIDC_ROLE_TRN`]: 'trn:iam::1:role/live',
      [`${prefix}_OIDC_TOKEN_FILE`]: write('token', 'jwt'),
      [`${prefix}_OIDC_ROLE_POLICY`]: '{}',
    };
    const strict = (asked: Asked) => {
      const form = Object.fromEntries(new URLSearchParams(asked.body));
      expect(asked).toMatchObject({
        origin: sts,
        method: 'POST',
        path: '/?Action=AssumeRoleWithOIDC&Version=2018-01-01',
      });
      expect(form).toMatchObject({ RoleTrn: 'trn:iam::1:role/live', OIDCToken: 'jwt', Policy: '{}' });
      return json(envelope({ Credentials: keysAnswer('Expiration') }));
    };
    for (const from of ['oidc', 'chain'] as const)
      expect(await ring({ kind: from }, env, strict, vendor).current()).toBe('temporary');
  });

  test.each(vendors)('%s: the instance’s role, named or found', async (vendor, prefix) => {
    const named = { [`${prefix}_ECS_METADATA`]: 'live-role' };
    for (const from of ['ecsRole', 'chain'] as const) {
      const one = ring({ kind: from }, named, metadata([]), vendor);
      expect([await one.current(), one.asked.length]).toEqual(['temporary', 2]);
      const found = ring({ kind: from }, {}, metadata(['live-role', 'other']), vendor);
      expect([await found.current(), found.asked.length]).toEqual(['temporary', 3]);
    }
    for (const roles of [[], 'live-role', [{ RoleName: 'x' }], [''], null]) {
      expect(await ring({ kind: 'ecsRole' }, {}, metadata(roles), vendor).current()).toBe(
        'auth: credentials: ecsRole: the metadata service at http://metadata.example lists no role of this instance (HTTP 200)',
      );
    }
    const off = { [`${prefix}_ECS_METADATA_DISABLED`]: 'TRUE' };
    expect(await ring({ kind: 'chain' }, off, undefined, vendor).current()).toContain(
      `ecsRole: switched off by ${prefix}_ECS_METADATA_DISABLED=true`,
    );
  });
});

describe('keys in files', () => {
  const files = (): Credentials => ({
    kind: 'keys',
    accessKeyId: { kind: 'file', path: join(folder, 'ak') },
    secretAccessKey: { kind: 'file', path: join(folder, 'sk') },
  });

  test('are trimmed; a missing, an empty and a huge one is reported by its path', async () => {
    write('ak', ' first\n');
    const missing = join(folder, 'sk');
    expect(await ring(files()).current()).toBe(
      `auth: credentials: secretAccessKeyFile ${missing} cannot be read: there is no such file`,
    );
    write('sk', '\n');
    expect(await ring(files()).current()).toBe(`auth: credentials: secretAccessKeyFile ${missing} is empty`);
    write('sk', 'x'.repeat(70_000));
    expect(await ring(files()).current()).toContain(`${missing} cannot be read: it is larger than 64 KiB`);
    write('sk', 'secret');
    expect(await ring(files()).current()).toBe('first');
  });

  test('are read again when they change, through a link too, and that is reported once', async () => {
    write('sk', 'secret');
    symlinkSync(write('v1', 'first'), join(folder, 'ak'));
    const { current, timers, changes, keys } = ring(files());
    expect(await current()).toBe('first');
    const look = async () => {
      await expect.poll(() => timers.length).toBeGreaterThan(0);
      timers.shift()?.();
      await expect.poll(() => timers.length).toBeGreaterThan(0);
    };
    await look();
    expect(changes()).toBe(0);

    symlinkSync(write('v2', 'second'), join(folder, 'new'));
    renameSync(join(folder, 'new'), join(folder, 'ak'));
    await look();
    expect(await current()).toBe('second');
    await look();
    expect(changes()).toBe(1);
    keys.close();
  });

  test('that change between their first reading and the first look at them are read again', async () => {
    onTestFinished(() => {
      asking.first = () => {};
    });
    write('sk', 'secret');
    const path = write('ak', 'first');
    const change = () => asking.opened.delete(path) && write('ak', 'second-longer');
    asking.first = change;
    const { current, timers, changes, keys } = ring(files());
    await expect.poll(() => timers.length).toBe(1);
    change();
    timers.shift()?.();
    await expect.poll(changes).toBe(1);
    expect(await current()).toBe('second-longer');
    keys.close();
  });

  test('of Volcengine’s Live clients that come while a role is asked are used at once', async () => {
    const role = {
      AccessKeyId: 'of-role',
      SecretAccessKey: 's',
      SessionToken: 't',
      ExpiredTime: '2026-01-01T06:00:00Z',
    };
    const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const answer = async ({ path }: Asked) => {
      asked.resolve();
      await answered.promise;
      return json(path.endsWith('live') ? role : 'live');
    };
    const env = { HOME: folder, VOLCENGINE_ECS_METADATA: 'live' };
    const { current, timers, keys } = ring({ kind: 'chain' }, env, answer);
    const first = current();
    await asked.promise;
    await expect.poll(() => timers.length).toBe(1);
    mkdirSync(join(folder, '.volc'));
    const path = write('.volc/config', '{"ak": "of-file", "sk": "s"}');
    timers.shift()?.();
    // The same look as theirs, which has seen the file when this one has.
    await versionOfUserFile(path);
    await new Promise(setImmediate);
    answered.resolve();
    expect(await first).toBe('of-role');
    await expect.poll(current).toBe('of-file');
    keys.close();
  });

  test.each<[string, Env, string]>([
    ['where there were none', {}, 'none found'],
    ['before those of a role', { VOLCENGINE_ECS_METADATA: 'my/role' }, 'ecsRole'],
  ])('of Volcengine’s Live clients are used when they come later, %s', async (_what, env, before) => {
    const { current, timers, changes, keys } = ring({ kind: 'chain' }, { HOME: folder, ...env });
    expect(await current()).toContain(before);
    await expect.poll(() => timers.length).toBe(1);
    mkdirSync(join(folder, '.volc'));
    write('.volc/config', '{"ak": "of-file", "sk": "s"}');
    timers.shift()?.();
    await expect.poll(changes).toBe(1);
    expect(await current()).toBe('of-file');
    keys.close();
  });

  test.each([
    ['the file', true],
    ['the role', false],
  ])('of %s stay in use while nobody knows whether Volcengine’s file is there', async (_whose, isWritten) => {
    onTestFinished(() => {
      home.hangs = false;
    });
    mkdirSync(join(folder, '.volc'));
    if (isWritten) write('.volc/config', '{"ak": "of-file", "sk": "s"}');
    const role = {
      AccessKeyId: 'of-role',
      SecretAccessKey: 's',
      SessionToken: 't',
      ExpiredTime: '2026-01-01T06:00:00Z',
    };
    const env = { HOME: folder, VOLCENGINE_ECS_METADATA: 'live' };
    const { current, keys } = ring({ kind: 'chain' }, env, ({ path }) => json(path.endsWith('live') ? role : 'live'));
    const before = isWritten ? 'of-file' : 'of-role';
    expect(await current()).toBe(before);
    home.hangs = true;
    // As when the file changes: what is read is in use from then on.
    await keys.replace({ accessKeyId: before, secretAccessKey: 's', sessionToken: isWritten ? undefined : 't' }, never);
    expect(await current()).toBe(before);
    keys.close();
  });

  test('are read again when the cloud refuses them; only other keys are a reason to send again', async () => {
    write('sk', 'secret');
    write('ak', 'first');
    const { keys } = ring(files());
    const used = await keys.current(never);
    if (!used.ok) throw new Error('no keys');
    expect(await keys.replace(used.credentials, never)).toBeUndefined();
    write('ak', 'second');
    expect(await keys.replace(used.credentials, never)).toMatchObject({ accessKeyId: 'second' });
    // A second call that was refused with the first keys takes the ones that are there by now.
    rmSync(join(folder, 'ak'));
    expect(await keys.replace(used.credentials, never)).toMatchObject({ accessKeyId: 'second' });
  });
});

describe('temporary keys', () => {
  const start = Date.UTC(2026, 0, 1);
  const grant = (name: string, lifeMs: number, at: number) => ({
    AccessKeyId: name,
    SecretAccessKey: 's',
    SessionToken: 't',
    ExpiredTime: new Date(at + lifeMs).toISOString(),
    Expiration: new Date(at + lifeMs).toISOString(),
  });

  test('an ECS role’s come from the metadata service, version 2', async () => {
    const { asked, current } = ring({ kind: 'ecsRole' }, { VOLCENGINE_ECS_METADATA: 'my/role' }, ({ method }) =>
      method === 'PUT' ? json('TOKEN\n') : json(grant('ecs', 3_600_000, start)),
    );
    expect(await current()).toBe('ecs');
    expect(asked).toEqual([
      {
        origin: 'http://metadata.example',
        method: 'PUT',
        path: '/latest/api/token',
        headers: { 'X-volc-ecs-metadata-token-ttl-seconds': '21600' },
        body: '',
      },
      {
        origin: 'http://metadata.example',
        method: 'GET',
        path: '/volcstack/latest/iam/security_credentials/my%2Frole',
        headers: { 'X-volc-ecs-metadata-token': 'TOKEN' },
        body: '',
      },
    ]);
  });

  test('a service account’s are exchanged at STS, with its token read anew each time', async () => {
    const env = {
      VOLCENGINE_OIDC_ROLE_TRN: 'trn:iam::1:role/r',
      VOLCENGINE_OIDC_TOKEN_FILE: write('token', 'jwt-1\n'),
      VOLCENGINE_OIDC_ROLE_POLICY: '{"Statement":[]}',
      VOLCENGINE_OIDC_STS_ENDPOINT: 'sts.elsewhere',
    };
    const { asked, current, time } = ring({ kind: 'chain' }, env, () =>
      json(envelope({ Credentials: grant(`sts-${asked.length}`, 3_600_000, time.ms) })),
    );
    expect(await current()).toBe('sts-1');
    expect(asked[0]).toMatchObject({
      origin: 'https://sts.elsewhere',
      method: 'POST',
      path: '/?Action=AssumeRoleWithOIDC&Version=2018-01-01',
    });
    expect(Object.fromEntries(new URLSearchParams(asked[0]?.body))).toEqual({
      RoleTrn: 'trn:iam::1:role/r',
      OIDCToken: 'jwt-1',
      RoleSessionName: 'relaykeeper',
      DurationSeconds: '3600',
      Policy: '{"Statement":[]}',
    });
    write('token', 'jwt-2');
    time.ms += 3_590_000;
    expect(await current()).toBe('sts-2');
    expect(asked[1]?.body).toContain('OIDCToken=jwt-2');
  });

  test.each<[string, HttpOutcome, string]>([
    [
      'a refusal',
      json(envelope(undefined, { Code: 'AccessDenied', Message: 'jwt-1' }), 403),
      'auth: credentials: oidc: STS at https://sts.example answered AccessDenied (HTTP 403)',
    ],
    [
      'a failure',
      json('<html>', 502),
      'network: credentials: oidc: STS at https://sts.example answered no keys (HTTP 502)',
    ],
    [
      'silence',
      { kind: 'lost', why: 'timeout' },
      'timeout: credentials: oidc: STS at https://sts.example: no answer (timeout)',
    ],
    [
      'no keys',
      json(envelope({})),
      'auth: credentials: oidc: STS at https://sts.example: its answer has no Expiration',
    ],
    [
      'no time',
      json(envelope({ Credentials: { Expiration: 'soon' } })),
      'auth: credentials: oidc: STS at https://sts.example: Expiration in its answer is not a time',
    ],
  ])('%s of STS is reported without the token', async (_what, outcome, expected) => {
    const env = { VOLCENGINE_OIDC_ROLE_TRN: 'r', VOLCENGINE_OIDC_TOKEN_FILE: write('token', 'jwt-1') };
    expect(await ring({ kind: 'oidc' }, env, () => outcome).current()).toBe(expected);
  });

  function role(lifeMs: number) {
    let grants = 0;
    const state = { down: false };
    const made = ring({ kind: 'ecsRole' }, { VOLCENGINE_ECS_METADATA: 'r' }, ({ method }) => {
      if (state.down) return refusedHttp;
      return method === 'PUT' ? json('T') : json(grant(`k${++grants}`, lifeMs, made.time.ms));
    });
    return { ...made, state };
  }

  test('are renewed five minutes before their end, one renewal for all who wait', async () => {
    const { current, time, asked, keys } = role(3_600_000);
    expect(await Promise.all([current(), current(), current()])).toEqual(['k1', 'k1', 'k1']);
    expect(asked).toHaveLength(2);
    time.ms += 3_299_000;
    expect(await current()).toBe('k1');
    time.ms += 2_000;
    // Restarts do not wait for it: what is still valid is ready.
    expect(keys.ready()).toMatchObject({ accessKeyId: 'k1' });
    expect(await current()).toBe('k2');
  });

  test('that live four minutes are renewed at a third before their end, not at every call', async () => {
    const { current, time } = role(240_000);
    expect(await current()).toBe('k1');
    time.ms += 150_000;
    expect(await current()).toBe('k1');
    time.ms += 11_000;
    expect(await current()).toBe('k2');
  });

  // A clock that is wrong here, a metadata service that keeps old answers: the cloud is to judge.
  test.each([-3_600_000, 0, 1_000, 20_000])(
    'that are said to end in %d ms are used all the same, and asked for every 30 s at most',
    async (lifeMs) => {
      const { current, time, asked, keys } = role(lifeMs);
      for (let second = 0; second < 300; second++) {
        expect(await current()).toMatch(/^k\d+$/);
        expect(keys.ready()).toBeDefined();
        time.ms += 1_000;
      }
      // A token and its keys, each time.
      expect(asked.length).toBeLessThanOrEqual(2 * 10);
      expect(asked.length).toBeGreaterThan(2);
    },
  );

  test('that cannot be renewed are used to their end, asking again every 30 s', async () => {
    const { current, time, asked, state, keys } = role(3_600_000);
    await current();
    state.down = true;
    time.ms += 3_400_000;
    expect([await current(), await current()]).toEqual(['k1', 'k1']);
    expect(asked).toHaveLength(3);
    time.ms += 31_000;
    expect(await current()).toBe('k1');
    expect(asked).toHaveLength(4);
    time.ms += 200_000;
    expect(keys.ready()).toBeUndefined();
    expect(await current()).toContain('network: credentials: ecsRole');
    state.down = false;
    expect(await current()).toBe('k2');
  });
});

test('an aborted wait for keys ends with the signal’s reason; the reading goes on for the others', async () => {
  const answers: ((outcome: HttpOutcome) => void)[] = [];
  const keys = createKeyRing({
    credentials: { kind: 'ecsRole' },
    vendor: 'volcengine',
    env: { VOLCENGINE_ECS_METADATA: 'r' },
    cloudNow: () => 0,
    clock: hastyClock(),
    ask: { stsEndpoint: '', metadataOrigin: 'http://m', send: () => new Promise((resolve) => answers.push(resolve)) },
    onChanged: () => {},
  });
  const controller = new AbortController();
  const impatient = keys.current(controller.signal);
  const patient = keys.current(never);
  controller.abort(new Error('shutting down'));
  await expect(impatient).rejects.toThrow('shutting down');
  answers[0]?.(refusedHttp);
  expect(await patient).toMatchObject({ ok: false, failure: { class: 'network' } });
});

describe('in the client', () => {
  const roleEnv = { VOLCENGINE_ECS_METADATA: 'r' };

  test('refused keys are read again and the call is sent once more, with the new ones', async () => {
    write('sk', 'secret');
    const ak = write('ak', 'old');
    const server = await serve((response, { headers }) => {
      if (headers.authorization?.includes('Credential=new/')) return send(response, 200, envelope({ List: [] }));
      write('ak', 'new');
      return send(response, 401, envelope(undefined, { Code: 'InvalidAccessKey' }));
    });
    const credentials = {
      kind: 'keys',
      accessKeyId: { kind: 'file', path: ak },
      secretAccessKey: { kind: 'file', path: join(folder, 'sk') },
    } as const;
    const poll = bench(server.url, { credentials });
    expect(await poll.cloud.observe(never)).toMatchObject({ kind: 'complete' });
    expect(server.requests).toHaveLength(2);
    await poll.cloud.close();

    write('ak', 'old');
    server.requests.length = 0;
    const { cloud, restart, gate } = bench(server.url, { credentials });
    expect(await restart()).toMatchObject({ kind: 'accepted' });
    expect(server.requests).toHaveLength(2);
    // A permit that was there before the files were read is given back.
    expect(gate.outcomes.filter((outcome) => outcome !== 'unused')).toEqual(['answered', 'answered']);
    expect(gate.lanes).toEqual(gate.outcomes.map(() => 'restart'));
    await cloud.close();
    await server.close();
  });

  test('keys that go on being refused cost one call more, not a row of them', async () => {
    write('sk', 'secret');
    const ak = write('ak', 'k0');
    let rotations = 0;
    const server = await serve((response) => {
      write('ak', `k${++rotations}`);
      return send(response, 401, envelope(undefined, { Code: 'SignatureDoesNotMatch' }));
    });
    const credentials = {
      kind: 'keys',
      accessKeyId: { kind: 'file', path: ak },
      secretAccessKey: { kind: 'file', path: join(folder, 'sk') },
    } as const;
    const { cloud, restart } = bench(server.url, { credentials });
    expect(await cloud.observe(never)).toMatchObject({ kind: 'failed', failure: { class: 'auth' } });
    expect(server.requests).toHaveLength(2);
    server.requests.length = 0;
    expect(await restart()).toMatchObject({ kind: 'refused', failure: { class: 'auth' } });
    expect(server.requests).toHaveLength(2);
    await cloud.close();
    await server.close();
  });

  test('asking for keys at the API’s own endpoint gives its permit back, also by a mistake of ours', async () => {
    const endpoint = 'https://api.example';
    const send = () => Promise.reject(new TypeError('a header that cannot be written'));
    const transport = { send, close: async () => {} };
    const { cloud, gate } = bench(transport, {
      endpoint,
      credentials: { kind: 'ecsRole' },
      env: roleEnv,
      metadataOrigin: endpoint,
    });
    await cloud.observe(never).catch(() => undefined);
    expect(gate.lanes).toContain('other');
    expect(gate.outcomes).toEqual(gate.lanes.map(() => 'lost'));
    await cloud.close();
  });

  test('asking for keys at the API’s own endpoint passes the gate, elsewhere it does not', async () => {
    const server = await serve((response, { action }) => {
      if (action === '/latest/api/token') return response.end('T');
      if (action.startsWith('/volcstack')) {
        const ExpiredTime = new Date(Date.now() + 3_600_000).toISOString();
        return send(response, 200, { AccessKeyId: 'a', SecretAccessKey: 's', SessionToken: 't', ExpiredTime });
      }
      return send(response, 200, envelope({ List: [] }));
    });
    const options = { credentials: { kind: 'ecsRole' }, env: roleEnv } as const;
    const same = bench(server.url, { ...options, metadataOrigin: server.url });
    // The keeper's permit is given back before another one is waited for.
    expect(await same.restart()).toMatchObject({ kind: 'accepted' });
    expect(same.gate.lanes).toEqual(['restart', 'other', 'other', 'restart']);
    expect(same.gate.outcomes).toEqual(['unused', 'answered', 'answered', 'answered']);
    await same.cloud.close();

    const elsewhere = await serve((response) => response.writeHead(404).end());
    const other = bench(server.url, { ...options, metadataOrigin: elsewhere.url });
    expect(await other.restart()).toMatchObject({ kind: 'refused', failure: { class: 'auth' } });
    expect(other.gate.outcomes).toEqual(['unused']);
    await other.cloud.close();
    await elsewhere.close();

    const down = bench(server.url, { ...options, metadataOrigin: elsewhere.url });
    expect(await down.restart()).toMatchObject({ kind: 'not-sent', failure: { class: 'network' } });
    await down.cloud.close();
    await server.close();
  });
});
