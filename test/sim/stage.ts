/**
 * The whole of one account on a virtual clock: the production keeper, rules, limiter and client against the pretend
 * cloud, with a ledger in memory that can lose its process, or kept by one of several processes. Judged at the cloud's side.
 */

import { coveredGate } from '../../src/app/covered-gate.ts';
import { pretendTransport } from '../../src/app/pretend.ts';
import { createCloud } from '../../src/cloud/client.ts';
import { createGate } from '../../src/cloud/limiter/gate.ts';
import type { AccountRecord, BudgetEntry, TaskRecord } from '../../src/domain/memory/ledger.ts';
import type { Gate, RateLimit } from '../../src/domain/ports/gate-port.ts';
import type { LedgerChanges, LedgerStore, Ownership, Shared } from '../../src/domain/ports/store-port.ts';
import type { Schedule } from '../../src/domain/ports/time-port.ts';
import type { Event, Hold } from '../../src/domain/words/events.ts';
import type { Policies, Policy } from '../../src/domain/words/policy.ts';
import { Keeper, type KeeperSettings } from '../../src/keeper/keeper.ts';
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
import { worstSecond } from '../cloud/judges.ts';
import { begin, plainPolicy } from '../domain/story.ts';
import type { Life } from './life.ts';
import { VirtualClock } from './virtual-clock.ts';

export const accessKey = { accessKeyId: 'AKLTtest', secretAccessKey: 'test-secret-key' };

export const keysOf = (accessKeyId: string) =>
  ({
    kind: 'keys',
    accessKeyId: { kind: 'value', reveal: () => accessKeyId },
    secretAccessKey: { kind: 'value', reveal: () => accessKey.secretAccessKey },
  }) as const;

/** What every real client in the tests has. */
export const ofTheTests = {
  account: 'main',
  provider: 'volcengine',
  credentials: keysOf(accessKey.accessKeyId),
  env: {},
  cloudGroups: [],
  restartAction: 'auto',
  fingerprintKey: 'k'.repeat(32),
} as const;

/** Every 15 seconds, as the default schedule. */
export const every = (ms: number): Schedule => ({
  next: (at) => Math.floor(at / ms) * ms + ms,
  previous: (at) => Math.floor(at / ms) * ms,
});

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
    this.events.push(...changes.events);
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

interface Hand {
  readonly life: Life | undefined;
  readonly gate: Gate;
  readonly keeper: Keeper;
}

const requestTimeoutMs = 10_000;

export interface StageOptions {
  readonly policies: Policies;
  readonly tasks?: readonly TaskPlan[];
  readonly seed?: number;
  readonly world?: Partial<WorldOptions>;
  readonly pollEveryMs?: number;
  readonly perSecond?: number;
  /** BytePlus' limits and region at the cloud; the limits that are kept are then in `rateLimit`. */
  readonly vendor?: 'volcengine' | 'byteplus';
  readonly rateLimit?: RateLimit;
  readonly ownership?: (clock: VirtualClock) => Ownership;
  /** Cloud groups that are asked for by name; a sub-account names them in every call. */
  readonly cloudGroups?: readonly string[];
  readonly subAccount?: boolean;
  /** Shared with other accounts of the process. */
  readonly clock?: VirtualClock;
  readonly account?: string;
  /** Absent: one process, and nobody shares its store. */
  readonly seats?: readonly Seat[];
}

export interface Restart {
  readonly taskId: string;
  /** Seconds since the story's begin, at the cloud. */
  readonly at: number;
}

export class Stage {
  readonly clock: VirtualClock;
  readonly world: World;
  readonly store = new MemoryStore();
  readonly events: Event[] = [];
  readonly complaints: string[] = [];
  readonly arrivals: Arrival[] = [];
  policies: Policies;
  #hands: readonly Hand[] = [];
  #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  readonly #options: StageOptions;

  constructor(options: StageOptions) {
    this.#options = options;
    this.clock = options.clock ?? new VirtualClock(begin);
    this.policies = options.policies;
    this.world = createWorld({
      seed: options.seed ?? 1,
      now: begin,
      keys: [accessKey],
      tasks: options.tasks ?? [],
      parameters: {
        ...likeVendor[options.vendor ?? 'volcengine'],
        latency: { uplinkMs: [50, 50], downlinkMs: [50, 50] },
      },
      ...options.world,
      watch: (arrival) => this.arrivals.push(arrival),
    });
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

  get gate(): Gate {
    return this.#hand.gate;
  }

  settings({ gate, life }: Omit<Hand, 'keeper'> = this.#hand): KeeperSettings {
    const network = pretendTransport(this.world, this.clock);
    return {
      policies: this.policies,
      schedule: every(this.#options.pollEveryMs ?? 15_000),
      verifyEveryMs: 5_000,
      pollShare: 0.5,
      requestTimeoutMs,
      cloud: createCloud({
        ...ofTheTests,
        provider: this.#options.vendor ?? 'volcengine',
        subAccount: this.#options.subAccount ?? false,
        cloudGroups: this.#options.cloudGroups ?? [],
        pageSize: 500,
        requestTimeoutMs,
        retiredActions: () => this.#hands.flatMap(({ keeper }) => keeper.ledger.accountRecord.retiredActions ?? []),
        gate,
        clock: life?.clock ?? this.clock,
        transport: life?.reaches(network) ?? network,
        onTrace: () => {},
      }),
      listScope: '*',
    };
  }

  /** A fresh process on the ledger that was saved; where several share the store, all of them. */
  start(): void {
    this.#stop = new AbortController();
    this.#hands = (this.#options.seats ?? [undefined]).map((seat) => this.#handOf(seat));
    this.#running = Promise.all(this.#hands.map(({ keeper }) => keeper.run(this.#stop.signal)));
  }

  #handOf(seat: Seat | undefined): Hand {
    const { perSecond = 10, rateLimit = { perSecond, spacing: 'even' }, account = 'main' } = this.#options;
    const life = seat?.life;
    const clock = life?.clock ?? this.clock;
    const ownership = seat?.ownership ?? this.#options.ownership?.(this.clock) ?? soleOwner;
    const own = createGate({ ...rateLimit, clock });
    const gate = seat ? coveredGate(own, () => ownership.remainingMs(account) > requestTimeoutMs, clock) : own;
    const keeper = new Keeper({
      ...this.settings({ gate, life }),
      account,
      gate,
      store: seat?.store ?? this.store,
      ownership,
      elsewhere: seat && ((request) => seat.shared.ask(account, request)),
      clock,
      tell: (event) => this.events.push(event),
      complain: (what, cause) => this.complaints.push(`${what}: ${String(cause)}`),
    });
    return { life, gate, keeper };
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

  /** Restart calls as the cloud counted them. */
  restarts(taskId?: string): readonly Restart[] {
    return this.arrivals
      .filter((arrival) => /^(Restart|Continue|Relaunch)PullToPushTask$/.test(arrival.action))
      .map((arrival) => ({ taskId: arrival.taskId ?? '', at: (arrival.at - begin) / 1_000 }))
      .filter((restart) => taskId === undefined || restart.taskId === taskId);
  }

  told<T extends Event['type']>(type: T): readonly Extract<Event, { type: T }>[] {
    return this.events.filter((event): event is Extract<Event, { type: T }> => event.type === type);
  }

  /** Most calls that reached the cloud within any one second, over all actions. */
  worstSecond(): number {
    return worstSecond(this.arrivals.map(({ at }) => at).sort((a, b) => a - b));
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
