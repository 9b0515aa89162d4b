/**
 * The world around the lease protocol: one account, one database row, three replicas that may be slow, paused, cut off or
 * killed at any moment, and a cloud that sees the calls. Explored breadth first over every interleaving.
 *
 * Times are ticks relative to the present moment. A pause is a replica that does nothing while time goes on; a partition
 * is an answer of the database that never arrives. A row that was read is known only by its age: when the row changes, a
 * write that rests on the old one fails, so there is nothing else to remember of it.
 */
import * as real from '../../src/store/postgres/lease.ts';

/** What can be wrong with an implementation. */
export interface Protocol {
  readonly claim: typeof real.claim;
  readonly renew: typeof real.renew;
  readonly release: typeof real.release;
  readonly mayWrite: typeof real.mayWrite;
  readonly tenureFrom: typeof real.tenureFrom;
  readonly coveredMs: typeof real.coveredMs;
  /** What a replica takes for the database's clock, from the true one and its own. */
  readonly databaseTime: (now: number, own: number) => number;
  /** Ticks that a new owner lets pass before its first call. */
  readonly waitAfterTakeOver: number;
  readonly releasesWithCallsOut: boolean;
  /** It hands over while a call that it has given up may still arrive. */
  readonly forgetsWhatItGaveUp: boolean;
  readonly takesRequestsOnce: boolean;
  /** By how much each replica's wall clock is wrong, for a protocol that asks it. */
  readonly skew: readonly [number, number, number];
}

export const window = 1;
const timeout = 1;
/** So long after its timeout a call may still arrive: more than a timeout is a tick more, so the margin is one less. */
const late = 2;
const terms: real.Terms = { leaseMs: 4, marginMs: 1 };
const replicas = [0, 1, 2] as const;
const [me, somebody] = ['me', 'somebody'];
/** Two take-overs. */
const lastEpoch = 3;

export const protocol: Protocol = {
  ...real,
  databaseTime: (now) => now,
  waitAfterTakeOver: window,
  releasesWithCallsOut: false,
  forgetsWhatItGaveUp: false,
  takesRequestsOnce: true,
  skew: [0, 0, 0],
};

/** What the replicas do with an account that is theirs: together it would be ten times as many states. */
export type Work = 'calls' | 'requests';

interface Replica {
  /** It is the last to have the lease. */
  readonly holds: boolean;
  readonly skew: number;
  /** Age of the row and time that it has read and may still write upon; undefined: none. */
  readonly read: number | undefined;
  readonly tenure: real.Tenure | undefined;
  /** Ticks until it may call. */
  readonly wait: number;
  /** It has saved an intent and not sent it yet. */
  readonly intends: boolean;
  /** Age of its call on the way, and whose epoch it was sent in. */
  readonly call: { readonly age: number; readonly epoch: number } | undefined;
  readonly sawRequest: boolean;
}

interface World {
  /** Its holder is whoever `holds`: so replicas that are alike can change places. */
  readonly lease: Omit<real.Lease, 'holder'>;
  readonly replicas: readonly Replica[];
  /** The newest call that reached the cloud: how long ago, and of which epoch. */
  readonly arrived: { readonly ago: number; readonly epoch: number };
  readonly request: 'pending' | 'done';
}

export interface Explored {
  readonly states: number;
  /** The law that was broken, and the shortest way to it. */
  readonly broken: { readonly law: string; readonly way: readonly string[] } | undefined;
  /** The most owners one history had. */
  readonly epochs: number;
}

class Broken extends Error {}

const idle = {
  read: undefined,
  tenure: undefined,
  wait: 0,
  intends: false,
  call: undefined,
  sawRequest: false,
} satisfies Partial<Replica>;

const firstOf = ({ skew }: Protocol): World => ({
  lease: { epoch: 0, expiresAt: -oldest },
  replicas: skew.map((by) => ({ ...idle, holds: false, skew: by })),
  arrived: { ago: window, epoch: 0 },
  request: 'pending',
});

const oldest = terms.leaseMs + 1;
/** A claim that rests on an older time is over before anything could be sent. */
const oldestRead = terms.leaseMs;

const change = (world: World, i: number, by: Partial<Replica>): World => ({
  ...world,
  replicas: world.replicas.map((one, at) => (at === i ? { ...one, ...by } : one)),
});

/** The row changed: what others have read of it is worth nothing. */
const written = (world: World, { epoch, expiresAt }: real.Lease, holder: number): World => ({
  ...world,
  lease: { epoch, expiresAt },
  replicas: world.replicas.map((one, at) => ({ ...one, read: undefined, holds: at === holder })),
});

function arrives(world: World, i: number): World {
  const call = world.replicas[i]?.call;
  return call ? { ...change(world, i, { call: undefined }), arrived: { ago: 0, epoch: call.epoch } } : world;
}

function tick(world: World): World {
  let next: World = {
    ...world,
    lease: { ...world.lease, expiresAt: Math.max(world.lease.expiresAt - 1, -oldest) },
    arrived: { ...world.arrived, ago: Math.min(world.arrived.ago + 1, window) },
    replicas: world.replicas.map((one) => ({
      ...one,
      read: one.read === undefined || one.read === oldestRead ? undefined : one.read + 1,
      wait: Math.max(0, one.wait - 1),
      tenure: one.tenure && { ...one.tenure, until: Math.max(one.tenure.until - 1, 0) },
      call: one.call && { ...one.call, age: one.call.age + 1 },
    })),
  };
  // On its way it cannot be any more.
  for (const i of replicas) if ((next.replicas[i]?.call?.age ?? 0) >= timeout + late) next = arrives(next, i);
  return next;
}

type Step = readonly [string, World];

function steps(world: World, rules: Protocol, work: Work): readonly Step[] {
  const found: Step[] = [['time', tick(world)]];
  world.replicas.forEach((replica, i) => {
    found.push(...leaseSteps(world, replica, i, rules));
    found.push(...(work === 'calls' ? callSteps : requestSteps)(world, replica, i, rules));
    // Its call goes on: what was sent is sent.
    if (replica.tenure) found.push(['is killed', change(world, i, { ...idle, call: replica.call })]);
  });
  return found;
}

function leaseSteps(world: World, replica: Replica, i: number, rules: Protocol): readonly Step[] {
  const found: Step[] = [];
  const lease: real.Lease = { ...world.lease, holder: replica.holds ? me : somebody };
  if (replica.read !== 0) found.push(['reads the row', change(world, i, { read: 0 })]);
  if (replica.read === undefined) return found;
  const then = -replica.read;
  const now = rules.databaseTime(then, then + replica.skew);
  const claimed = lease.epoch < lastEpoch ? rules.claim(lease, now, me, terms) : undefined;
  const next = claimed ?? rules.renew(lease, now, me, terms);
  if (next) {
    const changed = written(world, next, i);
    const known = replica.tenure?.epoch === next.epoch;
    const tenure = rules.tenureFrom(next, then, terms);
    const wait = known ? replica.wait : rules.waitAfterTakeOver;
    const intends = known && replica.intends;
    found.push([claimed ? 'claims' : 'renews', change(changed, i, { tenure, wait, intends })]);
    found.push(['writes the row and never hears of it', changed]);
  }
  const onItsWay = replica.call && (replica.call.age < timeout || !rules.forgetsWhatItGaveUp);
  const mayRelease = rules.releasesWithCallsOut || (!replica.intends && !onItsWay);
  const released = replica.tenure && mayRelease ? rules.release(lease, now, me) : undefined;
  if (released) found.push(['releases', change(written(world, released, i), i, { tenure: undefined, intends: false })]);
  return found;
}

function callSteps(world: World, replica: Replica, i: number, rules: Protocol): readonly Step[] {
  const { tenure, intends, call, wait, holds } = replica;
  if (call) return [[call.age < timeout ? 'is answered' : 'arrives after it was given up', arrives(world, i)]];
  if (!tenure) return [];
  if (!intends) {
    if (!rules.mayWrite({ ...world.lease, holder: holds ? me : somebody }, tenure.epoch, me)) return [];
    if (tenure.epoch !== world.lease.epoch) throw new Broken('a ledger is written by its owner alone');
    return [['saves an intent', change(world, i, { intends: true })]];
  }
  if (wait > 0) return [];
  if (rules.coveredMs(tenure, 0) <= timeout) return [['gives its intent back', change(world, i, { intends: false })]];
  const { arrived } = world;
  if (world.replicas.some((other) => other.call && other.call.epoch !== tenure.epoch))
    throw new Broken('two owners never have calls out at once');
  if (arrived.epoch !== 0 && arrived.epoch !== tenure.epoch && arrived.ago < window)
    throw new Broken('the calls of two owners are a limiter window apart');
  return [['sends', change(world, i, { intends: false, call: { age: 0, epoch: tenure.epoch } })]];
}

function requestSteps(
  world: World,
  { tenure, sawRequest, holds }: Replica,
  i: number,
  rules: Protocol,
): readonly Step[] {
  if (!tenure) return [];
  if (!sawRequest)
    return world.request === 'pending' ? [['sees the request', change(world, i, { sawRequest: true })]] : [];
  const lease = { ...world.lease, holder: holds ? me : somebody };
  const isFree = world.request === 'pending' && rules.mayWrite(lease, tenure.epoch, me);
  if (rules.takesRequestsOnce && !isFree) return [['finds it taken', change(world, i, { sawRequest: false })]];
  if (world.request === 'done') throw new Broken('a request is executed once');
  return [['executes the request', { ...change(world, i, { sawRequest: false }), request: 'done' }]];
}

/** Replicas that are alike may change places. */
function keyOf({ lease, replicas: all, arrived, request }: World): string {
  const parts = all.map(({ read, tenure, wait, intends, call, sawRequest, holds, skew }) => {
    const owner = tenure ? `${tenure.epoch}${tenure.until}${wait}${intends ? 'i' : ''}` : '';
    return `${read ?? ''}${holds ? 'h' : ''}|${owner}|${call ? `${call.age}${call.epoch}` : ''}${sawRequest ? 's' : ''}${skew}`;
  });
  return `${lease.epoch}${lease.expiresAt}/${arrived.ago}${arrived.epoch}${request}/${parts.sort().join('/')}`;
}

/** Breadth first, so that the way to a broken law is the shortest. */
export function explore(rules: Protocol, work: Work): Explored {
  const first = firstOf(rules);
  const seen = new Map<string, { readonly from: string; readonly what: string }>();
  let layer: World[] = [first];
  seen.set(keyOf(first), { from: '', what: '' });
  let epochs = 0;
  while (layer.length > 0) {
    const next: World[] = [];
    for (const world of layer) {
      epochs = Math.max(epochs, world.lease.epoch);
      const from = keyOf(world);
      try {
        for (const [what, reached] of steps(world, rules, work)) {
          const key = keyOf(reached);
          if (seen.has(key)) continue;
          seen.set(key, { from, what });
          next.push(reached);
        }
      } catch (error) {
        if (!(error instanceof Broken)) throw error;
        return { states: seen.size, epochs, broken: { law: error.message, way: wayTo(seen, from) } };
      }
    }
    layer = next;
  }
  return { states: seen.size, epochs, broken: undefined };
}

function wayTo(seen: ReadonlyMap<string, { readonly from: string; readonly what: string }>, to: string): string[] {
  const way: string[] = [];
  for (let at = seen.get(to); at && at.what !== ''; at = seen.get(at.from)) way.unshift(at.what);
  return way;
}
