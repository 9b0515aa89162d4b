/**
 * Plays one script: world, machine, disk, processes and what happens to them; then the weather ends, everything
 * heals, and all must end well.
 */

import type { Gate } from '../../src/domain/ports/gate-port.ts';
import type { Event, Hold } from '../../src/domain/words/events.ts';
import { isRecorded } from '../../src/domain/words/events.ts';
import type { Policy } from '../../src/domain/words/policy.ts';
import { Refusal } from '../../src/domain/words/refusal.ts';
import type { TaskItem } from '../../src/domain/words/task.ts';
import { seeded } from '../../src/simulator/random.ts';
import {
  addFault,
  advance,
  createTask,
  createWorld,
  perform,
  removeFaults,
  statusNow,
  taskOf,
  type World,
} from '../../src/simulator/world.ts';
import { begin } from '../domain/story.ts';
import { Disk, fairDisk } from './disk.ts';
import type { Happening, Script } from './happening.ts';
import { Judge } from './judge.ts';
import { Owners } from './ownership.ts';
import { type Call, type Configuration, Process } from './process.ts';
import { isDue, isOpen, managedBy } from './reading.ts';
import { accessKey } from './stage.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface HistoryOptions {
  /** Keeps every line of the trace, not only the newest fifty. */
  readonly trace?: boolean;
  readonly shuffle?: (items: readonly TaskItem[]) => readonly TaskItem[];
  /** Instead of the limiter. */
  readonly gate?: Gate;
}

export interface Expected {
  readonly taskId: string;
  readonly policy: Policy;
}

export interface Outcome {
  readonly violation: string | undefined;
  readonly hours: number;
  readonly restarts: number;
  readonly arrivals: number;
  readonly events: number;
  /** One number for everything that happened, in its order. */
  readonly fingerprint: number;
  /** When which task was restarted, for the relations. */
  readonly sends: readonly string[];
  readonly lines: readonly string[];
}

const linesKept = 50;
/** Longer than the pause between two looks at a clock that may have stepped. */
const stepNoticedWithinMs = 70_000;

export class History {
  readonly script: Script;
  readonly clock = new VirtualClock(begin);
  readonly world: World;
  readonly disk: Disk;
  readonly judge: Judge;
  readonly owners: Owners;
  readonly #options: HistoryOptions;
  readonly #lines: (() => string)[] = [];
  readonly #sends: string[] = [];
  #hash = 0x811c9dc5;
  #events = 0;
  #processes: Process[] = [];
  /** The dead ones too. */
  readonly #everStarted: Process[] = [];
  #named = 0;
  configuration: Configuration;
  #wallOffset = 0;
  #ppm = 0;
  #pacedFrom = 0;
  #ownedAt = 0;
  #steppedAt = Number.NEGATIVE_INFINITY;
  #unreachableUntil = Number.NEGATIVE_INFINITY;
  #diskBadUntil = Number.NEGATIVE_INFINITY;
  #cutOffUntil = Number.NEGATIVE_INFINITY;
  /** Calls sent by processes that died, which have yet to arrive. */
  #holdIds = new Map<string, Hold>();
  healing = false;

  constructor(script: Script, options: HistoryOptions = {}) {
    this.script = script;
    this.#options = options;
    this.configuration = script.configuration;
    this.disk = new Disk(seeded(script.seed, 'disk'), this.clock, () => this.wall());
    this.owners = new Owners(this.clock, script.replicas === 2 ? 'lease' : 'lock');
    this.judge = new Judge({
      now: () => this.clock.monotonic(),
      wall: () => this.wall(),
      disk: this.disk,
      isOwner: (process) => this.owners.isHeldBy(process),
      leaseLeftMs: (process) => this.owners.leftMs(process),
      note: (text) => this.#note(text),
    });
    this.judge.limits.push({ from: 0, perSecond: this.configuration.perSecond });
    this.world = createWorld({
      seed: script.seed,
      now: begin,
      keys: [accessKey],
      tasks: script.tasks,
      parameters: script.parameters,
      watch: (arrival) => this.judge.arrived(arrival, arrival.at - begin),
    });
  }

  wall(): number {
    const monotonic = this.clock.monotonic();
    return begin + monotonic + this.#wallOffset + ((monotonic - this.#pacedFrom) * this.#ppm) / 1e6;
  }

  #note(text: () => string): void {
    const at = this.clock.monotonic();
    const stamped = () => `${(at / 1_000).toFixed(3).padStart(11)} ${text()}`;
    this.#lines.push(
      this.#options.trace
        ? (
            (line) => () =>
              line
          )(stamped())
        : stamped,
    );
    if (!this.#options.trace && this.#lines.length > 2 * linesKept) this.#lines.splice(0, linesKept);
  }

  /** Mixes in what must be the same each time the seed is played. */
  #mark(text: string): void {
    for (let i = 0; i < text.length; i++) this.#hash = Math.imul(this.#hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  }

  // ---- processes -------------------------------------------------------------------------------------------------

  #start(): void {
    const { judge } = this;
    const process: Process = new Process({
      name: `p${++this.#named}`,
      world: this.world,
      begin,
      clock: this.clock,
      machine: { wall: () => this.wall() },
      disk: this.disk,
      configuration: this.configuration,
      ownership: (one) => this.owners.for(one),
      mayWrite: (one) => this.owners.holder === one,
      unreachable: () => this.clock.monotonic() < this.#unreachableUntil,
      watcher: {
        told: (one, event) => {
          this.#events++;
          this.#mark(`${event.at} ${event.type} ${'taskId' in event ? event.taskId : ''}`);
          this.#recorded(one, event);
          judge.told(one, event);
        },
        calls: (call) => this.#called(call),
        observed: (one, observation, startedAt) => judge.observed(one, observation, startedAt),
        looked: (one, look, startedAt) => judge.looked(one, look, startedAt),
        sent: (one, taskId) => {
          this.#sends.push(`${this.clock.monotonic()} ${taskId}`);
          this.#mark(`${this.clock.monotonic()} sends ${taskId}`);
          judge.sent(one, taskId);
        },
        answered: (one, taskId, answer) => judge.answered(one, taskId, answer),
      },
      ...(this.#options.shuffle ? { shuffle: this.#options.shuffle } : {}),
      ...(this.#options.gate ? { gate: () => this.#options.gate as Gate } : {}),
    });
    process.onDeath = () => {
      this.#note(() => `${process.name} DIES`);
      this.owners.left(process, false);
      this.judge.books.ended();
      if (this.disk.savedAt < this.#steppedAt + stepNoticedWithinMs) this.#blur();
    };
    this.#processes.push(process);
    this.#everStarted.push(process);
    this.#note(() => `${process.name} starts`);
    process.run();
    process.ended.then(
      () => {
        if (process.alive) this.owners.left(process, true);
        if (process.alive) this.judge.books.ended();
        this.#processes = this.#processes.filter((other) => other !== process);
      },
      (cause: unknown) => this.judge.books.fail(`the keeper of ${process.name} threw: ${String(cause)}`),
    );
  }

  /** Told events of the process that are not known to be on disk. */
  readonly #toldRecorded = new Map<Process, Event[]>();
  #recorded(process: Process, event: Event): void {
    if (event.type === 'owner-gained') {
      this.#toldRecorded.delete(process);
      this.#ownedAt = this.clock.monotonic();
      // A lease that ran out soon after a step may have taken along what its owner moved.
      if (this.disk.savedAt < this.#steppedAt + stepNoticedWithinMs) this.#blur();
    }
    if (event.type === 'owner-lost') this.judge.books.ended();
    if (!isRecorded(event)) return;
    const told = this.#toldRecorded.get(process);
    if (told) told.push(event);
    else this.#toldRecorded.set(process, [event]);
  }

  get owner(): Process | undefined {
    const { holder } = this.owners;
    return holder?.alive && !holder.stopping ? holder : undefined;
  }

  // ---- what happens ------------------------------------------------------------------------------------------------

  async play(): Promise<Outcome> {
    try {
      return await this.#play();
    } finally {
      for (const process of this.#everStarted) process.release();
    }
  }

  async #play(): Promise<Outcome> {
    for (let i = 0; i < this.script.replicas; i++) this.#start();
    for (const { atMs, what } of this.script.schedule) {
      await this.#until(atMs);
      if (this.judge.books.violation) return this.outcome();
      this.#note(() =>
        `> ${JSON.stringify(what, (_key, value: unknown) => (value === Infinity ? 'never' : value))}`.slice(0, 400),
      );
      this.#happen(what);
    }
    await this.#until(this.script.weatherMs);
    if (!this.judge.books.violation) await this.#heal();
    return this.outcome();
  }

  /** In steps, so that a violation ends the history soon after it. */
  async #until(atMs: number): Promise<void> {
    while (this.clock.monotonic() < atMs && !this.judge.books.violation) {
      await this.clock.run(Math.min(60_000, atMs - this.clock.monotonic()));
      this.#watchTicks();
    }
  }

  outcome(): Outcome {
    return {
      violation: this.judge.books.violation,
      hours: this.clock.monotonic() / 3_600_000,
      restarts: this.judge.sends,
      arrivals: this.world.arrivals.total,
      events: this.#events,
      fingerprint: this.#hash,
      sends: this.#sends,
      lines: this.#lines.slice(this.#options.trace ? 0 : -linesKept).map((text) => text()),
    };
  }

  /** A clock stepped and nobody may have noticed: waits that run cannot be judged. */
  #blur(): void {
    this.judge.books.blurredAt = this.clock.monotonic();
  }

  readonly #stepDuring = new Map<Call, number>();

  #step(ms: number): void {
    const now = this.clock.monotonic();
    this.#note(() => `> the clock steps by ${ms} ms`);
    this.#wallOffset += ms;
    this.#steppedAt = now;
    this.judge.books.steppedAt = now;
    if (!this.owner?.keeper.ledger.owned) this.#blur();
  }

  /** A call has begun: now is the time for a step that waited for it. */
  #called(call: Call): void {
    const ms = this.#stepDuring.get(call);
    if (ms === undefined) return;
    this.#stepDuring.delete(call);
    this.clock.after(1, () => this.#step(ms));
  }

  #happen(what: Happening): void {
    const now = this.clock.monotonic();
    const { world } = this;
    advance(world, begin + now);
    switch (what.kind) {
      case 'world': {
        const { act } = what;
        if ('taskId' in act && act.taskId !== undefined && !world.tasks.has(act.taskId)) return;
        try {
          if (act.kind === 'create') createTask(world, act.task);
          else perform(world, act);
        } catch {
          // The console refuses what breaks the vendor's rules.
        }
        return;
      }
      case 'fault':
        addFault(world, { ...what.fault, from: world.now, until: world.now + what.lastsMs });
        return;
      case 'unreachable':
        this.#unreachableUntil = now + what.lastsMs;
        return;
      case 'key':
        world.keys = what.sees === 'nothing' ? [{ ...accessKey, sees: 'nothing' }] : [accessKey];
        return;
      case 'step':
        if (what.during) this.#stepDuring.set(what.during, what.ms);
        else this.#step(what.ms);
        return;
      case 'pace':
        this.#wallOffset += ((now - this.#pacedFrom) * this.#ppm) / 1e6;
        this.#ppm = what.ppm;
        this.#pacedFrom = now;
        return;
      case 'disk':
        this.disk.weather = what.weather;
        this.#diskBadUntil = now + what.lastsMs;
        this.clock.after(what.lastsMs, () => {
          if (this.clock.monotonic() >= this.#diskBadUntil) this.disk.weather = fairDisk;
        });
        return;
      case 'die':
        this.#kill(what);
        return;
      case 'terminate':
        this.#terminate(what.downMs);
        return;
      case 'cut-off':
        this.#cutOffUntil = now + what.lastsMs;
        this.owners.cutOff = true;
        this.clock.after(what.lastsMs, () => {
          this.owners.cutOff = this.clock.monotonic() < this.#cutOffUntil;
        });
        return;
      case 'reload':
        this.#reload(what.configuration);
        return;
      case 'bad-reload':
        return;
      default:
        this.#byHand(what);
    }
  }

  #kill({ death, downMs }: Extract<Happening, { kind: 'die' }>): void {
    const process = this.owner ?? this.#processes.find(({ alive, stopping }) => alive && !stopping);
    if (!process) return;
    // Of several deaths that were meant for it, one is enough.
    if (process.dies) return;
    const before = process.onDeath;
    process.onDeath = () => {
      before();
      this.#processes = this.#processes.filter((other) => other !== process);
      this.clock.after(downMs, () => this.#start());
    };
    if (death === 'now') process.die();
    else process.dies = death;
  }

  #terminate(downMs: number): void {
    const process = this.owner;
    if (!process) return;
    if (this.disk.savedAt < this.#steppedAt + stepNoticedWithinMs) this.#blur();
    this.#note(() => `${process.name} is told to stop`);
    process.stop();
    process.ended.then(() => {
      if (process.alive) this.clock.after(downMs, () => this.#start());
    });
  }

  #reload(configuration: Configuration): void {
    this.configuration = configuration;
    this.judge.reloaded(configuration);
    for (const process of this.#processes) {
      if (!process.alive || process.stopping) continue;
      process.reloaded = true;
      process.gate.configure(configuration);
      void process.keeper.configure(process.settings(configuration));
    }
  }

  #byHand(what: Extract<Happening, { kind: 'hold' | 'unhold' | 'restart' | 'release' | 'hook' }>): void {
    const process = this.owner;
    if (!process?.keeper.ledger.owned) return;
    const { keeper } = process;
    const refused = (cause: unknown) => {
      if (!(cause instanceof Refusal)) this.judge.books.fail(`an operator was answered with ${String(cause)}`);
      this.#note(() => `  refused: ${String(cause)}`);
    };
    const { judge } = this;
    const at = process.clock.now();
    switch (what.kind) {
      case 'hook':
        keeper.pollSoon();
        return;
      case 'restart':
        judge.books.asked.restarts.set(what.taskId, what.force);
        void keeper.operator.restart(what.taskId, 'eve', what.force).catch(refused);
        return;
      case 'release':
        judge.books.asked.releases.add(what.taskId);
        void keeper.operator.release(what.taskId, 'eve').catch(refused);
        return;
      case 'hold': {
        const { id, target, forMs } = what;
        const endsAt = forMs === undefined ? undefined : at + forMs;
        const hold: Hold = { id, account: 'main', target, author: 'eve', reason: 'repair', createdAt: at, endsAt };
        this.#holdIds.set(id, hold);
        void keeper.operator.changeHold({ type: 'hold-added', at, account: 'main', hold }).then(() => {
          if (this.#holdIds.has(id)) judge.books.holds.set(id, { target, endsAt });
        }, refused);
        return;
      }
      case 'unhold': {
        const hold = this.#holdIds.get(what.id);
        this.#holdIds.delete(what.id);
        judge.books.holds.delete(what.id);
        if (!hold || !keeper.ledger.holds.has(hold.id)) return;
        void keeper.operator.changeHold({ type: 'hold-removed', at, account: 'main', hold, by: 'eve' }).catch(refused);
        return;
      }
      default:
        what satisfies never;
    }
  }

  /** The loop of a living owner goes round: it is a poll, or asleep for a minute at most. */
  #watchTicks(): void {
    const process = this.owner;
    if (!process?.keeper.ledger.owned || this.clock.monotonic() - this.#ownedAt < 600_000) return;
    const silentMs = this.clock.monotonic() - process.keeper.tickedAt;
    if (silentMs > 30 * 60_000) this.judge.books.fail(`the loop of ${process.name} has not ticked for ${silentMs} ms`);
  }

  // ---- the end -----------------------------------------------------------------------------------------------------

  async #heal(): Promise<void> {
    const { world } = this;
    this.#note(() => '> the weather ends');
    this.healing = true;
    removeFaults(world);
    world.keys = [accessKey];
    this.disk.weather = fairDisk;
    this.owners.cutOff = false;
    this.#unreachableUntil = Number.NEGATIVE_INFINITY;
    this.#stepDuring.clear();
    for (const process of this.#processes) process.dies = undefined;
    advance(world, begin + this.clock.monotonic());
    for (const taskId of world.tasks.keys())
      perform(world, {
        kind: 'edit',
        taskId,
        change: { life: { stopsPerHour: 0, survivesMs: undefined, returnsInMs: undefined } },
      });
    await (await import('./healing.ts')).heal(this, {
      until: (atMs) => this.#until(atMs),
      note: (text) => this.#note(text),
      told: this.#toldRecorded,
    });
  }

  /** Managed tasks that must come back by themselves: due throughout, not held, not given up for good. */
  curable(untilMs: number): readonly Expected[] {
    return this.#expected(untilMs, (restartsInVain) => restartsInVain <= 0);
  }

  /** Those that no restart brings back. */
  incurable(untilMs: number): readonly Expected[] {
    return this.#expected(untilMs, (restartsInVain) => restartsInVain === Number.POSITIVE_INFINITY);
  }

  #expected(untilMs: number, wanted: (restartsInVain: number) => boolean): readonly Expected[] {
    const { policies } = this.configuration;
    const now = begin + this.clock.monotonic();
    const until = begin + untilMs;
    return [...this.world.tasks.values()].flatMap((task) => {
      const { taskId, title, cloudGroup, type, startsAt, endsAt, life } = task;
      const source = '';
      const status = statusNow(this.world, task) === '停用' ? 'stopped' : 'active';
      const item: TaskItem = {
        taskId,
        title,
        cloudGroup,
        type,
        status,
        statusText: '',
        startsAt,
        endsAt,
        source,
        requestedAt: now,
      };
      const policy = managedBy(policies, item);
      const record = this.owner?.keeper.ledger.tasks.get(taskId);
      if (!policy || policy.mode === 'observe' || !wanted(life.restartsInVain)) return [];
      if (policy.firstSight === 'observe' && record?.stoppedAtFirstSight !== false) return [];
      const givenUpAt = record && record.row >= policy.attempts ? record.failedAt[policy.attempts - 1] : undefined;
      const abandonedAt = (givenUpAt ?? Number.POSITIVE_INFINITY) + policy.quarantine.abandonAfterMs;
      if (record?.stageTold === 'abandoned' || abandonedAt <= this.wall() + untilMs - this.clock.monotonic()) return [];
      const slack = 3_600_000;
      if (!isDue(item, policy, now) || endsAt - policy.endGuardMs <= until + slack) return [];
      for (let at = now; at < until; at += 60_000) if (!isOpen(policy.hours, at)) return [];
      for (const { target, endsAt: end } of this.judge.books.holds.values())
        if (
          (end ?? Infinity) > this.wall() &&
          (target.kind === 'account' || target.taskId === taskId || target.group === policy.name)
        )
          return [];
      for (const { target, endsAt: end } of this.owner?.keeper.ledger.holds.values() ?? [])
        if (
          (end ?? Infinity) > this.wall() &&
          (target.kind === 'account' ||
            (target.kind === 'task' && target.taskId === taskId) ||
            (target.kind === 'group' && target.group === policy.name))
        )
          return [];
      return [{ taskId, policy }];
    });
  }

  isActive(taskId: string): boolean {
    advance(this.world, begin + this.clock.monotonic());
    if (!this.world.tasks.has(taskId)) return false;
    return statusNow(this.world, taskOf(this.world, taskId)) === '生效中';
  }
}
