/**
 * One request on its way through the pretend cloud: it counts on arrival, faults strike it, then the cloud checks it,
 * carries it out and answers. The order is the same for every action, and nothing here waits.
 */
import { isMapping, type Mapping } from '../domain/words/mapping.ts';
import { actions } from './actions.ts';
import { arrive, type Called } from './arrivals.ts';
import { type Addressed, bodyText, failed, jsonHeaders, type Outcome, requestId, statusOf } from './envelope.ts';
import type { Headers, Reply, Request } from './exchange.ts';
import { type Effect, type End, type LiveFault, strike } from './faults.ts';
import { between, draw } from './random.ts';
import { identify } from './signature.ts';
import { advance, cloudNow, statusNow, type World } from './world.ts';

const version = '2023-01-01';

/** A request, read as far as it can be. */
interface Read extends Called {
  readonly version: string;
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Headers;
  readonly input: unknown;
}

/** How long this request is under way before it arrives. Ask once per request, when it is sent. */
export function uplinkMs(world: World, request: Request, now: number): number {
  advance(world, now);
  return wayMs(world, readRequest(world, request), 'uplinkMs');
}

/** Answers a request that arrives now. Never throws for anything a client can send. */
export function answer(world: World, request: Request, now: number): Reply {
  advance(world, now);
  const read = readRequest(world, request);
  const met = meet(world, read, (twists) => carryOut(world, request, read, twists));
  return dressed(world, read, met);
}

/**
 * A call arrives, whatever brought it: it counts, faults strike it, it is carried out, somebody watches. Gives no outcome
 * if a fault kept it from being carried out.
 */
function meet(world: World, called: Called, run: (twists: readonly LiveFault[]) => Outcome) {
  const { action, accessKeyId, taskId, cloudGroups } = called;
  const over = arrive(world.arrivals, actionNamed(action) ? action : 'unknown', world.parameters.limits, world.now);
  const isEndOrTwist = (effect: Effect) => !['slow-up', 'slow-down', 'clock'].includes(effect.kind);
  const { twists, end } =
    over === undefined
      ? strike(world.faults, called, world.random, world.now, isEndOrTwist)
      : { twists: [], end: undefined };
  const task = taskId === undefined ? undefined : world.tasks.get(taskId);
  const statusBefore = task && statusNow(world, task);
  const outcome = over !== undefined ? throttled(over) : isCarriedOut(end) ? run(twists) : undefined;
  world.watch?.({
    at: world.now,
    action,
    accessKeyId,
    taskId,
    cloudGroups,
    statusBefore,
    outcome: outcomeName(outcome, end),
    effect: outcome?.kind === 'done',
  });
  return { outcome, end };
}

function isCarriedOut(end: End | undefined): boolean {
  switch (end?.kind) {
    case 'reset':
    case 'stall':
      return end.when !== 'before';
    case 'error':
    case 'answer':
      return end.carriedOut === true;
    default:
      end?.kind satisfies 'truncate' | 'huge' | 'drip' | undefined;
      return true;
  }
}

/** By own name only: a client may ask for `toString`. */
const actionNamed = (name: string) => (Object.hasOwn(actions, name) ? actions[name] : undefined);

/** Over the account's limit with HTTP 200, as users report. */
const throttled = (over: 'action' | 'account'): Outcome =>
  over === 'action' ? failed('FlowLimitExceeded') : { kind: 'failed', code: 'AccountFlowLimitExceeded', status: 200 };

function carryOut(world: World, request: Request, read: Read, twists: readonly LiveFault[]): Outcome {
  if (read.action === '' || read.version === '') return failed('MissingParameter', 'Action and Version are required');
  const action = actionNamed(read.action);
  const exists = action !== undefined && read.version === version && read.path === '/';
  if (!exists || world.parameters.retired.includes(read.action)) return failed('InvalidActionOrVersion');
  if (request.method.toUpperCase() !== 'POST') return failed('MethodNotAllowed');
  const sent = { ...request, headers: read.headers };
  const identity = identify(sent, world.keys, world.parameters.signature, cloudNow(world));
  if (!identity.ok) return failed(identity.code, identity.message);
  if (read.input === undefined) return failed('InvalidParam.BindError', 'the body is not JSON of that type');
  return action({ world, key: identity.key, input: read.input, twists });
}

function outcomeName(outcome: Outcome | undefined, end: End | undefined): string {
  if (end?.kind === 'error') return end.code;
  if (end !== undefined) return end.kind;
  return outcome?.kind === 'failed' ? outcome.code : 'ok';
}

/** Puts the outcome on the wire, in the shape that the fault gives it. */
function dressed(world: World, read: Read, { outcome, end }: ReturnType<typeof meet>): Reply {
  const afterMs = wayMs(world, read, 'downlinkMs');
  const headers = { ...jsonHeaders(cloudNow(world)), ...(end?.kind === 'error' ? end.headers : {}) };
  if (end?.kind === 'stall') return { kind: 'stall' };
  if (end?.kind === 'reset') return { kind: 'reset', afterMs };
  if (end?.kind === 'answer') {
    const { status, body } = end;
    return { kind: 'response', status, headers: { ...headers, ...end.headers }, afterMs, body };
  }
  const answered: Outcome = end?.kind === 'error' ? { ...end, kind: 'failed' } : (outcome ?? failed('InternalError'));
  const sent = { status: statusOf(answered), headers, afterMs };
  const id = requestId(cloudNow(world), world.random);
  const addressed: Addressed = { ...read, region: world.parameters.signature.region };
  if (end?.kind === 'huge') {
    const pieces = () => hugePieces(addressed, id, end.bytes);
    return { ...sent, kind: 'stream', pieces, gzip: end.gzip ?? false };
  }
  const body = bodyText(answered, addressed, id);
  if (end?.kind === 'truncate') {
    const wholeBytes = Buffer.byteLength(body);
    return { ...sent, kind: 'truncated', body, sentBytes: Math.min(end.bytes ?? wholeBytes - 1, wholeBytes) };
  }
  if (end?.kind === 'drip') {
    const { bytes, everyMs, headersToo = false } = end;
    return { ...sent, kind: 'drip', body, bytes, everyMs, headersToo };
  }
  return { ...sent, kind: 'response', body };
}

function* hugePieces(addressed: Addressed, id: string, bytes: number): Generator<string> {
  const endless = 'x'.repeat(64 * 1024);
  const outcome: Outcome = { kind: 'done', result: { kind: 'plain', value: { List: [{ Title: '…' }] } } };
  const [head = '', tail = ''] = bodyText(outcome, addressed, id).split('…');
  yield head;
  for (let sent = 0; sent < bytes; sent += endless.length) yield endless.slice(0, bytes - sent);
  yield tail;
}

/** How long a call is under way there, or its answer back. */
function wayMs(world: World, called: Called, way: 'uplinkMs' | 'downlinkMs'): number {
  const { latency } = world.parameters;
  const kind = way === 'uplinkMs' ? 'slow-up' : 'slow-down';
  let ms = between(world.random, latency[way]);
  if (latency.tail !== undefined && draw(world.random) < latency.tail.share) ms += latency.tail[way];
  const { twists } = strike(world.faults, called, world.random, world.now, (effect) => effect.kind === kind);
  for (const { fault } of twists) {
    if (fault.effect.kind === 'slow-up' || fault.effect.kind === 'slow-down')
      ms += between(world.random, fault.effect.ms);
  }
  return ms;
}

/** What it says. Each is read when it is sent, and is the same when it arrives; the world may be another by then. */
const known = new WeakMap<Request, ReturnType<typeof readAnew>>();

function readRequest(world: World, request: Request): Read {
  const read = known.get(request) ?? readAnew(request);
  known.set(request, read);
  const { taskId, groups } = read;
  const taskGroup = taskId === undefined ? undefined : world.tasks.get(taskId)?.cloudGroup;
  const named = [...groups, taskGroup].filter((name) => typeof name === 'string' && name !== '');
  return { ...read, cloudGroups: [...new Set(named)] };
}

function readAnew(request: Request) {
  const [path = '/', query = ''] = request.target.split(/\?(.*)/s);
  const parameters = new URLSearchParams(query);
  const headers: Headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const input = bodyOf(request.body, headers['content-type']);
  const fields = input ?? {};
  return {
    action: parameters.get('Action') ?? '',
    version: parameters.get('Version') ?? '',
    path: path === '' ? '/' : path,
    headers,
    input,
    accessKeyId: /Credential=([^/,\s]+)/.exec(headers.authorization ?? '')?.[1],
    taskId: typeof fields.TaskId === 'string' ? fields.TaskId : undefined,
    groups: [fields.GroupName, ...(Array.isArray(fields.GroupNames) ? fields.GroupNames : [])],
  };
}

/** Undefined if it is not a JSON object of the right type. */
function bodyOf(body: string, type = ''): Mapping | undefined {
  if (!/^application\/json\b/i.test(type)) return undefined;
  try {
    const parsed: unknown = JSON.parse(body);
    return isMapping(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
