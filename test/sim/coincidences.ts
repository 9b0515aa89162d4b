/**
 * Coincidences that chance alone is too slow to bring: restarts wait in the lane while a reload comes, the clock steps
 * while a call is out, before a standby takes over or while all are refused, a refusal was carried out all the same, the
 * weather ends in the middle of a refusal. And what befalls replicas that share a database: pauses, partitions, restarts
 * of it, deaths of any of them, rolling updates, and operators who ask whichever they reach.
 */
import { Dice, hour, minute, second } from './dice.ts';
import type { Happening, Scheduled, Script } from './happenings.ts';
import { byTime, type Plan, type Weather, weatherOf } from './weather.ts';

const ofRestarts = { action: 'restart' } as const;
const inVain = { kind: 'in-vain' } as const;
const error = (code: string, carriedOut = false) => ({ kind: 'error', code, carriedOut }) as const;

export function withCoincidences(script: Script): readonly Scheduled[] {
  const { appetite, configuration, replicas } = script;
  const weather = weatherOf(script, new Dice(script.seed, 'coincidences'));
  const steps = (appetite.step ?? 0) > 0;
  reloadsWhileRestartsWait(weather, script.schedule);
  const plans: readonly (readonly [boolean, Plan])[] = [
    [steps, stepsDuringCalls],
    [steps && replicas > 1, standbyAfterStep],
    [(appetite.errors ?? 0) > 0, refusedAndCarriedOut],
    [true, endInRefusal],
    [configuration.subAccount, oneGroupCannotBeListed],
  ];
  for (const [isSo, plan] of plans) if (isSo) plan(weather);
  return byTime(script.schedule, weather.scheduled);
}

function reloadsWhileRestartsWait({ dice, stop, at, configuration }: Weather, schedule: readonly Scheduled[]): void {
  const { policies } = configuration;
  const groups = policies.groups.map((group) => {
    const exclude = { ...group.match.exclude, title: ['*1*', '*3*', '*5*', 'HOLD*'] };
    return { ...group, match: { ...group.match, exclude } };
  });
  for (const { atMs, what } of schedule) {
    if (what.kind !== 'reload' || !dice.chance(0.4)) continue;
    stop(atMs - dice.ms(0, 30 * second));
    at(atMs, { kind: 'reload', configuration: { ...configuration, policies: { ...policies, groups } } });
    at(atMs + 3 * minute, what);
  }
}

const stepsDuringCalls: Plan = ({ dice, sometime }) => {
  for (const during of ['list', 'look', 'restart'] as const) {
    const ms = dice.pick([-1, 1]) * dice.ms(3 * second, 600 * second);
    sometime({ kind: 'step', ms, during });
  }
};

/** The owner has moved what it waits for along with the step, and saved it, when the standby takes over. */
const standbyAfterStep: Plan = ({ dice, at, stop, strike, weatherMs }) => {
  const ms = dice.pick([-1, -1, 1]) * dice.ms(minute, 10 * minute);
  const stepsAt = dice.ms(3 * minute, weatherMs - 3 * minute);
  strike(stepsAt - 3 * minute, 8 * minute, inVain, ofRestarts);
  stop(stepsAt - dice.ms(30 * second, 2 * minute));
  at(stepsAt, { kind: 'step', ms });
  at(stepsAt + dice.ms(80 * second, 150 * second), { kind: 'terminate', downMs: dice.ms(second, minute) });
};

const refusedAndCarriedOut: Plan = ({ dice, somewhen, stop, strike }) => {
  const from = somewhen();
  strike(from, dice.ms(minute, 15 * minute), error('InvalidParam', true), ofRestarts);
  stop(from + 10 * second);
};

const endInRefusal: Plan = ({ dice, stop, strike, weatherMs }) => {
  const from = weatherMs - dice.ms(30 * second, 10 * minute);
  const refused = dice.pick(['list', 'restart', 'nothing', 'nothing', 'nothing', 'nothing'] as const);
  if (refused === 'list') strike(from, Infinity, error('AccessDenied'), { action: 'list' });
  if (refused !== 'restart') return;
  strike(from, Infinity, error(dice.pick(['AccessDenied', 'InternalError'])), ofRestarts);
  stop(from + 10 * second);
};

const oneGroupCannotBeListed: Plan = ({ dice, somewhen, strike, tasks }) => {
  const { cloudGroup } = dice.pick(tasks);
  const refusal = error(dice.pick(['InternalError', 'AccessDenied', 'CommonErr']));
  const from = somewhen();
  strike(from, dice.ms(minute, 40 * minute), refusal, { action: 'list', cloudGroup });
};

// ---- before the weather ------------------------------------------------------------------------------------------------

/** So many are each tried once while all are refused. */
const mostTried = 12;

/**
 * In the hour before the weather all stop and are refused, so that none is left that was not tried; then the clock is set
 * back, and most of them go on being refused. The others must have their probes. In the weather a step would pass unseen:
 * whatever else stops is tried first and closes the circuit, and each reload or new owner begins the waits anew.
 */
export function withStepInRefusal(script: Script): Script {
  const { appetite, seed, tasks, schedule, weatherMs } = script;
  const { dice, at, stop, strike, scheduled } = weatherOf(
    { ...script, weatherMs: hour },
    new Dice(seed, 'all refused'),
  );
  if ((appetite.step ?? 0) === 0 || tasks.length > mostTried || !dice.chance(0.5)) return script;
  const [from, until] = [2 * minute, 2 * minute + dice.ms(6 * minute, 10 * minute)];
  stop(from, tasks.length);
  strike(from, until - from, error('CommonErr'), ofRestarts);
  for (const { taskId = '' } of tasks)
    if (dice.chance(0.75)) strike(from, hour - from, error('CommonErr'), { ...ofRestarts, taskId });
  at(until - 30 * second, { kind: 'step', ms: -dice.ms(30 * minute, 60 * minute) });
  const later = schedule.map(({ atMs, what }) => ({ atMs: atMs + hour, what }));
  return { ...script, weatherMs: weatherMs + hour, schedule: byTime(scheduled, later) };
}

// ---- replicas ------------------------------------------------------------------------------------------------------

const byHand: ReadonlySet<Happening['kind']> = new Set(['hold', 'unhold', 'restart', 'release']);

/** `before`: of one process. */
export function withReplicas(script: Script, before: readonly Scheduled[]): readonly Scheduled[] {
  const weather = weatherOf(script, new Dice(script.seed, 'replicas'));
  const { dice, at, stop, tasks, replicas } = weather;
  const any = () => dice.int(0, replicas - 1);
  // A step of one clock alone is a fault of its machine that nobody can see from inside: `step` is of all.
  const elsewhere = before.map(({ atMs, what }) => ({
    atMs,
    what: byHand.has(what.kind) ? { ...what, replica: any() } : what,
  }));
  const ownerOrAny = () => (dice.chance(0.6) ? {} : { replica: any() });
  const often = (chance: number, anHour: number, plan: (atMs: number) => void) => {
    if (!dice.chance(chance)) return;
    const times = weather.times(dice.int(0, anHour), 30);
    for (let i = 0; i < times; i++) plan(weather.somewhen());
  };
  const stopSome = (atMs: number) => stop(atMs, dice.int(1, Math.ceil(tasks.length / 2)));

  often(0.6, 4, (atMs) => {
    const lastsMs = dice.pick([5 * second, 40 * second, 2 * minute]) + dice.ms(0, 10 * second);
    at(atMs, { kind: 'pause', lastsMs, ...ownerOrAny() });
    stopSome(atMs + dice.ms(-5 * second, 2 * minute));
  });
  often(0.6, 4, (atMs) =>
    at(atMs, { kind: 'cut-off', lastsMs: dice.ms(second, dice.pick([10, 60, 180]) * second), ...ownerOrAny() }),
  );
  often(0.5, 2, (atMs) => at(atMs, { kind: 'database-restart', downMs: dice.ms(200, dice.pick([5, 90]) * second) }));
  often(0.3, 1, (atMs) =>
    at(atMs, { kind: 'disk', weather: { ms: [1_500, 2_500], failing: 0 }, lastsMs: dice.ms(minute, 5 * minute) }),
  );
  often(0.5, 3, (atMs) => at(atMs, { kind: 'die', death: 'now', replica: any(), downMs: dice.ms(second, 2 * minute) }));
  often(0.4, 1, (atMs) => {
    for (let replica = 0; replica < replicas; replica++)
      at(atMs + replica * dice.ms(10 * second, 40 * second), {
        kind: 'terminate',
        replica,
        downMs: dice.ms(second, 5 * second),
      });
    stopSome(atMs);
  });
  // Its owner ends while it does what was asked elsewhere.
  often(0.5, 2, (atMs) => {
    const { taskId = '' } = dice.pick(tasks);
    weather.strike(atMs - 100, 2 * minute, inVain, { ...ofRestarts, taskId });
    at(atMs - 50, { kind: 'world', act: { kind: 'stop', taskId } });
    const death = dice.pick([{ at: 'send' }, { at: 'answer' }, { at: 'save', write: 'after' }] as const);
    at(atMs, { kind: 'restart', taskId, force: true, replica: any() });
    at(atMs, { kind: 'die', death, downMs: dice.ms(second, minute) });
  });
  // It ends while its calls are slow to arrive; two slow ways at once would be more than the limiter assumes.
  if ((script.appetite.slow ?? 0) === 0)
    often(0.5, 2, (atMs) => {
      weather.strike(atMs, 3 * minute, { kind: 'slow-up', ms: [2_500, 4_500] }, ofRestarts);
      for (let endsAt = atMs + dice.ms(0, 30 * second), i = 0; i < 3; i++, endsAt += dice.ms(20 * second, minute)) {
        stopSome(endsAt - dice.ms(0, 20 * second));
        at(endsAt, { kind: 'terminate', downMs: dice.ms(second, 5 * second) });
      }
    });
  return byTime(elsewhere, weather.scheduled);
}
