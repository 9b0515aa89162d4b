/** The pretend cloud behind its HTTP door, in the test's own process: the test holds the world in its hands. */
import { systemClock } from '../../src/clock.ts';
import type { Arrival } from '../../src/simulator/arrivals.ts';
import { type Door, openDoor } from '../../src/simulator/door.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import { steadyTime } from '../../src/simulator/in-process.ts';
import type { TaskPlan } from '../../src/simulator/pretend-task.ts';
import {
  type Act,
  addFault,
  advance,
  createWorld,
  perform,
  removeFaults,
  statusNow,
  type World,
  type WorldOptions,
} from '../../src/simulator/world.ts';
import { freePort } from '../ports.ts';

export const key = { accessKeyId: 'AKLTendtoend0001', secretAccessKey: 'c2VjcmV0LWVuZC10by1lbmQ' };

export interface CloudOptions extends Partial<Omit<WorldOptions, 'watch'>> {
  readonly onArrival?: (arrival: Arrival) => void;
}

export class PretendCloud {
  readonly world: World;
  readonly arrivals: Arrival[] = [];
  url = '';
  #door: Door | undefined;
  readonly #time = steadyTime(systemClock);

  constructor({ onArrival, ...options }: CloudOptions) {
    this.world = createWorld({
      seed: 1,
      now: systemClock.now(),
      keys: [key],
      ...options,
      watch: (arrival) => {
        this.arrivals.push(arrival);
        onArrival?.(arrival);
      },
    });
  }

  /** After `close` on the port that it had, which nobody was given meanwhile. */
  async open(): Promise<this> {
    const port = this.url === '' ? await freePort() : Number(new URL(this.url).port);
    this.#door = await openDoor({ world: this.world, clock: systemClock, port });
    this.url = this.#door.url;
    return this;
  }

  async close(): Promise<void> {
    await this.#door?.close();
    this.#door = undefined;
  }

  fault(fault: Fault): string {
    this.advance();
    return addFault(this.world, fault);
  }

  mend(id?: string): void {
    removeFaults(this.world, id);
  }

  act(act: Act): void {
    this.advance();
    perform(this.world, act);
  }

  advance(): void {
    advance(this.world, this.#time());
  }

  statusOf(taskId: string): string {
    this.advance();
    const task = this.world.tasks.get(taskId);
    return task ? statusNow(this.world, task) : 'no such task';
  }

  count(status: string, prefix = ''): number {
    return [...this.world.tasks.keys()].filter((id) => id.startsWith(prefix) && this.statusOf(id) === status).length;
  }

  restarts(taskId?: string): readonly Arrival[] {
    return this.arrivals.filter(
      (arrival) =>
        /^(Restart|Continue|Relaunch)PullToPushTask$/.test(arrival.action) &&
        (taskId === undefined || arrival.taskId === taskId),
    );
  }

  lists(): readonly Arrival[] {
    return this.arrivals.filter(({ action }) => action.startsWith('List'));
  }
}

const hourMs = 3_600_000;

/** Tasks that run now and for a day, as `count` of them with ids `<prefix>-0001` and so on. */
export function tasks(prefix: string, count: number, more: Partial<TaskPlan> = {}): TaskPlan[] {
  const now = systemClock.now();
  return Array.from({ length: count }, (_, index) => ({
    taskId: `${prefix}-${String(index + 1).padStart(4, '0')}`,
    title: `${prefix.replaceAll(/\W/g, '').slice(0, 15)}${index + 1}`,
    cloudGroup: 'vip',
    startsAt: now - hourMs,
    endsAt: now + 24 * hourMs,
    ...more,
    life: { startsInMs: [200, 500], ...more.life },
  }));
}

/** The account's entry in the configuration: polls every second. */
export const account = (cloud: PretendCloud, name = 'main', more: object = {}) => ({
  name,
  endpoint: cloud.url,
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the daemon resolves it
  credentials: { accessKeyId: '${TEST_KEY}', secretAccessKey: '${TEST_SECRET}' },
  poll: { schedule: '* * * * * *', verifyEvery: '500ms' },
  requestTimeout: '2s',
  ...more,
});

export const env = { TEST_KEY: key.accessKeyId, TEST_SECRET: key.secretAccessKey };
