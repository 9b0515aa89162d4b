/**
 * The PostgreSQL that the replicas of a history share, as far as its statements go. Each is done whole at one moment, later
 * than it was sent, by the database's own clock; its answer comes later still, or never. What a statement may change is
 * asked of lease.ts, as the SQL in src/store/postgres says it.
 *
 * It is judged here too: whose writes it takes, and when an account changes hands.
 */

import type { OperatorOutcome } from '../../src/domain/ports/store-port.ts';
import { between, draw, type Random, type Span } from '../../src/simulator/random.ts';
import {
  claim,
  type Lease,
  answerWithinMs as leaseAnswerWithinMs,
  mayWrite,
  unclaimed,
} from '../../src/store/postgres/lease.ts';
import { openReplica, type Statements } from '../../src/store/postgres/replica.ts';
import type { Taken } from '../../src/store/postgres/request-rows.ts';
import type { Change, ReplicaRow, Snapshot } from '../../src/store/postgres/rows.ts';
import type { Part } from '../../src/store/postgres/save-transactions.ts';
import { begin } from '../domain/story.ts';
import { Disk, fairDisk } from './disk.ts';
import { type Life, never } from './life.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** What the driver waits for an answer (leases have a connection of their own), and the server for the next statement. */
const answerWithinMs = 20_000;
const idleInTransactionMs = 10_000;
/** A statement of a save waits so long for a row. */
export const lockWithinMs = 5_000;
const oneWay: Span = [0.2, 2];
const neverGivenUp = new AbortController().signal;
/** Of what was sent while nothing gets through, so much is delivered when it does again. */
const deliveredLate = 0.5;

interface Request extends Omit<Taken, 'was' | 'ageMs'> {
  readonly id: string;
  readonly account: string;
  readonly askedAt: number;
  takenIn: number | null;
  answer: OperatorOutcome | undefined;
}

interface DatabaseOptions {
  readonly disk: Disk;
  readonly clock: VirtualClock;
  readonly random: Random;
  /** Told what must be so. */
  readonly must: (isSo: boolean, what: () => string) => void;
}

export type Database = ReturnType<typeof createDatabase>;

export function createDatabase({ disk, clock, random, must }: DatabaseOptions) {
  const others = new Map<string, Disk>();
  const leases = new Map<string, Lease>();
  const replicas = new Map<string, ReplicaRow>();
  const requests = new Map<string, Request>();
  /** A transaction with rows of such an account takes so long for each of them, or waits for a lock and is refused. */
  const heavy = new Map<string, { readonly aRowMs: number } | 'locked'>();
  /** Under way, with what they are to write. */
  const transactions = new Map<string, readonly Part[]>();
  const committed = new Set<string>();
  /** Of `main`, by task, in which commit; the account's own record has no name. */
  const written = new Map<string, number>();
  /** Right or wrong, it is the clock by which leases run out. */
  const offsetMs = between(random, [-90_000, 90_000]);
  const ppm = between(random, [-300, 300]);
  let starts = 0;
  let downUntil = 0;
  let ids = 0;

  function now(): number {
    return Math.floor(begin + clock.monotonic() * (1 + ppm / 1e6) + offsetMs);
  }

  /** Ends at once, with all that is under way. */
  function restart(downMs: number): void {
    starts++;
    downUntil = clock.monotonic() + downMs;
    transactions.clear();
  }

  function leftMs({ name }: Life): number {
    const { holder, expiresAt } = leaseOf('main');
    return holder === name ? Math.max(0, expiresAt - now()) : 0;
  }

  function holderOf(account: string): string {
    return leaseOf(account).holder;
  }

  /** Whoever it is has the account, for so long. */
  function seize(account: string, holder: string, forMs: number): void {
    const { epoch } = leaseOf(account);
    if (isLocked(account)) return;
    leases.set(account, { epoch: epoch + 1, holder, expiresAt: now() + forMs });
  }

  function diskOf(account: string): Disk {
    if (account === 'main') return disk;
    const its = others.get(account) ?? new Disk(random, clock);
    others.set(account, its);
    return its;
  }

  /** It is up, and nobody has the lease. */
  function canBeTaken(): boolean {
    return clock.monotonic() >= downUntil && leaseOf('main').expiresAt <= now();
  }

  function open(process: Life) {
    const { ledgerStore, ownership, shared, close } = openReplica({
      statements: statementsFor(process),
      clock: process.clock,
      id: process.name,
      name: process.name,
      version: '0',
      configHash: () => '',
      place: 'the database',
      newId: () => `request ${++ids}`,
      run: (_, work) => work(neverGivenUp),
    });
    return { store: ledgerStore, ownership, shared, close };
  }

  // ---- on the way ------------------------------------------------------------------------------------------------

  /** One statement there and back. It is done though its process died, stopped waiting or hears nothing of it. */
  function send<T>(process: Life, run: () => T | Promise<T>, withinMs = answerWithinMs): Promise<T> {
    if (!process.alive) return never();
    return new Promise((resolve, reject) => {
      const lost = (why: string) => () => reject(new Error(why));
      const takeBack = process.clock.after(withinMs, lost('no answer in time'));
      const back = (settle: () => void) =>
        process.enter(() => {
          takeBack();
          settle();
        }, 'answer');
      const broken = () => back(lost('the connection broke'));
      const arrive = () => {
        if (clock.monotonic() < downUntil) return travel(process, broken);
        const before = starts;
        const settle = done(run, resolve, reject);
        travel(process, () => (starts === before ? back(settle) : broken()));
      };
      // Most are looks, of which there is one a second: in fair weather only their answer takes time.
      if (disk.weather === fairDisk && process.machine.cutOffUntil <= clock.monotonic()) arrive();
      else travel(process, arrive);
    });
  }

  function done<T>(
    run: () => T | Promise<T>,
    resolve: (value: T | Promise<T>) => void,
    reject: (cause: unknown) => void,
  ): () => void {
    if (draw(random) < disk.weather.failing) return () => reject(new Error('the disk is full'));
    try {
      const value = run();
      return () => resolve(value);
    } catch (cause) {
      return () => reject(cause);
    }
  }

  function travel({ machine }: Life, arrive: () => void): void {
    const ms = between(random, oneWay) + between(random, disk.weather.ms) / 2;
    const leftMs = machine.cutOffUntil - clock.monotonic();
    if (leftMs <= 0) clock.after(ms, arrive);
    else if (draw(random) < deliveredLate) clock.after(leftMs + ms, arrive);
  }

  // ---- what is done there ----------------------------------------------------------------------------------------

  function statementsFor(process: Life): Statements {
    const ask = <T>(run: () => T | Promise<T>) => send(process, run);
    const askOfLeases = <T>(run: () => T | Promise<T>) => send(process, run, leaseAnswerWithinMs);
    return {
      look: () => askOfLeases(() => look()),
      sayPresent: (replica) =>
        askOfLeases(() => {
          for (const account of replica.accounts) leases.set(account, leaseOf(account));
          const startedAt = replicas.get(replica.id)?.startedAt ?? now();
          replicas.set(replica.id, { ...replica, startedAt, seenAt: now() });
        }),
      sayGone: (id) => askOfLeases(() => void replicas.delete(id)),
      keep: async (changes) => {
        const kept = ({ account, to: { expiresAt } }: Change) => ({ ...leaseOf(account), expiresAt });
        return changes.length === 0 ? new Set() : askOfLeases(() => change(changes, kept));
      },
      take: async (changes) => {
        const free = () => changes.filter(({ account }) => !isLocked(account));
        return changes.length === 0 ? new Set() : askOfLeases(() => change(free(), ({ to }) => to));
      },
      write: async (parts, begun) => {
        const death = process.onSave();
        if (death === 'before') {
          process.die();
          return never();
        }
        await weigh(parts, process);
        const { id, owned } = await ask(() => beginSave(parts, process.name));
        if (id === undefined) return;
        begun(id, owned);
        await ask(() => {
          commit(id);
          if (death === 'after') process.die();
        });
      },
      fateOf: (id) => ask(() => (transactions.has(id) ? 'in progress' : committed.has(id) ? 'committed' : 'aborted')),
      load: (account, budgetSince, epoch) =>
        ask(() => {
          if (epoch !== undefined && leaseOf(account).epoch !== epoch)
            throw new Error('another replica has the account');
          return diskOf(account).loaded(account, budgetSince, process.clock.now());
        }),
      news: (accounts, since) => ask(() => news(accounts.includes('main'), since.get('main') ?? 0)),

      add: (id, account, request) =>
        ask(() => {
          if (requests.has(id)) throw new Error('duplicate key');
          requests.set(id, asked(id, account, request));
        }),
      answerTo: (id) => ask(() => requests.get(id)?.answer),
      withdraw: (id, account, request, outcome) =>
        ask(() => {
          const known = requests.get(id) ?? asked(id, account, request);
          requests.set(id, known);
          if (known.takenIn !== null || known.answer) return false;
          known.answer = outcome;
          return true;
        }),
      takeRequest: (id, epoch) => ask(() => takeRequest(id, epoch, process.name)),
      answer: (id, epoch, outcome) =>
        ask(() => {
          const request = requests.get(id);
          if (request?.takenIn === epoch) request.answer ??= outcome;
        }),
    };
  }

  function asked(id: string, account: string, request: Taken['request']): Request {
    return { id, account, request, askedAt: now(), takenIn: null, answer: undefined };
  }

  async function weigh(parts: readonly Part[], { clock }: Life): Promise<void> {
    for (const { account, changes } of parts) {
      const weight = heavy.get(account);
      if (weight === undefined) continue;
      const rows = changes.tasks.length + changes.events.length;
      await clock.sleep(weight === 'locked' ? lockWithinMs : rows * weight.aRowMs);
      if (weight === 'locked') throw new Error('canceling statement due to lock timeout');
    }
  }

  function leaseOf(account: string): Lease {
    return leases.get(account) ?? unclaimed;
  }

  function look(): Snapshot {
    const waiting = [...requests.values()].filter(({ answer }) => answer === undefined);
    return {
      now: now(),
      leases: new Map(leases),
      replicas: [...replicas.values()],
      requests: waiting.map(({ id, account, takenIn }) => ({ id, account, takenIn })),
    };
  }

  function change(changes: readonly Change[], become: (change: Change) => Lease): ReadonlySet<string> {
    const asRead = changes.filter(({ account, from }) => {
      const { epoch, expiresAt } = leaseOf(account);
      return epoch === from.epoch && expiresAt === from.expiresAt;
    });
    for (const change of asRead) {
      const { account } = change;
      const [before, after] = [leaseOf(account), become(change)];
      must(
        after.epoch === before.epoch || claim(before, now(), after.holder) !== undefined,
        () => `${after.holder} takes ${account} while the lease of ${before.holder} runs`,
      );
      leases.set(account, after);
    }
    return new Set(asRead.map(({ account }) => account));
  }

  function isLocked(account: string): boolean {
    return [...transactions.values()].some((parts) => parts.some((part) => part.account === account));
  }

  function beginSave(
    parts: readonly Part[],
    me: string,
  ): { readonly id: string | undefined; readonly owned: ReadonlySet<string> } {
    const mine = parts.filter(({ account, epoch }) => mayWrite(leaseOf(account), epoch, me));
    const owned = new Set(mine.map(({ account }) => account));
    if (mine.length === 0) return { id: undefined, owned };
    const id = `transaction ${++ids}`;
    transactions.set(id, mine);
    clock.after(idleInTransactionMs, () => transactions.delete(id));
    return { id, owned };
  }

  function commit(id: string): void {
    const parts = transactions.get(id);
    if (!parts) throw new Error('the transaction was aborted');
    transactions.delete(id);
    committed.add(id);
    for (const { account, epoch, changes } of parts) {
      const lease = leaseOf(account);
      must(
        lease.epoch === epoch,
        () => `an owner of epoch ${epoch} writes, and ${lease.holder} has the account in epoch ${lease.epoch}`,
      );
      diskOf(account).write(changes);
      if (account !== 'main') continue;
      for (const { taskId } of changes.tasks) written.set(taskId, committed.size);
      if (changes.accountRecord) written.set('', committed.size);
    }
  }

  function news(asked: boolean, since: number) {
    const { tasks, account, holds } = disk.memory;
    const isFresh = (name: string) => (written.get(name) ?? 0) > since;
    const fresh = [...tasks.values()].filter(({ taskId }) => isFresh(taskId));
    return {
      mark: committed.size,
      tasks: asked ? fresh.map((record) => ['main', record] as const) : [],
      records: asked && account && isFresh('') ? [['main', account] as const] : [],
      holds: asked ? [...holds.values()].map((hold) => ['main', hold] as const) : [],
    };
  }

  function takeRequest(id: string, epoch: number, me: string): Taken | undefined {
    const request = requests.get(id);
    if (!request || request.answer || (request.takenIn ?? -1) > epoch) return undefined;
    if (!mayWrite(leaseOf(request.account), epoch, me)) return undefined;
    const was = request.takenIn;
    request.takenIn = epoch;
    return { request: request.request, was, ageMs: now() - request.askedAt };
  }

  return { disk, open, leftMs, left: () => {}, heavy, restart, holderOf, seize, canBeTaken };
}
