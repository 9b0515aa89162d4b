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
import type { Life } from './life.ts';
import type { Home } from './process.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** What the driver waits for an answer (leases have a connection of their own), and the server for the next statement. */
const answerWithinMs = 20_000;
const idleInTransactionMs = 10_000;
/** A statement of a save waits so long for a row. */
export const lockWithinMs = 5_000;
const oneWay: Span = [0.2, 2];
/** Of what was sent while nothing gets through, so much is delivered when it does again. */
const deliveredLate = 0.5;

interface Request extends Omit<Taken, 'was' | 'ageMs'> {
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

export class Database implements Home {
  /** Of `main`; its weather is everybody's. */
  readonly disk: Disk;
  readonly #others = new Map<string, Disk>();
  /** A transaction with rows of such an account takes so long for each of them, or waits for a lock and is refused. */
  readonly heavy = new Map<string, { readonly aRowMs: number } | 'locked'>();
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #must: DatabaseOptions['must'];
  /** Right or wrong, it is the clock by which leases run out. */
  readonly #offsetMs: number;
  readonly #ppm: number;
  readonly #leases = new Map<string, Lease>();
  readonly #replicas = new Map<string, ReplicaRow>();
  readonly #requests = new Map<string, Request>();
  /** Under way, with what they are to write. */
  readonly #transactions = new Map<string, readonly Part[]>();
  readonly #committed = new Set<string>();
  /** Of `main`, by task, in which commit; the account's own record has no name. */
  readonly #written = new Map<string, number>();
  #starts = 0;
  #downUntil = 0;
  #ids = 0;

  constructor({ disk, clock, random, must }: DatabaseOptions) {
    this.disk = disk;
    this.#clock = clock;
    this.#random = random;
    this.#must = must;
    this.#offsetMs = between(random, [-90_000, 90_000]);
    this.#ppm = between(random, [-300, 300]);
  }

  now(): number {
    return Math.floor(begin + this.#clock.monotonic() * (1 + this.#ppm / 1e6) + this.#offsetMs);
  }

  /** Ends at once, with all that is under way. */
  restart(downMs: number): void {
    this.#starts++;
    this.#downUntil = this.#clock.monotonic() + downMs;
    this.#transactions.clear();
  }

  leftMs({ name }: Life): number {
    const { holder, expiresAt } = this.#leaseOf('main');
    return holder === name ? Math.max(0, expiresAt - this.now()) : 0;
  }

  left(): void {}

  holderOf(account: string): string {
    return this.#leaseOf(account).holder;
  }

  /** Whoever it is has the account, for so long. */
  seize(account: string, holder: string, forMs: number): void {
    const { epoch } = this.#leaseOf(account);
    if (this.#isLocked(account)) return;
    this.#leases.set(account, { epoch: epoch + 1, holder, expiresAt: this.now() + forMs });
  }

  #diskOf(account: string): Disk {
    if (account === 'main') return this.disk;
    const disk = this.#others.get(account) ?? new Disk(this.#random, this.#clock);
    this.#others.set(account, disk);
    return disk;
  }

  /** It is up, and nobody has the lease. */
  canBeTaken(): boolean {
    return this.#clock.monotonic() >= this.#downUntil && this.#leaseOf('main').expiresAt <= this.now();
  }

  open(process: Life) {
    const { ledgerStore, ownership, shared, close } = openReplica({
      statements: this.#statementsFor(process),
      clock: process.clock,
      id: process.name,
      name: process.name,
      version: '0',
      configHash: () => '',
      place: 'the database',
      newId: () => `request ${++this.#ids}`,
      run: (_, work) => work(),
    });
    return { store: ledgerStore, ownership, shared, close };
  }

  // ---- on the way ------------------------------------------------------------------------------------------------

  /** One statement there and back. It is done though its process died, stopped waiting or hears nothing of it. */
  #ask<T>(process: Life, run: () => T | Promise<T>, withinMs = answerWithinMs): Promise<T> {
    if (!process.alive) return new Promise(() => {});
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
        if (this.#clock.monotonic() < this.#downUntil) return this.#travel(process, broken);
        const starts = this.#starts;
        const settle = this.#done(run, resolve, reject);
        this.#travel(process, () => (starts === this.#starts ? back(settle) : broken()));
      };
      // Most are looks, of which there is one a second: in fair weather only their answer takes time.
      if (this.disk.weather === fairDisk && process.machine.cutOffUntil <= this.#clock.monotonic()) arrive();
      else this.#travel(process, arrive);
    });
  }

  #done<T>(
    run: () => T | Promise<T>,
    resolve: (value: T | Promise<T>) => void,
    reject: (cause: unknown) => void,
  ): () => void {
    if (draw(this.#random) < this.disk.weather.failing) return () => reject(new Error('the disk is full'));
    try {
      const value = run();
      return () => resolve(value);
    } catch (cause) {
      return () => reject(cause);
    }
  }

  #travel({ machine }: Life, arrive: () => void): void {
    const ms = between(this.#random, oneWay) + between(this.#random, this.disk.weather.ms) / 2;
    const leftMs = machine.cutOffUntil - this.#clock.monotonic();
    if (leftMs <= 0) this.#clock.after(ms, arrive);
    else if (draw(this.#random) < deliveredLate) this.#clock.after(leftMs + ms, arrive);
  }

  // ---- what is done there ----------------------------------------------------------------------------------------

  #statementsFor(process: Life): Statements {
    const ask = <T>(run: () => T | Promise<T>) => this.#ask(process, run);
    const askOfLeases = <T>(run: () => T | Promise<T>) => this.#ask(process, run, leaseAnswerWithinMs);
    return {
      look: () => askOfLeases(() => this.#look()),
      sayPresent: (replica) =>
        askOfLeases(() => {
          for (const account of replica.accounts) this.#leases.set(account, this.#leaseOf(account));
          const startedAt = this.#replicas.get(replica.id)?.startedAt ?? this.now();
          this.#replicas.set(replica.id, { ...replica, startedAt, seenAt: this.now() });
        }),
      sayGone: (id) => askOfLeases(() => void this.#replicas.delete(id)),
      keep: async (changes) =>
        changes.length === 0
          ? new Set()
          : askOfLeases(() =>
              this.#change(changes, ({ account, to: { expiresAt } }) => ({ ...this.#leaseOf(account), expiresAt })),
            ),
      take: async (changes) =>
        changes.length === 0
          ? new Set()
          : askOfLeases(() =>
              this.#change(
                changes.filter(({ account }) => !this.#isLocked(account)),
                ({ to }) => to,
              ),
            ),

      write: async (parts, begun) => {
        const death = process.onSave();
        if (death === 'before') {
          process.die();
          return new Promise(() => {});
        }
        await this.#weigh(parts, process);
        const { id, owned } = await ask(() => this.#begin(parts, process.name));
        if (id === undefined) return;
        begun(id, owned);
        await ask(() => {
          this.#commit(id);
          if (death === 'after') process.die();
        });
      },
      fateOf: (id) =>
        ask(() => (this.#transactions.has(id) ? 'in progress' : this.#committed.has(id) ? 'committed' : 'aborted')),
      load: (account, budgetSince, epoch) =>
        ask(() => {
          if (epoch !== undefined && this.#leaseOf(account).epoch !== epoch)
            throw new Error('another replica has the account');
          return this.#diskOf(account).loaded(account, budgetSince, process.clock.now());
        }),
      news: (accounts, since) => ask(() => this.#news(accounts.includes('main'), since.get('main') ?? 0)),

      add: (id, account, request) =>
        ask(() => {
          if (this.#requests.has(id)) throw new Error('duplicate key');
          this.#requests.set(id, { account, request, askedAt: this.now(), takenIn: null, answer: undefined });
        }),
      answerTo: (id) => ask(() => this.#requests.get(id)?.answer),
      withdraw: (id, account, request, outcome) =>
        ask(() => {
          const known = this.#requests.get(id) ?? {
            account,
            request,
            askedAt: this.now(),
            takenIn: null,
            answer: undefined,
          };
          this.#requests.set(id, known);
          if (known.takenIn !== null || known.answer) return false;
          known.answer = outcome;
          return true;
        }),
      takeRequest: (id, epoch) => ask(() => this.#takeRequest(id, epoch, process.name)),
      answer: (id, epoch, outcome) =>
        ask(() => {
          const request = this.#requests.get(id);
          if (request?.takenIn === epoch) request.answer ??= outcome;
        }),
    };
  }

  async #weigh(parts: readonly Part[], { clock }: Life): Promise<void> {
    for (const { account, changes } of parts) {
      const heavy = this.heavy.get(account);
      if (heavy === undefined) continue;
      const rows = changes.tasks.length + changes.events.length;
      await clock.sleep(heavy === 'locked' ? lockWithinMs : rows * heavy.aRowMs);
      if (heavy === 'locked') throw new Error('canceling statement due to lock timeout');
    }
  }

  #leaseOf(account: string): Lease {
    return this.#leases.get(account) ?? unclaimed;
  }

  #look(): Snapshot {
    const waiting = [...this.#requests].filter(([, { answer }]) => answer === undefined);
    return {
      now: this.now(),
      leases: new Map(this.#leases),
      replicas: [...this.#replicas.values()],
      requests: waiting.map(([id, { account, takenIn }]) => ({ id, account, takenIn })),
    };
  }

  #change(changes: readonly Change[], become: (change: Change) => Lease): ReadonlySet<string> {
    const asRead = changes.filter(({ account, from }) => {
      const { epoch, expiresAt } = this.#leaseOf(account);
      return epoch === from.epoch && expiresAt === from.expiresAt;
    });
    for (const change of asRead) {
      const { account } = change;
      const [before, after] = [this.#leaseOf(account), become(change)];
      this.#must(
        after.epoch === before.epoch || claim(before, this.now(), after.holder) !== undefined,
        () => `${after.holder} takes ${account} while the lease of ${before.holder} runs`,
      );
      this.#leases.set(account, after);
    }
    return new Set(asRead.map(({ account }) => account));
  }

  #isLocked(account: string): boolean {
    return [...this.#transactions.values()].some((parts) => parts.some((part) => part.account === account));
  }

  #begin(parts: readonly Part[], me: string): { readonly id: string | undefined; readonly owned: ReadonlySet<string> } {
    const mine = parts.filter(({ account, epoch }) => mayWrite(this.#leaseOf(account), epoch, me));
    const owned = new Set(mine.map(({ account }) => account));
    if (mine.length === 0) return { id: undefined, owned };
    const id = `transaction ${++this.#ids}`;
    this.#transactions.set(id, mine);
    this.#clock.after(idleInTransactionMs, () => this.#transactions.delete(id));
    return { id, owned };
  }

  #commit(id: string): void {
    const parts = this.#transactions.get(id);
    if (!parts) throw new Error('the transaction was aborted');
    this.#transactions.delete(id);
    this.#committed.add(id);
    for (const { account, epoch, changes } of parts) {
      const lease = this.#leaseOf(account);
      this.#must(
        lease.epoch === epoch,
        () => `an owner of epoch ${epoch} writes, and ${lease.holder} has the account in epoch ${lease.epoch}`,
      );
      this.#diskOf(account).write(changes);
      if (account !== 'main') continue;
      for (const { taskId } of changes.tasks) this.#written.set(taskId, this.#committed.size);
      if (changes.accountRecord) this.#written.set('', this.#committed.size);
    }
  }

  #news(asked: boolean, since: number) {
    const { tasks, account, holds } = this.disk.memory;
    const isFresh = (name: string) => (this.#written.get(name) ?? 0) > since;
    const fresh = [...tasks.values()].filter(({ taskId }) => isFresh(taskId));
    return {
      mark: this.#committed.size,
      tasks: asked ? fresh.map((record) => ['main', record] as const) : [],
      records: asked && account && isFresh('') ? [['main', account] as const] : [],
      holds: asked ? [...holds.values()].map((hold) => ['main', hold] as const) : [],
    };
  }

  #takeRequest(id: string, epoch: number, me: string): Taken | undefined {
    const request = this.#requests.get(id);
    if (!request || request.answer || (request.takenIn ?? -1) > epoch) return undefined;
    if (!mayWrite(this.#leaseOf(request.account), epoch, me)) return undefined;
    const was = request.takenIn;
    request.takenIn = epoch;
    return { request: request.request, was, ageMs: this.now() - request.askedAt };
  }
}
