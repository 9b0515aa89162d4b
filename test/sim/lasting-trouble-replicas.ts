/**
 * Kinds of lasting trouble, for non-interference.ts, that only several replicas on one database can have: one of
 * the three, or one of the accounts that they share out. Those of an account are its neighbour's in the same process.
 */
import { terms } from '../../src/store/postgres/lease.ts';
import { lockWithinMs } from './database.ts';
import { minute, second } from './dice.ts';
import { forEver, type Kinds, pollEveryMs, type Trouble } from './lasting-trouble.ts';
import type { Life } from './life.ts';
import { partner, type Replicas } from './replicas.ts';
import { Stage, tasks as tasksNamed } from './stage.ts';

import type { VirtualClock } from './virtual-clock.ts';

const again = (clock: VirtualClock, everyMs: number, act: () => void): void => {
  act();
  clock.after(everyMs, () => again(clock, everyMs, act));
};

const lost = (life: Life) => life.die();
const stopped = (forMs: number) => (life: Life, clock: VirtualClock) => {
  life.pause();
  clock.after(forMs, () => life.goOn());
};
const cutOff = (forMs: number) => (life: Life, clock: VirtualClock) => {
  life.machine.cutOffUntil = clock.monotonic() + forMs;
};

/** What befalls the replica that has the account, or one that has not. */
const replica = (
  which: Parameters<Replicas['whose']>[0],
  does: (life: Life, clock: VirtualClock) => void,
  costs: Trouble['costs'],
  everyMs = forEver,
): Trouble => ({
  befalls: (replicas, clock) => again(clock, everyMs, () => does(replicas.whose(which), clock)),
  costs,
});

/** It was lost with its lease, and is taken over. */
const takenOver = { ms: terms.leaseMs + 5 * second, polls: true } as const;
/** A replica that comes back is given an account, of whichever has one more than it should. */
const handedOver = { ms: 2 * second, polls: true } as const;
const nothing = { ms: 0 } as const;
/** Once: a save that is refused for one of several is tried again for each alone, and that one may come first. */
const firstRefused = { ms: 2 * lockWithinMs } as const;

/** An account whose tasks are edited and stop and are restarted all the time, so that it saves at every poll and often in between. */
const beside = (befalls: Trouble['befalls'], costs: Trouble['costs'], count = 20): Trouble => ({
  beside: (common) => {
    const tasks = tasksNamed(count, { life: { survivesMs: [minute, 20 * minute] } });
    const stage = new Stage({ ...common, tasks });
    const edit = () => {
      const title = `title${Math.round(stage.seconds)}`;
      for (const taskId of stage.world.tasks.keys()) stage.act({ kind: 'edit', taskId, change: { title } });
    };
    stage.clock.after(pollEveryMs / 2, () => again(stage.clock, pollEveryMs, edit));
    return stage;
  },
  befalls,
  costs,
});

const often = 2 * minute;

export const ofReplicas: Kinds = {
  'another replica is lost': replica('another', lost, nothing),
  'another replica is stopped for ever': replica('another', stopped(forEver), nothing),
  'another replica is cut off from the database': replica('another', cutOff(forEver), nothing),
  'another replica is stopped for 20 s, often': replica('another', stopped(20 * second), nothing, often),
  'another replica is stopped for 50 s, often': replica('another', stopped(50 * second), handedOver, often),
  'another replica is cut off for 50 s, often': replica('another', cutOff(50 * second), handedOver, often),
  'its replica is lost': replica('its own', lost, takenOver),
  'its replica is stopped for ever': replica('its own', stopped(forEver), takenOver),
  'its replica is cut off from the database': replica('its own', cutOff(forEver), takenOver),
  'its replica is stopped for 50 s, often': replica('its own', stopped(50 * second), takenOver, often),
  'its replica is cut off for 50 s, often': replica('its own', cutOff(50 * second), takenOver, often),
  'its replica is stopped for 5 s, often': replica('its own', stopped(5 * second), { ms: 5 * second }, 20 * second),
  'an account of its replica: its rows are locked': beside(
    ({ database }) => database.heavy.set(partner, 'locked'),
    firstRefused,
  ),
  'an account of its replica: what it saves is large': beside(
    ({ database }) => database.heavy.set(partner, { aRowMs: 30 }),
    nothing,
    300,
  ),
  'an account of its replica: its lease is fought over': beside(
    ({ database }, clock) => again(clock, 3 * second, () => database.seize(partner, 'somebody', second)),
    nothing,
  ),
};
