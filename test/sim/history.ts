/**
 * Plays one script: world, machine, disk, processes and what happens to them; then the weather ends, everything
 * heals, and all must end well.
 */

import { pretendTransport } from '../../src/app/pretend.ts';
import type { Transport } from '../../src/cloud/transport.ts';
import { cloudTime } from '../../src/domain/words/cloud-time.ts';
import type { Event } from '../../src/domain/words/events.ts';
import { groupOf } from '../../src/domain/words/policy.ts';
import { between, seeded } from '../../src/simulator/random.ts';
import { advance, createWorld, perform, removeFaults, statusNow, type World } from '../../src/simulator/world.ts';
import { begin } from '../domain/story.ts';
import type { Configuration } from './account.ts';
import { createDatabase, type Database } from './database.ts';
import { Disk, fairDisk } from './disk.ts';
import { checkBooks, healAndCheck } from './ending.ts';
import { type Dies, type Happening, happeningsOf, type Script } from './happenings.ts';
import { Judge, mostDrift } from './judge.ts';
import { heldBy, outsideItsTime } from './laws.ts';
import { createLockedFile } from './locked-file.ts';
import { Machine } from './machine.ts';
import { type Call, type Home, Process } from './process.ts';
import { scriptOf } from './script.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface HistoryOptions {
  /** Keeps every line of the trace, not only the newest fifty. */
  readonly trace?: boolean;
  /** The rules are shown each list the other way round. */
  readonly reversed?: boolean;
}

export type Verdict = ReturnType<History['verdict']>;

const linesKept = 50;
/** How long weather that never ends is watched after the rest of it. */
const endlessMs = 3_600_000;
/** Longer than the pause between two looks at a clock that may have stepped. */
const stepNoticedWithinMs = 70_000;

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
  readonly clock = new VirtualClock(begin, 32);
  readonly world: World;
  /** The cloud, as far as it can be reached. */
  readonly network: Transport;
  readonly disk: Disk;
  readonly judge: Judge;
  readonly machines: readonly Machine[];
  readonly home: Home;
  /** Of several processes. */
  readonly database: Database | undefined;
  readonly options: HistoryOptions;
  readonly #lines: (() => string)[] = [];
  readonly #sends: string[] = [];
  #hash = 0x811c9dc5;
  #events = 0;
  #processes: Process[] = [];
  /** The dead ones too. */
  readonly #everStarted: Process[] = [];
  configuration: Configuration;
  unreachableUntil = Number.NEGATIVE_INFINITY;
  diskBadUntil = Number.NEGATIVE_INFINITY;
  /** Steps that wait for such a call. */
  readonly stepDuring = new Map<Call, number>();
  #steppedAt = Number.NEGATIVE_INFINITY;
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
    this.database =
      replicas === 1 ? undefined : createDatabase({ disk: this.disk, clock, random: seeded(seed, 'database'), must });
    this.home = this.database ?? createLockedFile(this.disk, clock);
    this.judge = new Judge(this, replicas);
    const watch = (arrival: Parameters<Judge['arrived']>[0]) => this.judge.arrived(arrival, arrival.at - begin);
    this.world = createWorld({ seed, now: begin, keys: [], tasks, parameters, watch });
    const pretend = pretendTransport(this.world, clock);
    const send: Transport['send'] = async (request, signal) =>
      clock.monotonic() < this.unreachableUntil
        ? { kind: 'never-left', why: 'refused' }
        : pretend.send(request, signal);
    this.network = { ...pretend, send };
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

  start(machine: Machine): void {
    const { judge, world } = this;
    const name = `p${this.#everStarted.length + 1}`;
    world.keys = [...world.keys, { accessKeyId: name, ...this.#keySees }];
    const process: Process = new Process(name, machine, this);
    process.onDeath = () => {
      this.note(() => `${name} DIES`);
      this.home.left(process);
      judge.left(process);
      this.blurIfUnsaved();
      this.#processes = this.#processes.filter((other) => other !== process);
      this.clock.after(process.downMs, () => this.start(machine));
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

  /** Now, or where its death waits; its machine has a process again after so long. */
  kill({ death, downMs, replica }: Dies): Process | undefined {
    const process = this.at(replica) ?? this.#processes.find(({ alive, stopping }) => alive && !stopping);
    // Of several deaths that were meant for it, one is enough.
    if (!process || process.dies) return undefined;
    process.downMs = downMs;
    if (death === 'now') process.die();
    else process.dies = death;
    return process;
  }

  reload(configuration: Configuration): void {
    this.configuration = configuration;
    this.judge.reloaded(configuration);
    for (const process of this.#processes) if (process.alive && !process.stopping) process.reload(configuration);
  }

  told(process: Process, event: Event): void {
    this.#events++;
    this.#mark(`${event.at} ${event.type} ${'taskId' in event ? event.taskId : ''}`);
    this.note(() => `${process.name} ${lineOf(event)}`);
    // A lease that ran out soon after a step may have taken along what its owner moved.
    if (event.type === 'owner-gained') this.blurIfUnsaved();
    this.judge.told(process, event);
  }

  /** A call begins. */
  calls(process: Process, call: Call): void {
    if (call === 'list' && process === this.owner) this.judge.listBegins();
    const ms = this.stepDuring.get(call);
    if (this.stepDuring.delete(call)) this.clock.after(1, () => this.step(ms ?? 0));
  }

  sent(process: Process, taskId: string): void {
    const at = this.clock.monotonic();
    this.#sends.push(`${at} ${taskId}`);
    this.#mark(`${at} sends ${taskId}`);
    this.judge.sent(process, taskId);
  }

  get owner(): Process | undefined {
    return this.#processes.find((one) => one.alive && !one.stopping && this.home.leftMs(one) > 0);
  }

  /** Undefined: the owner. */
  at(replica: number | undefined): Process | undefined {
    if (replica === undefined) return this.owner;
    return this.#processes.find((one) => one.machine === this.machines[replica] && one.alive && !one.stopping);
  }

  /** Once a second: nobody has the lease, and somebody could take it. */
  #mindVacancy(database: Database): void {
    const now = this.clock.monotonic();
    const isAble = ({ alive, stopping, paused, machine }: Process) =>
      alive && !stopping && !paused && now >= machine.cutOffUntil;
    const isVacant = now >= this.diskBadUntil && database.canBeTaken() && this.#processes.some(isAble);
    this.judge.actors?.look(now, isVacant);
    this.clock.after(1_000, () => this.#mindVacancy(database));
  }

  /** Who ends before it has saved what a step of the clock moved leaves waits that cannot be judged. */
  blurIfUnsaved(): void {
    if (this.disk.savedAt < this.#steppedAt + stepNoticedWithinMs) this.judge.book.blurredAt = this.clock.monotonic();
  }

  step(ms: number): void {
    const now = this.clock.monotonic();
    const { book, liveness } = this.judge;
    this.note(() => `> the clock steps by ${ms} ms`);
    for (const machine of this.machines) machine.step(ms);
    this.#steppedAt = now;
    book.steppedAt = now;
    liveness.excuse(now + stepNoticedWithinMs);
    if (!this.owner?.owns) book.blurredAt = now;
  }

  keysSee(sees: 'all' | 'nothing'): void {
    this.#keySees = sees === 'nothing' ? { sees } : {};
    this.world.keys = this.world.keys.map(({ accessKeyId }) => ({ accessKeyId, ...this.#keySees }));
  }

  // ---- the play --------------------------------------------------------------------------------------------------

  async play(): Promise<Verdict> {
    try {
      for (const machine of this.machines) this.start(machine);
      if (this.database) this.#mindVacancy(this.database);
      await this.#playScript();
      return this.verdict();
    } finally {
      for (const process of this.#everStarted) process.release();
    }
  }

  async #playScript(): Promise<void> {
    const { schedule, weatherMs, endless } = this.script;
    const happens = happeningsOf(this);
    for (const { atMs, what } of schedule) {
      await this.until(atMs);
      if (this.judge.violation) return;
      this.note(() => `> ${textOf(what)}`.slice(0, 400));
      advance(this.world, begin + this.clock.monotonic());
      (happens[what.kind] as (what: Happening) => void)(what);
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

  async #heal(): Promise<void> {
    const { world } = this;
    this.note(() => '> the weather ends');
    removeFaults(world);
    this.keysSee('all');
    this.disk.weather = fairDisk;
    this.diskBadUntil = 0;
    for (const machine of this.machines) machine.cutOffUntil = 0;
    this.unreachableUntil = Number.NEGATIVE_INFINITY;
    this.stepDuring.clear();
    for (const process of this.#processes) process.dies = undefined;
    advance(world, begin + this.clock.monotonic());
    const life = { stopsPerHour: 0, survivesMs: undefined, returnsInMs: undefined };
    for (const taskId of world.tasks.keys()) perform(world, { kind: 'edit', taskId, change: { life } });
    await healAndCheck(this);
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

  /** As a list shows it now. */
  shown(taskId: string) {
    const { world } = this;
    advance(world, begin + this.clock.monotonic());
    const task = world.tasks.get(taskId);
    if (!task) return undefined;
    const { startsAt, endsAt } = task;
    return { ...task, status: statusNow(world, task), startsAt: cloudTime(startsAt), endsAt: cloudTime(endsAt) };
  }

  /** Stopped tasks that a restart brings back, and that nothing keeps from one. */
  leftDown(): readonly string[] {
    return [...this.world.tasks.keys()].filter((taskId) => this.#isLeftDown(taskId));
  }

  #isLeftDown(taskId: string): boolean {
    const item = this.shown(taskId);
    const policy = item && groupOf(this.configuration.policies, item);
    if (!policy || item.status !== '停用' || item.life.restartsInVain === Number.POSITIVE_INFINITY) return false;
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
