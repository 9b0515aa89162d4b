/**
 * Requests for the pretend cloud, signed by the official client's own signer: what passes here would pass there.
 */
import { Signer } from '@volcengine/openapi';
import { answer } from '../../src/simulator/answer.ts';
import type { Reply, Request } from '../../src/simulator/exchange.ts';
import type { TaskPlan } from '../../src/simulator/pretend-task.ts';
import type { AccessKey } from '../../src/simulator/signature.ts';
import { createWorld, type World, type WorldOptions } from '../../src/simulator/world.ts';

export const t0 = Date.parse('2026-03-01T00:00:00Z');
export const second = 1_000;
export const minute = 60_000;
export const hour = 60 * minute;

export const mainKey = { accessKeyId: 'AKMAIN', secretAccessKey: 'main-secret' } satisfies AccessKey;

export interface Ask {
  readonly action: string;
  readonly version?: string;
  readonly method?: string;
  readonly query?: Readonly<Record<string, string>>;
  /** A string is sent as it is. */
  readonly body?: unknown;
  readonly key?: AccessKey;
  readonly region?: string;
  readonly service?: string;
  readonly signedAt?: number;
}

export function signed(ask: Ask, now: number): Request {
  const { action, version = '2023-01-01', method = 'POST', query = {} } = ask;
  const key: AccessKey = ask.key ?? mainKey;
  const params = { ...query, Action: action, Version: version };
  const body = method === 'GET' ? '' : typeof ask.body === 'string' ? ask.body : JSON.stringify(ask.body ?? {});
  const toSign = { region: ask.region ?? 'cn-north-1', method, params, pathname: '/', headers: {}, body };
  const credentials = {
    accessKeyId: key.accessKeyId,
    secretKey: key.secretAccessKey ?? '',
    sessionToken: key.sessionToken,
  };
  new Signer(toSign, ask.service ?? 'live').addAuthorization(credentials, new Date(ask.signedAt ?? now));
  const target = `/?${Object.entries(params)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&')}`;
  return { method, target, headers: { ...toSign.headers, 'content-type': 'application/json' }, body };
}

export const aTask = (taskId: string, more: Partial<TaskPlan> = {}): TaskPlan => ({
  taskId,
  title: `任务${taskId}`.slice(0, 20),
  startsAt: t0 - hour,
  endsAt: t0 + 48 * hour,
  ...more,
});

/** A world without account limit, so that tests of other things can ask as often as they like. */
export const aWorld = (more: Partial<WorldOptions> = {}): World =>
  createWorld({
    seed: 1,
    now: t0,
    keys: [mainKey],
    ...more,
    parameters: { limits: { accountPerSecond: 1e9, actionPerSecond: {} }, ...more.parameters },
  });

export const ask = (world: World, call: Ask, now: number): Reply => answer(world, signed(call, now), now);

export interface Listed {
  readonly Title: string;
  readonly TaskId: string;
  readonly GroupName?: string;
  readonly Status: string;
  readonly [field: string]: unknown;
}

interface Envelope {
  readonly ResponseMetadata: {
    readonly RequestId: string;
    readonly Action: string;
    readonly Region: string;
    readonly Error?: { readonly Code: string; readonly CodeN?: number; readonly Message: string };
  };
  readonly Result?: {
    readonly List?: readonly Listed[] | null;
    readonly Total?: number;
    readonly Pagination?: Readonly<Record<string, number>>;
  };
}

/** The envelope of a whole answer; throws for every other kind of reply. */
export function envelope(reply: Reply): Envelope {
  if (reply.kind !== 'response') throw new Error(`no response but a ${reply.kind}`);
  return JSON.parse(reply.body) as Envelope;
}

/** `200 ok`, `404 ResourceNotFound`, or the kind of a reply that is no response. */
export function outcome(reply: Reply): string {
  if (reply.kind !== 'response') return reply.kind;
  return `${reply.status} ${envelope(reply).ResponseMetadata.Error?.Code ?? 'ok'}`;
}

export const list = (world: World, now: number, body: unknown = { Size: 500 }): readonly Listed[] =>
  envelope(ask(world, { action: 'ListPullToPushTaskV2', body }, now)).Result?.List ?? [];

/** The status of a task by the list, or `absent`. */
export const status = (world: World, taskId: string, now: number): string =>
  list(world, now).find(({ TaskId }) => TaskId === taskId)?.Status ?? 'absent';

export const restartOf = (taskId: string, more: Partial<Ask> = {}): Ask => ({
  action: 'RestartPullToPushTask',
  body: { TaskId: taskId },
  ...more,
});
