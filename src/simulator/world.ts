/**
 * The pretend cloud: one account's tasks, keys, limits, faults and plans, as one deterministic state.
 *
 * It holds no clock and no socket. Callers hand in `now` (Unix milliseconds of the world; when it goes back, the world
 * stands still), and chance comes from the seed. The same machine is served over HTTP (door.ts), inside the process
 * (in-process.ts) and in virtual time; requests are answered in answer.ts.
 */
import { type Arrival, type ArrivalBook, byteplusLimits, type Limits, newBook, volcengineLimits } from './arrivals.ts';
import { type Fault, inForce, type LiveFault } from './faults.ts';
import {
  type CloudStatus,
  cloudStatus,
  comeUp,
  editTask,
  newTask,
  settle,
  stop,
  type Task,
  type TaskChange,
  type TaskPlan,
} from './pretend-task.ts';
import { draw, pick, type Random, type Span, seeded } from './random.ts';
import type { AccessKey, SignatureRules } from './signature.ts';

interface Latency {
  readonly uplinkMs: Span;
  readonly downlinkMs: Span;
  /** This share of the calls is slower by so much, on the way there and on the way back. */
  readonly tail?: { readonly share: number; readonly uplinkMs: number; readonly downlinkMs: number };
}

interface WorldParameters {
  readonly signature: SignatureRules;
  readonly limits: Limits;
  readonly latency: Latency;
  /** The cloud's clock minus the world's. */
  readonly clockOffsetMs: number;
  /** Actions that no longer exist. */
  readonly retired: readonly string[];
}

export interface ParameterChange extends Partial<Pick<WorldParameters, 'clockOffsetMs' | 'retired'>> {
  readonly signature?: Partial<SignatureRules>;
  readonly limits?: Partial<Limits>;
  readonly latency?: Partial<Latency>;
}

/** What happens by itself, once or again and again. */
export type Act =
  | { readonly kind: 'create'; readonly task: TaskPlan }
  | { readonly kind: 'edit'; readonly taskId: string; readonly change: TaskChange }
  | { readonly kind: 'delete'; readonly taskId: string }
  /** Stops one task, or `count` active ones chosen by chance (of a cloud group). */
  | { readonly kind: 'stop'; readonly taskId?: string; readonly cloudGroup?: string; readonly count?: number }
  /** Somebody starts it by hand, in the console. */
  | { readonly kind: 'start'; readonly taskId: string }
  /** Tasks ended for so long give way to successors of the same title and length. */
  | { readonly kind: 'renew-ended'; readonly endedForMs: number };

interface Plan {
  readonly at: number;
  readonly everyMs?: number;
  readonly act: Act;
}

export interface World {
  readonly seed: number;
  now: number;
  parameters: WorldParameters;
  keys: readonly AccessKey[];
  /** In the order of creation; the list shows the newest first. */
  readonly tasks: Map<string, Task>;
  /** Names; none is ever deleted. */
  readonly cloudGroups: Set<string>;
  faults: LiveFault[];
  plans: Plan[];
  readonly arrivals: ArrivalBook;
  readonly random: Random;
  readonly watch: ((arrival: Arrival) => void) | undefined;
  /** Filtered lists that were asked for, until the set of tasks changes. */
  readonly listings: Map<string, readonly Task[]>;
  created: number;
  faultsAdded: number;
}

export interface WorldOptions extends Readonly<Pick<World, 'seed' | 'now' | 'keys'>> {
  readonly parameters?: ParameterChange;
  readonly tasks?: readonly TaskPlan[];
  readonly cloudGroups?: readonly string[];
  readonly faults?: readonly Fault[];
  readonly plans?: readonly Plan[];
  /** Called with every arrival, after it was dealt with: for invariants judged at the cloud's side. */
  readonly watch?: (arrival: Arrival) => void;
}

/** What differs between the two vendors: their limits, and the region that a signature must name and answers give. */
export const likeVendor = {
  volcengine: { signature: { region: 'cn-north-1' }, limits: volcengineLimits },
  byteplus: { signature: { region: 'ap-singapore-1' }, limits: byteplusLimits },
} as const satisfies Record<string, ParameterChange>;
export type Vendor = keyof typeof likeVendor;

const firstParameters: WorldParameters = {
  signature: { ...likeVendor.volcengine.signature, skewMs: 15 * 60_000 },
  limits: volcengineLimits,
  latency: { uplinkMs: [0, 0], downlinkMs: [0, 0], tail: undefined },
  clockOffsetMs: 0,
  retired: [],
};

/** A cloud that repeats an act more often than this per `advance` was set up wrongly. */
const mostPlansAtOnce = 100_000;

export function createWorld(options: WorldOptions): World {
  const world: World = {
    seed: options.seed,
    now: options.now,
    parameters: changed(firstParameters, options.parameters ?? {}),
    keys: options.keys,
    tasks: new Map(),
    cloudGroups: new Set(['default', ...(options.cloudGroups ?? [])]),
    faults: [],
    plans: [...(options.plans ?? [])],
    arrivals: newBook(options.now),
    random: seeded(options.seed, 'world'),
    watch: options.watch,
    listings: new Map(),
    created: 0,
    faultsAdded: 0,
  };
  for (const task of options.tasks ?? []) createTask(world, task);
  for (const fault of options.faults ?? []) addFault(world, fault);
  return world;
}

/** Runs every plan that is due by `now`, in the order of their times, each at its own time. */
export function advance(world: World, now: number): void {
  for (let ran = 0; ; ran += 1) {
    if (ran > mostPlansAtOnce) throw new Error('too many plans are due at once: is an everyMs too small?');
    const due = world.plans.filter((plan) => plan.at <= now).sort((a, b) => a.at - b.at)[0];
    if (due === undefined) break;
    world.now = Math.max(world.now, due.at);
    const next = due.everyMs === undefined ? [] : [{ ...due, at: due.at + Math.max(1, due.everyMs) }];
    world.plans = [...world.plans.filter((plan) => plan !== due), ...next];
    perform(world, due.act);
  }
  world.now = Math.max(world.now, now);
}

/** The cloud's clock: the world's, off by the parameter and by the faults of the moment. */
export function cloudNow(world: World): number {
  return world.now + clockOffsetMs(world);
}

export function clockOffsetMs(world: World): number {
  let offsetMs = world.parameters.clockOffsetMs;
  for (const { fault } of world.faults) {
    if (fault.effect.kind === 'clock' && inForce(fault, world.now)) offsetMs += fault.effect.offsetMs;
  }
  return offsetMs;
}

/** Carries out one act now. An act on a task that does not exist is our own mistake and throws. */
export function perform(world: World, act: Act): void {
  switch (act.kind) {
    case 'create':
      createTask(world, act.task);
      return;
    case 'edit':
      editTask(taskOf(world, act.taskId), act.change, world.now, clockOffsetMs(world));
      if (act.change.cloudGroup !== undefined) world.cloudGroups.add(act.change.cloudGroup);
      world.listings.clear();
      return;
    case 'delete':
      world.tasks.delete(taskOf(world, act.taskId).taskId);
      world.listings.clear();
      return;
    case 'stop':
      for (const task of act.taskId === undefined ? someActive(world, act) : [taskOf(world, act.taskId)]) {
        stop(task, world.now);
      }
      return;
    case 'start':
      comeUp(taskOf(world, act.taskId), world.now, clockOffsetMs(world));
      return;
    case 'renew-ended':
      renewEnded(world, act.endedForMs);
      return;
    default:
      act satisfies never;
  }
}

function createTask(world: World, plan: TaskPlan): Task {
  world.created += 1;
  const task = newTask(plan, world.seed, world.created, world.now, clockOffsetMs(world));
  if (world.tasks.has(task.taskId)) throw new Error(`there is a task ${task.taskId} already`);
  world.tasks.set(task.taskId, task);
  world.cloudGroups.add(task.cloudGroup);
  world.listings.clear();
  return task;
}

/** Settled up to the present moment. Throws if there is none. */
function taskOf(world: World, taskId: string): Task {
  const task = world.tasks.get(taskId);
  if (task === undefined) throw new Error(`there is no task ${taskId}`);
  settle(task, world.now, clockOffsetMs(world));
  return task;
}

export function statusNow(world: World, task: Task): CloudStatus {
  settle(task, world.now, clockOffsetMs(world));
  return cloudStatus(task, cloudNow(world));
}

/** Returns the fault's id, by which it can be taken back. */
export function addFault(world: World, fault: Fault): string {
  world.faultsAdded += 1;
  const id = `f${world.faultsAdded}`;
  // Faults that are over are dropped here, so a long test cannot pile them up.
  world.faults = world.faults.filter((live) => (live.fault.until ?? Number.POSITIVE_INFINITY) > world.now);
  world.faults.push({ id, fault, struck: 0, picture: undefined });
  return id;
}

/** Without an id: all of them. */
export function removeFaults(world: World, id?: string): void {
  world.faults = id === undefined ? [] : world.faults.filter((live) => live.id !== id);
}

export function setParameters(world: World, change: ParameterChange): void {
  world.parameters = changed(world.parameters, change);
}

function changed(before: WorldParameters, change: ParameterChange): WorldParameters {
  return {
    signature: { ...before.signature, ...change.signature },
    limits: { ...before.limits, ...change.limits },
    latency: { ...before.latency, ...change.latency },
    clockOffsetMs: change.clockOffsetMs ?? before.clockOffsetMs,
    retired: change.retired ?? before.retired,
  };
}

function someActive(
  world: World,
  { cloudGroup, count = 1 }: { readonly cloudGroup?: string; readonly count?: number },
): readonly Task[] {
  const active = [...world.tasks.values()].filter(
    (task) => (cloudGroup === undefined || task.cloudGroup === cloudGroup) && statusNow(world, task) === '生效中',
  );
  const chosen = new Set<Task>();
  while (chosen.size < Math.min(count, active.length)) chosen.add(pick(world.random, active));
  return [...chosen];
}

function renewEnded(world: World, endedForMs: number): void {
  const now = cloudNow(world);
  for (const task of [...world.tasks.values()].filter(({ endsAt }) => endsAt + endedForMs <= now)) {
    world.tasks.delete(task.taskId);
    const { title, cloudGroup, type, life } = task;
    const startsAt = now + Math.floor(draw(world.random) * 120_000);
    createTask(world, { title, cloudGroup, type, life, startsAt, endsAt: startsAt + task.endsAt - task.startsAt });
  }
}
