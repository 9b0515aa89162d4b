/**
 * The loop of one account: observe, decide, save, act, save, sleep.
 *
 * Three activities share one ledger. The poll reads the whole list and decides, slice by slice; the look settles attempts
 * whose effect is still open; the queue sends restarts, one permit at a time. What each learns goes to memory in one turn.
 */

import { decide, settleByLook } from '../domain/decide/decide.ts';
import { pick, queueMovesAt } from '../domain/decide/queue.ts';
import { type Followed, regroup } from '../domain/decide/regroup.ts';
import { nextListProbeAt, takeOverFacts } from '../domain/learn/circuit.ts';
import type { Ledger, StoredLedger } from '../domain/memory/ledger.ts';
import { type Moment, type Situation, situationOf } from '../domain/memory/situation.ts';
import { awaitedCloudGroups } from '../domain/memory/windows.ts';
import type { Cloud, KnownItem } from '../domain/ports/cloud-port.ts';
import type { Gate } from '../domain/ports/gate-port.ts';
import type { OperatorOutcome, OperatorRequest, Owned, Ownership } from '../domain/ports/store-port.ts';
import type { Schedule } from '../domain/ports/time-port.ts';
import type { Fact } from '../domain/words/events.ts';
import { inSlices } from '../domain/words/in-slices.ts';
import type { Policies } from '../domain/words/policy.ts';
import { Bell } from './bell.ts';
import { Desk, type DeskOptions } from './desk.ts';
import { OperatorRequests } from './operator-requests.ts';
import { PollPace } from './poll-pace.ts';
import { Restarts } from './restarts.ts';

/** What can change while the keeper runs: a reload swaps it whole. */
export interface KeeperSettings {
  readonly policies: Policies;
  readonly schedule: Schedule;
  readonly verifyEveryMs: number;
  /** The part of the limit that polling may take. */
  readonly pollShare: number;
  readonly requestTimeoutMs: number;
  readonly cloud: Cloud;
  /** Which cloud groups are asked for; when that changes, a shorter list is no surprise. */
  readonly listScope: string;
}

interface KeeperOptions extends KeeperSettings, DeskOptions {
  readonly gate: Gate;
  readonly ownership: Ownership;
  /** Where several processes share the store: has the owner of the account do what an operator asks. */
  readonly elsewhere?: ((request: OperatorRequest) => Promise<OperatorOutcome>) | undefined;
}

type Learned = 'action-retired' | 'region-found' | 'config-changed' | 'store-lost' | 'store-back';

function followedWords({ hold: { id, author, target }, tasks, groupGone }: Followed): string {
  const group = target.kind === 'group' ? target.group : '';
  const why = groupGone ? `group ${group} is no longer in the file` : `group ${group} no longer has them`;
  return `hold ${id} (by ${author}) continues as task holds on ${tasks} task${tasks === 1 ? '' : 's'}: ${why}`;
}

/** While the schedule is far away, the loop still looks at the clock this often. */
const longestSleepMs = 60_000;
/** Between looks, however much depends on them. */
const leastLookEveryMs = 1_000;
/** While calls that were given up may still be counted, how often we look whether any is out. */
const countedLookEveryMs = 50;
/** So long after its timeout a call is counted for sure, or never. */
const countedWithinMs = 5_000;
/** After a failing tick or a failing disk: not at once again. */
const restAfterErrorMs = 5_000;

export class Keeper {
  readonly account: string;
  readonly #options: KeeperOptions;
  #settings: KeeperSettings;
  readonly #desk: Desk;
  /** Reads the ledger in memory: a new ledger gets a new function. */
  #known: KnownItem | undefined;
  #queue: readonly string[] = [];
  #nextPollAt: number;
  #pollNow = new AbortController();
  readonly #pace: PollPace;
  #probeNow = false;
  /** The newest answer to a restart, by the monotonic clock. */
  #answeredAt = Number.NEGATIVE_INFINITY;
  /** Until then, by the monotonic clock, looks have used up their share: one that fails costs more than was planned. */
  #lookPaidUntil = Number.NEGATIVE_INFINITY;
  #tickedAt: number;
  readonly #queueBell = new Bell();
  readonly #lookBell = new Bell();
  readonly #restarts: Restarts;
  /** What operators may ask of this account. */
  readonly operator: OperatorRequests;
  /** Aborted: the account is another's, or soon. */
  #mine = AbortSignal.abort();

  constructor(options: KeeperOptions) {
    this.account = options.account;
    this.#options = options;
    this.#settings = options;
    this.#desk = new Desk(
      options,
      (deltaMs) => this.#stepped(deltaMs),
      () => this.#queueBell.ring(),
    );
    this.#restarts = new Restarts(this.#desk, {
      cloud: () => this.#settings.cloud,
      mayCall: () => this.mayCall(),
      onAnswer: () => {
        this.#answeredAt = options.clock.monotonic();
        this.#queueBell.ring();
        this.#lookBell.ring();
      },
    });
    this.operator = new OperatorRequests(this.#desk, {
      gate: options.gate,
      restarts: this.#restarts,
      situation: () => this.situation(),
      mayCall: () => !this.#mine.aborted && this.mayCall(),
      elsewhere: options.elsewhere,
      onChange: () => {
        this.#queueBell.ring();
        this.pollSoon();
      },
    });
    this.#nextPollAt = options.clock.now();
    this.#pace = new PollPace(options.clock, () => this.#watchPerSecond());
    this.#tickedAt = options.clock.monotonic();
  }

  /** Runs until `signal` aborts; then no new call is made, and those in flight are finished and recorded. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // Rejects when we are stopped, and when ownership can never be had again: that ends the process.
      const owned = await this.#options.ownership.acquire(this.account, signal).catch((cause: unknown) => {
        if (!signal.aborted) throw cause;
      });
      if (!owned) break;
      await this.#keep(owned, signal);
    }
    await this.#restarts.settled();
  }

  /** Works as long as the account is ours, and hands it over with no call on its way and everything saved. */
  async #keep({ epoch, lost, handOver }: Owned, signal: AbortSignal): Promise<void> {
    const mine = AbortSignal.any([signal, lost]);
    this.#mine = mine;
    if (await this.#takeOver(epoch, mine)) {
      await Promise.all([this.#pollLoop(mine), this.#lookLoop(mine), this.#queueLoop(mine)]);
      await this.#restarts.settled();
      if (!signal.aborted) this.#desk.memory.tell(this.#desk.now(), { type: 'owner-lost' });
      if (handOver && this.#options.ownership.remainingMs(this.account) > 0) await this.#desk.commitOrComplain();
    }
    await this.#untilCounted();
    await handOver?.();
  }

  /**
   * A call without an answer may be counted seconds after it was given up, and whoever owns the account next waits for one
   * window: so the rest of that is waited out here. With an answer to every call it takes no time.
   */
  async #untilCounted(): Promise<void> {
    const { gate, clock, ownership } = this.#options;
    const giveUpAt = clock.monotonic() + this.#settings.requestTimeoutMs + countedWithinMs;
    // A lease that runs out has a margin for it.
    while (ownership.remainingMs(this.account) > 0 && clock.monotonic() < giveUpAt) {
      const inMs = gate.countedInMs();
      if (inMs <= 0) return;
      await clock.sleep(Math.min(inMs, countedLookEveryMs));
    }
  }

  /** What was in flight is unanswered, and nothing is decided before a complete observation. */
  async #takeOver(epoch: number, signal: AbortSignal): Promise<boolean> {
    const { clock, complain } = this.#options;
    let loaded = false;
    while (!signal.aborted) {
      try {
        // Once: a hold that came since then must not be lost because the disk was slow to take it.
        if (!loaded) await this.#load(epoch, signal);
        loaded = true;
        await this.#desk.commit();
        return true;
      } catch (cause) {
        if (!loaded && signal.aborted) break;
        complain(`the ledger could not be ${loaded ? 'saved' : 'read'}`, cause);
        await clock.sleep(restAfterErrorMs, signal);
      }
    }
    return false;
  }

  async #load(epoch: number, signal: AbortSignal): Promise<void> {
    const { clock, gate } = this.#options;
    gate.takenOver();
    const now = clock.now();
    await this.#desk.load(signal);
    const { ledger, memory } = this.#desk;
    this.#known = (taskId) => ledger.tasks.get(taskId)?.item;
    this.#queue = [];
    this.#nextPollAt = now;
    memory.tell(now, ...takeOverFacts(ledger, epoch));
    memory.rescope(this.#settings.listScope);
    regroup(memory, this.#settings.policies, now);
  }

  // ---- the poll ------------------------------------------------------------------------------------------------

  async #pollLoop(signal: AbortSignal): Promise<void> {
    const { clock, complain } = this.#options;
    // The end cuts the sleep short as well, and is joined once, not for each sleep.
    signal.addEventListener('abort', () => this.pollSoon(), { once: true });
    while (!signal.aborted) {
      try {
        await this.#untilNextPoll(signal);
        if (signal.aborted) return;
        const now = this.#desk.now();
        const dueAt = clock.monotonic() - Math.max(0, now - this.#nextPollAt);
        this.#nextPollAt = this.#pace.next(this.#settings.schedule, now, now);
        if (!this.#probeNow && now < nextListProbeAt(this.#desk.ledger, this.pollGapMs())) continue;
        this.#probeNow = false;
        await this.#poll(dueAt, signal);
      } catch (cause) {
        if (signal.aborted) return;
        complain('the poll failed unexpectedly', cause);
        await clock.sleep(restAfterErrorMs, signal);
      }
    }
  }

  async #untilNextPoll(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let early = false;
    for (;;) {
      this.#tickedAt = clock.monotonic();
      if (this.#pollNow.signal.aborted) {
        early = true;
        this.#pollNow = new AbortController();
      }
      const untilTickMs = this.#nextPollAt - clock.now();
      const leftMs = early ? Math.min(untilTickMs, this.#pace.waitMs()) : untilTickMs;
      if (leftMs <= 0 || signal.aborted || (early && this.#probeNow)) return;
      const mostMs = this.#desk.failing ? restAfterErrorMs : longestSleepMs;
      await clock.sleep(Math.min(leftMs, mostMs), this.#pollNow.signal);
      this.#desk.mindClockSteps();
      await this.#desk.commitOrComplain();
    }
  }

  /** `dueAt` by the monotonic clock. */
  async #poll(dueAt: number, signal: AbortSignal): Promise<void> {
    const { gate, clock } = this.#options;
    const admitted = gate.admitted('poll');
    const startedAt = this.#desk.now();
    const steps = this.#desk.steps;
    const { cloud, listScope } = this.#settings;
    const observation = await cloud.observe(signal, this.#known);
    this.#pace.made(gate.admitted('poll') - admitted, dueAt, observation.kind === 'complete');
    if (signal.aborted || this.#steppedSince(steps)) return;
    // Of cloud groups that are asked for no longer: beside it the next list would be suspect.
    if (listScope !== this.#settings.listScope) return;
    this.#nextPollAt = this.#pace.next(this.#settings.schedule, startedAt, clock.now());
    const { policies } = this.#settings;
    // In slices, so that a long list does not keep a scrape or an answer waiting.
    const queue = await inSlices(decide(this.#desk.memory, observation, policies, this.#moment()), clock);
    if (observation.kind === 'complete') this.#queue = queue;
    await this.#desk.commitOrComplain();
    this.#queueBell.ring();
    this.#lookBell.ring();
  }

  // ---- the look ------------------------------------------------------------------------------------------------

  /** While restarts are awaited, only the cloud groups concerned are listed, if that costs less than half of the limit. */
  async #lookLoop(signal: AbortSignal): Promise<void> {
    const { clock, complain, gate } = this.#options;
    while (!signal.aborted) {
      if (awaitedCloudGroups(this.situation()).length === 0) await this.#lookBell.wait(signal);
      else await this.#untilLook(signal);
      if (signal.aborted) return;
      const cloudGroups = this.#worthALook();
      if (cloudGroups.length === 0) continue;
      try {
        this.#desk.mindClockSteps();
        const steps = this.#desk.steps;
        const [startedAt, admitted] = [clock.monotonic(), gate.admitted('verify')];
        const { items } = await this.#settings.cloud.look(cloudGroups, signal, this.#known);
        this.#lookPaidUntil = startedAt + ((gate.admitted('verify') - admitted) * 1_000) / this.#watchPerSecond();
        // Amid a list a step of the clock is not minded yet.
        await this.#desk.betweenLists();
        if (signal.aborted || this.#steppedSince(steps)) continue;
        settleByLook(this.#desk.memory, items, this.situation());
        await this.#desk.commitOrComplain();
        this.#queueBell.ring();
      } catch (cause) {
        if (signal.aborted) return;
        complain('the look at the restarted tasks failed unexpectedly', cause);
      }
    }
  }

  /**
   * Until restarted tasks are looked at again: `verifyEvery`, or less while a storm withholds restarts and others were
   * answered just now. What the look shows of those may set the next free, so that a window of 3 is no wait for them.
   */
  async #untilLook(signal: AbortSignal): Promise<void> {
    const { clock, gate } = this.#options;
    const { cloud, verifyEveryMs } = this.#settings;
    const cost = cloud.lookCost(this.#worthALook());
    const unpaidMs = this.#lookPaidUntil - clock.monotonic();
    const sliceMs = Math.max(leastLookEveryMs, (cost * 1_000) / this.#watchPerSecond(), unpaidMs);
    const restMs = Math.max(verifyEveryMs, unpaidMs);
    const dueAt = clock.monotonic() + restMs;
    for (let leftMs = restMs; leftMs > 0 && !signal.aborted; leftMs = dueAt - clock.monotonic()) {
      await clock.sleep(Math.min(leftMs, sliceMs), signal);
      const fresh = clock.monotonic() - this.#answeredAt < verifyEveryMs;
      if (fresh && this.#queue.length > 0 && gate.snapshot().queued.restart === 0) return;
    }
  }

  /**
   * Looks have the share of polling, and leave polls their part of it while restarts wait for a permit. Cloud groups with
   * the longest lists are left to the polls first, so that the others are looked at.
   */
  #worthALook(): readonly string[] {
    const { cloud, verifyEveryMs, schedule } = this.#settings;
    const restartsWait = this.#options.gate.snapshot().queued.restart > 0;
    const polls = restartsWait ? this.#pace.callsPerSecond(schedule, this.#options.clock.now()) : 0;
    const calls = ((this.#watchPerSecond() - polls) * verifyEveryMs) / 1_000;
    const cloudGroups = awaitedCloudGroups(this.situation());
    if (cloud.lookCost(cloudGroups) < calls) return cloudGroups;
    const cost = new Map(cloudGroups.map((name) => [name, cloud.lookCost([name])]));
    const shortestFirst = cloudGroups.toSorted((a, b) => (cost.get(a) ?? 0) - (cost.get(b) ?? 0));
    while (shortestFirst.length > 0 && cloud.lookCost(shortestFirst) >= calls) shortestFirst.pop();
    return shortestFirst;
  }

  /** The calls that watching may take in a second. */
  #watchPerSecond(): number {
    const { perSecond, listPerSecond } = this.#options.gate.snapshot();
    return this.#settings.pollShare * Math.min(perSecond, listPerSecond);
  }

  // ---- the queue ------------------------------------------------------------------------------------------------

  async #queueLoop(signal: AbortSignal): Promise<void> {
    const { clock, complain } = this.#options;
    while (!signal.aborted) {
      await this.#untilQueueMoves(signal);
      try {
        while (!signal.aborted && (await this.#sendNext(signal)));
      } catch (cause) {
        if (signal.aborted) return;
        complain('a restart could not be sent', cause);
        await clock.sleep(restAfterErrorMs, signal);
      }
    }
  }

  /** A wait ends and a storm's window frees by time alone: then no look or list comes to ring. */
  async #untilQueueMoves(signal: AbortSignal): Promise<void> {
    const ring = () => this.#queueBell.ring();
    const inMs = this.#queueMovesInMs();
    const cancel = inMs === undefined ? undefined : this.#options.clock.after(inMs, ring);
    await this.#queueBell.wait(signal);
    cancel?.();
  }

  #queueMovesInMs(): number | undefined {
    if (this.#queue.length === 0) return undefined;
    if (this.#desk.ledger.storms.size > 0) return leastLookEveryMs;
    const situation = this.situation();
    const at = queueMovesAt(this.#queue, situation);
    return at === undefined ? undefined : at - situation.now;
  }

  /** Waits for a permit, decides again which task it is for, saves the intent, sends. False: nothing to send now. */
  async #sendNext(signal: AbortSignal): Promise<boolean> {
    if (this.#desk.failing || !pick(this.#queue, this.situation())) return false;
    const permit = await this.#options.gate.acquire('restart', signal);
    const decide = () => (signal.aborted || !this.mayCall() ? undefined : pick(this.#queue, this.situation()));
    const sent = await this.#restarts.send(permit, decide);
    if (sent) this.#queue = this.#queue.filter((taskId) => taskId !== sent.taskId);
    return sent !== undefined;
  }

  /** A call is sent only while the account is still ours for as long as the call may last. */
  mayCall(): boolean {
    return this.#options.ownership.remainingMs(this.account) > this.#settings.requestTimeoutMs;
  }

  // ---- reload --------------------------------------------------------------------------------------

  /** Swaps what a reload changed: groups are assigned anew at once, timers and attempts stay as they are. Gives warnings. */
  async configure(settings: KeeperSettings): Promise<readonly string[]> {
    // The rest of a list would be decided by the policies of before, and tasks given back to the groups that they left.
    await this.#desk.betweenLists();
    this.#settings = settings;
    if (!this.#desk.ledger.owned) return [];
    this.#desk.memory.rescope(settings.listScope);
    const followed = regroup(this.#desk.memory, settings.policies, this.#desk.now());
    await this.#desk.commitOrComplain();
    this.pollSoon();
    this.#queueBell.ring();
    return followed.map(followedWords);
  }

  /** Brings the next poll forward; not while the list circuit puts it off. */
  pollSoon(): void {
    this.#pollNow.abort('now');
  }

  /** What opened the circuits may have ended: they are probed at once. */
  probeSoon(): void {
    this.#desk.memory.probeSoon();
    // A poll that is on its way may fail for the old cause, and must not put the probe off.
    this.#probeNow = true;
    this.pollSoon();
  }

  /** What was found out about the account: a fact now, and remembered beyond a restart. */
  learned(found: Extract<Fact, { type: Learned }>): void {
    this.#desk.memory.tell(this.#desk.now(), found);
    // A store that is lost takes it once it is back.
    if (found.type !== 'store-lost') void this.#desk.commitOrComplain();
  }

  /** While another process owns the account: what that one stored is shown here. */
  follow(stored: StoredLedger): void {
    if (!this.#desk.ledger.owned) this.#desk.follow(stored);
  }

  // ---- what others may see ---------------------------------------------------------------------------------------

  get ledger(): Ledger {
    return this.#desk.ledger;
  }

  get cloud(): Cloud {
    return this.#settings.cloud;
  }

  get gate(): Gate {
    return this.#options.gate;
  }

  get listScope(): string {
    return this.#settings.listScope;
  }

  /** When the loop last went round, by the monotonic clock. */
  get tickedAt(): number {
    return this.#tickedAt;
  }

  // ---- common ------------------------------------------------------------------------------------------------------

  #moment(): Moment {
    const now = this.#desk.now();
    return {
      now,
      clockOffsetMs: this.#settings.cloud.clockOffsetMs(),
      nextPollAt: this.#nextPollAt,
      pollGapMs: this.pollGapMs(),
    };
  }

  situation(): Situation {
    const moment = { ...this.#moment(), storeFails: this.#desk.failing };
    return situationOf(this.#desk.ledger, this.#settings.policies, moment);
  }

  /** The gap between the polls around the present moment. */
  pollGapMs(): number {
    return this.#pace.gapMs(this.#settings.schedule, this.#options.clock.now());
  }

  /** Sights with times of both sides of a clock step fit nothing that is stored: they are dropped, and a poll comes at once. */
  #steppedSince(steps: number): boolean {
    this.#desk.mindClockSteps();
    if (this.#desk.steps !== steps) this.pollSoon();
    return this.#desk.steps !== steps;
  }

  #stepped(deltaMs: number): void {
    const { clock } = this.#options;
    this.#nextPollAt = Math.min(this.#nextPollAt, this.#pace.next(this.#settings.schedule, clock.now(), clock.now()));
    // By a clock that was set back it would come up to a gap later than it was due.
    if (deltaMs < 0) this.pollSoon();
  }
}
