/**
 * **One task's trouble stays its own.** The same history is played with the troubled and without them, from one seed;
 * a healthy task that stops is restarted no later than a named bound after the moment it was restarted in the other.
 *
 * What is lasting trouble of one task, or of one cloud group, stands in `kinds`. The bounds:
 * - while the restart circuit was open in between: 60 s, in which the account's health had to be tried out;
 * - while a storm was on, when the trouble cannot be told from a common cause: one turn of its window, which is
 *   `verifyWithin` and two polls;
 * - otherwise one second: the permits of the troubled one's own calls;
 * - by another account: nothing, which is 100 ms.
 */
import { begin, policiesOf } from '../domain/story.ts';
import { Dice, hour, minute, second } from './dice.ts';
import type { Policy } from './seam.ts';
import { defaultPolicy, Stage, type StageOptions, tasks as tasksNamed } from './stage.ts';

const circuitMs = minute;
const permitsMs = second;
const otherAccountMs = 100;
const pollEveryMs = 15 * second;
/** From the first stop on. */
const lastsMs = 25 * minute;
const troubleAtMs = 2 * minute;

interface Trouble {
  /** Begins, once. */
  readonly begins?: (stage: Stage, taskIds: readonly string[]) => void;
  /** Happens again and again. */
  readonly everyMs?: number;
  readonly again?: (stage: Stage, taskIds: readonly string[], turn: number) => void;
  /** Tasks that have it; absent: one. */
  readonly tasks?: readonly [least: number, most: number];
  /** The account lists its cloud groups one by one. */
  readonly byGroups?: boolean;
  /** The troubled is another account of the same process. */
  readonly beside?: (common: Pick<StageOptions, 'clock' | 'policies' | 'pollEveryMs'>) => Stage;
  /** Of the troubled, who are then of a group of their own. */
  readonly policy?: Partial<Policy>;
  /** It costs others more than the bound: why, a seed that shows it, and how much at most. */
  readonly red?: { readonly seed: number; readonly why: string; readonly mostMs: number };
}

const stop = (stage: Stage, taskIds: readonly string[]) => {
  for (const taskId of taskIds) stage.act({ kind: 'stop', taskId });
};

/** Its restarts are answered so, for ever; and it is stopped. */
const answers = (...codes: readonly string[]): Trouble => ({
  begins: (stage, taskIds) => {
    for (const [index, taskId] of taskIds.entries())
      stage.fault({
        effect: { kind: 'error', code: codes[index % codes.length] ?? '' },
        match: { action: 'restart', taskId },
      });
    stop(stage, taskIds);
  },
});

const swallows = (effect: { readonly kind: 'reset' | 'stall'; readonly when: 'before' }): Trouble => ({
  begins: (stage, taskIds) => {
    for (const taskId of taskIds) stage.fault({ effect, match: { action: 'restart', taskId } });
    stop(stage, taskIds);
  },
});

const hold = (stage: Stage, taskId: string, turn: number): void => {
  const at = stage.clock.now();
  const id = `h${Math.floor(turn / 2)}`;
  const target = { kind: 'task', taskId } as const;
  const common = { id, account: 'main', target, author: 'eve', reason: 'repair', createdAt: at, endsAt: undefined };
  const about = { at, account: 'main', hold: common } as const;
  const event =
    turn % 2 === 0 ? { ...about, type: 'hold-added' as const } : { ...about, type: 'hold-removed' as const, by: 'eve' };
  void stage.keeper.operator.changeHold(event).catch(() => {});
};

export const kinds: Readonly<Record<string, Trouble>> = {
  'dead: restarts are accepted in vain': {
    begins: (stage, taskIds) => {
      for (const taskId of taskIds)
        stage.act({ kind: 'edit', taskId, change: { life: { restartsInVain: Number.POSITIVE_INFINITY } } });
      stop(stage, taskIds);
    },
  },
  throttled: {
    ...answers('FlowLimitExceeded'),
    red: {
      seed: 3,
      mostMs: 2 * minute,
      why: 'one throttled answer makes the whole account wait, up to a minute, and its task is throttled again',
    },
  },
  'throttled for the account': {
    ...answers('AccountFlowLimitExceeded'),
    red: { seed: 3, mostMs: 2 * minute, why: 'it is said of the account, and the account waits' },
  },
  quota: answers('RequestLimitExceeded'),
  auth: {
    ...answers('InvalidAccessKey'),
    red: {
      seed: 3,
      mostMs: 5 * minute + 30 * second,
      why: 'one answer opens the circuit, which is probed every five minutes',
    },
  },
  permission: answers('AccessDenied'),
  forbidden: answers('LackProjectPolicy'),
  billing: {
    ...answers('RequestForbidden.BillingStatus'),
    red: {
      seed: 3,
      mostMs: 5 * minute + 30 * second,
      why: 'one answer opens the circuit, which is probed every five minutes',
    },
  },
  clock: {
    ...answers('InvalidTimestamp'),
    red: {
      seed: 3,
      mostMs: 5 * minute + 30 * second,
      why: 'one answer opens the circuit, which is probed every five minutes',
    },
  },
  retired: {
    ...answers('InvalidActionOrVersion'),
    red: {
      seed: 3,
      mostMs: 5 * minute + 30 * second,
      why: 'one answer opens the circuit, which is probed every five minutes',
    },
  },
  invalid: answers('InvalidParam'),
  'not-found': answers('ResourceNotFound'),
  server: answers('InternalError'),
  common: answers('CommonErr'),
  network: swallows({ kind: 'reset', when: 'before' }),
  timeout: swallows({ kind: 'stall', when: 'before' }),
  unknown: answers('SomethingNew'),
  'several tasks, several answers': { ...answers('CommonErr', 'InternalError', 'SomethingNew'), tasks: [2, 4] },
  'several tasks denied': {
    ...answers('AccessDenied'),
    tasks: [2, 4],
    red: {
      seed: 23,
      mostMs: 3 * minute,
      why: 'two denials open the circuit, and the others that are denied are probed before, every 30 s',
    },
  },
  'unknown status': {
    begins: (stage, taskIds) => {
      for (const taskId of taskIds) stage.fault({ effect: { kind: 'status', text: '启动中' }, match: { taskId } });
    },
    tasks: [1, 4],
  },
  'unknown status after a restart': {
    begins: (stage, taskIds) => {
      for (const taskId of taskIds)
        stage.act({ kind: 'edit', taskId, change: { life: { restartsInVain: Number.POSITIVE_INFINITY } } });
      stop(stage, taskIds);
    },
    everyMs: 16 * second,
    again: (stage, taskIds, turn) => {
      for (const taskId of turn === 0 ? taskIds : [])
        stage.fault({ effect: { kind: 'status', text: '启动中' }, match: { taskId } });
    },
    tasks: [1, 4],
  },
  'a group that waits an hour for its restarts': {
    begins: (stage, taskIds) => {
      for (const taskId of taskIds)
        stage.act({ kind: 'edit', taskId, change: { life: { restartsInVain: Number.POSITIVE_INFINITY } } });
      stop(stage, taskIds);
    },
    tasks: [3, 6],
    policy: { verifyWithinMs: hour },
  },
  'malformed item': {
    begins: (stage, taskIds) => {
      stop(stage, taskIds);
      for (const taskId of taskIds) stage.fault({ effect: { kind: 'malformed' }, match: { taskId } });
    },
  },
  'unlistable group': {
    begins: (stage, taskIds) => {
      stop(stage, taskIds);
      stage.fault({
        effect: { kind: 'error', code: 'InternalError' },
        match: { action: 'list', cloudGroup: 'troubled' },
      });
    },
    tasks: [1, 4],
    byGroups: true,
    red: { seed: 3, mostMs: 8 * second, why: 'its list is sent again four times, and the poll waits for that' },
  },
  'endless flapping': {
    begins: (stage, taskIds) => {
      for (const taskId of taskIds)
        stage.act({ kind: 'edit', taskId, change: { life: { survivesMs: [5 * second, 90 * second] } } });
    },
    tasks: [1, 4],
  },
  'edited at every poll': {
    begins: (stage, taskIds) => stop(stage, taskIds),
    everyMs: pollEveryMs,
    again: (stage, taskIds, turn) => {
      for (const taskId of taskIds)
        stage.act({
          kind: 'edit',
          taskId,
          change: { sources: [`rtmp://pull.example.com/${turn}`], title: `title${turn}` },
        });
    },
  },
  'moved to and fro': {
    begins: (stage, taskIds) => stop(stage, taskIds),
    everyMs: pollEveryMs,
    again: (stage, taskIds, turn) => {
      for (const taskId of taskIds)
        stage.act({ kind: 'edit', taskId, change: { cloudGroup: turn % 2 === 0 ? 'vip' : 'troubled' } });
    },
  },
  'a hold that comes and goes': {
    begins: (stage, taskIds) => {
      for (const taskId of taskIds)
        stage.act({ kind: 'edit', taskId, change: { life: { restartsInVain: Number.POSITIVE_INFINITY } } });
      stop(stage, taskIds);
    },
    everyMs: 10 * second,
    again: (stage, [taskId = ''], turn) => hold(stage, taskId, turn),
  },
  'an operator who restarts it in a loop': {
    begins: (stage, taskIds) => {
      for (const taskId of taskIds)
        stage.act({ kind: 'edit', taskId, change: { life: { restartsInVain: Number.POSITIVE_INFINITY } } });
      stop(stage, taskIds);
    },
    everyMs: 7 * second,
    again: (stage, [taskId = '']) => void stage.keeper.operator.restart(taskId, 'eve', true).catch(() => {}),
  },
  'another account: its key is wrong': {
    beside: (common) =>
      new Stage({
        ...common,
        tasks: tasksNamed(20),
        world: { keys: [{ accessKeyId: 'another', secretAccessKey: 'x' }] },
      }),
  },
  'another account: its endpoint drips': {
    beside: (common) => {
      const stage = new Stage({ ...common, tasks: tasksNamed(20, { stopped: true }) });
      stage.fault({ effect: { kind: 'drip', bytes: 16, everyMs: second } });
      return stage;
    },
  },
  'another account: its list is 2,000 long': {
    beside: (common) => new Stage({ ...common, tasks: tasksNamed(2_000) }),
  },
  'another account: all of its tasks are down for ever': {
    beside: (common) => {
      const life = { restartsInVain: Number.POSITIVE_INFINITY };
      return new Stage({ ...common, tasks: tasksNamed(100, { stopped: true, life }) });
    },
  },
  'a title that is a megabyte': {
    begins: (stage, taskIds) => {
      for (const taskId of taskIds) {
        const task = stage.world.tasks.get(taskId);
        if (task) task.title = 'x'.repeat(1_000_000);
      }
      stop(stage, taskIds);
    },
  },
};

interface Stop {
  readonly taskId: string;
  readonly atMs: number;
}

interface Script {
  readonly seed: number;
  readonly kind: string;
  readonly policies: readonly Policy[];
  readonly healthy: number;
  readonly stops: readonly Stop[];
  readonly troubled: number;
  /** The troubled are of the same group as the healthy. */
  readonly together: boolean;
}

function scriptOf(seed: number, kind: string): Script {
  const dice = new Dice(seed, 'non-interference');
  const verifyWithinMs = dice.pick([20, 60]) * second;
  const confirm = dice.pick([1, 1, 2]);
  const group = (name: string): Policy => ({
    ...defaultPolicy,
    name,
    verifyWithinMs,
    confirm,
    match: { ...defaultPolicy.match, cloudGroup: [name] },
  });
  const policies = dice.chance(0.5) ? [group('vip'), group('troubled')] : [group('troubled'), group('vip')];
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
  return { seed, kind, policies, healthy, stops, troubled: dice.int(least, most), together: dice.chance(0.5) };
}

interface Played {
  /** When each stop was answered with a restart, by its index; Infinity: never. */
  readonly restartedMs: readonly number[];
  /** Whether, at a moment, a storm was on or the restart circuit open. */
  readonly during: (what: 'storm' | 'circuit', fromMs: number, toMs: number) => boolean;
}

async function play(script: Script, withTrouble: boolean): Promise<Played> {
  const { healthy, stops, kind, policies } = script;
  const trouble = kinds[kind];
  if (!trouble) throw new Error(`there is no kind of trouble "${kind}"`);
  const common = {
    startsAt: begin - hour,
    endsAt: begin + 6 * 24 * hour,
    life: { startsInMs: [3_000, 3_000] as const },
  };
  const troubled =
    withTrouble && !trouble.beside ? Array.from({ length: script.troubled }, (_, index) => `x${index}`) : [];
  const cloudGroup = script.together && !trouble.byGroups && !trouble.policy ? 'vip' : 'troubled';
  const stage = new Stage({
    policies: policiesOf(
      ...policies.map((policy) => (policy.name === 'troubled' ? { ...policy, ...trouble.policy } : policy)),
    ),
    seed: script.seed,
    pollEveryMs,
    tasks: [
      ...Array.from({ length: healthy }, (_, index) => ({
        ...common,
        taskId: `h${index}`,
        title: `h${index}`,
        cloudGroup: 'vip',
      })),
      ...troubled.map((taskId) => ({ ...common, taskId, title: taskId, cloudGroup })),
    ],
    ...(trouble.byGroups ? { cloudGroups: ['vip', 'troubled'] } : {}),
  });
  const { clock } = stage;
  const other = withTrouble ? trouble.beside?.({ clock, policies: policiesOf(...policies), pollEveryMs }) : undefined;
  const acts: { readonly atMs: number; readonly act: () => void }[] = stops.map(({ taskId, atMs }) => ({
    atMs,
    act: () => stage.act({ kind: 'stop', taskId }),
  }));
  if (withTrouble) {
    acts.push({ atMs: troubleAtMs, act: () => trouble.begins?.(stage, troubled) });
    const { everyMs, again } = trouble;
    for (let turn = 0; everyMs && again && turn * everyMs < lastsMs; turn++)
      acts.push({ atMs: troubleAtMs + everyMs * (turn + 1), act: () => again(stage, troubled, turn) });
  }
  for (const { atMs, act } of acts.sort((a, b) => a.atMs - b.atMs)) {
    await stage.run(Math.max(0, atMs / 1_000 - stage.seconds));
    act();
  }
  await stage.run(Math.max(0, lastsMs / 1_000 - stage.seconds) + 15 * 60);
  const restarts = stage.restarts();
  await Promise.all([stage.stop(), other?.stop()]);
  return {
    restartedMs: stops.map(({ taskId, atMs }) => {
      const restart = restarts.find((other) => other.taskId === taskId && other.at * 1_000 > atMs);
      return restart ? restart.at * 1_000 : Number.POSITIVE_INFINITY;
    }),
    during: (what, fromMs, toMs) => {
      let since: number | undefined;
      const [on, off] = what === 'storm' ? ['storm-started', 'storm-ended'] : ['circuit-opened', 'circuit-closed'];
      let open = 0;
      for (const { type, at } of stage.events) {
        if (type === on && open++ === 0) since = at - begin;
        if (type !== off || --open > 0) continue;
        if ((since ?? 0) <= toMs && at - begin >= fromMs) return true;
        since = undefined;
      }
      return since !== undefined && since <= toMs;
    },
  };
}

export interface Pair {
  readonly kind: string;
  readonly seed: number;
  /** How much later each stop of a healthy task was answered. */
  readonly delaysMs: readonly number[];
  /** Those beyond the bound; of them the ones that are not known. */
  readonly beyond: number;
  readonly violations: readonly string[];
}

/** Of the newest seed: it is the same for every kind of trouble, but where the cloud groups are asked for by name. */
const alone = new Map<string, Promise<Played>>();

function playAlone(script: Script): Promise<Played> {
  const key = `${script.seed} ${kinds[script.kind]?.byGroups ?? false}`;
  const known = alone.get(key);
  if (known) return known;
  if (alone.size > 1) alone.clear();
  const played = play(script, false);
  alone.set(key, played);
  return played;
}

export async function playPair(seed: number, kind: string): Promise<Pair> {
  const script = scriptOf(seed, kind);
  const [without, beside] = [await playAlone(script), await play(script, true)];
  const verifyWithinMs = script.policies[0]?.verifyWithinMs ?? 0;
  const delaysMs: number[] = [];
  const violations: string[] = [];
  let beyond = 0;
  for (const [index, { taskId, atMs }] of script.stops.entries()) {
    const withTrouble = beside.restartedMs[index] ?? 0;
    const delayMs = Math.max(0, withTrouble - (without.restartedMs[index] ?? 0));
    delaysMs.push(delayMs);
    const circuit = beside.during('circuit', atMs, withTrouble) ? circuitMs : 0;
    const storm = beside.during('storm', atMs, withTrouble) ? verifyWithinMs + 2 * pollEveryMs : 0;
    const boundMs = kinds[kind]?.beside ? otherAccountMs : permitsMs + circuit + storm;
    if (delayMs <= boundMs) continue;
    beyond++;
    const mostMs = Math.max(boundMs, kinds[kind]?.red?.mostMs ?? 0);
    if (delayMs <= mostMs) continue;
    const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
    violations.push(
      `${kind}, seed ${seed}: ${taskId} stopped at ${seconds(atMs)} is restarted ${seconds(delayMs)} later than without the troubled, at most ${seconds(mostMs)}`,
    );
  }
  return { kind, seed, delaysMs, beyond, violations };
}

/** Plays pairs, kind after kind, and prints a table: how much later others were restarted. */
export async function reportPairs(pairs: number, firstSeed: number, only?: string): Promise<boolean> {
  const names = only === undefined ? Object.keys(kinds) : [only];
  const found = new Map(
    names.map((name) => [name, { pairs: 0, beyond: 0, delays: [] as number[], violations: [] as string[] }]),
  );
  for (let i = 0; i < pairs; i++) {
    const kind = names[i % names.length] ?? '';
    const { delaysMs, beyond, violations } = await playPair(firstSeed + Math.floor(i / names.length), kind);
    const row = found.get(kind);
    if (!row) continue;
    row.pairs++;
    row.beyond += beyond;
    // One is enough for a mutant.
    if (only !== undefined && violations.length > 0) i = pairs;
    row.delays.push(...delaysMs);
    row.violations.push(...violations);
  }
  const seconds = (ms: number | undefined) => (ms === undefined ? '' : `${(ms / 1_000).toFixed(2)} s`);
  console.log('kind of trouble | pairs | stops of others | median delay | worst | beyond the bound');
  for (const [name, row] of found) {
    const sorted = row.delays.toSorted((a, b) => a - b);
    const red = kinds[name]?.red;
    const beyond = `${row.beyond}${red ? ` (known: ${red.why})` : ''}`;
    console.log(
      [name, row.pairs, sorted.length, seconds(sorted[sorted.length >> 1]), seconds(sorted.at(-1)), beyond].join(' | '),
    );
  }
  const violations = [...found.values()].flatMap((row) => row.violations);
  for (const violation of violations.slice(0, 20)) console.log(violation);
  return violations.length === 0;
}
