/** What operators ask of another replica, while single statements fail or their answers are lost: done once at most, and the answer is true. */
import { describe, expect, it } from 'vitest';
import type { OperatorOutcome, OperatorRequest } from '../../src/domain/ports/store-port.ts';
import type { RequestRows } from '../../src/store/postgres/request-rows.ts';
import { askOwner, serveRequests } from '../../src/store/postgres/requests.ts';
import { VirtualClock } from '../sim/virtual-clock.ts';

const account = 'main';
const epoch = 3;
const restart: OperatorRequest = { kind: 'restart', taskId: 't1', by: 'eve', force: false };

type Name = keyof RequestRows;
/** `lost`: it is done, and its answer does not come. `late`: it is done after everything else. */
type Fault = 'fails' | 'lost' | 'late';

/** One request, an owner that looks once a second, and statements that fail as often as `faults` says. */
function stage(faults: Partial<Record<Name, readonly Fault[]>>) {
  const clock = new VirtualClock(0);
  let row: { takenIn: number | null; answer: OperatorOutcome | undefined } | undefined;
  const left = new Map(Object.entries(faults).map(([name, list]) => [name, [...list]]));
  const late: (() => void)[] = [];
  const statement = async <T>(name: Name, run: () => T): Promise<T> => {
    const fault = left.get(name)?.shift();
    if (fault === 'late') late.push(run);
    const value = fault === 'fails' || fault === 'late' ? undefined : run();
    if (fault) throw new Error(`${name}: ${fault}`);
    return value as T;
  };
  const rows: RequestRows = {
    add: () =>
      statement('add', () => {
        row ??= { takenIn: null, answer: undefined };
      }),
    answerTo: () => statement('answerTo', () => row?.answer),
    withdraw: (_id, ...more) =>
      statement('withdraw', () => {
        row ??= { takenIn: null, answer: undefined };
        if (row.takenIn !== null || row.answer) return false;
        row.answer = more.at(-1) as OperatorOutcome;
        return true;
      }),
    takeRequest: (_id, by) =>
      statement('takeRequest', () => {
        if (!row || row.answer || (row.takenIn ?? 0) > by) return undefined;
        const was = row.takenIn;
        row.takenIn = by;
        return { request: restart, was, ageMs: 0 };
      }),
    answer: (_id, by, outcome) =>
      statement('answer', () => {
        if (row?.takenIn === by) row.answer ??= outcome;
      }),
  };
  let times = 0;
  const served = serveRequests({
    rows,
    epochOf: () => epoch,
    isReady: () => true,
    serve: async () => {
      times++;
      return { kind: 'done' };
    },
  });
  const look = () => {
    served({
      now: 0,
      leases: new Map(),
      replicas: [],
      requests: row && !row.answer ? [{ id: 'r', account, takenIn: row.takenIn }] : [],
    });
    clock.after(1_000, look);
  };
  clock.after(500, look);
  return {
    async asked() {
      const answer = askOwner({ rows, clock, id: 'r' }, account, restart);
      await clock.run(60_000);
      for (const run of late) run();
      await clock.run(60_000);
      return { answer: await answer, times };
    },
  };
}

const done = { kind: 'done' };
const many: readonly Fault[] = Array.from({ length: 200 }, () => 'fails');

describe('an operator’s restart', () => {
  it.each<[string, Partial<Record<Name, readonly Fault[]>>]>([
    ['nothing fails', {}],
    ['the owner hears nothing of having taken it', { takeRequest: ['lost'] }],
    ['the owner cannot take it at first', { takeRequest: ['fails', 'fails'] }],
    ['its answer cannot be stored at first', { answer: ['fails', 'fails'] }],
    ['its answer is stored, and nobody hears of that', { answer: ['lost'] }],
    ['the operator’s replica cannot look for an answer', { answerTo: ['fails', 'fails', 'lost'] }],
  ])('is done once and answered: %s', async (_, faults) => {
    expect(await stage(faults).asked()).toEqual({ answer: done, times: 1 });
  });

  it.each<[string, Partial<Record<Name, readonly Fault[]>>]>([
    ['it could not be written down', { add: ['fails'] }],
    ['it was written down, and nobody heard of that', { add: ['lost'] }],
    ['it is written down after all', { add: ['late'] }],
  ])('is not done, and the answer says so: %s', async (_, faults) => {
    const { answer, times } = await stage(faults).asked();
    expect(answer).toMatchObject({ kind: 'refused', message: expect.stringContaining('could not be asked') });
    expect(times).toBe(0);
  });

  it('may be done, and the answer says so, when the store fails from then on', async () => {
    const { answer, times } = await stage({ add: ['lost'], withdraw: many }).asked();
    expect(answer).toMatchObject({ kind: 'refused', message: expect.stringContaining('nobody knows whether') });
    expect(times).toBe(1);
  });
});
