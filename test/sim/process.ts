/** One process of the daemon, as far as one account goes, on the clocks of its machine, and its death. */
import { follow } from '../../src/app/following.ts';
import { knownCodes } from '../../src/cloud/errors.ts';
import type { Cloud } from '../../src/domain/ports/cloud-port.ts';
import type { LedgerStore, Ownership, Shared } from '../../src/domain/ports/store-port.ts';
import { type Event, isRecorded } from '../../src/domain/words/events.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { type Account, type Configuration, createAccount } from './account.ts';
import type { DeathAtSave, Disk } from './disk.ts';
import type { History } from './history.ts';
import { Life, never } from './life.ts';
import type { Machine } from './machine.ts';
import { keepIdly } from './replicas.ts';

const account = 'main';
/** Kept by nobody: what a replica owns of them counts when accounts are shared out. */
const otherAccounts = ['another', 'besides'];

/** Where the ledger is, and whose the account is by what stands there. */
export interface Home {
  readonly disk: Disk;
  open(process: Process): {
    readonly store: LedgerStore;
    readonly ownership: Ownership;
    /** Absent: no other process uses it. */
    readonly shared?: Shared;
    close(): Promise<void>;
  };
  /** Milliseconds for which the account is surely the process's; 0: it is not. */
  leftMs(process: Process): number;
  /** It is dead. */
  left(process: Process): void;
}

export type Call = 'list' | 'look' | 'restart';

/** Where a process dies next. */
export type Death = { readonly at: 'save'; readonly write: DeathAtSave } | { readonly at: 'send' | 'answer' | 'event' };

export class Process extends Life {
  readonly #account: Account;
  configuration: Configuration;
  stopping = false;
  /** It has told that the account is its own. */
  owns = false;
  /** What it told since it got the account and must keep. */
  told: Event[] = [];
  /** How often it got the account. */
  gains = 0;
  reloaded = false;
  readonly metrics = createMetrics({
    version: '0',
    revision: 'sim',
    maxTaskSeries: () => 0,
    knownCodes,
    processMetrics: false,
  });
  dies: Death | undefined;
  downMs = 0;
  readonly #stop = new AbortController();
  readonly #history: History;
  readonly #close: () => Promise<void>;
  #beside: () => Promise<void> = async () => {};
  ended: Promise<void> = Promise.resolve();

  constructor(name: string, machine: Machine, history: History) {
    super(name, machine);
    const { configuration, home, network } = history;
    this.#history = history;
    this.configuration = configuration;
    this.metrics.configure([configuration.policies]);
    const { store, ownership, shared, close } = home.open(this);
    this.#close = close;
    const publish = (event: Event) => this.#publish(event);
    const place = { account, accessKeyId: name, clock: this.clock, network: this.reaches(network) };
    const watched = (cloud: Cloud) => this.#watched(cloud);
    this.#account = createAccount(
      { ...place, store, ownership, shared, watched, publish, complain: () => {} },
      configuration,
    );
    if (shared) this.#beside = () => this.#shareStore(shared, ownership);
  }

  get keeper() {
    return this.#account.keeper;
  }

  #publish(event: Event): void {
    if (!this.alive) return;
    if (event.type === 'owner-lost') this.owns = false;
    if (event.type === 'owner-gained') {
      this.owns = true;
      this.gains++;
      this.told = [];
    }
    if (isRecorded(event)) this.told.push(event);
    this.#history.told(this, event);
    this.metrics.record(event);
    if (this.dies?.at === 'event') this.die();
  }

  run(): void {
    const beside = this.#beside();
    this.ended = this.keeper.run(this.#stop.signal).then(async () => {
      await beside;
      await this.#close();
    });
  }

  /** What a standby shows and asks, and accounts beside this one, so that the replicas share them out. */
  async #shareStore(shared: Shared, ownership: Ownership): Promise<void> {
    const { signal } = this.#stop;
    const crew = { keeper: () => this.keeper, keepers: () => [this.keeper] };
    await Promise.all([
      follow(shared, crew, this.clock).run(signal),
      ...otherAccounts.map((other) => keepIdly(ownership, other, signal)),
    ]);
  }

  reload(configuration: Configuration): void {
    this.reloaded = true;
    this.enter(() => {
      this.configuration = configuration;
      this.#account.gate.configure(configuration);
      void this.keeper.configure(this.#account.settings(configuration));
    }, 'answer');
  }

  /** SIGTERM. */
  stop(): void {
    this.stopping = true;
    this.enter(() => this.#stop.abort(new Error('stop')), 'answer');
  }

  /** After the history: what still waits is let go. Node keeps every joined signal that somebody listens to. */
  release(): void {
    this.alive = false;
    this.ended.catch(() => {});
    this.#stop.abort(new Error('the history is over'));
  }

  override onSave(): DeathAtSave | undefined {
    return this.dies?.at === 'save' ? this.dies.write : undefined;
  }

  /** Everything that goes to the cloud or comes from it passes here. */
  #watched(cloud: Cloud): Cloud {
    const { judge, clock, options } = this.#history;
    const calls = (call: Call) => this.#history.calls(this, call);
    return {
      ...cloud,
      observe: async (signal, known) => {
        const startedAt = clock.monotonic();
        calls('list');
        const observation = await cloud.observe(signal, known);
        if (this.alive && !signal.aborted) judge.observed(this, observation, startedAt);
        if (!options.reversed || observation.kind === 'failed') return observation;
        const { items, shownAt = [] } = observation;
        return { ...observation, items: items.toReversed(), shownAt: Array.from(shownAt).reverse() };
      },
      look: async (cloudGroups, signal) => {
        const startedAt = clock.monotonic();
        calls('look');
        const look = await cloud.look(cloudGroups, signal);
        if (this.alive && !signal.aborted) judge.looked(this, look, startedAt);
        return look;
      },
      restart: async (task, permit, mayCall) => {
        if (!this.alive) return never();
        calls('restart');
        this.#history.sent(this, task.taskId);
        const pending = cloud.restart(task, permit, mayCall);
        if (this.dies?.at === 'send') this.die();
        const answer = await pending;
        if (!this.alive) return never();
        judge.answered(this, task.taskId, answer);
        if (this.dies?.at === 'answer') this.die();
        return answer;
      },
    };
  }
}
