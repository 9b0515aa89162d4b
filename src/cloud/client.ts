/**
 * One account's API as the keeper sees it: the `Cloud` port. This file has the wiring and the two ways to look, the
 * poll (`observe`) and the look at a few groups; the files beside it say how a call, a read, a list and a restart
 * behave.
 */
import type { Environment } from '../domain/ports/app-port.ts';
import type { Cloud, CloudTrace, Credentials } from '../domain/ports/cloud-port.ts';
import type { Gate } from '../domain/ports/gate-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import type { CallFailure } from '../domain/words/failure.ts';
import { isGlob } from '../domain/words/policy.ts';
import { seenAt } from '../domain/words/task.ts';
import { type CallContext, secretsOf, spend } from './call.ts';
import type { RestartAction } from './errors.ts';
import { createKeyRing } from './keys/credentials.ts';
import type { AskForKeys } from './keys/key-source.ts';
import { ecsMetadataOrigin } from './keys/temporary.ts';
import { createGroupsReader } from './list/cloud-groups.ts';
import { createPageMemory } from './list/known-pages.ts';
import { createPageSizes, type ListContext } from './list/paging.ts';
import { createRoster, readGroups } from './list/roster.ts';
import { createClockOffset } from './offset.ts';
import { createRegion } from './region.ts';
import { createRestartActions, restart } from './restart-call.ts';
import { retryAfterOf } from './retry-after.ts';
import { createHostMemory } from './task-hosts.ts';
import type { Transport } from './transport.ts';
import { vendors } from './vendors.ts';
import { createGroupNames } from './wire.ts';

export interface CloudOptions {
  readonly account: string;
  readonly provider: keyof typeof vendors;
  /** A URL; overrides the provider's. */
  readonly endpoint?: string;
  readonly region?: string;
  readonly credentials: Credentials;
  readonly env: Environment;
  /** Every call names its cloud group. */
  readonly subAccount: boolean;
  /** `match.cloudGroup` of every group of the account, globs and names; empty: all cloud groups. */
  readonly cloudGroups: readonly string[];
  /** 1…500. */
  readonly pageSize: number;
  readonly requestTimeoutMs: number;
  readonly restartAction: 'auto' | RestartAction;
  /** What `auto` has learned before; asked when needed, since the ledger is read after the client is made. */
  readonly retiredActions: () => readonly string[];
  /** The region that worked before, where none is given; asked at the first call. */
  readonly rememberedRegion?: () => string | undefined;
  /** Cloud groups of the tasks that are remembered: asked while a list of the cloud's groups was never read, or lacks some. */
  readonly rememberedCloudGroups?: () => Iterable<string>;
  /** Keeps source fingerprints from being guessed; the same from start to start. */
  readonly fingerprintKey: string;
  readonly gate: Gate;
  readonly clock: Clock;
  /** Closed by `close`. */
  readonly transport: Transport;
  readonly onTrace: (trace: CloudTrace) => void;
  /** Key files changed and were read: worth a poll at once. */
  readonly onCredentialsChanged?: () => void;
  /** Where an ECS instance asks for its role's keys; for tests. */
  readonly metadataOrigin?: string;
}

/** Throws if `endpoint` is no URL: the settings have checked it before. */
export function createCloud(options: CloudOptions): Cloud {
  const closing = new AbortController();
  const context = listContext(options, closing.signal);
  const { clock, account } = context;
  const restartActions = createRestartActions(options.restartAction, options.retiredActions, (from, to) =>
    context.onTrace({ kind: 'action-retired', account, from, to }),
  );
  const groups = createGroupsReader(context);
  const wanted = wantedGroups(options, context);

  return {
    async observe(signal, known = nothingKnown) {
      context.pages.turn(known);
      const startedAt = clock.now();
      const failed = (failure: CallFailure) =>
        ({ kind: 'failed', startedAt, finishedAt: clock.now(), failure }) as const;
      const names = await wanted(signal);
      if (!names.ok) return failed(names.failure);
      const sight = await groups.read(names.names, 'poll', known, signal);
      if (sight.firstFailure && !sight.any) return failed(sight.firstFailure);
      // The last page, the count of 100,000 tasks and the decision are not to be one turn.
      await clock.yield();
      groups.learnSizes(sight);
      await clock.yield();
      return {
        kind: 'complete',
        items: sight.items,
        shownAt: sight.shownAt,
        startedAt,
        finishedAt: clock.now(),
        drift: sight.drift || names.drift,
        failedCloudGroups: [...sight.failed, ...names.unread].map((name) =>
          context.groupNames.shown(name, secretsOf(context.keys.ready())),
        ),
        malformedItems: sight.malformedItems,
      };
    },
    async look(cloudGroups, signal, known = nothingKnown) {
      const written = cloudGroups.map(context.groupNames.written);
      const sight = await groups.read(written, 'verify', known, signal);
      return {
        items: sight.items.map((item, place) => seenAt(item, sight.shownAt[place])),
        failure: sight.firstFailure,
      };
    },
    restart: ({ taskId, cloudGroup }, permit, mayCall) => {
      const task = { taskId, cloudGroup: context.groupNames.written(cloudGroup) };
      return restart(context, restartActions, task, permit, mayCall);
    },
    lookCost: (cloudGroups) => groups.cost(cloudGroups.map(context.groupNames.written)),
    async cloudGroups() {
      const end = await readGroups(context, closing.signal, true);
      return end.ok ? end.names : undefined;
    },
    hostsOf: context.hosts.of,
    destinationOf: context.hosts.destinationOf,
    sharingDestination: context.hosts.sharingDestination,
    region: context.region.current,
    clockOffsetMs: context.offset.offsetMs,
    async close() {
      closing.abort(new Error('the client of this account is closed'));
      context.keys.close();
      await options.transport.close();
    },
  };
}

/** Which cloud groups a poll asks for; `names` undefined: all, without naming them. */
function wantedGroups(options: CloudOptions, context: CallContext) {
  const patterns = options.cloudGroups.length > 0 ? [...new Set(options.cloudGroups)] : ['*'];
  const literal = patterns.filter((pattern) => !isGlob(pattern));
  if (literal.length === patterns.length)
    return async () => ({ ok: true, names: patterns, drift: false, unread: [] }) as const;
  if (!options.subAccount) return async () => ({ ok: true, names: undefined, drift: false, unread: [] }) as const;
  return createRoster(context, patterns, () => [...literal, ...(options.rememberedCloudGroups?.() ?? [])]);
}

function listContext(options: CloudOptions, closed: AbortSignal): ListContext {
  const { account, clock, gate, transport, onTrace } = options;
  const vendor = vendors[options.provider];
  const endpoint = new URL(options.endpoint ?? vendor.endpoint);
  const offset = createClockOffset((offsetMs) => onTrace({ kind: 'clock-offset', account, offsetMs }));
  const keys = createKeyRing({
    credentials: options.credentials,
    vendor: options.provider,
    env: options.env,
    cloudNow: () => clock.now() + offset.offsetMs(),
    clock,
    ask: askForKeys(options, endpoint, closed),
    onChanged: () => options.onCredentialsChanged?.(),
  });
  return {
    account,
    endpoint,
    region: createRegion(
      options.region === undefined ? vendor.regions : [options.region],
      options.rememberedRegion ?? (() => undefined),
      (region) => onTrace({ kind: 'region-found', account, region }),
    ),
    requestTimeoutMs: options.requestTimeoutMs,
    gate,
    clock,
    transport,
    keys,
    offset,
    readsRest: { until: Number.NEGATIVE_INFINITY },
    onTrace,
    fingerprintKey: options.fingerprintKey,
    intern: createIntern(),
    pageSizes: createPageSizes(options.pageSize, () => clock.monotonic()),
    pages: createPageMemory(),
    groupNames: createGroupNames(options.fingerprintKey),
    hosts: createHostMemory(),
  };
}

/** Of an answer with keys: a token, a role's name and three keys. */
const longestKeysBytes = 64 * 1024;

/** Asking for keys passes the gate only where it goes to the API's own endpoint, which counts it. */
function askForKeys(options: CloudOptions, endpoint: URL, closed: AbortSignal): AskForKeys {
  const { clock } = options;
  const metadataOrigin = options.metadataOrigin ?? ecsMetadataOrigin;
  /** Origin to when it may be asked again (monotonic). */
  const rests = new Map<string, number>();
  return {
    stsEndpoint: vendors[options.provider].stsEndpoint,
    metadataOrigin,
    async send(request) {
      const restMs = (rests.get(request.origin) ?? 0) - clock.monotonic();
      if (restMs > 0) await clock.sleep(restMs, closed);
      const permit = request.origin === endpoint.origin ? await options.gate.acquire('other', closed) : undefined;
      const outcome = await spend(permit, () =>
        options.transport.send(
          {
            ...request,
            timeoutMs: options.requestTimeoutMs,
            maxBytes: longestKeysBytes,
            direct: request.origin === metadataOrigin,
          },
          closed,
        ),
      );
      const retryAfterMs = retryAfterOf(outcome, clock.now());
      if (retryAfterMs !== undefined) rests.set(request.origin, clock.monotonic() + retryAfterMs);
      return outcome;
    },
  };
}

const nothingKnown = () => undefined;

const longestInterned = 10_000;

/** One copy of each repeated string: a hundred thousand items share a few hundred group names and statuses. */
function createIntern(): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    const copy = known.get(text);
    if (copy !== undefined) return copy;
    if (known.size >= longestInterned) known.clear();
    known.set(text, text);
    return text;
  };
}
