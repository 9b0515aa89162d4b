/**
 * The life of one process on a machine: it is stopped, goes on late, and dies. A dead one runs no timer, sends nothing
 * and hears nothing; what it had sent is on its way all the same.
 */
import type { Transport } from '../../src/cloud/transport.ts';
import type { Clock } from '../../src/domain/ports/time-port.ts';
import type { DeathAtSave } from './disk.ts';
import type { Machine } from './machine.ts';
import { sleepBy } from './virtual-clock.ts';

/** What a dead process waits for. */
export const never = (): Promise<never> => new Promise(() => {});

export class Life {
  readonly name: string;
  readonly machine: Machine;
  /** As the process has it. */
  readonly clock: Clock;
  alive = true;
  paused = false;
  /** What came while it was paused. */
  #late: Record<'answer' | 'timer', (() => void)[]> = { answer: [], timer: [] };
  onDeath: () => void = () => {};

  constructor(name: string, machine: Machine) {
    this.name = name;
    this.machine = machine;
    const after: Clock['after'] = (ms, run) => {
      let takenBack = false;
      const cancel = machine.after(ms, () => this.enter(() => takenBack || run(), 'timer'));
      return () => {
        takenBack = true;
        cancel();
      };
    };
    this.clock = {
      now: () => Math.floor(machine.wall()),
      monotonic: () => machine.monotonic(),
      after,
      sleep: async (ms, signal) => {
        await sleepBy(after, ms, signal);
        if (!this.alive) await never();
      },
      yield: () => (this.alive ? Promise.resolve() : never()),
    };
  }

  /** Whatever comes from outside, or is due: at once, or when the process goes on. */
  enter(run: () => void, what: 'answer' | 'timer'): void {
    if (!this.alive) return;
    if (this.paused) this.#late[what].push(run);
    else run();
  }

  /** SIGSTOP. */
  pause(): void {
    this.paused = true;
  }

  /** SIGCONT: it wakes where it waits for answers, and looks at its timers after them. */
  goOn(): void {
    const { answer, timer } = this.#late;
    this.#late = { answer: [], timer: [] };
    this.paused = false;
    for (const run of [...answer, ...timer]) this.machine.after(0, () => this.enter(run, 'timer'));
  }

  /** SIGKILL. */
  die(): void {
    if (!this.alive) return;
    this.alive = false;
    this.onDeath();
  }

  /** Whether it dies around this save. */
  onSave(): DeathAtSave | undefined {
    return undefined;
  }

  /** The cloud as it reaches it. */
  reaches(network: Transport): Transport {
    return {
      ...network,
      send: async (request, signal) => {
        if (!this.alive) return never();
        const outcome = await network.send(request, signal);
        return new Promise((resolve) => this.enter(() => resolve(outcome), 'answer'));
      },
    };
  }
}
