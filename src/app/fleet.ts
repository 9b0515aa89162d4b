/** All accounts of this process and their keepers: opened, run, swapped by a reload, closed. */

import { once } from 'node:events';
import { createGate } from '../cloud/limiter/gate.ts';
import { maxHolds } from '../domain/decide/operator.ts';
import { holdsThatFollow } from '../domain/decide/regroup.ts';
import { isOnLeave } from '../domain/memory/condition.ts';
import type { Environment } from '../domain/ports/app-port.ts';
import type { CloudTrace } from '../domain/ports/cloud-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import type { Event } from '../domain/words/events.ts';
import { groupOf } from '../domain/words/policy.ts';
import { shownTitle } from '../domain/words/task.ts';
import { betweenLists } from '../keeper/desk.ts';
import { Keeper, type KeeperSettings } from '../keeper/keeper.ts';
import { type AccountSettings, policies, type Settings } from '../settings/settings.ts';
import type { Store } from '../store/open.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type Common, keeperSettings, openCloud, sameClient, sameWayToTheCloud } from './account.ts';
import { coveredGate } from './covered-gate.ts';
import { type NameWatch, watchNames } from './name-watch.ts';

interface FleetOptions {
  readonly clock: Clock;
  readonly env: Environment;
  readonly store: Store;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly onTrace: (trace: CloudTrace) => void;
  readonly onOwned?: () => void;
}

interface Member {
  readonly keeper: Keeper;
  readonly stop: AbortController;
  settings: AccountSettings;
  running: Promise<void>;
}

/** Beyond the longest call: then nobody uses the client that a reload replaced. */
const oldClientLastsMs = 5_000;

export class Fleet {
  readonly #options: FleetOptions;
  readonly #common: Common;
  readonly #members = new Map<string, Member>();
  readonly #names: NameWatch;
  #stopping: AbortSignal | undefined;
  #failed: (error: unknown) => void = () => {};

  constructor(options: FleetOptions) {
    this.#options = options;
    const { clock, env, store, onTrace, log } = options;
    this.#names = watchNames({
      clock,
      keepers: () => this.keepers(),
      warn: (warning) => log.notice('config-warning', {}, warning),
    });
    this.#common = {
      clock,
      env,
      onTrace,
      fingerprintKey: store.fingerprintKey,
      pretendClouds: new Map(),
      ledger: (account) => this.keeper(account)?.ledger,
      onCredentialsChanged: (account) => {
        log.notice('credentials-read', { account }, `The keys of account ${account} changed and were read again.`);
        this.keeper(account)?.probeSoon();
      },
    };
  }

  /** Makes the keepers of every account, whose series are there; they begin with `run`. */
  open(settings: Settings): void {
    for (const account of settings.accounts) this.#members.set(account.name, this.#enlist(account, settings));
    this.#names.begin(settings);
  }

  /** Runs every keeper until `signal` aborts. Rejects if one ends by a mistake of ours. */
  async run(signal: AbortSignal): Promise<void> {
    this.#stopping = signal;
    const failed = new Promise<never>((_resolve, reject) => {
      this.#failed = reject;
    });
    for (const member of this.#members.values()) this.#begin(member);
    await Promise.race([signal.aborted ? undefined : once(signal, 'abort'), failed]);
    for (const member of this.#members.values()) member.stop.abort(signal.reason);
    await Promise.all([...this.#members.values()].map(({ running }) => running));
  }

  async close(): Promise<void> {
    this.#names.end();
    await Promise.all(this.keepers().map(({ cloud }) => cloud.close()));
  }

  keepers(): readonly Keeper[] {
    return [...this.#members.values()].map(({ keeper }) => keeper);
  }

  keeper(account: string): Keeper | undefined {
    return this.#members.get(account)?.keeper;
  }

  titleOf(account: string, taskId: string): string | undefined {
    const record = this.keeper(account)?.ledger.tasks.get(taskId);
    return record && shownTitle(record.item);
  }

  /** Resolves at a moment at which no account is half way through a list: what is then shown fits together. */
  betweenLists(): Promise<void> {
    return betweenLists(() => this.keepers().map(({ ledger }) => ledger), this.#options.clock);
  }

  postTicks(): void {
    const { clock, metrics } = this.#options;
    for (const keeper of this.keepers())
      metrics.loopTick(keeper.account, clock.now() - (clock.monotonic() - keeper.tickedAt));
  }

  /**
   * Tasks that are managed or were a few minutes ago, how many of them the new settings would leave unmanaged, and how many
   * of those are managed now: two edits cost as much as one that does the same.
   */
  wouldUnmanage(settings: Settings): { readonly managed: number; readonly lost: number; readonly lostNow: number } {
    const now = this.#options.clock.now();
    let [managed, lost, lostNow] = [0, 0, 0];
    for (const keeper of this.keepers()) {
      const account = settings.accounts.find(({ name }) => name === keeper.account);
      const kept = account && policies(settings, account.name);
      for (const record of keeper.ledger.tasks.values()) {
        const isManaged = record.group !== undefined;
        if (record.goneAt !== undefined || !(isManaged || isOnLeave(record, now))) continue;
        managed++;
        if (kept && groupOf(kept, record.item)) continue;
        lost++;
        if (isManaged) lostNow++;
      }
    }
    return { managed, lost, lostNow };
  }

  /** Builds beside the old what the new settings need. Throws, and leaves everything as it was, if it cannot be built. */
  prepare(settings: Settings) {
    for (const { name } of settings.accounts) {
      const keeper = this.keeper(name);
      if (keeper) mustHaveRoomForHolds(keeper, settings);
    }
    /** By account, with their clients. */
    const keepers = new Map<string, KeeperSettings>();
    for (const account of settings.accounts) {
      const member = this.#members.get(account.name);
      if (!member) continue;
      const { cloud, gate, listScope } = member.keeper;
      const fresh = keeperSettings(account, settings, cloud);
      const isKept = sameClient(member.settings, account) && listScope === fresh.listScope;
      keepers.set(account.name, isKept ? fresh : { ...fresh, cloud: openCloud(account, settings, gate, this.#common) });
    }
    return { settings, keepers };
  }

  /** Puts it in place: gates keep their permits, keepers their ledgers and timers. Gives warnings. */
  async swap({ settings, keepers }: ReturnType<Fleet['prepare']>): Promise<readonly string[]> {
    const warnings: string[] = [];
    // Before anything can happen in a new group or account, so that none of it goes uncounted.
    this.#options.metrics.configure(settings.accounts.map(({ name }) => policies(settings, name)));
    for (const account of settings.accounts) {
      const member = this.#members.get(account.name);
      const changed = keepers.get(account.name);
      if (!member || !changed) {
        const added = this.#enlist(account, settings);
        this.#members.set(account.name, added);
        if (this.#stopping?.aborted === false) this.#begin(added);
        continue;
      }
      const { keeper, settings: before } = member;
      if (keeper.cloud !== changed.cloud) this.#retire(keeper.cloud, before);
      member.settings = account;
      keeper.gate.configure(account.rateLimit);
      warnings.push(...(await keeper.configure(changed)));
      if (!sameWayToTheCloud(before, account)) keeper.probeSoon();
    }
    for (const [name, { stop, running, keeper }] of [...this.#members]) {
      if (settings.accounts.some((account) => account.name === name)) continue;
      this.#members.delete(name);
      stop.abort(new Error('the account was taken out of the configuration'));
      await running;
      await keeper.cloud.close();
    }
    this.#names.begin(settings);
    return warnings;
  }

  #enlist(account: AccountSettings, settings: Settings): Member {
    const { clock, store, log, metrics } = this.#options;
    const { shared } = store;
    const open = createGate({
      ...account.rateLimit,
      clock,
      onWait: (lane, waitedMs) => metrics.gateWait(account.name, lane, waitedMs),
    });
    const gate = coveredGate(open, () => keeper.mayCall(), clock);
    const keeper: Keeper = new Keeper({
      ...keeperSettings(account, settings, openCloud(account, settings, gate, this.#common)),
      account: account.name,
      gate,
      store: store.ledgerStore,
      ownership: store.ownership,
      elsewhere: shared && ((request) => shared.ask(account.name, request)),
      clock,
      publish: (event: Event) => {
        metrics.record(event);
        log.record(event);
        if (event.type === 'group-empty') this.#names.lookSoon();
        if (event.type === 'owner-gained') this.#options.onOwned?.();
      },
      complain: (what, cause) =>
        log.notice(
          'tick-failed',
          { account: account.name, error: reasonOf(cause) },
          `${what}${cause === undefined ? '' : `: ${reasonOf(cause)}`}`,
        ),
    });
    return { keeper, stop: new AbortController(), settings: account, running: Promise.resolve() };
  }

  #begin(member: Member): void {
    const { log, clock, store } = this.#options;
    const { account } = member.keeper;
    member.running = member.keeper.run(member.stop.signal);
    member.running.catch((error: unknown) => this.#failed(error));
    clock.after(standbyLoggedAfterMs[store.shared ? 'shared' : 'local'], () => {
      // Owned, but not yet in memory, is nobody else's.
      if (store.ownership.remainingMs(account) === 0 && !member.stop.signal.aborted)
        log.notice('standing-by', { account }, `Another process owns account ${account}: standing by until it ends.`);
    });
  }

  /** Calls of the client before are let finish. */
  #retire(cloud: Keeper['cloud'], { requestTimeoutMs }: AccountSettings): void {
    this.#options.clock.after(requestTimeoutMs + oldClientLastsMs, () => void cloud.close());
  }
}

/** A group that is renamed or removed leaves its holds on its tasks, one for each: more are not kept than are set. */
function mustHaveRoomForHolds({ account, ledger }: Keeper, settings: Settings): void {
  const follow = holdsThatFollow(ledger, policies(settings, account));
  if (follow > 0 && ledger.holds.size + follow > maxHolds)
    throw new Error(
      `account ${account}: ${follow} tasks would leave groups that are held and take their holds along, and at most ${maxHolds} holds are kept. Hold the account or their titles instead (\`hold add --all\`), and remove the hold of the group`,
    );
}

/** With a lock it is had at once or not; replicas that start together share the accounts first. */
const standbyLoggedAfterMs = { local: 500, shared: 15_000 } as const;

/** The chain of causes in one line, so many of them. */
function reasonOf(cause: unknown, most = 5): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause === undefined || most === 1
    ? cause.message
    : `${cause.message}: ${reasonOf(cause.cause, most - 1)}`;
}
