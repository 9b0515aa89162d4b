/**
 * One pretend relay task and its life: what callers make it do, and what it does by itself.
 *
 * A life is computed, not ticked: being enabled settles when the task comes up and when it will stop again, so a
 * task costs nothing until somebody looks at it. Times are Unix milliseconds on the world's clock, except StartTime
 * and EndTime, which are the cloud's (its clock may be off).
 */
import { between, hex, type Random, type Span, seeded, untilNext } from './random.ts';

/** 停用 stopped, 未开始 not started, 生效中 active, 已结束 ended. */
export type CloudStatus = '停用' | '未开始' | '生效中' | '已结束';

/** How a task behaves. All are data, so that a test can change them at any time. */
export interface Life {
  /** From an accepted restart to its effect. */
  readonly startsInMs: Span;
  /** Mean rate of stopping by itself, per hour of being active. 0: never. */
  readonly stopsPerHour: number;
  /** A flapper: stops this long after it came up, each time. */
  readonly survivesMs?: Span;
  /** How many restarts are accepted in vain before one has an effect; Infinity: incurable. */
  readonly restartsInVain: number;
  /** Somebody outside starts it again this long after it stopped. */
  readonly returnsInMs?: Span;
}

export const steadyLife: Life = { startsInMs: [2_000, 8_000], stopsPerHour: 0, restartsInVain: 0 };

/** What an edit can change. */
interface Fields {
  title: string;
  cloudGroup: string;
  /** By the cloud's clock; cut to whole seconds, as the list shows them. */
  startsAt: number;
  endsAt: number;
  /** Addresses; like target and callback they are full of planted secrets. */
  sources: readonly string[];
}

export interface Task extends Fields {
  readonly taskId: string;
  readonly type: 'live' | 'vod';
  readonly target: string;
  readonly callbackUrl: string;
  life: Life;
  phase: Phase;
  /** Restart, Continue and Relaunch calls that were accepted, and how often it stopped by itself. */
  restarts: number;
  stops: number;
  readonly random: Random;
}

interface Phase {
  readonly kind: 'stopped' | 'starting' | 'enabled';
  /** When it ends by itself: somebody starts it, it comes up, it stops. Infinity: never. */
  readonly until: number;
}

export interface TaskChange extends Readonly<Partial<Fields>> {
  readonly life?: Partial<Life>;
}

/** What a task is created from; the rest has defaults. */
export interface TaskPlan extends TaskChange {
  readonly title: string;
  readonly startsAt: number;
  readonly endsAt: number;
  readonly taskId?: string;
  readonly type?: Task['type'];
  readonly stopped?: boolean;
}

/** In every secret that the pretend cloud plants; whoever prints it leaks. */
export const plantedSecret = 'planted-secret';

const dayMs = 24 * 3600_000;
/** No cycle of stopping and coming back is shorter; bounds the work of `settle`. */
const shortestPhaseMs = 1_000;

const wholeSecond = (at: number): number => Math.floor(at / 1000) * 1000;

/** Throws if the plan breaks the vendor's rules: 1–20 characters of title, at most 7 days. */
export function newTask(plan: TaskPlan, seed: number, number: number, now: number, clockOffsetMs: number): Task {
  const random = seeded(seed, `task ${plan.taskId ?? number}`);
  const taskId = plan.taskId ?? hex(random, 32);
  const task: Task = {
    taskId,
    title: plan.title,
    cloudGroup: plan.cloudGroup ?? 'default',
    type: plan.type ?? 'live',
    startsAt: wholeSecond(plan.startsAt),
    endsAt: wholeSecond(plan.endsAt),
    sources: plan.sources ?? [`rtmp://pull.example.com/live/${taskId}?key=${plantedSecret}-source-${hex(random, 12)}`],
    target: `rtmp://push.example.com/live/${taskId}?key=${plantedSecret}-target-${hex(random, 12)}`,
    callbackUrl: `https://callback.example.com/${plantedSecret}-callback-${hex(random, 12)}`,
    life: { ...steadyLife, ...plan.life },
    phase: { kind: 'stopped', until: Number.POSITIVE_INFINITY },
    restarts: 0,
    stops: 0,
    random,
  };
  checkRules(task);
  if (plan.stopped) stop(task, now);
  else comeUp(task, now, clockOffsetMs);
  return task;
}

/** Edits keep the vendor's rules; an enabled task plans its next stop anew. */
export function editTask(task: Task, change: TaskChange, now: number, clockOffsetMs: number): void {
  settle(task, now, clockOffsetMs);
  const { life, ...fields } = change;
  const startsAt = wholeSecond(change.startsAt ?? task.startsAt);
  const endsAt = wholeSecond(change.endsAt ?? task.endsAt);
  checkRules({ ...task, ...fields, startsAt, endsAt });
  Object.assign(task, { ...fields, startsAt, endsAt, life: { ...task.life, ...life } });
  if (task.phase.kind === 'enabled') comeUp(task, now, clockOffsetMs);
}

function checkRules(task: Pick<Task, 'taskId' | 'title' | 'startsAt' | 'endsAt'>): void {
  if (!/^[\p{Script=Han}A-Za-z0-9]{1,20}$/u.test(task.title)) {
    throw new Error(`"${task.title}" is no title: 1–20 characters of Chinese, Latin letters and digits`);
  }
  const lastsMs = task.endsAt - task.startsAt;
  if (!(lastsMs > 0 && lastsMs <= 7 * dayMs)) throw new Error(`task ${task.taskId} must last at most 7 days`);
}

/** Lets everything happen to the task that is due by `now`. */
export function settle(task: Task, now: number, clockOffsetMs: number): void {
  while (task.phase.until <= now) {
    const { kind, until } = task.phase;
    if (kind === 'enabled') {
      task.stops += 1;
      stop(task, until);
    } else {
      comeUp(task, until, clockOffsetMs);
    }
  }
}

/** As the list shows it. Call `settle` before. */
export function cloudStatus(task: Task, cloudNow: number): CloudStatus {
  if (cloudNow >= task.endsAt) return '已结束';
  if (task.phase.kind !== 'enabled') return '停用';
  return cloudNow < task.startsAt ? '未开始' : '生效中';
}

export function stop(task: Task, now: number): void {
  const { returnsInMs } = task.life;
  const lastsMs = returnsInMs ? between(task.random, returnsInMs) : Number.POSITIVE_INFINITY;
  task.phase = { kind: 'stopped', until: now + Math.max(shortestPhaseMs, lastsMs) };
}

/** An accepted restart: takes effect later, or never. One that is already starting is not delayed by another. */
export function restart(task: Task, now: number): void {
  task.restarts += 1;
  if (task.phase.kind === 'starting') return;
  const { restartsInVain } = task.life;
  if (restartsInVain > 0) {
    task.life = { ...task.life, restartsInVain: restartsInVain - 1 };
    return;
  }
  task.phase = { kind: 'starting', until: now + between(task.random, task.life.startsInMs) };
}

/** Enabled from `at` on. What makes it stop counts from when it really runs, so not before StartTime. */
export function comeUp(task: Task, at: number, clockOffsetMs: number): void {
  const runsFrom = Math.max(at, task.startsAt - clockOffsetMs);
  const { survivesMs, stopsPerHour } = task.life;
  const survives = survivesMs ? between(task.random, survivesMs) : Number.POSITIVE_INFINITY;
  const stops = stopsPerHour > 0 ? untilNext(task.random, 3600_000 / stopsPerHour) : Number.POSITIVE_INFINITY;
  task.phase = { kind: 'enabled', until: runsFrom + Math.max(shortestPhaseMs, Math.min(survives, stops)) };
}
