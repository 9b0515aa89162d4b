/**
 * **One task's trouble stays its own.** The same history is played with the troubled and without them, from one seed;
 * a healthy task that stops is restarted no later than a named bound after the moment it was restarted in the other.
 *
 * What is lasting trouble of one task, or of one cloud group, stands in `lasting-trouble.ts`. The bounds:
 * - while a circuit was open in between, or the account was throttled: 60 s, in which the account had to be tried out;
 * - while a storm of theirs was on, or the trouble cannot be told from a common cause yet: one turn of a storm's window,
 *   which is `verifyWithin` and two polls;
 * - otherwise one second: the permits of the troubled one's own calls; of more than ten troubled, a permit for each;
 *   where the rate is halved, by the cloud's word or by an operator without rest, a permit for each that stopped together;
 * - by another account: nothing, which is 100 ms.
 * With three replicas the account is one's of the three; what may befall a replica, or an account that shares one, costs
 * what is said there.
 * Each of the first three lasts from an answer on, which is a round trip more.
 */

import type { Event } from '../../src/domain/words/events.ts';
import { begin, policiesOf } from '../domain/story.ts';
import { Dice, hour, minute, second } from './dice.ts';
import { kinds, pollEveryMs } from './lasting-trouble.ts';
import { createReplicas, partner } from './replicas.ts';
import { policyNamed, Stage } from './stage.ts';
import { VirtualClock } from './virtual-clock.ts';

/** Of the stage's cloud: a wait begins, and a place in the limiter's window is free, when an answer has come. */
const roundTripMs = 100;
const triedOutMs = minute + roundTripMs;
/** Of ten calls a second. */
const permitMs = 100;
const permitsMs = (troubled: number) => Math.max(second, troubled * permitMs) + roundTripMs;
const otherAccountMs = 100;
/** From the first stop on. */
const lastsMs = 25 * minute;
const troubleAtMs = 2 * minute;
/** In which a trouble may look like a common cause. */
const atFirstMs = minute;

interface Stop {
  readonly taskId: string;
  readonly atMs: number;
}

type Script = ReturnType<typeof scriptOf>;

function scriptOf(seed: number, kind: string, replicas: number) {
  const dice = new Dice(seed, 'non-interference');
  const verifyWithinMs = dice.pick([20, 60]) * second;
  const confirm = dice.pick([1, 1, 2]);
  const groups = ['vip', 'troubled'].map((name) => policyNamed(name, { verifyWithinMs, confirm }));
  const policies = dice.chance(0.5) ? groups : groups.toReversed();
  const healthy = dice.int(6, 40);
  const stops: Stop[] = [];
  const order = Array.from({ length: healthy }, (_, index) => index);
  // Alone, two or three together, or half of them.
  for (let atMs = troubleAtMs + dice.ms(second, 3 * minute); atMs < lastsMs && order.length > 0; ) {
    const together = dice.chance(0.1) ? Math.ceil(healthy / 2) : dice.pick([1, 1, 1, 2, 3]);
    for (let i = 0; i < together && order.length > 0; i++) {
      const [index = 0] = order.splice(dice.int(0, order.length - 1), 1);
      stops.push({ taskId: `h${index}`, atMs: atMs + i });
    }
    atMs += dice.ms(20 * second, 5 * minute);
  }
  const [least, most] = kinds[kind]?.tasks ?? [1, 1];
  const troubled = dice.int(least, most);
  /** The troubled are of the same group as the healthy. */
  const together = dice.chance(0.5);
  const befallsAtMs = dice.pick(stops).atMs + dice.ms(-20 * second, 20 * second);
  return { seed, kind, replicas, policies, healthy, stops, troubled, together, befallsAtMs };
}

type Period = readonly [fromMs: number, toMs: number];

/** A limit that throttled answers made smaller is back after so long: a tenth of it every ten seconds. */
const limitBackMs = 100 * second;

/** From each `begins` of something on, to its end. */
function between(events: readonly Event[], begins: Event['type'], ends: Event['type'], of: (event: Event) => string) {
  const open = new Map<string, number>();
  const periods: Period[] = [];
  for (const event of events) {
    const atMs = event.at - begin;
    if (event.type === begins) open.set(of(event), atMs);
    if (event.type !== ends) continue;
    periods.push([open.get(of(event)) ?? 0, atMs]);
    open.delete(of(event));
  }
  return [...periods, ...[...open.values()].map((since): Period => [since, Number.POSITIVE_INFINITY])];
}

/** Storms of the healthy: one of the troubled alone, in a group of their own, keeps nobody else waiting. */
function storms(events: readonly Event[]): readonly Period[] {
  const groupOf = (event: Event) => ('scope' in event && event.scope.group) || 'the account';
  const ofHealthy = events.filter((event) => groupOf(event) !== 'troubled');
  return between(ofHealthy, 'storm-started', 'storm-ended', groupOf);
}

/** In which the account is tried out: a circuit is open, or its restarts are throttled, or still paced by a smaller limit. */
const triedOut = (events: readonly Event[]): readonly Period[] => [
  ...between(events, 'circuit-opened', 'circuit-closed', (event) => ('circuit' in event ? event.circuit : '')),
  ...events.flatMap((event): Period[] => {
    if (event.type === 'restarts-throttled') return [[event.at - begin, event.until - begin]];
    const slows = event.type === 'restart-answered' && event.answer.kind === 'throttled';
    return slows ? [[event.at - begin, event.at + limitBackMs - begin]] : [];
  }),
];

const touch = (periods: readonly Period[], fromMs: number, toMs: number): boolean =>
  periods.some(([since, until]) => since <= toMs && until >= fromMs);

type Played = Awaited<ReturnType<typeof play>>;

async function play(script: Script, withTrouble: boolean) {
  const { healthy, stops, kind, policies } = script;
  const trouble = kinds[kind];
  if (!trouble) throw new Error(`there is no kind of trouble "${kind}"`);
  const [startsAt, endsAt, life] = [begin - hour, begin + 6 * 24 * hour, { startsInMs: [3_000, 3_000] as const }];
  const task = (taskId: string, cloudGroup: string) => ({ taskId, title: taskId, cloudGroup, startsAt, endsAt, life });
  const named = (letter: string, count: number) => Array.from({ length: count }, (_, index) => `${letter}${index}`);
  const troubled = withTrouble && !trouble.beside && !trouble.befalls ? named('x', script.troubled) : [];
  const apart = trouble.byGroups || trouble.ownCloudGroup || trouble.policy;
  const cloudGroup = script.together && !apart ? 'vip' : 'troubled';
  const clock = new VirtualClock(begin, 32);
  const replicas = script.replicas > 1 ? createReplicas(clock, script.seed) : undefined;
  const stage = new Stage({
    clock,
    ...(replicas ? { seats: replicas.seats } : {}),
    policies: policiesOf(
      ...policies.map((policy) => (policy.name === 'troubled' ? { ...policy, ...trouble.policy } : policy)),
    ),
    seed: script.seed,
    pollEveryMs,
    tasks: [
      ...named('h', healthy).map((taskId) => task(taskId, 'vip')),
      ...troubled.map((taskId) => task(taskId, cloudGroup)),
    ],
    ...(trouble.byGroups ? { cloudGroups: ['vip', 'troubled'] } : {}),
  });
  const common = { clock, policies: policiesOf(...policies), pollEveryMs };
  const seat = replicas ? { account: partner, seats: replicas.seats } : {};
  const other = withTrouble ? trouble.beside?.({ ...common, ...seat }) : undefined;
  replicas?.keepBut(['main', ...(other ? [partner] : [])]);
  const acts: { readonly atMs: number; readonly act: () => void }[] = stops.map(({ taskId, atMs }) => ({
    atMs,
    act: () => stage.act({ kind: 'stop', taskId }),
  }));
  if (withTrouble) {
    const { befalls, begins, everyMs = Number.POSITIVE_INFINITY, again } = trouble;
    if (replicas && befalls) acts.push({ atMs: script.befallsAtMs, act: () => befalls(replicas, clock) });
    const withEach = (atMs: number, does: (taskId: string, place: number) => void) =>
      acts.push({ atMs, act: () => troubled.forEach(does) });
    withEach(troubleAtMs, (taskId, place) => begins?.(stage, taskId, place));
    for (let turn = 0; again && turn * everyMs < lastsMs; turn++)
      withEach(troubleAtMs + everyMs * (turn + 1), (taskId, place) => again(stage, taskId, turn, place));
  }
  for (const { atMs, act } of acts.sort((a, b) => a.atMs - b.atMs)) {
    await stage.run(Math.max(0, atMs / 1_000 - stage.seconds));
    if (other && atMs === troubleAtMs) replicas?.mustShare();
    act();
  }
  await stage.run(Math.max(0, lastsMs / 1_000 - stage.seconds));
  /** When each stop was answered with a restart, by its index; Infinity: never. */
  const restartedMs = () => {
    const restarts = stage.restarts();
    return stops.map(({ taskId, atMs }) => {
      const restart = restarts.find((other) => other.taskId === taskId && other.at * 1_000 > atMs);
      return (restart?.at ?? Number.POSITIVE_INFINITY) * 1_000;
    });
  };
  for (let minutes = 0; minutes < 15 && !restartedMs().every(Number.isFinite); minutes++) await stage.run(60);
  await Promise.all([stage.stop(), other?.stop()]);
  replicas?.end();
  return { restartedMs: restartedMs(), events: stage.events, wrong: replicas?.wrong ?? [] };
}

export type Pair = Awaited<ReturnType<typeof playPair>>;

/** Of the newest seed: it is the same for every kind of trouble, but where the cloud groups are asked for by name. */
const alone = new Map<string, Promise<Played>>();

function playAlone(script: Script): Promise<Played> {
  const key = `${script.seed} ${script.replicas} ${kinds[script.kind]?.byGroups ?? false}`;
  const known = alone.get(key);
  if (known) return known;
  if (alone.size > 1) alone.clear();
  const played = play(script, false);
  alone.set(key, played);
  return played;
}

export async function playPair(seed: number, kind: string, replicas = 1) {
  const script = scriptOf(seed, kind, replicas);
  const [without, beside] = [await playAlone(script), await play(script, true)];
  const turnMs = (script.policies[0]?.verifyWithinMs ?? 0) + 2 * pollEveryMs;
  const [stormy, tried] = [storms(beside.events), triedOut(beside.events)];
  const trouble = kinds[kind];
  /** Stopped so close to each other that one poll shows them. */
  const together = (atMs: number) => script.stops.filter((other) => Math.abs(other.atMs - atMs) < pollEveryMs).length;
  /** How much later each stop of a healthy task was answered. */
  const delaysMs: number[] = [];
  const violations = [...without.wrong, ...beside.wrong].map((wrong) => `${kind}, seed ${seed}: ${wrong}`);
  for (const [index, { taskId, atMs }] of script.stops.entries()) {
    const withTrouble = beside.restartedMs[index] ?? 0;
    const delayMs = Math.max(0, Math.round(withTrouble - (without.restartedMs[index] ?? 0)));
    delaysMs.push(delayMs);
    const untold = trouble?.atFirst !== undefined && atMs < troubleAtMs + atFirstMs;
    const { costs } = trouble ?? {};
    const ofOthersMs =
      otherAccountMs +
      (costs?.ms ?? 0) +
      (costs?.polls ? (script.policies[0]?.confirm ?? 1) * pollEveryMs : 0) +
      // A new owner begins a storm anew, and one that is stopped again and again is late for each look.
      (costs?.ms && touch(stormy, atMs, withTrouble) ? turnMs : 0);
    const ofItsOwnMs =
      permitsMs(script.troubled) +
      (trouble?.halvesRate ? together(atMs) * permitMs : 0) +
      (touch(tried, atMs, withTrouble) ? triedOutMs : 0) +
      (untold || touch(stormy, atMs, withTrouble) ? turnMs : 0);
    const boundMs = trouble?.beside || costs ? ofOthersMs : ofItsOwnMs;
    if (delayMs <= boundMs) continue;
    const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
    violations.push(
      `${kind}, seed ${seed}: ${taskId} stopped at ${seconds(atMs)} is restarted ${seconds(delayMs)} later than without the troubled, at most ${seconds(boundMs)}`,
    );
  }
  return { kind, seed, delaysMs, violations };
}
