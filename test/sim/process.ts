/**
 * One process of the daemon, as far as one account goes: keeper, gate and client on a clock of the machine, and its
 * death. A dead process runs no timer, sends nothing and writes nothing; what it had sent is on its way all the same.
 */
import { pretendTransport } from '../../src/app/pretend.ts';
import { createCloud } from '../../src/cloud/client.ts';
import { createGate } from '../../src/cloud/limiter/gate.ts';
import type { World } from '../../src/simulator/world.ts';
import type { DeathAtSave, Disk } from './disk.ts';
import {
  type Clock,
  type Cloud,
  type Counters,
  countersFor,
  type Event,
  type Gate,
  isKept,
  Keeper,
  type KeeperSettings,
  type LookResult,
  type Observation,
  type Ownership,
  type Policies,
  type RestartAnswer,
  retiredActionsOf,
  type TaskItem,
  toldBy,
} from './seam.ts';
import { every, ofTheTests } from './stage.ts';
import { createThinCloud } from './thin-cloud.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** What of the configuration a history changes. */
export interface Configuration {
  readonly policies: Policies;
  readonly pollEveryMs: number;
  readonly verifyEveryMs: number;
  readonly requestTimeoutMs: number;
  readonly perSecond: number;
  readonly spacing: 'even' | 'none';
  readonly pageSize: number;
  readonly client: 'thin' | 'real';
  /** Of the real client: every call names its cloud group. */
  readonly subAccount: boolean;
}

/** The machine's clocks: the wall clock steps and drifts, the monotonic one only drifts with the world's. */
export interface Machine {
  wall(): number;
}

export type Call = 'list' | 'look' | 'restart';

/** Told of everything that crosses the border of a process, in order. */
export interface Watcher {
  /** A call begins. */
  calls(process: Process, call: Call): void;
  told(process: Process, event: Event): void;
  /** `startedAt`: by the world's clock. */
  observed(process: Process, observation: Observation, startedAt: number): void;
  looked(look: LookResult, startedAt: number): void;
  sent(process: Process, taskId: string): void;
  answered(taskId: string, answer: RestartAnswer): void;
}

export interface ProcessOptions {
  readonly name: string;
  readonly world: World;
  readonly begin: number;
  readonly clock: VirtualClock;
  readonly machine: Machine;
  readonly disk: Disk;
  readonly configuration: Configuration;
  readonly ownership: (process: Process) => Ownership;
  readonly mayWrite: (process: Process) => boolean;
  readonly unreachable: () => boolean;
  readonly watcher: Watcher;
  readonly shuffle?: (items: readonly TaskItem[]) => readonly TaskItem[];
}

/** Where a process dies next. */
export type Death = { readonly at: 'save'; readonly write: DeathAtSave } | { readonly at: 'send' | 'answer' | 'event' };

export class Process {
  readonly name: string;
  readonly keeper: Keeper;
  readonly gate: Gate;
  readonly clock: Clock;
  configuration: Configuration;
  alive = true;
  stopping = false;
  /** It has told that the account is its own. */
  owns = false;
  /** What it told since it got the account and must keep. */
  told: Event[] = [];
  /** How often it got the account. */
  gains = 0;
  reloaded = false;
  readonly counters: Counters;
  dies: Death | undefined;
  /** Calls that are on their way to the cloud. */
  readonly #stop = new AbortController();
  readonly #options: ProcessOptions;
  ended: Promise<void> = Promise.resolve();
  onDeath: () => void = () => {};

  constructor(options: ProcessOptions) {
    this.#options = options;
    this.name = options.name;
    this.configuration = options.configuration;
    this.counters = countersFor(options.configuration.policies);
    this.clock = clockOf(options.clock, options.machine, () => this.alive);
    const { perSecond, spacing } = options.configuration;
    this.gate = createGate({ perSecond, spacing, clock: this.clock });
    this.keeper = new Keeper({
      ...this.settings(options.configuration),
      account: 'main',
      gate: this.gate,
      store: options.disk.mountedBy({
        alive: () => this.alive,
        mayWrite: () => options.mayWrite(this),
        onSave: () => this.#deathAtSave(),
        die: () => this.die(),
      }),
      ownership: options.ownership(this),
      clock: this.clock,
      tell: (event) => {
        if (!this.alive) return;
        const kind = toldBy(event)?.kind;
        if (kind === 'owned') {
          this.gains++;
          this.told = [];
        }
        if (kind === 'owned' || kind === 'lost') this.owns = kind === 'owned';
        if (isKept(event)) this.told.push(event);
        options.watcher.told(this, event);
        this.counters.record(event);
        if (this.dies?.at === 'event') this.die();
      },
      complain: () => {},
    });
  }

  run(): void {
    this.ended = this.keeper.run(this.#stop.signal);
  }

  /** SIGTERM. */
  stop(): void {
    this.stopping = true;
    this.#stop.abort(new Error('stop'));
  }

  /** SIGKILL. */
  die(): void {
    if (!this.alive) return;
    this.alive = false;
    this.onDeath();
  }

  /** After the history: what still waits is let go. Node keeps every joined signal that somebody listens to. */
  release(): void {
    this.alive = false;
    this.ended.catch(() => {});
    this.#stop.abort(new Error('the history is over'));
  }

  #deathAtSave(): DeathAtSave | undefined {
    return this.dies?.at === 'save' ? this.dies.write : undefined;
  }

  settings(configuration: Configuration): KeeperSettings {
    this.configuration = configuration;
    const { policies, pollEveryMs, verifyEveryMs, requestTimeoutMs } = configuration;
    return {
      policies,
      schedule: every(pollEveryMs),
      verifyEveryMs,
      pollShare: 0.5,
      requestTimeoutMs,
      cloud: this.#watched(this.#cloud(configuration)),
      listScope: '*',
    };
  }

  #cloud(configuration: Configuration): Cloud {
    const { world, clock, machine, begin, unreachable, shuffle } = this.#options;
    const { requestTimeoutMs, pageSize } = configuration;
    const retiredActions = () => retiredActionsOf(this.keeper);
    const onRetired = (from: string, to: string) => this.keeper.actionRetired(from, to);
    const common = { gate: this.gate, requestTimeoutMs, pageSize, retiredActions };
    if (configuration.client === 'thin') {
      const thin = { ...common, world, clock, begin, onRetired, unreachable, alive: () => this.alive };
      return createThinCloud({ ...thin, wall: () => machine.wall(), ...(shuffle ? { shuffle } : {}) });
    }
    const network = pretendTransport(world, clock);
    return createCloud({
      ...ofTheTests,
      ...common,
      subAccount: configuration.subAccount,
      clock: this.clock,
      transport: {
        send: async (request, signal) => {
          if (!this.alive) return new Promise(() => {});
          if (unreachable()) return { kind: 'never-left', why: 'refused' };
          const outcome = await network.send(request, signal);
          return this.alive ? outcome : new Promise(() => {});
        },
        close: () => network.close(),
      },
      onTrace: (trace) => {
        if (trace.kind === 'action-retired') onRetired(trace.from, trace.to);
      },
    });
  }

  /** Everything that goes to the cloud or comes from it passes here. */
  #watched(cloud: Cloud): Cloud {
    const { watcher, clock } = this.#options;
    return {
      ...cloud,
      observe: async (signal) => {
        const startedAt = clock.monotonic();
        watcher.calls(this, 'list');
        const observation = await cloud.observe(signal);
        if (this.alive && !signal.aborted) watcher.observed(this, observation, startedAt);
        return observation;
      },
      look: async (cloudGroups, signal) => {
        const startedAt = clock.monotonic();
        watcher.calls(this, 'look');
        const look = await cloud.look(cloudGroups, signal);
        if (this.alive && !signal.aborted) watcher.looked(look, startedAt);
        return look;
      },
      restart: async (task, permit, signal) => {
        if (!this.alive) return new Promise(() => {});
        watcher.calls(this, 'restart');
        watcher.sent(this, task.taskId);
        const pending = cloud.restart(task, permit, signal);
        if (this.dies?.at === 'send') this.die();
        const answer = await pending;
        if (!this.alive) return new Promise(() => {});
        watcher.answered(task.taskId, answer);
        if (this.dies?.at === 'answer') this.die();
        return answer;
      },
    };
  }
}

function clockOf(clock: VirtualClock, machine: Machine, alive: () => boolean): Clock {
  return {
    now: () => Math.floor(machine.wall()),
    monotonic: () => clock.monotonic(),
    sleep: async (ms, signal) => {
      await clock.sleep(ms, signal);
      if (!alive()) await new Promise(() => {});
    },
    after: (ms, run) =>
      clock.after(ms, () => {
        if (alive()) run();
      }),
    yield: () => (alive() ? Promise.resolve() : new Promise(() => {})),
  };
}
