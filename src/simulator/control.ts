/**
 * The control API of the stand-alone pretend cloud: look at it, and make things happen.
 *
 * Pure like the rest: a request and the time go in, a JSON value comes out. The door serves it only with `control`.
 */
import { z } from 'zod';
import { keptArrivals } from './arrivals.ts';
import type { Request } from './exchange.ts';
import { faultFields } from './faults.ts';
import type { Task } from './pretend-task.ts';
import {
  act,
  addFault,
  advance,
  clockOffsetMs,
  parameterChange,
  perform,
  removeFaults,
  setParameters,
  statusNow,
  type World,
} from './world.ts';

export const controlPath = '/_control/';

const ms = z.number().min(0);
/** Times are relative to now: it begins in `inMs` and lasts for `forMs`. */
const faultBody = faultFields.extend({ inMs: ms.default(0), forMs: ms.optional() });

const actBody = z.strictObject({ act, inMs: ms.default(0), everyMs: z.number().min(1).optional() });

interface Route {
  /** Shown behind its path to whoever asks what there is. */
  readonly takes?: string;
  /** Throws if it cannot be done; nothing is then changed. */
  readonly run: (world: World, body: string, id: string | undefined) => unknown;
}

const routes: Readonly<Record<string, Route>> = {
  'GET state': { run: stateOf },
  'GET tasks': { run: (world) => [...world.tasks.values()].map((task) => taskView(world, task)) },
  'GET arrivals': { run: ({ arrivals }) => arrivals.kept.slice(-keptArrivals) },
  'GET faults': { run: faultViews },
  'POST faults': {
    takes: ' {effect, match?, inMs?, forMs?, count?, probability?}',
    run(world, body) {
      const { inMs, forMs, ...fault } = faultBody.parse(JSON.parse(body));
      const from = world.now + inMs;
      return { id: addFault(world, { ...fault, from, until: forMs === undefined ? undefined : from + forMs }) };
    },
  },
  'DELETE faults': {
    takes: '[/ID]',
    run(world, _, id) {
      removeFaults(world, id);
      return { left: faultViews(world) };
    },
  },
  'POST acts': {
    takes: ' {act: {kind: create|edit|delete|stop|start|renew-ended, …}, inMs?, everyMs?}',
    run(world, body) {
      const { act, inMs, everyMs } = actBody.parse(JSON.parse(body));
      if (inMs === 0) perform(world, act);
      if (inMs > 0 || everyMs !== undefined)
        world.plans.push({ at: world.now + (inMs || (everyMs ?? 0)), everyMs, act });
      return { plans: world.plans };
    },
  },
  'PATCH parameters': {
    takes: ' {limits?, latency?, signature?, clockOffsetMs?, retired?}',
    run(world, body) {
      setParameters(world, parameterChange.parse(JSON.parse(body)));
      return world.parameters;
    },
  },
};

const whatThereIs = Object.entries(routes).map(
  ([name, { takes = '' }]) => `${name.replace(' ', ` ${controlPath}`)}${takes}`,
);

/** Anything that cannot be done is answered 400 with the reason. */
export function answerControl(world: World, request: Request, now: number): { status: number; body: unknown } {
  advance(world, now);
  const [path = ''] = request.target.split('?');
  const [what = '', id] = path.slice(controlPath.length).split('/');
  const name = `${request.method.toUpperCase()} ${what}`;
  if (name === 'GET ') return { status: 200, body: { routes: whatThereIs } };
  const route = routes[name];
  if (!route) return { status: 404, body: { error: `no ${name}`, routes: whatThereIs } };
  try {
    return { status: 200, body: route.run(world, request.body, id) };
  } catch (error) {
    return { status: 400, body: { error: error instanceof z.ZodError ? z.prettifyError(error) : String(error) } };
  }
}

function faultViews(world: World) {
  return world.faults.map(({ id, fault, struck }) => ({ id, struck, ...fault }));
}

function stateOf(world: World) {
  const tasks: Record<string, number> = {};
  for (const task of world.tasks.values()) {
    const status = statusNow(world, task);
    tasks[status] = (tasks[status] ?? 0) + 1;
  }
  const { total, throttled, worstSecond, worstSecondAt, byAction, byOutcome } = world.arrivals;
  return {
    now: world.now,
    clockOffsetMs: clockOffsetMs(world),
    tasks,
    restarts: Object.fromEntries(
      [...world.tasks.values()]
        .filter(({ restarts }) => restarts > 0)
        .map(({ taskId, restarts }) => [taskId, restarts]),
    ),
    arrivals: {
      total,
      throttled,
      worstSecond,
      worstSecondAt,
      byAction: Object.fromEntries(byAction),
      byOutcome: Object.fromEntries(byOutcome),
    },
    faults: faultViews(world),
    plans: world.plans,
    parameters: world.parameters,
  };
}

/** Without addresses: even a pretence should not teach people to print them. */
function taskView(world: World, task: Task) {
  const { taskId, title, cloudGroup, type, startsAt, endsAt, restarts, stops, life } = task;
  const restartsInVain = Number.isFinite(life.restartsInVain) ? life.restartsInVain : 'always';
  const status = statusNow(world, task);
  return {
    taskId,
    title,
    cloudGroup,
    type,
    startsAt,
    endsAt,
    status,
    restarts,
    stops,
    life: { ...life, restartsInVain },
  };
}
