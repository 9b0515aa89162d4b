/**
 * Plays one script: world, machine, disk, processes and what happens to them; then the weather ends, everything
 * heals, and all must end well.
 */

import { between, seeded } from '../../src/simulator/random.ts';
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
import { Database } from './database.ts';
import { Disk, fairDisk } from './disk.ts';
import { checkBooks, healAndCheck } from './ending.ts';
import type { Happening, Script } from './happening.ts';
import { Judge, mostDrift } from './judge.ts';
import { heldBy } from './laws.ts';
import { LockedFile } from './locked-file.ts';
import { Machine } from './machine.ts';
import { Neighbour } from './neighbour.ts';
import { type Call, type Configuration, type Home, Process } from './process.ts';
import { managedBy, outsideItsTime } from './reading.ts';
import { type Hold, lineOf, Refusal, type TaskItem, toldBy } from './seam.ts';
import { accessKey } from './stage.ts';
import { itemOf } from './thin-cloud.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface HistoryOptions {
  /** Keeps every line of the trace, not only the newest fifty. */
  readonly trace?: boolean;
  readonly shuffle?: (items: readonly TaskItem[]) => readonly TaskItem[];
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
/** How long weather that never ends is watched after the rest of it. */
const endlessMs = 3_600_000;
/** Longer than the pause between two looks at a clock that may have stepped. */
const stepNoticedWithinMs = 70_000;
/** A keeper whose disk failed tries again after so long; a lease is renewed every ten seconds. */
const afterDiskMs = 10_000;
const renewedAfterMs = 12_000;

export class History {
  readonly script: Script;
  readonly clock = new VirtualClock(begin);
  readonly world: World;
  readonly disk: Disk;
  readonly judge: Judge;
  readonly machines: readonly Machine[];
  readonly #home: Home;
  readonly #database: Database | undefined;
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
  #steppedAt = Number.NEGATIVE_INFINITY;
  #unreachableUntil = Number.NEGATIVE_INFINITY;
  #diskBadUntil = Number.NEGATIVE_INFINITY;

  constructor(script: Script, options: HistoryOptions = {}) {
    this.script = script;
    this.#options = options;
    this.configuration = script.configuration;
    const { seed, replicas } = script;
    this.disk = new Disk(seeded(seed, 'disk'), this.clock);
    const witness = {
      now: () => this.clock.monotonic(),
      disk: this.disk,
      isOwner: (process: Process) => this.#home.leftMs(process) > 0,
      leaseLeftMs: (process: Process) => this.#home.leftMs(process),
      note: (text: () => string) => this.note(text),
    };
    this.judge = new Judge(witness, this.configuration, replicas);
    const drifts = seeded(seed, 'drifts');
    const driftPpm = () => (replicas === 1 ? 0 : between(drifts, [-mostDrift * 1e6, mostDrift * 1e6]));
    this.machines = Array.from({ length: replicas }, () => new Machine(this.clock, driftPpm()));
    const common = { disk: this.disk, clock: this.clock, judge: this.judge };
    this.#database = replicas === 1 ? undefined : new Database({ ...common, random: seeded(seed, 'database') });
    this.#home = this.#database ?? new LockedFile(this.disk, this.clock);
    this.world = createWorld({
      seed: script.seed,
      now: begin,
      keys: [],
      tasks: script.tasks,
      parameters: script.parameters,
      watch: (arrival) => this.judge.arrived(arrival, arrival.at - begin),
    });
  }

  note(text: () => string): void {
    const at = this.clock.monotonic();
    const stamped = () => `${(at / 1_000).toFixed(3).padStart(11)} ${text()}`;
    const line = this.#options.trace ? stamped() : undefined;
    this.#lines.push(line === undefined ? stamped : () => line);
    if (!this.#options.trace && this.#lines.length > 2 * linesKept) this.#lines.splice(0, linesKept);
  }

  /** Mixes in what must be the same each time the seed is played. */
  #mark(text: string): void {
    for (let i = 0; i < text.length; i++) this.#hash = Math.imul(this.#hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  }

  // ---- processes -------------------------------------------------------------------------------------------------

  #start(machine: Machine): void {
    const { judge } = this;
    const name = `p${++this.#named}`;
    this.world.keys = [...this.world.keys, { ...accessKey, accessKeyId: name, ...this.#keySees }];
    const process: Process = new Process({
      name,
      world: this.world,
      begin,
      clock: this.clock,
      machine,
      home: this.#home,
      configuration: this.configuration,
      unreachable: () => this.clock.monotonic() < this.#unreachableUntil,
      watcher: {
        told: (one, event) => {
          this.#events++;
          this.#mark(`${event.at} ${event.type} ${'taskId' in event ? event.taskId : ''}`);
          this.note(() => `${one.name} ${lineOf(event)}`);
          const told = toldBy(event);
          // A lease that ran out soon after a step may have taken along what its owner moved.
          if (told?.kind === 'owned') this.#blurIfUnsaved();
          if (told) judge.told(one, told);
        },
        calls: (one, call) => {
          if (call === 'list' && one === this.owner) judge.listBegins();
          this.#called(call);
        },
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
    });
    process.onDeath = () => {
      this.note(() => `${process.name} DIES`);
      this.#home.left(process);
      judge.left(process);
      this.#blurIfUnsaved();
    };
    this.#processes.push(process);
    this.#everStarted.push(process);
    this.note(() => `${process.name} starts`);
    process.run();
    process.ended.then(
      () => {
        if (process.alive) judge.left(process);
        this.#processes = this.#processes.filter((other) => other !== process);
      },
      (cause: unknown) => judge.fail(`the keeper of ${process.name} threw: ${String(cause)}`),
    );
  }

  get owner(): Process | undefined {
    return this.#processes.find((one) => one.alive && !one.stopping && this.#home.leftMs(one) > 0);
  }

  #at(replica: number | undefined): Process | undefined {
    if (replica === undefined) return this.owner;
    return this.#processes.find(
      ({ machine, alive, stopping }) => machine === this.machines[replica] && alive && !stopping,
    );
  }

  /** Once a second: nobody has the lease, and somebody could take it. */
  #mindVacancy(database: Database): void {
    const now = this.clock.monotonic();
    const isAble = ({ alive, stopping, paused, machine }: Process) =>
      alive && !stopping && !paused && now >= machine.cutOffUntil;
    const isVacant = now >= this.#diskBadUntil && database.canBeTaken() && this.#processes.some(isAble);
    this.judge.actors?.look(now, isVacant);
    this.clock.after(1_000, () => this.#mindVacancy(database));
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
    for (const machine of this.machines) this.#start(machine);
    if (this.#database) this.#mindVacancy(this.#database);
    const neighbour = Neighbour.of(this.script.seed, this.clock);
    await this.#playScript();
    const wrong = neighbour?.wrong();
    if (wrong) this.judge.fail(wrong);
    const outcome = this.outcome();
    await neighbour?.stop();
    return outcome;
  }

  async #playScript(): Promise<void> {
    for (const { atMs, what } of this.script.schedule) {
      await this.until(atMs);
      if (this.judge.violation) return;
      this.note(() =>
        `> ${JSON.stringify(what, (_key, value: unknown) => (value === Infinity ? 'never' : value))}`.slice(0, 400),
      );
      this.#happen(what);
    }
    await this.until(this.script.weatherMs);
    if (this.script.endless) await this.until(this.script.weatherMs + endlessMs);
    if (this.judge.violation) return;
    if (this.script.endless) await checkBooks(this);
    else await this.#heal();
  }

  /** In steps, so that a violation ends the history soon after it. */
  async until(atMs: number): Promise<void> {
    while (this.clock.monotonic() < atMs && !this.judge.violation) {
      await this.clock.run(Math.min(60_000, atMs - this.clock.monotonic()));
      const { owner } = this;
      if (owner?.owns) this.judge.lookAtLoop(owner);
    }
  }

  outcome(): Outcome {
    return {
      violation: this.judge.violation,
      hours: this.clock.monotonic() / 3_600_000,
      restarts: this.judge.sends,
      arrivals: this.world.arrivals.total,
      events: this.#events,
      fingerprint: this.#hash,
      sends: this.#sends,
      lines: this.#lines.slice(this.#options.trace ? 0 : -linesKept).map((text) => text()),
    };
  }

  /** Who ends before it has saved what a step of the clock moved leaves waits that cannot be judged. */
  #blurIfUnsaved(): void {
    if (this.disk.savedAt < this.#steppedAt + stepNoticedWithinMs) this.judge.blur();
  }

  readonly #stepDuring = new Map<Call, number>();

  #step(ms: number): void {
    const now = this.clock.monotonic();
    this.note(() => `> the clock steps by ${ms} ms`);
    for (const machine of this.machines) machine.step(ms);
    this.#steppedAt = now;
    this.judge.stepped();
    this.judge.liveness.excuse(now + stepNoticedWithinMs);
    if (!this.owner?.owns) this.judge.blur();
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
        addFault(world, { ...what.fault, from: world.now, until: world.now + this.#lastsMs(what) });
        return;
      case 'unreachable':
        this.#unreachableUntil = now + what.lastsMs;
        return;
      case 'key':
        this.#keysSee(what.sees);
        return;
      case 'step':
        if (what.during) this.#stepDuring.set(what.during, what.ms);
        else this.#step(what.ms);
        return;
      case 'pace':
        for (const machine of this.machines) machine.slew(what.ppm);
        return;
      case 'disk':
        this.disk.weather = what.weather;
        this.#diskBadUntil = now + what.lastsMs;
        this.judge.liveness.excuse(this.#diskBadUntil + afterDiskMs);
        this.clock.after(what.lastsMs, () => {
          if (this.clock.monotonic() >= this.#diskBadUntil) this.disk.weather = fairDisk;
        });
        return;
      case 'die':
        this.#kill(what);
        return;
      case 'terminate':
        this.#terminate(what);
        return;
      case 'pause':
        this.#pause(what);
        return;
      case 'cut-off': {
        const { machine } = this.#at(what.replica) ?? {};
        if (!machine) return;
        machine.cutOffUntil = Math.max(machine.cutOffUntil, now + what.lastsMs);
        this.judge.liveness.excuse(machine.cutOffUntil + renewedAfterMs);
        return;
      }
      case 'database-restart':
        this.#database?.restart(what.downMs);
        this.judge.liveness.excuse(now + what.downMs + renewedAfterMs);
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

  #lastsMs({ fault: { match }, lastsMs }: Extract<Happening, { kind: 'fault' }>): number {
    const ofOne = match?.taskId !== undefined || match?.cloudGroup !== undefined;
    return this.script.endless && ofOne ? Number.POSITIVE_INFINITY : lastsMs;
  }

  #keySees: { readonly sees?: 'nothing' } = {};

  #keysSee(sees: 'all' | 'nothing'): void {
    this.#keySees = sees === 'nothing' ? { sees } : {};
    this.world.keys = this.world.keys.map(({ accessKeyId }) => ({ ...accessKey, accessKeyId, ...this.#keySees }));
  }

  #pause({ replica, lastsMs }: Extract<Happening, { kind: 'pause' }>): void {
    const process = this.#at(replica);
    if (!process || process.paused) return;
    this.note(() => `${process.name} is paused`);
    process.pause();
    this.judge.liveness.excuse(this.clock.monotonic() + lastsMs + renewedAfterMs);
    this.clock.after(lastsMs, () => {
      this.note(() => `${process.name} goes on`);
      process.goOn();
    });
  }

  #kill({ death, downMs, replica }: Extract<Happening, { kind: 'die' }>): void {
    const process = this.#at(replica) ?? this.#processes.find(({ alive, stopping }) => alive && !stopping);
    if (!process) return;
    // Of several deaths that were meant for it, one is enough.
    if (process.dies) return;
    const before = process.onDeath;
    process.onDeath = () => {
      before();
      this.#processes = this.#processes.filter((other) => other !== process);
      this.clock.after(downMs, () => this.#start(process.machine));
    };
    if (death === 'now') process.die();
    else process.dies = death;
  }

  #terminate({ replica, downMs }: Extract<Happening, { kind: 'terminate' }>): void {
    const process = this.#at(replica);
    if (!process) return;
    this.#blurIfUnsaved();
    this.note(() => `${process.name} is told to stop`);
    process.stop();
    process.ended.then(() => {
      if (process.alive) this.clock.after(downMs, () => this.#start(process.machine));
    });
  }

  #reload(configuration: Configuration): void {
    this.configuration = configuration;
    this.judge.reloaded(configuration);
    for (const process of this.#processes) {
      if (!process.alive || process.stopping) continue;
      process.reloaded = true;
      process.enter(() => {
        process.gate.configure(configuration);
        void process.keeper.configure(process.settings(configuration));
      }, 'answer');
    }
  }

  #byHand(what: Extract<Happening, { kind: 'hold' | 'unhold' | 'restart' | 'release' | 'hook' }>): void {
    const process = this.#at('replica' in what ? what.replica : undefined);
    if (!process || process.paused || (this.machines.length === 1 && !process.owns)) return;
    const { keeper } = process;
    const { judge } = this;
    const at = process.clock.now();
    const now = this.clock.monotonic();
    if (what.kind === 'hook') {
      keeper.pollSoon();
      return;
    }
    const ask = (does: (by: string) => Promise<unknown>, done = () => {}) => {
      const by = judge.actors?.asks(process, now) ?? 'eve';
      const refused = (cause: unknown) => {
        if (!(cause instanceof Refusal)) return judge.fail(`an operator was answered with ${String(cause)}`);
        this.note(() => `  ${by} is refused: ${String(cause)}`);
        judge.actors?.answered(by, cause);
      };
      does(by).then(() => {
        judge.actors?.answered(by);
        done();
      }, refused);
    };
    switch (what.kind) {
      case 'restart':
        judge.book.asked.restarts.set(what.taskId, what.force);
        ask((by) => keeper.operator.restart(what.taskId, by, what.force));
        return;
      case 'release':
        ask((by) => keeper.operator.release(what.taskId, by));
        return;
      case 'hold': {
        const { id, target, forMs } = what;
        // The API refuses a hold on a group that the configuration does not have.
        const groups = this.configuration.policies.groups.map(({ name }) => name);
        if (target.kind === 'group' && !groups.includes(target.group)) return;
        const endsAt = forMs === undefined ? undefined : at + forMs;
        const hold: Hold = { id, account: 'main', target, author: 'eve', reason: 'repair', createdAt: at, endsAt };
        ask(
          () => keeper.operator.changeHold({ type: 'hold-added', at, account: 'main', hold }),
          () => {
            const replaced = judge.book.reloadedAt >= now || judge.book.asked.holdsOff.has(id);
            judge.must(
              replaced || this.disk.memory.holds.has(id),
              () => `hold ${id} was confirmed, and is not on disk`,
            );
          },
        );
        return;
      }
      case 'unhold': {
        const hold = this.disk.memory.holds.get(what.id);
        if (!hold || (hold.endsAt ?? Infinity) <= at) return;
        judge.book.asked.holdsOff.add(what.id);
        ask((by) => keeper.operator.changeHold({ type: 'hold-removed', at, account: 'main', hold, by }));
        return;
      }
      default:
        what satisfies never;
    }
  }

  // ---- the end -----------------------------------------------------------------------------------------------------

  async #heal(): Promise<void> {
    const { world } = this;
    this.note(() => '> the weather ends');
    removeFaults(world);
    this.#keysSee('all');
    this.disk.weather = fairDisk;
    this.#diskBadUntil = 0;
    for (const machine of this.machines) machine.cutOffUntil = 0;
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
    await healAndCheck(this);
  }

  killOwner(): Process | undefined {
    const process = this.owner;
    if (process) this.#kill({ kind: 'die', death: 'now', downMs: 1_000 });
    return process;
  }

  #itemOf(taskId: string): TaskItem | undefined {
    advance(this.world, begin + this.clock.monotonic());
    const task = this.world.tasks.get(taskId);
    return task && itemOf(this.world, task, this.world.now);
  }

  isManaged(taskId: string): boolean {
    const item = this.#itemOf(taskId);
    return item !== undefined && managedBy(this.configuration.policies, item) !== undefined;
  }

  /** Stopped tasks that a restart brings back, and that nothing keeps from one. */
  leftDown(): readonly string[] {
    const { policies } = this.configuration;
    const { book } = this.judge;
    return [...this.world.tasks.values()].flatMap(({ taskId, life }) => {
      const item = this.#itemOf(taskId);
      const policy = item && managedBy(policies, item);
      const task = book.tasks.get(taskId);
      if (!policy || item.status !== 'stopped' || life.restartsInVain === Number.POSITIVE_INFINITY) return [];
      if (!task) return [taskId];
      const due = outsideItsTime(item, policy, this.world.now) === undefined;
      const givenUp = task.abandoned || task.isOnlyWatched(policy, 'perhaps');
      const held = heldBy(this.disk.holds(), taskId, policy.name, this.owner?.machine.wall() ?? 0) !== undefined;
      return due && !givenUp && !held ? [taskId] : [];
    });
  }

  isActive(taskId: string): boolean {
    advance(this.world, begin + this.clock.monotonic());
    if (!this.world.tasks.has(taskId)) return false;
    return statusNow(this.world, taskOf(this.world, taskId)) === '生效中';
  }
}
