/**
 * The whole of one account on a virtual clock: the production keeper, rules, limiter and client against the pretend
 * cloud, with a ledger in memory that can lose its process, or kept by one of several processes. Judged at the cloud's side.
 */

import { pretendTransport } from '../../src/app/pretend.ts';
import type { Transport } from '../../src/cloud/transport.ts';
import type { AccountRecord, BudgetEntry, TaskRecord } from '../../src/domain/memory/ledger.ts';
import type { Cloud } from '../../src/domain/ports/cloud-port.ts';
import type { LedgerChanges, LedgerStore, Ownership, Shared } from '../../src/domain/ports/store-port.ts';
import type { Event, Hold } from '../../src/domain/words/events.ts';
import type { Policies, Policy } from '../../src/domain/words/policy.ts';
import type { Keeper, KeeperSettings } from '../../src/keeper/keeper.ts';
import type { Arrival } from '../../src/simulator/arrivals.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import type { TaskPlan } from '../../src/simulator/pretend-task.ts';
import {
  type Act,
  addFault,
  advance,
  createWorld,
  likeVendor,
  perform,
  statusNow,
  type World,
  type WorldOptions,
} from '../../src/simulator/world.ts';
import { begin, plainPolicy } from '../domain/story.ts';
import { type Account, accessKey, type Configuration, createAccount } from './account.ts';
import type { Life } from './life.ts';
import { VirtualClock } from './virtual-clock.ts';

/** Keeps what was saved, as a disk would. */
export class MemoryStore implements LedgerStore {
  readonly tasks = new Map<string, TaskRecord>();
  readonly holds = new Map<string, Hold>();
  readonly events: Event[] = [];
  account: AccountRecord | undefined;
  failing = false;

  async load(_account: string, budgetSince: number) {
    const back = new Set(
      this.events.flatMap((event) => (event.type === 'restart-given-back' ? [event.attemptId] : [])),
    );
    const budget: BudgetEntry[] = this.events.flatMap((event) =>
      event.type === 'restart-failed' &&
      event.trigger !== 'manual' &&
      event.at > budgetSince &&
      !back.has(event.attemptId)
        ? [{ at: event.at, attemptId: event.attemptId, group: event.group }]
        : [],
    );
    return {
      tasks: [...this.tasks.values()],
      holds: [...this.holds.values()],
      accountRecord: this.account,
      budget,
    };
  }

  async save(_account: string, changes: LedgerChanges) {
    if (this.failing) throw new Error('the disk is full');
    for (const event of changes.events) this.events.push(event);
    for (const record of changes.tasks) this.tasks.set(record.taskId, record);
    for (const taskId of changes.removedTasks) this.tasks.delete(taskId);
    for (const hold of changes.holds) this.holds.set(hold.id, hold);
    for (const id of changes.removedHolds) this.holds.delete(id);
    if (changes.accountRecord) this.account = changes.accountRecord;
  }
}

const soleOwner: Ownership = {
  acquire: async () => ({ epoch: 1, lost: new AbortController().signal }),
  remainingMs: () => Number.POSITIVE_INFINITY,
};

/** A process that keeps the account whenever it is its own, and what it has of the store that it shares. */
export interface Seat {
  readonly life: Life;
  readonly store: LedgerStore;
  readonly ownership: Ownership;
  readonly shared: Shared;
}

interface Hand extends Account {
  readonly life: Life | undefined;
}

/** What is not given is as by default. */
export interface StageOptions extends Partial<Configuration> {
  readonly policies: Policies;
  readonly tasks?: readonly TaskPlan[];
  readonly seed?: number;
  readonly world?: Partial<WorldOptions>;
  /** To the cloud and back: half of it each way. */
  readonly roundTripMs?: number;
  readonly ownership?: (clock: VirtualClock) => Ownership;
  /** Shared with other accounts of the process. */
  readonly clock?: VirtualClock;
  readonly account?: string;
  /** Absent: one process, and nobody shares its store. */
  readonly seats?: readonly Seat[];
}

const byDefault: Omit<Configuration, 'policies'> = {
  provider: 'volcengine',
  pollEveryMs: 15_000,
  verifyEveryMs: 5_000,
  requestTimeoutMs: 10_000,
  perSecond: 10,
  spacing: 'even',
  pageSize: 500,
  cloudGroups: [],
  subAccount: false,
};

export const isRestart = ({ action }: Pick<Arrival, 'action'>): boolean =>
  /^(Restart|Continue|Relaunch)PullToPushTask$/.test(action);

export class Stage {
  readonly clock: VirtualClock;
  readonly world: World;
  readonly store = new MemoryStore();
  readonly events: Event[] = [];
  readonly complaints: string[] = [];
  readonly arrivals: Arrival[] = [];
  #hands: readonly Hand[] = [];
  #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  readonly #network: Transport;
  readonly #options: StageOptions;
  #configuration: Configuration;

  constructor(options: StageOptions) {
    this.#options = options;
    this.#configuration = { ...byDefault, ...options };
    this.clock = options.clock ?? new VirtualClock(begin, 32);
    const wayMs = (options.roundTripMs ?? 100) / 2;
    this.world = createWorld({
      seed: options.seed ?? 1,
      now: begin,
      // What is signed is checked in test/simulator: here it would take longer than the rest of a call.
      keys: [{ accessKeyId: accessKey.accessKeyId }],
      tasks: options.tasks ?? [],
      parameters: {
        ...likeVendor[this.#configuration.provider],
        latency: { uplinkMs: [wayMs, wayMs], downlinkMs: [wayMs, wayMs] },
      },
      ...options.world,
      watch: (arrival) => this.arrivals.push(arrival),
    });
    this.#network = pretendTransport(this.world, this.clock);
    this.start();
  }

  /** Whose the account is, or was. */
  get #hand(): Hand {
    const owns = ({ keeper, life }: Hand) => keeper.ledger.owned && !life?.paused && life?.alive !== false;
    const hand = this.#hands.find(owns) ?? this.#hands[0];
    if (!hand) throw new Error('nobody keeps the account yet');
    return hand;
  }

  get keeper(): Keeper {
    return this.#hand.keeper;
  }

  get gate(): Account['gate'] {
    return this.#hand.gate;
  }

  settings(): KeeperSettings {
    return this.#hand.settings(this.#configuration);
  }

  /** From now on the keeper has a client that differs from the one of now by what `otherwise` gives. */
  async wrapCloud(otherwise: (cloud: Cloud) => Partial<Cloud>, more: Partial<KeeperSettings> = {}): Promise<void> {
    const settings = { ...this.settings(), ...more };
    await this.keeper.configure({ ...settings, cloud: { ...settings.cloud, ...otherwise(settings.cloud) } });
  }

  async reload(changed: Partial<Configuration>): Promise<void> {
    this.#configuration = { ...this.#configuration, ...changed };
    await this.keeper.configure(this.settings());
  }

  /** A fresh process on the ledger that was saved; where several share the store, all of them. */
  start(changed: Partial<Configuration> = {}): void {
    this.#configuration = { ...this.#configuration, ...changed };
    const { account = 'main', seats, ownership } = this.#options;
    const alone = { life: undefined, store: this.store, ownership: ownership?.(this.clock) ?? soleOwner };
    this.#stop = new AbortController();
    this.#hands = (seats ?? [alone]).map(({ life, ...place }) => ({
      life,
      ...createAccount(
        {
          ...place,
          account,
          clock: life?.clock ?? this.clock,
          network: life?.reaches(this.#network) ?? this.#network,
          publish: (event) => this.events.push(event),
          complain: (what, cause) => this.complaints.push(`${what}: ${String(cause)}`),
        },
        this.#configuration,
      ),
    }));
    this.#running = Promise.all(this.#hands.map(({ keeper }) => keeper.run(this.#stop.signal)));
  }

  /** Lets so many seconds pass. */
  run(seconds: number): Promise<void> {
    return this.clock.run(seconds * 1_000);
  }

  /** Runs until it is so, second by second: how many that took; Infinity: it is not so by then. */
  async until(isSo: () => boolean, withinSeconds: number): Promise<number> {
    for (let seconds = 0; seconds < withinSeconds; seconds++) {
      if (isSo()) return seconds;
      await this.run(1);
    }
    return isSo() ? withinSeconds : Number.POSITIVE_INFINITY;
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('stop'));
    // Of several some are stopped or dead, and never end.
    if (this.#options.seats) return;
    await this.clock.run(15_000);
    await this.#running;
  }

  fault(fault: Fault): string {
    return addFault(this.world, fault);
  }

  act(act: Act): void {
    advance(this.world, this.#worldNow());
    perform(this.world, act);
  }

  #worldNow(): number {
    return begin + this.clock.monotonic();
  }

  get seconds(): number {
    return this.clock.monotonic() / 1_000;
  }

  statusOf(taskId: string): string {
    advance(this.world, this.#worldNow());
    const task = this.world.tasks.get(taskId);
    return task ? statusNow(this.world, task) : 'gone';
  }

  /** All of these; absent: all that there are. */
  areActive(taskIds: Iterable<string> = this.world.tasks.keys()): boolean {
    return [...taskIds].every((taskId) => this.statusOf(taskId) === '生效中');
  }

  /** Restart calls as the cloud counted them; `at`: seconds since the story's begin. */
  restarts(taskId?: string): readonly { readonly taskId: string; readonly at: number }[] {
    return this.arrivals
      .filter(isRestart)
      .map((arrival) => ({ taskId: arrival.taskId ?? '', at: (arrival.at - begin) / 1_000 }))
      .filter((restart) => taskId === undefined || restart.taskId === taskId);
  }

  told<T extends Event['type']>(type: T): readonly Extract<Event, { type: T }>[] {
    return this.events.filter((event): event is Extract<Event, { type: T }> => event.type === type);
  }
}

export const defaultPolicy: Policy = {
  ...plainPolicy,
  backoff: { ...plainPolicy.backoff, jitterPercent: 25 },
  match: { ...plainPolicy.match, cloudGroup: ['*'] },
};

/** Of the cloud group of its name. */
export const policyNamed = (name: string, more: Partial<Policy> = {}): Policy => ({
  ...defaultPolicy,
  ...more,
  name,
  match: { ...defaultPolicy.match, cloudGroup: [name] },
});

export const tasks = (count: number, more: Partial<TaskPlan> = {}, prefix = 't'): TaskPlan[] =>
  Array.from({ length: count }, (_, index) => ({
    taskId: `${prefix}${String(index).padStart(5, '0')}`,
    title: `${prefix}${index}`,
    cloudGroup: 'vip',
    startsAt: begin - 3_600_000,
    endsAt: begin + 6 * 24 * 3_600_000,
    ...more,
  }));
