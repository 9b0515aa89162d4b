/**
 * The control API of the stand-alone pretend cloud: look at it, and make things happen.
 *
 * Pure like the rest: a request and the time go in, a JSON value comes out. The door serves it only with `control`.
 */
import { z } from 'zod';
import { keptArrivals } from './arrivals.ts';
import type { Request } from './exchange.ts';
import { effect, faultMatch } from './faults.ts';
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

interface ControlAnswer {
  readonly status: number;
  readonly body: unknown;
}

const ms = z.number().min(0);
/** Times are relative to now: it begins in `inMs` and lasts for `forMs`. */
const faultBody = z.strictObject({
  match: faultMatch.optional(),
  effect,
  inMs: ms.default(0),
  forMs: ms.optional(),
  count: z.number().int().min(1).optional(),
  probability: z.number().min(0).max(1).optional(),
});

const actBody = z.strictObject({ act, inMs: ms.default(0), everyMs: z.number().min(1).optional() });

const routes = [
  'GET /_control/state',
  'GET /_control/tasks',
  'GET /_control/arrivals',
  'GET /_control/faults',
  'POST /_control/faults {effect, match?, inMs?, forMs?, count?, probability?}',
  'DELETE /_control/faults[/ID]',
  'POST /_control/acts {act: {kind: create|edit|delete|stop|start|renew-ended, …}, inMs?, everyMs?}',
  'PATCH /_control/parameters {limits?, latency?, signature?, clockOffsetMs?, retired?}',
];

/** Anything that cannot be done is answered 400 with the reason; nothing is then changed. */
export function answerControl(world: World, request: Request, now: number): ControlAnswer {
  advance(world, now);
  const [path = ''] = request.target.split('?');
  const [what = '', id] = path.slice(controlPath.length).split('/');
  try {
    return route(world, `${request.method.toUpperCase()} ${what}`, id, request.body);
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    return { status: 400, body: { error: reason } };
  }
}

function route(world: World, what: string, id: string | undefined, body: string): ControlAnswer {
  switch (what) {
    case 'GET ':
      return ok({ routes });
    case 'GET state':
      return ok(stateOf(world));
    case 'GET tasks':
      return ok([...world.tasks.values()].map((task) => taskView(world, task)));
    case 'GET arrivals':
      return ok(world.arrivals.kept.slice(-keptArrivals));
    case 'GET faults':
      return ok(faultViews(world));
    case 'POST faults': {
      const { inMs, forMs, ...fault } = faultBody.parse(JSON.parse(body));
      const from = world.now + inMs;
      return ok({ id: addFault(world, { ...fault, from, until: forMs === undefined ? undefined : from + forMs }) });
    }
    case 'DELETE faults':
      removeFaults(world, id);
      return ok({ left: faultViews(world) });
    case 'POST acts': {
      const { act, inMs, everyMs } = actBody.parse(JSON.parse(body));
      if (inMs === 0) perform(world, act);
      if (inMs > 0 || everyMs !== undefined)
        world.plans.push({ at: world.now + (inMs || (everyMs ?? 0)), everyMs, act });
      return ok({ plans: world.plans });
    }
    case 'PATCH parameters':
      setParameters(world, parameterChange.parse(JSON.parse(body)));
      return ok(world.parameters);
    default:
      return { status: 404, body: { error: `no ${what}`, routes } };
  }
}

const ok = (body: unknown): ControlAnswer => ({ status: 200, body });

const faultViews = (world: World) =>
  world.faults.map(({ id, fault, struck }) => ({ id, struck, ...fault, effect: fault.effect }));

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
