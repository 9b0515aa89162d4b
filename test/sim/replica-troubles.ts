/**
 * What befalls replicas that share a database: pauses, partitions, restarts of it, deaths of any of them, rolling updates, and
 * operators who ask whichever they reach. With dice of their own, so that scripts of one process stay as they are.
 */
import { Dice, minute, second } from './dice.ts';
import type { Happening, Scheduled, Script } from './happening.ts';

const byHand: ReadonlySet<Happening['kind']> = new Set(['hold', 'unhold', 'restart', 'release']);
const hourMs = 60 * minute;

export function withReplicas(script: Script, before: readonly Scheduled[]): readonly Scheduled[] {
  const { seed, weatherMs, replicas, tasks } = script;
  const dice = new Dice(seed, 'replicas');
  const any = () => dice.int(0, replicas - 1);
  // A step of one clock alone is a fault of its machine that nobody can see from inside: `step` is of all.
  const scheduled = before.map(({ atMs, what }) => ({
    atMs,
    what: byHand.has(what.kind) ? { ...what, replica: any() } : what,
  }));
  const at = (atMs: number, what: Happening) => scheduled.push({ atMs: Math.min(weatherMs, Math.max(0, atMs)), what });
  const ownerOrAny = () => (dice.chance(0.6) ? {} : { replica: any() });
  const often = (most: number, plan: (atMs: number) => void) => {
    const times = Math.max(1, Math.round((dice.int(0, most) * weatherMs) / hourMs));
    for (let i = 0; i < Math.min(times, 30); i++) plan(dice.ms(0, weatherMs));
  };
  const stopSome = (atMs: number) =>
    at(atMs, { kind: 'world', act: { kind: 'stop', count: dice.int(1, Math.ceil(tasks.length / 2)) } });

  if (dice.chance(0.6))
    often(4, (atMs) => {
      at(atMs, {
        kind: 'pause',
        lastsMs: dice.pick([5 * second, 40 * second, 2 * minute]) + dice.ms(0, 10 * second),
        ...ownerOrAny(),
      });
      stopSome(atMs + dice.ms(-5 * second, 2 * minute));
    });
  if (dice.chance(0.6))
    often(4, (atMs) =>
      at(atMs, { kind: 'cut-off', lastsMs: dice.ms(second, dice.pick([10, 60, 180]) * second), ...ownerOrAny() }),
    );
  if (dice.chance(0.5))
    often(2, (atMs) => at(atMs, { kind: 'database-restart', downMs: dice.ms(200, dice.pick([5, 90]) * second) }));
  if (dice.chance(0.3))
    often(1, (atMs) =>
      at(atMs, { kind: 'disk', weather: { ms: [1_500, 2_500], failing: 0 }, lastsMs: dice.ms(minute, 5 * minute) }),
    );
  if (dice.chance(0.5))
    often(3, (atMs) => at(atMs, { kind: 'die', death: 'now', replica: any(), downMs: dice.ms(second, 2 * minute) }));
  if (dice.chance(0.4))
    often(1, (atMs) => {
      for (let replica = 0; replica < replicas; replica++)
        at(atMs + replica * dice.ms(10 * second, 40 * second), {
          kind: 'terminate',
          replica,
          downMs: dice.ms(second, 5 * second),
        });
      stopSome(atMs);
    });
  // Its owner ends while it does what was asked elsewhere.
  if (dice.chance(0.5))
    often(2, (atMs) => {
      const { taskId = '' } = dice.pick(tasks);
      const inVain = { effect: { kind: 'in-vain' }, match: { action: 'restart', taskId } } as const;
      at(atMs - 100, { kind: 'fault', lastsMs: 2 * minute, fault: inVain });
      at(atMs - 50, { kind: 'world', act: { kind: 'stop', taskId } });
      const death = dice.pick([{ at: 'send' }, { at: 'answer' }, { at: 'save', write: 'after' }] as const);
      at(atMs, { kind: 'restart', taskId, force: true, replica: any() });
      at(atMs, { kind: 'die', death, downMs: dice.ms(second, minute) });
    });
  // It ends while its calls are slow to arrive; two slow ways at once would be more than the limiter assumes.
  if (dice.chance(0.5) && !(script.appetite?.slow ?? 0))
    often(2, (atMs) => {
      const slow = { effect: { kind: 'slow-up', ms: [2_500, 4_500] }, match: { action: 'restart' } } as const;
      at(atMs, { kind: 'fault', lastsMs: 3 * minute, fault: slow });
      for (let endsAt = atMs + dice.ms(0, 30 * second), i = 0; i < 3; i++, endsAt += dice.ms(20 * second, minute)) {
        stopSome(endsAt - dice.ms(0, 20 * second));
        at(endsAt, { kind: 'terminate', downMs: dice.ms(second, 5 * second) });
      }
    });
  return scheduled.sort((a, b) => a.atMs - b.atMs);
}
