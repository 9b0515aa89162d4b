/** What serves one account, from its settings: its client, what its keeper goes by, and whether a reload keeps them. */

import { createHash } from 'node:crypto';
import { createCloud } from '../cloud/client.ts';
import { proxyFor } from '../cloud/proxy.ts';
import { createTransport, type Transport } from '../cloud/transport.ts';
import type { Ledger } from '../domain/memory/ledger.ts';
import type { Environment } from '../domain/ports/app-port.ts';
import type { Cloud, CloudTrace, Credentials } from '../domain/ports/cloud-port.ts';
import type { Gate } from '../domain/ports/gate-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import { asWritten } from '../domain/words/task.ts';
import type { KeeperSettings } from '../keeper/keeper.ts';
import { textOf } from '../settings/compare.ts';
import { cronSchedule } from '../settings/schedule.ts';
import { type AccountSettings, policies, type Settings } from '../settings/settings.ts';
import { demoKey } from '../simulator/demo-key.ts';
import { lastOf } from '../user-files.ts';
import { reveal } from './secrets.ts';

/** What every account's client is made with. */
export interface Common {
  readonly clock: Clock;
  readonly env: Environment;
  readonly fingerprintKey: string;
  /** The pretend cloud of each simulated account: one for the life of the process, whatever a reload changes. */
  readonly pretendClouds: Map<string, Promise<Transport>>;
  /** With what an account's clients before this one found out. */
  readonly ledger: (account: string) => Pick<Ledger, 'accountRecord' | 'tasks'> | undefined;
  readonly onTrace: (trace: CloudTrace) => void;
  readonly onCredentialsChanged: (account: string) => void;
}

/** Throws if the settings were not checked. */
export function openCloud(account: AccountSettings, settings: Settings, gate: Gate, common: Common): Cloud {
  const { clock, env, fingerprintKey, onTrace } = common;
  const ledger = () => common.ledger(account.name);
  const pretend = account.provider === 'simulator';
  return createCloud({
    account: account.name,
    provider: account.vendor,
    endpoint: account.endpoint,
    region: account.region,
    credentials: account.credentials.kind === 'none' ? demoCredentials : account.credentials,
    env,
    subAccount: account.subAccount,
    cloudGroups: cloudGroupsOf(account, settings),
    pageSize: account.poll.pageSize,
    requestTimeoutMs: account.requestTimeoutMs,
    restartAction: account.restartAction,
    retiredActions: () => ledger()?.accountRecord.retiredActions ?? [],
    rememberedRegion: () => ledger()?.accountRecord.region,
    rememberedCloudGroups: () =>
      [...(ledger()?.tasks.values() ?? [])]
        .filter(({ goneAt }) => goneAt === undefined)
        .map(({ item }) => asWritten(item).cloudGroup),
    fingerprintKey,
    gate,
    clock,
    transport: pretend ? pretendCloud(account, common) : realTransport(account, clock, env),
    onTrace,
    onCredentialsChanged: () => common.onCredentialsChanged(account.name),
  });
}

/** At most as many connections as permits can be out at once. */
const realTransport = (account: AccountSettings, clock: Clock, env: Common['env']): Transport =>
  createTransport({
    clock,
    connections: account.rateLimit.perSecond,
    requestTimeoutMs: account.requestTimeoutMs,
    proxyFor: proxyFor(proxyOf(account, clock), env),
  });

/** Nobody else has it in memory. */
function pretendCloud({ name, vendor }: AccountSettings, { pretendClouds, clock }: Common): Transport {
  const cloud = pretendClouds.get(name) ?? import('./pretend.ts').then(({ openPretend }) => openPretend(vendor, clock));
  pretendClouds.set(name, cloud);
  return { send: async (request, signal) => (await cloud).send(request, signal), close: async () => {} };
}

const cloudGroupsOf = (account: AccountSettings, settings: Settings): readonly string[] =>
  policies(settings, account.name).groups.flatMap(({ match }) => match.cloudGroup);

const demoCredentials: Credentials = {
  kind: 'keys',
  accessKeyId: { kind: 'value', reveal: () => demoKey.accessKeyId },
  secretAccessKey: { kind: 'value', reveal: () => demoKey.secretAccessKey },
};

/** One in a file is read whenever a connection is made. */
function proxyOf({ proxy }: AccountSettings, clock: Clock): string | (() => Promise<string>) | undefined {
  return proxy?.kind === 'file' ? lastOf(() => reveal(proxy), clock) : proxy?.reveal();
}

/** Whether calls go to the same place, by the same way and with the same keys: what a circuit was opened by. */
export const sameWayToTheCloud = (a: AccountSettings, b: AccountSettings): boolean => wayOf(a) === wayOf(b);

const wayOf = (account: AccountSettings): string => {
  const { credentials, provider, endpoint, proxy, region, subAccount, restartAction, requestTimeoutMs } = account;
  return textOf([credentials, provider, endpoint, proxy, region, subAccount, restartAction, requestTimeoutMs]);
};

/** Whether a client made for `a` serves `b` as well: then a reload keeps it, and what it found out. */
export const sameClient = (a: AccountSettings, b: AccountSettings): boolean =>
  sameWayToTheCloud(a, b) &&
  a.vendor === b.vendor &&
  a.poll.pageSize === b.poll.pageSize &&
  a.rateLimit.perSecond === b.rateLimit.perSecond;

/** What the keeper of the account goes by until the next reload. */
export function keeperSettings(account: AccountSettings, settings: Settings, cloud: Cloud): KeeperSettings {
  return {
    policies: policies(settings, account.name),
    schedule: cronSchedule(account.poll.schedule, account.poll.timezone),
    verifyEveryMs: account.poll.verifyEveryMs,
    pollShare: account.poll.share,
    requestTimeoutMs: account.requestTimeoutMs,
    cloud,
    listScope: listScopeOf(account, settings),
  };
}

/** Names what the account lists; stored, and so a digest: the names of its groups can be long. */
function listScopeOf(account: AccountSettings, settings: Settings): string {
  const asked = [account.endpoint, account.provider, [...new Set(cloudGroupsOf(account, settings))].sort()];
  return createHash('sha256').update(JSON.stringify(asked)).digest('base64url').slice(0, 12);
}
