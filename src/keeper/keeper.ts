/**
 * The loop of one account: observe, decide, save, act, save, sleep.
 *
 * Three activities share one ledger. The poll reads the whole list and decides, slice by slice; the look settles attempts
 * that are awaited; the lane sends restarts, one permit at a time. What each learns is applied and noted in one turn.
 */

import { type Decision, decide, pollNotBefore, regroup, settleByLook, settledItem } from '../domain/decide/decide.ts';
import { pick } from '../domain/decide/queue.ts';
import { type Moment, type Situation, situationOf } from '../domain/decide/rules.ts';
import { apply } from '../domain/memory/apply.ts';
import { awaitedCloudGroups, emptyLedger, type Ledger } from '../domain/memory/ledger.ts';
import { ledgerFrom, probeSoon, takeOverEvents } from '../domain/memory/take-over.ts';
import { stepClock } from '../domain/memory/times.ts';
import type { Cloud } from '../domain/ports/cloud-port.ts';
import type { Gate } from '../domain/ports/gate-port.ts';
import type { LedgerStore, Ownership } from '../domain/ports/store-port.ts';
import type { Clock, Schedule } from '../domain/ports/time-port.ts';
import type { Event } from '../domain/words/events.ts';
import type { Policies } from '../domain/words/policy.ts';
import type { Observation } from '../domain/words/task.ts';
import { ClockSteps } from './clock-steps.ts';
import { Journal } from './journal.ts';
import { ByHand } from './operator-requests.ts';
import { Calls } from './restarts.ts';
import { Bell } from './wake-up.ts';

/** What can change while the keeper runs: a reload swaps it whole. */
export interface KeeperSettings {
  readonly policies: Policies;
  readonly schedule: Schedule;
  readonly verifyEveryMs: number;
  readonly requestTimeoutMs: number;
  readonly cloud: Cloud;
  /** Which cloud groups are asked for; when that changes, a shorter list is no surprise. */
  readonly listScope: string;
}

export interface KeeperOptions extends KeeperSettings {
  readonly account: string;
  readonly gate: Gate;
  readonly store: LedgerStore;
  readonly ownership: Ownership;
  readonly clock: Clock;
  /** Told of every fact once, in order. */
  readonly tell: (event: Event) => void;
  /** Told when something failed that is nobody's fact: the tick goes on. */
  readonly complain: (what: string, cause: unknown) => void;
}

/** While the schedule is far away, the loop still looks at the clock this often. */
const longestSleepMs = 60_000;
/** After a failing tick or a failing disk: not at once again. */
const restAfterErrorMs = 5_000;
/** Failed attempts older than the longest budget are of no use; `per` is at most a day. */
const budgetReachMs = 24 * 3_600_000;

export class Keeper {
  readonly account: string;
  readonly #options: KeeperOptions;
  #settings: KeeperSettings;
  #ledger: Ledger;
  #journal: Journal;
  #lane: readonly string[] = [];
  #nextPollAt: number;
  #pollNow = new AbortController();
  #probeNow = false;
  #tickedAt: number;
  readonly #laneBell = new Bell();
  readonly #lookBell = new Bell();
  readonly #calls: Calls;
  /** What operators may ask of this account. */
  readonly byHand: ByHand;
  readonly #steps: ClockSteps;
  #stopping = false;

  constructor(options: KeeperOptions) {
    this.account = options.account;
    this.#options = options;
    this.#settings = options;
    this.#ledger = emptyLedger(options.account);
    this.#journal = new Journal(this.#ledger, options.store, options.tell);
    this.#calls = new Calls({
      clock: options.clock,
      complain: options.complain,
      now: () => this.#now(),
      ledger: () => this.#ledger,
      cloud: () => this.#settings.cloud,
      happened: (events) => this.#happened(events),
      commit: () => this.#journal.commit(),
      mayCall: () => this.#mayCall(),
      onAnswer: () => {
        this.#laneBell.ring();
        this.#lookBell.ring();
      },
    });
    this.byHand = new ByHand({
      account: options.account,
      gate: options.gate,
      calls: this.#calls,
      ledger: () => this.#ledger,
      situation: () => this.situation(),
      mayCall: () => !this.#stopping && this.#mayCall(),
      happened: (events) => this.#happened(events),
      commit: () => this.#journal.commit(),
      onChange: () => {
        this.#laneBell.ring();
        this.pollSoon();
      },
    });
    this.#nextPollAt = options.clock.now();
    this.#tickedAt = options.clock.monotonic();
    this.#steps = new ClockSteps(options.clock);
  }

  /** Runs until `signal` aborts; then no new call is made, and those in flight are finished and recorded. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // Rejects when we are stopped, and when ownership can never be had again: that ends the process.
      const owned = await this.#options.ownership.acquire(this.account, signal).catch((cause: unknown) => {
        if (!signal.aborted) throw cause;
      });
      if (!owned || signal.aborted) break;
      const mine = AbortSignal.any([signal, owned.lost]);
      if (!(await this.#takeOver(owned.epoch, mine))) continue;
      await Promise.all([this.#pollLoop(mine), this.#lookLoop(mine), this.#laneLoop(mine)]);
      this.#stopping = signal.aborted;
      await this.#calls.settled();
      if (!signal.aborted) this.#happened([{ type: 'owner-lost', ...this.#about() }]);
    }
    this.#stopping = true;
    await this.#calls.settled();
  }

  /** What was in flight is unanswered, and nothing is decided before a complete observation. */
  async #takeOver(epoch: number, signal: AbortSignal): Promise<boolean> {
    const { clock, complain } = this.#options;
    let loaded = false;
    while (!signal.aborted) {
      try {
        // Once: a hold that came since then must not be lost because the disk was slow to take it.
        if (!loaded) await this.#load(epoch);
        loaded = true;
        await this.#journal.commit();
        return true;
      } catch (cause) {
        complain(`the ledger could not be ${loaded ? 'saved' : 'read'}`, cause);
        await clock.sleep(restAfterErrorMs, signal);
      }
    }
    return false;
  }

  async #load(epoch: number): Promise<void> {
    const { store, clock, gate, tell } = this.#options;
    gate.takenOver();
    const now = clock.now();
    // Steps before this moment were the last owner's to mind: what it stored has moved along already.
    this.#steps.startFrom(clock);
    const stored = await store.load(this.account, now - budgetReachMs);
    this.#ledger = ledgerFrom(this.account, stored);
    this.#journal = new Journal(this.#ledger, store, tell);
    this.#lane = [];
    this.#nextPollAt = now;
    this.#happened(takeOverEvents(this.#ledger, epoch, now));
    this.#happened(regroup(this.#ledger, this.#settings.policies, now), true);
  }

  // ---- the poll ------------------------------------------------------------------------------------------------

  async #pollLoop(signal: AbortSignal): Promise<void> {
    const { clock, complain } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#untilNextPoll(signal);
        if (signal.aborted) return;
        const now = this.#now();
        this.#nextPollAt = this.#settings.schedule.next(now);
        if (!this.#probeNow && now < pollNotBefore(this.#ledger, this.pollGapMs())) continue;
        this.#probeNow = false;
        await this.#poll(signal);
      } catch (cause) {
        if (signal.aborted) return;
        complain('the poll failed unexpectedly', cause);
        await clock.sleep(restAfterErrorMs, signal);
      }
    }
  }

  async #untilNextPoll(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const early = AbortSignal.any([signal, this.#pollNow.signal]);
    for (;;) {
      this.#tickedAt = clock.monotonic();
      const leftMs = this.#nextPollAt - clock.now();
      if (leftMs <= 0 || early.aborted) break;
      await clock.sleep(Math.min(leftMs, longestSleepMs), early);
      this.#mindClockSteps();
      await this.#commitOrComplain();
    }
    this.#pollNow = new AbortController();
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const steps = this.#steps.count;
    const observation = await this.#settings.cloud.observe(signal, (taskId) => settledItem(this.#ledger, taskId));
    if (signal.aborted || this.#steppedSince(steps)) return;
    const decision = await this.#decide(observation);
    this.#journal.touch([], decision.removed);
    if (observation.kind === 'complete') this.#lane = decision.lane;
    await this.#commitOrComplain();
    this.#laneBell.ring();
    this.#lookBell.ring();
  }

  /** In slices, so that a long list does not keep a scrape or an answer waiting. */
  async #decide(observation: Observation): Promise<Decision> {
    const steps = decide(this.#ledger, observation, this.#settings.policies, this.#moment());
    for (;;) {
      const step = steps.next();
      this.#happened(step.done ? step.value.events : step.value, true);
      if (step.done) return step.value;
      await this.#options.clock.yield();
    }
  }

  // ---- the look ------------------------------------------------------------------------------------------------

  /** While restarts are awaited, only the cloud groups concerned are listed, if that costs less than half of the limit. */
  async #lookLoop(signal: AbortSignal): Promise<void> {
    const { clock, complain } = this.#options;
    while (!signal.aborted) {
      if (awaitedCloudGroups(this.#ledger).length === 0) await this.#lookBell.wait(signal);
      else await clock.sleep(this.#settings.verifyEveryMs, signal);
      const cloudGroups = awaitedCloudGroups(this.#ledger);
      if (signal.aborted) return;
      if (cloudGroups.length === 0 || !this.#worthALook(cloudGroups)) continue;
      try {
        this.#mindClockSteps();
        const steps = this.#steps.count;
        const { items } = await this.#settings.cloud.look(cloudGroups, signal);
        if (signal.aborted || this.#steppedSince(steps)) continue;
        this.#happened(settleByLook(this.#ledger, items, this.#settings.policies, this.#moment()), true);
        await this.#commitOrComplain();
        this.#laneBell.ring();
      } catch (cause) {
        if (signal.aborted) return;
        complain('the look at the restarted tasks failed unexpectedly', cause);
      }
    }
  }

  #worthALook(cloudGroups: readonly string[]): boolean {
    const callsPerSecond = this.#settings.cloud.lookCost(cloudGroups) / (this.#settings.verifyEveryMs / 1_000);
    return callsPerSecond < this.#options.gate.snapshot().perSecond / 2;
  }

  // ---- the lane ------------------------------------------------------------------------------------------------

  async #laneLoop(signal: AbortSignal): Promise<void> {
    const { clock, complain } = this.#options;
    while (!signal.aborted) {
      await this.#laneBell.wait(signal);
      try {
        while (!signal.aborted && (await this.#sendNext(signal)));
      } catch (cause) {
        if (signal.aborted) return;
        complain('a restart could not be sent', cause);
        await clock.sleep(restAfterErrorMs, signal);
      }
    }
  }

  /** Waits for a permit, decides again which task it is for, saves the intent, sends. False: nothing to send now. */
  async #sendNext(signal: AbortSignal): Promise<boolean> {
    if (this.#journal.failing || !pick(this.#lane, this.situation())) return false;
    const permit = await this.#options.gate.acquire('restart', signal);
    const choice = signal.aborted || !this.#mayCall() ? undefined : pick(this.#lane, this.situation());
    if (!choice) {
      permit.done('unused');
      return false;
    }
    const { taskId } = choice.record;
    const sent = await this.#calls.send(choice.record, choice.intent, permit);
    if (sent) this.#lane = this.#lane.filter((other) => other !== taskId);
    return sent !== undefined;
  }

  /** A call is sent only while the account is still ours for as long as the call may last. */
  #mayCall(): boolean {
    return this.#options.ownership.remainingMs(this.account) > this.#settings.requestTimeoutMs;
  }

  // ---- reload --------------------------------------------------------------------------------------

  /** Swaps what a reload changed: groups are assigned anew at once, timers and attempts stay as they are. */
  async configure(settings: KeeperSettings): Promise<void> {
    const rescoped = settings.listScope !== this.#settings.listScope;
    this.#settings = settings;
    if (!this.#ledger.owned) return;
    const { accountRecord } = this.#ledger;
    if (rescoped && accountRecord.lastComplete)
      this.#ledger.accountRecord = {
        ...accountRecord,
        suspect: undefined,
        lastComplete: { ...accountRecord.lastComplete, tasks: 0 },
      };
    this.#happened(regroup(this.#ledger, settings.policies, this.#now()), true);
    await this.#commitOrComplain();
    this.pollSoon();
    this.#laneBell.ring();
  }

  /** Brings the next poll forward; not while the list circuit puts it off. */
  pollSoon(): void {
    this.#pollNow.abort();
  }

  /** What opened the circuits may have ended: they are probed at once. */
  probeSoon(): void {
    probeSoon(this.#ledger);
    // A poll that is on its way may fail for the old cause, and must not put the probe off.
    this.#probeNow = true;
    this.pollSoon();
  }

  /** The client learned that an action exists no longer; remembered beyond a restart. */
  actionRetired(from: string, to: string): void {
    this.#happened([{ type: 'action-retired', ...this.#about(), from, to }]);
    void this.#commitOrComplain();
  }

  // ---- what others may see ---------------------------------------------------------------------------------------

  get ledger(): Ledger {
    return this.#ledger;
  }

  get cloud(): Cloud {
    return this.#settings.cloud;
  }

  get gate(): Gate {
    return this.#options.gate;
  }

  /** When the loop last went round, by the monotonic clock. */
  get tickedAt(): number {
    return this.#tickedAt;
  }

  // ---- common ------------------------------------------------------------------------------------------------------

  #about() {
    return { at: this.#now(), account: this.account } as const;
  }

  #moment(): Moment {
    const now = this.#now();
    return {
      now,
      clockOffsetMs: this.#settings.cloud.clockOffsetMs(),
      nextPollAt: this.#nextPollAt,
      pollGapMs: this.pollGapMs(),
    };
  }

  situation(): Situation {
    return situationOf(this.#ledger, this.#settings.policies, this.#moment());
  }

  /** The present gap between scheduled polls. */
  pollGapMs(): number {
    return this.#settings.schedule.next(this.#nextPollAt) - this.#nextPollAt;
  }

  /** Takes note of facts; `applied` when the rules have put them into the ledger already. */
  #happened(events: readonly Event[], applied = false): void {
    if (!applied) for (const event of events) apply(this.#ledger, event);
    this.#journal.note(events);
  }

  async #commitOrComplain(): Promise<void> {
    await this.#journal
      .commit()
      .catch((cause: unknown) =>
        this.#options.complain('the ledger could not be saved, so nothing is restarted', cause),
      );
  }

  /** By this machine's clock. Whoever compares it with stored times gets them moved along with a step first. */
  #now(): number {
    this.#mindClockSteps();
    return this.#options.clock.now();
  }

  /** Sights with times from before and after a step fit nothing that is stored: they are not used, and the next poll comes at once. */
  #steppedSince(steps: number): boolean {
    this.#mindClockSteps();
    if (this.#steps.count !== steps) this.pollSoon();
    return this.#steps.count !== steps;
  }

  #mindClockSteps(): void {
    const { clock, complain } = this.#options;
    const deltaMs = this.#steps.since(clock);
    if (deltaMs === undefined) return;
    this.#journal.touch(stepClock(this.#ledger, deltaMs), []);
    this.#nextPollAt = Math.min(this.#nextPollAt, this.#settings.schedule.next(clock.now()));
    // By a clock that was set back it would come up to a gap later than it was due.
    if (deltaMs < 0) this.pollSoon();
    complain(
      `this machine's clock stepped by ${Math.round(deltaMs / 1_000)} s: every wait keeps its length`,
      undefined,
    );
  }
}
