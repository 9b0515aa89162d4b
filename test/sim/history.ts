/**
 * Plays one script: world, machine, disk, processes and what happens to them; then the weather ends, everything
 * heals, and all must end well.
 */

import type { Event } from '../../src/domain/words/events.ts';
import { Refusal } from '../../src/domain/words/refusal.ts';
import type { TaskItem } from '../../src/domain/words/task.ts';
import { between, seeded } from '../../src/simulator/random.ts';
import {
  addFault,
  advance,
  createTask,
  createWorld,
  perform,
  removeFaults,
  type World,
} from '../../src/simulator/world.ts';
import { begin } from '../domain/story.ts';
import { createDatabase, type Database } from './database.ts';
import { Disk, fairDisk } from './disk.ts';
import { checkBooks, healAndCheck } from './ending.ts';
import type { Happening, Script } from './happening.ts';
import { Judge, mostDrift } from './judge.ts';
import { heldBy, managedBy, outsideItsTime } from './laws.ts';
import { createLockedFile } from './locked-file.ts';
import { Machine } from './machine.ts';
import { neighbourOf } from './neighbour.ts';
import { type Call, type Configuration, type Home, Process } from './process.ts';
import { scriptOf } from './script.ts';
import { accessKey } from './stage.ts';
import { shownItem } from './thin-cloud.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface HistoryOptions {
  /** Keeps every line of the trace, not only the newest fifty. */
  readonly trace?: boolean;
  readonly shuffle?: (items: readonly TaskItem[]) => readonly TaskItem[];
}

export type Verdict = ReturnType<History['verdict']>;

const linesKept = 50;
/** How long weather that never ends is watched after the rest of it. */
const endlessMs = 3_600_000;
/** Longer than the pause between two looks at a clock that may have stepped. */
const stepNoticedWithinMs = 70_000;
/** A keeper whose disk failed tries again after so long; a lease is renewed every ten seconds. */
const afterDiskMs = 10_000;
const renewedAfterMs = 12_000;

/** Plays one seed. What it throws is a mistake of the simulation's own, and counts as a failure of the seed. */
export async function playSeed(seed: number, options: HistoryOptions = {}): Promise<Verdict> {
  const history = new History(scriptOf(seed), options);
  try {
    return await history.play();
  } catch (cause) {
    const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    return { ...history.verdict(), violation: `the simulation threw: ${text}` };
  }
}

export class History {
  readonly script: Script;
  readonly clock = new VirtualClock(begin);
  readonly world: World;
  readonly disk: Disk;
  readonly judge: Judge;
  readonly machines: readonly Machine[];
  readonly home: Home;
  readonly #database: Database | undefined;
  readonly options: HistoryOptions;
  readonly #lines: (() => string)[] = [];
  readonly #sends: string[] = [];
  #hash = 0x811c9dc5;
  #events = 0;
  #processes: Process[] = [];
  /** The dead ones too. */
  readonly #everStarted: Process[] = [];
  configuration: Configuration;
  #steppedAt = Number.NEGATIVE_INFINITY;
  #unreachableUntil = Number.NEGATIVE_INFINITY;
  #diskBadUntil = Number.NEGATIVE_INFINITY;
  /** Steps that wait for such a call. */
  readonly #stepDuring = new Map<Call, number>();
  #keySees: { readonly sees?: 'nothing' } = {};

  constructor(script: Script, options: HistoryOptions) {
    this.script = script;
    this.options = options;
    this.configuration = script.configuration;
    const { seed, replicas, tasks, parameters } = script;
    const { clock } = this;
    this.disk = new Disk(seeded(seed, 'disk'), clock);
    const drifts = seeded(seed, 'drifts');
    const driftPpm = () => (replicas === 1 ? 0 : between(drifts, [-mostDrift * 1e6, mostDrift * 1e6]));
    this.machines = Array.from({ length: replicas }, () => new Machine(clock, driftPpm()));
    const must = (isSo: boolean, what: () => string) => this.judge.must(isSo, what);
    this.#database =
      replicas === 1 ? undefined : createDatabase({ disk: this.disk, clock, random: seeded(seed, 'database'), must });
    this.home = this.#database ?? createLockedFile(this.disk, clock);
    this.judge = new Judge(this, replicas);
    const watch = (arrival: Parameters<Judge['arrived']>[0]) => this.judge.arrived(arrival, arrival.at - begin);
    this.world = createWorld({ seed, now: begin, keys: [], tasks, parameters, watch });
  }

  note(text: () => string): void {
    const at = this.clock.monotonic();
    const stamped = () => `${(at / 1_000).toFixed(3).padStart(11)} ${text()}`;
    const line = this.options.trace ? stamped() : undefined;
    this.#lines.push(line === undefined ? stamped : () => line);
    if (!this.options.trace && this.#lines.length > 2 * linesKept) this.#lines.splice(0, linesKept);
  }

  /** Mixes in what must be the same each time the seed is played. */
  #mark(text: string): void {
    for (let i = 0; i < text.length; i++) this.#hash = Math.imul(this.#hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  }

  // ---- processes -------------------------------------------------------------------------------------------------

  #start(machine: Machine): void {
    const { judge, world } = this;
    const name = `p${this.#everStarted.length + 1}`;
    world.keys = [...world.keys, { ...accessKey, accessKeyId: name, ...this.#keySees }];
    const process: Process = new Process(name, machine, this);
    process.onDeath = () => {
      this.note(() => `${name} DIES`);
      this.home.left(process);
      judge.left(process);
      this.#blurIfUnsaved();
    };
    this.#processes.push(process);
    this.#everStarted.push(process);
    this.note(() => `${name} starts`);
    process.run();
    process.ended.then(
      () => {
        if (process.alive) judge.left(process);
        this.#processes = this.#processes.filter((other) => other !== process);
      },
      (cause: unknown) => judge.fail(`the keeper of ${name} threw: ${String(cause)}`),
    );
  }

  told(process: Process, event: Event): void {
    this.#events++;
    this.#mark(`${event.at} ${event.type} ${'taskId' in event ? event.taskId : ''}`);
    this.note(() => `${process.name} ${lineOf(event)}`);
    // A lease that ran out soon after a step may have taken along what its owner moved.
    if (event.type === 'owner-gained') this.#blurIfUnsaved();
    this.judge.told(process, event);
  }

  /** A call begins. */
  calls(process: Process, call: Call): void {
    if (call === 'list' && process === this.owner) this.judge.listBegins();
    const ms = this.#stepDuring.get(call);
    if (this.#stepDuring.delete(call)) this.clock.after(1, () => this.#step(ms ?? 0));
  }

  sent(process: Process, taskId: string): void {
    const at = this.clock.monotonic();
    this.#sends.push(`${at} ${taskId}`);
    this.#mark(`${at} sends ${taskId}`);
    this.judge.sent(process, taskId);
  }

  get isUnreachable(): boolean {
    return this.clock.monotonic() < this.#unreachableUntil;
  }

  get owner(): Process | undefined {
    return this.#processes.find((one) => one.alive && !one.stopping && this.home.leftMs(one) > 0);
  }

  #at(replica: number | undefined): Process | undefined {
    if (replica === undefined) return this.owner;
    return this.#processes.find((one) => one.machine === this.machines[replica] && one.alive && !one.stopping);
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

  async play(): Promise<Verdict> {
    try {
      for (const machine of this.machines) this.#start(machine);
      if (this.#database) this.#mindVacancy(this.#database);
      const neighbour = neighbourOf(this.script.seed, this.clock);
      await this.#playScript();
      const wrong = neighbour?.wrong();
      if (wrong) this.judge.fail(wrong);
      const verdict = this.verdict();
      await neighbour?.stop();
      return verdict;
    } finally {
      for (const process of this.#everStarted) process.release();
    }
  }

  async #playScript(): Promise<void> {
    const { schedule, weatherMs, endless } = this.script;
    for (const { atMs, what } of schedule) {
      await this.until(atMs);
      if (this.judge.violation) return;
      this.note(() => `> ${textOf(what)}`.slice(0, 400));
      this.#happen(what);
    }
    await this.until(weatherMs);
    if (endless) await this.until(weatherMs + endlessMs);
    if (this.judge.violation) return;
    if (endless) await checkBooks(this);
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

  verdict() {
    return {
      seed: this.script.seed,
      violation: this.judge.violation,
      hours: this.clock.monotonic() / 3_600_000,
      restarts: this.judge.sends,
      arrivals: this.world.arrivals.total,
      events: this.#events,
      /** One number for everything that happened, in its order. */
      fingerprint: this.#hash,
      /** When which task was restarted, for the relations. */
      sends: this.#sends,
      lines: this.#lines.slice(this.options.trace ? 0 : -linesKept).map((text) => text()),
    };
  }

  /** Who ends before it has saved what a step of the clock moved leaves waits that cannot be judged. */
  #blurIfUnsaved(): void {
    if (this.disk.savedAt < this.#steppedAt + stepNoticedWithinMs) this.judge.book.blurredAt = this.clock.monotonic();
  }

  #step(ms: number): void {
    const now = this.clock.monotonic();
    const { book, liveness } = this.judge;
    this.note(() => `> the clock steps by ${ms} ms`);
    for (const machine of this.machines) machine.step(ms);
    this.#steppedAt = now;
    book.steppedAt = now;
    liveness.excuse(now + stepNoticedWithinMs);
    if (!this.owner?.owns) book.blurredAt = now;
  }

  #happen(what: Happening): void {
    advance(this.world, begin + this.clock.monotonic());
    (this.#happens[what.kind] as (what: Happening) => void)(what);
  }

  readonly #happens: { readonly [Kind in Happening['kind']]: (what: Extract<Happening, { kind: Kind }>) => void } = {
    world: ({ act }) => {
      if ('taskId' in act && act.taskId !== undefined && !this.world.tasks.has(act.taskId)) return;
      try {
        if (act.kind === 'create') createTask(this.world, act.task);
        else perform(this.world, act);
      } catch {
        // The console refuses what breaks the vendor's rules.
      }
    },
    fault: ({ fault, lastsMs }) => {
      const ofOne = fault.match?.taskId !== undefined || fault.match?.cloudGroup !== undefined;
      const from = this.world.now;
      addFault(this.world, { ...fault, from, until: this.script.endless && ofOne ? Infinity : from + lastsMs });
    },
    unreachable: ({ lastsMs }) => {
      this.#unreachableUntil = this.clock.monotonic() + lastsMs;
    },
    key: ({ sees }) => this.#keysSee(sees),
    step: ({ ms, during }) => {
      if (during) this.#stepDuring.set(during, ms);
      else this.#step(ms);
    },
    pace: ({ ppm }) => {
      for (const machine of this.machines) machine.slew(ppm);
    },
    disk: ({ weather, lastsMs }) => {
      this.disk.weather = weather;
      this.#diskBadUntil = this.#excuse(lastsMs, afterDiskMs);
      this.clock.after(lastsMs, () => {
        if (this.clock.monotonic() >= this.#diskBadUntil) this.disk.weather = fairDisk;
      });
    },
    die: (what) => this.#kill(what),
    terminate: ({ replica, downMs }) => {
      const process = this.#at(replica);
      if (!process) return;
      this.#blurIfUnsaved();
      this.note(() => `${process.name} is told to stop`);
      process.stop();
      process.ended.then(() => {
        if (process.alive) this.clock.after(downMs, () => this.#start(process.machine));
      });
    },
    pause: ({ replica, lastsMs }) => {
      const process = this.#at(replica);
      if (!process || process.paused) return;
      this.note(() => `${process.name} is paused`);
      process.pause();
      this.#excuse(lastsMs, renewedAfterMs);
      this.clock.after(lastsMs, () => {
        this.note(() => `${process.name} goes on`);
        process.goOn();
      });
    },
    'cut-off': ({ replica, lastsMs }) => {
      const { machine } = this.#at(replica) ?? {};
      if (machine) machine.cutOffUntil = Math.max(machine.cutOffUntil, this.#excuse(lastsMs, renewedAfterMs));
    },
    'database-restart': ({ downMs }) => {
      this.#database?.restart(downMs);
      this.#excuse(downMs, renewedAfterMs);
    },
    reload: ({ configuration }) => {
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
    },
    hook: () => this.#reached(undefined)?.keeper.pollSoon(),
    restart: ({ replica, taskId, force }) =>
      this.#ask(replica, ({ keeper }) => {
        this.judge.book.asked.restarts.set(taskId, force);
        return (by) => keeper.operator.restart(taskId, by, force);
      }),
    release: ({ replica, taskId }) =>
      this.#ask(
        replica,
        ({ keeper }) =>
          (by) =>
            keeper.operator.release(taskId, by),
      ),
    hold: ({ replica, id, target, forMs }) =>
      this.#ask(replica, ({ keeper, clock }) => {
        // The API refuses a hold on a group that the configuration does not have.
        const groups = this.configuration.policies.groups.map(({ name }) => name);
        if (target.kind === 'group' && !groups.includes(target.group)) return undefined;
        const now = this.clock.monotonic();
        const [at, account] = [clock.now(), 'main'];
        const endsAt = forMs === undefined ? undefined : at + forMs;
        const hold = { id, account, target, author: 'eve', reason: 'repair', createdAt: at, endsAt };
        return async () => {
          await keeper.operator.changeHold({ at, account, type: 'hold-added', hold });
          const { reloadedAt, asked } = this.judge.book;
          const isKept = reloadedAt >= now || asked.holdsOff.has(id) || this.disk.memory.holds.has(id);
          this.judge.must(isKept, () => `hold ${id} was confirmed, and is not on disk`);
        };
      }),
    unhold: ({ replica, id }) =>
      this.#ask(replica, ({ keeper, clock }) => {
        const hold = this.disk.memory.holds.get(id);
        const at = clock.now();
        if (!hold || (hold.endsAt ?? Infinity) <= at) return undefined;
        this.judge.book.asked.holdsOff.add(id);
        return (by) => keeper.operator.changeHold({ at, account: 'main', type: 'hold-removed', hold, by });
      }),
  };

  /** For so long, and a while longer, nobody may be able to act. Gives when it is over. */
  #excuse(lastsMs: number, whileLongerMs: number): number {
    const until = this.clock.monotonic() + lastsMs;
    this.judge.liveness.excuse(until + whileLongerMs);
    return until;
  }

  /** Whom an operator reaches. */
  #reached(replica: number | undefined): Process | undefined {
    const process = this.#at(replica);
    if (!process || process.paused || (this.machines.length === 1 && !process.owns)) return undefined;
    return process;
  }

  /** An operator asks for something; undefined: for nothing after all. */
  #ask(replica: number | undefined, what: (process: Process) => ((by: string) => Promise<unknown>) | undefined): void {
    const { judge } = this;
    const process = this.#reached(replica);
    const does = process && what(process);
    if (!does) return;
    const by = judge.actors?.asks(process, this.clock.monotonic()) ?? 'eve';
    does(by).then(
      () => judge.actors?.answered(by),
      (cause: unknown) => {
        if (!(cause instanceof Refusal)) return judge.fail(`an operator was answered with ${String(cause)}`);
        this.note(() => `  ${by} is refused: ${String(cause)}`);
        judge.actors?.answered(by, cause);
      },
    );
  }

  #keysSee(sees: 'all' | 'nothing'): void {
    this.#keySees = sees === 'nothing' ? { sees } : {};
    this.world.keys = this.world.keys.map(({ accessKeyId }) => ({ ...accessKey, accessKeyId, ...this.#keySees }));
  }

  #kill({ death, downMs, replica }: Extract<Happening, { kind: 'die' }>): void {
    const process = this.#at(replica) ?? this.#processes.find(({ alive, stopping }) => alive && !stopping);
    // Of several deaths that were meant for it, one is enough.
    if (!process || process.dies) return;
    const before = process.onDeath;
    process.onDeath = () => {
      before();
      this.#processes = this.#processes.filter((other) => other !== process);
      this.clock.after(downMs, () => this.#start(process.machine));
    };
    if (death === 'now') process.die();
    else process.dies = death;
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
    const life = { stopsPerHour: 0, survivesMs: undefined, returnsInMs: undefined };
    for (const taskId of world.tasks.keys()) perform(world, { kind: 'edit', taskId, change: { life } });
    await healAndCheck(this);
  }

  killOwner(): Process | undefined {
    const process = this.owner;
    if (process) this.#kill({ kind: 'die', death: 'now', downMs: 1_000 });
    return process;
  }

  /** As a list shows it now. */
  shown(taskId: string): TaskItem | undefined {
    advance(this.world, begin + this.clock.monotonic());
    return shownItem(this.world, taskId);
  }

  /** Stopped tasks that a restart brings back, and that nothing keeps from one. */
  leftDown(): readonly string[] {
    return [...this.world.tasks.keys()].filter((taskId) => this.#isLeftDown(taskId));
  }

  #isLeftDown(taskId: string): boolean {
    const item = this.shown(taskId);
    const policy = item && managedBy(this.configuration.policies, item);
    const isCurable = this.world.tasks.get(taskId)?.life.restartsInVain !== Number.POSITIVE_INFINITY;
    if (!policy || item.status !== 'stopped' || !isCurable) return false;
    const task = this.judge.book.tasks.get(taskId);
    if (!task) return true;
    if (task.abandoned || task.isOnlyWatched(policy, 'perhaps')) return false;
    const isHeld = heldBy(this.disk.holds(), taskId, policy.name, this.owner?.machine.wall() ?? 0) !== undefined;
    return !isHeld && outsideItsTime(item, policy, this.world.now) === undefined;
  }
}

const textOf = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) => (part === Number.POSITIVE_INFINITY ? 'never' : part));

/** One line of the trace. */
function lineOf(event: Event): string {
  const { at: _at, account: _account, ...rest } = event;
  return textOf('item' in rest ? { ...rest, item: rest.item.status } : rest);
}
