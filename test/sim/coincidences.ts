/**
 * Coincidences that chance alone is too slow to bring: restarts wait in the lane while a reload comes, the clock steps
 * while a call is out or before a standby takes over, a refusal was carried out all the same, the weather ends in the
 * middle of a refusal. With dice of their own: what was there before them stays as it was.
 */
import { Dice, minute, second } from './dice.ts';
import type { Happening, Scheduled, Script } from './happening.ts';

export function withCoincidences(script: Script): readonly Scheduled[] {
  const { seed, schedule, appetite } = script;
  const more = new Coincidences(script, new Dice(seed, 'coincidences'));
  more.reloadsWhileRestartsWait();
  if ((appetite?.step ?? 0) > 0) more.stepsDuringCalls();
  if ((appetite?.step ?? 0) > 0 && script.replicas > 1) more.standbyAfterStep();
  if ((appetite?.errors ?? 0) > 0) more.refusedAndCarriedOut();
  more.endInRefusal();
  if ((appetite?.step ?? 0) > 0) more.stepsWhileRestartsAreRefused();
  if (script.configuration.client === 'real' && script.configuration.subAccount) more.oneGroupCannotBeListed();
  return [...schedule, ...more.scheduled].sort((a, b) => a.atMs - b.atMs);
}

class Coincidences {
  readonly scheduled: Scheduled[] = [];
  readonly #script: Script;
  readonly #dice: Dice;

  constructor(script: Script, dice: Dice) {
    this.#script = script;
    this.#dice = dice;
  }

  reloadsWhileRestartsWait(): void {
    const dice = this.#dice;
    const { configuration, schedule } = this.#script;
    const { policies } = configuration;
    const groups = policies.groups.map((group) => {
      const exclude = { ...group.match.exclude, title: ['*1*', '*3*', '*5*', 'HOLD*'] };
      return { ...group, match: { ...group.match, exclude } };
    });
    for (const { atMs, what } of schedule) {
      if (what.kind !== 'reload' || !dice.chance(0.4)) continue;
      this.#stopHalf(atMs - dice.ms(0, 30 * second));
      this.#at(atMs, { kind: 'reload', configuration: { ...configuration, policies: { ...policies, groups } } });
      this.#at(atMs + 3 * minute, what);
    }
  }

  stepsDuringCalls(): void {
    const dice = this.#dice;
    for (const during of ['list', 'look', 'restart'] as const) {
      const ms = dice.pick([-1, 1]) * dice.ms(3 * second, 600 * second);
      this.#at(this.#sometime(), { kind: 'step', ms, during });
    }
  }

  /** The owner has moved what it waits for along with the step, and saved it, when the standby takes over. */
  standbyAfterStep(): void {
    const dice = this.#dice;
    const ms = dice.pick([-1, -1, 1]) * dice.ms(minute, 10 * minute);
    const stepsAt = dice.ms(3 * minute, this.#script.weatherMs - 3 * minute);
    const inVain = { effect: { kind: 'in-vain' }, match: { action: 'restart' } } as const;
    this.#at(stepsAt - 3 * minute, { kind: 'fault', lastsMs: 8 * minute, fault: inVain });
    this.#stopHalf(stepsAt - dice.ms(30 * second, 2 * minute));
    this.#at(stepsAt, { kind: 'step', ms });
    this.#at(stepsAt + dice.ms(80 * second, 150 * second), { kind: 'terminate', downMs: dice.ms(second, minute) });
  }

  refusedAndCarriedOut(): void {
    const from = this.#sometime();
    this.#refuse('restart', 'InvalidParam', from, this.#dice.ms(minute, 15 * minute), true);
    this.#stopHalf(from + 10 * second);
  }

  endInRefusal(): void {
    const dice = this.#dice;
    const from = this.#script.weatherMs - dice.ms(30 * second, 10 * minute);
    const refused = dice.pick(['list', 'restart', 'nothing', 'nothing', 'nothing', 'nothing'] as const);
    if (refused === 'list') this.#refuse('list', 'AccessDenied', from, Number.POSITIVE_INFINITY, false);
    if (refused !== 'restart') return;
    this.#refuse('restart', dice.pick(['AccessDenied', 'InternalError']), from, Number.POSITIVE_INFINITY, false);
    this.#stopHalf(from + 10 * second);
  }

  /** Half of those that stop go on being refused, and the clock is set back meanwhile: the others must have their probes. */
  stepsWhileRestartsAreRefused(): void {
    const from = this.#sometime();
    const refusedMs = this.#dice.ms(5 * minute, 10 * minute);
    for (const { taskId = '' } of this.#script.tasks.slice(0, 8)) {
      this.#at(from, { kind: 'world', act: { kind: 'stop', taskId } });
      const refusal = { effect: { kind: 'error', code: 'CommonErr' }, match: { action: 'restart', taskId } } as const;
      if (this.#dice.chance(0.5)) this.#at(from, { kind: 'fault', lastsMs: 50 * minute, fault: refusal });
    }
    this.#refuse('restart', 'CommonErr', from, refusedMs, false);
    this.#at(from + refusedMs - 30 * second, { kind: 'step', ms: -this.#dice.ms(30 * minute, 60 * minute) });
  }

  oneGroupCannotBeListed(): void {
    const dice = this.#dice;
    const { cloudGroup } = dice.pick(this.#script.tasks);
    const code = dice.pick(['InternalError', 'AccessDenied', 'CommonErr']);
    const fault = { effect: { kind: 'error', code }, match: { action: 'list', cloudGroup } } as const;
    this.#at(this.#sometime(), { kind: 'fault', lastsMs: dice.ms(minute, 40 * minute), fault });
  }

  #at(atMs: number, what: Happening): void {
    this.scheduled.push({ atMs: Math.min(this.#script.weatherMs, Math.max(0, atMs)), what });
  }

  #sometime = (): number => this.#dice.ms(0, this.#script.weatherMs);

  #stopHalf(atMs: number): void {
    const count = Math.ceil(this.#script.tasks.length / 2);
    this.#at(atMs, { kind: 'world', act: { kind: 'stop', count } });
  }

  #refuse(action: string, code: string, atMs: number, lastsMs: number, carriedOut: boolean): void {
    const fault = { effect: { kind: 'error', code, carriedOut }, match: { action } } as const;
    this.#at(atMs, { kind: 'fault', lastsMs, fault });
  }
}
