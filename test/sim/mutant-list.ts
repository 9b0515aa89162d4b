/** Deliberate faults in rules, ledger, limiter and keeper. Each must be caught, within 200 seeds or by the table it names. */
export interface Mutant {
  /** What goes wrong, in words. */
  readonly name: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly from: string;
  readonly to: string;
  /** The table that says it exactly, where a bound cannot tell; absent: the swarm. */
  readonly caughtBy?: string;
  /** The kind of lasting trouble that must cost others more: pairs of histories are played instead of the swarm. */
  readonly kind?: string;
}

export const mutants: readonly Mutant[] = [
  // ---- rules
  {
    name: 'holds are not asked',
    file: 'src/domain/decide/rules.ts',
    from: 'return hold && no(endOf(hold)',
    to: 'return undefined && hold && no(endOf(hold)',
  },
  {
    name: 'a restart right before EndTime',
    file: 'src/domain/decide/rules.ts',
    from: 'return tooLate ? no(never',
    to: 'return tooLate && false ? no(never',
  },
  {
    name: 'a restart before StartTime',
    file: 'src/domain/decide/rules.ts',
    from: 'plus(item.startsAt, -policy.startLeadMs)',
    to: 'plus(item.startsAt, -policy.startLeadMs - 600_000)',
  },
  {
    name: 'hours are not asked',
    file: 'src/domain/decide/rules.ts',
    from: 'return opening.open ? undefined : no(byOurs(opening.until',
    to: 'return opening.open || true ? undefined : no(byOurs(opening.until',
  },
  {
    name: 'the backoff is one step behind',
    file: 'src/domain/decide/rules.ts',
    from: 'backoff.factor ** (n - 2)',
    to: 'backoff.factor ** (n - 3)',
  },
  {
    name: 'the backoff has no effect',
    file: 'src/domain/decide/rules.ts',
    from: 'if (Math.max(ownUntil, throttledUntil) <= now) return undefined;',
    to: 'if (throttledUntil <= now) return undefined;',
  },
  {
    name: 'throttling makes nobody wait',
    file: 'src/domain/decide/rules.ts',
    from: 'const throttledUntil = ledger.accountRecord.throttle?.until ?? 0;',
    to: 'const throttledUntil = (ledger.accountRecord.throttle?.until ?? 0) * 0;',
  },
  {
    name: 'quarantine does not wait',
    file: 'src/domain/decide/rules.ts',
    from: 'return notBefore > now ? no(notBefore,',
    to: 'return notBefore > now + 1e12 ? no(notBefore,',
  },
  {
    name: 'nothing is ever abandoned',
    file: 'src/domain/memory/condition.ts',
    from: 'failedAttemptAt >= quarantinedAt + policy',
    to: 'failedAttemptAt >= 1e12 + quarantinedAt + policy',
    caughtBy: 'test/domain/quarantine.test.ts',
  },
  {
    name: 'one sight is enough',
    file: 'src/domain/decide/rules.ts',
    from: 'sights >= policy.confirm) return',
    to: 'sights >= 1) return',
  },
  {
    name: 'what the newest list does not show is restarted',
    file: 'src/domain/decide/rules.ts',
    from: 'return ledger.seenNow.has(taskId) ? undefined',
    to: 'return ledger.seenNow.has(taskId) || true ? undefined',
  },
  {
    name: 'an old list is good enough',
    file: 'src/domain/decide/rules.ts',
    from: 'if (now >= blindAt)',
    to: 'if (now >= blindAt + 3_600_000)',
  },
  {
    name: 'an effect is not awaited',
    file: 'src/domain/decide/rules.ts',
    from: "if (attempt?.phase.kind !== 'verifying' && attempt?.phase.kind !== 'doubted') return undefined;",
    to: "if (attempt?.phase.kind !== 'doubted') return undefined;",
  },
  {
    name: 'an open list circuit stops nobody',
    file: 'src/domain/decide/queue.ts',
    from: "if (list.kind === 'open' || awaitsThrottledAnswer",
    to: 'if (awaitsThrottledAnswer',
  },
  {
    name: 'probes as often as they like',
    file: 'src/domain/decide/rules.ts',
    from: 'const probeEveryMs = 30_000;',
    to: 'const probeEveryMs = 1_000;',
  },
  // ---- one task's trouble stays its own
  {
    name: 'whoever was given back goes first again',
    file: 'src/domain/decide/queue.ts',
    from: 'calls: Math.min(record.outage?.calls ?? 0, turnsFromCalls),',
    to: 'calls: Math.min(record.attempts, turnsFromCalls),',
    kind: 'throttled',
  },
  {
    name: 'the denial of one task opens the circuit',
    file: 'src/domain/words/failure.ts',
    from: "restartCircuit: 'denies',\n    attempt: 'failed',",
    to: "restartCircuit: 'opens',\n    attempt: 'given-back',",
    kind: 'permission',
  },
  {
    name: 'a restart of which nothing is seen fills the window for ever',
    file: 'src/domain/memory/windows.ts',
    from: 'const pollsToBeSeen = 2;',
    to: 'const pollsToBeSeen = 1e6;',
    kind: 'unknown status after a restart',
  },
  {
    name: 'the clock alone abandons',
    file: 'src/domain/memory/condition.ts',
    from: 'const { failedAttemptAt } = record;',
    to: 'const failedAttemptAt = record.item.requestedAt;',
    caughtBy: 'test/domain/quarantine.test.ts',
  },
  {
    name: 'another group’s verifyWithin is waited for',
    file: 'src/domain/memory/windows.ts',
    from: 'const fromThen = now - patienceMs(policy, pollGapMs);',
    to: 'const fromThen = Number.NEGATIVE_INFINITY;',
    kind: 'a group that waits an hour for its restarts',
  },
  // ---- storm and budget
  {
    name: 'the storm window begins at thirty',
    file: 'src/domain/memory/windows.ts',
    from: 'export const stormWindowStart = 3;',
    to: 'export const stormWindowStart = 30;',
  },
  {
    name: 'one more than the storm window',
    file: 'src/domain/memory/windows.ts',
    from: 'out(key) < storm.window',
    to: 'out(key) <= storm.window',
  },
  {
    name: 'the storm window does not close',
    file: 'src/domain/memory/windows.ts',
    from: 'if (window <= stormWindowStart) return storm;',
    to: 'if (window >= stormWindowStart) return storm;',
    caughtBy: 'test/domain/storm.test.ts',
  },
  {
    name: 'a relapse costs the window nothing',
    file: 'src/domain/memory/windows.ts',
    from: 'Math.max(stormWindowStart, window - perSuccess - 1)',
    to: 'Math.max(stormWindowStart, window)',
    caughtBy: 'test/domain/storm.test.ts',
  },
  {
    name: 'the budget is never spent',
    file: 'src/domain/learn/storm.ts',
    from: 'return failed > 0 && failed >= allowed',
    to: 'return failed > 1e9 && failed >= allowed',
    caughtBy: 'test/domain/storm.test.ts',
  },
  {
    name: 'no storm by stopped tasks',
    file: 'src/domain/learn/storm.ts',
    from: 'return stopped > 0 && stopped >= atLeast',
    to: 'return stopped > 1e9 && stopped >= atLeast',
  },
  // ---- circuits
  {
    name: 'three failures open the circuit',
    file: 'src/domain/learn/circuit.ts',
    from: 'const rowThatOpens = 5;',
    to: 'const rowThatOpens = 3;',
    caughtBy: 'test/domain/circuit.test.ts',
  },
  {
    name: 'a throttled answer is a failed attempt',
    file: 'src/domain/learn/circuit.ts',
    from: "events.push({ ...about, type: 'restart-given-back', why: answer.kind, failedAt: undefined });\n    return [...events, ...throttle",
    to: "events.push({ ...about, type: 'restart-failed', cause: 'throttled', class: failure.class, row: record.row + 1 });\n    return [...events, ...throttle",
  },
  {
    name: 'no success closes the circuit',
    file: 'src/domain/learn/circuit.ts',
    from: "if (restart.kind === 'closed') return [];\n  const { account } = ledger;",
    to: "if (restart.kind === 'closed' || restart.since >= 0) return [];\n  const { account } = ledger;",
  },
  {
    name: 'the list circuit waits longer and longer',
    file: 'src/domain/learn/circuit.ts',
    from: 'return list.lastProbeAt + Math.min(',
    to: 'return list.lastProbeAt + Math.max(',
  },
  // ---- ledger
  {
    name: 'attempts are not counted',
    file: 'src/domain/memory/apply.ts',
    from: 'attempts: record.attempts + 1,',
    to: 'attempts: record.attempts,',
  },
  {
    name: 'the time of an attempt is not kept',
    file: 'src/domain/memory/apply.ts',
    from: '    lastAttemptAt: at,\n    attempt,',
    to: '    lastAttemptAt: record.lastAttemptAt ?? at,\n    attempt,',
  },
  {
    name: 'failures in a row are not counted',
    file: 'src/domain/memory/apply.ts',
    from: 'row: record.row + 1, failedAt: kept',
    to: 'row: record.row, failedAt: kept',
  },
  {
    name: 'a recovery does not end the row',
    file: 'src/domain/memory/apply.ts',
    from: 'return { ...record, ...noFailures, attempt: undefined };',
    to: 'return { ...record, attempt: undefined };',
    caughtBy: 'test/domain/quarantine.test.ts',
  },
  {
    name: 'what was given back counts all the same',
    file: 'src/domain/memory/apply.ts',
    from: 'const attempts = Math.max(0, record.attempts - 1);',
    to: 'const attempts = record.attempts;',
    caughtBy: 'test/domain/circuit.test.ts',
  },
  {
    name: 'waits do not move along with a step of the clock',
    file: 'src/domain/memory/times.ts',
    from: '    changed.push(record.taskId);\n',
    to: '    changed.push(record.taskId);\n    if (deltaMs !== 0) continue;\n',
  },
  {
    name: 'a step of the clock forgets the tries of an open circuit',
    file: 'src/domain/memory/times.ts',
    from: "const tried = { at: 'ours' } as const;",
    to: "const tried = { at: 'theirs' } as const;",
  },
  {
    name: 'calls that were out when the process died are forgotten',
    file: 'src/domain/memory/take-over.ts',
    from: "if (attempt?.phase.kind !== 'in-flight') continue;",
    to: "if (attempt?.phase.kind !== 'in-flight' || epoch >= 0) continue;",
  },
  // ---- observations
  {
    name: 'failed before verifyWithin has passed',
    file: 'src/domain/learn/outage.ts',
    from: 'item.requestedAt > phase.from + policy.verifyWithinMs',
    to: 'item.requestedAt > phase.from + policy.verifyWithinMs / 4',
  },
  {
    name: 'a sight from before the answer settles it',
    file: 'src/domain/learn/outage.ts',
    from: "    case 'verifying':\n      if (item.requestedAt <= phase.from) return;",
    to: "    case 'verifying':",
    caughtBy: 'test/domain/rules.test.ts',
  },
  {
    name: 'gone after one list',
    file: 'src/domain/learn/outage.ts',
    from: 'const goneAfterObservations = 3;',
    to: 'const goneAfterObservations = 1;',
    caughtBy: 'test/domain/observation.test.ts',
  },
  {
    name: 'absence counts in lists that do not fit together',
    file: 'src/domain/decide/decide.ts',
    from: 'const counts = !observation.drift && observation.malformedItems === 0;',
    to: 'const counts = true;',
    caughtBy: 'test/domain/observation.test.ts',
  },
  {
    name: 'every list is believed',
    file: 'src/domain/decide/decide.ts',
    from: 'return { doubted: true, events: [] };',
    to: 'return { doubted: false, events: [] };',
    caughtBy: 'test/domain/observation.test.ts',
  },
  {
    name: 'recovered at first sight',
    file: 'src/domain/learn/outage.ts',
    from: 'item.requestedAt < outage.activeAt + policy.verifyWithinMs) return;',
    to: 'item.requestedAt < outage.activeAt) return;',
    caughtBy: 'test/domain/observation.test.ts',
  },
  {
    name: 'attempts are forgotten at once',
    file: 'src/domain/learn/outage.ts',
    from: 'policy ? item.requestedAt - activeSince < policy.backoff.resetAfterMs :',
    to: 'policy ? item.requestedAt - activeSince < 0 :',
    caughtBy: 'test/domain/quarantine.test.ts',
  },
  {
    name: 'abandoned and told with every list',
    file: 'src/domain/learn/outage.ts',
    from: 'if (stage === undefined || stage === record.stageTold) return;',
    to: "if (stage === undefined || (stage === record.stageTold && stage !== 'abandoned')) return;",
  },
  {
    name: 'an excluded task is restarted',
    file: 'src/domain/words/policy.ts',
    from: 'return excluded ? undefined : policy;',
    to: 'return excluded && false ? undefined : policy;',
  },
  {
    name: 'observe heals',
    file: 'src/domain/memory/condition.ts',
    from: "policy.mode === 'observe' || (record.stoppedAtFirstSight",
    to: '(record.stoppedAtFirstSight',
  },
  // ---- keeper, journal, calls
  {
    name: 'the call goes out before its intent is saved',
    file: 'src/keeper/restarts.ts',
    from: 'await this.#desk.commit();\n',
    to: 'void this.#desk.commit().catch(() => {});\n',
  },
  {
    name: 'a failed save is taken for done',
    file: 'src/keeper/journal.ts',
    from: '      this.#failing = true;\n      throw new Error',
    to: '      this.#saved = noted;\n      if (noted >= 0) return;\n      throw new Error',
  },
  {
    name: 'what could not be saved is lost',
    file: 'src/keeper/journal.ts',
    from: '      this.#putBack(changes);\n',
    to: '',
  },
  {
    name: 'holds are not saved',
    file: 'src/keeper/journal.ts',
    from: "if (event.type === 'hold-added') this.#holds.add(event.hold.id);",
    to: '',
  },
  {
    name: 'a restart is not decided again when its permit comes',
    file: 'src/keeper/keeper.ts',
    from: `    const permit = await this.#options.gate.acquire('restart', signal);
    const choice = signal.aborted || !this.#mayCall() ? undefined : pick(this.#queue, this.situation());`,
    to: `    const first = pick(this.#queue, this.situation());
    const permit = await this.#options.gate.acquire('restart', signal);
    const choice = signal.aborted || !this.#mayCall() ? undefined : first;`,
  },
  {
    name: 'calls go out under a lease that has run out',
    file: 'src/keeper/keeper.ts',
    from: 'return this.#options.ownership.remainingMs(this.account) > this.#settings.requestTimeoutMs;',
    to: 'return this.#options.ownership.remainingMs(this.account) < Infinity || this.#settings.requestTimeoutMs > 0;',
  },
  {
    name: 'a task that changes its state is counted in both',
    file: 'src/domain/memory/apply.ts',
    from: 'if (before) tally(tallies, before, -1);',
    to: 'if (before?.missing) tally(tallies, before, -1);',
  },
  {
    name: 'a task whose outage is over stays among the stopped ones',
    file: 'src/domain/memory/apply.ts',
    from: 'else stopped.delete(taskId);',
    to: '',
  },
  {
    name: 'a reload leaves tasks in their old groups',
    file: 'src/keeper/keeper.ts',
    from: 'regroup(this.#desk.memory, settings.policies, this.#desk.now());',
    to: '[];',
  },
  {
    name: 'a list wakes nobody',
    file: 'src/keeper/keeper.ts',
    from: "if (observation.kind === 'complete') this.#queue = queue;\n    await this.#desk.commitOrComplain();\n    this.#queueBell.ring();",
    to: "if (observation.kind === 'complete') this.#queue = queue;\n    await this.#desk.commitOrComplain();",
  },
  // ---- small mistakes in the wiring and at its edges, each said exactly by a table
  {
    name: 'a restart by hand tells no release',
    file: 'src/domain/learn/circuit.ts',
    from: "events.push({ ...about, type: 'task-released', by: attempt.by ?? 'an operator', cause: 'operator' });",
    to: 'events.push();',
    caughtBy: 'test/domain/operator.test.ts',
  },
  {
    name: 'an id of two accounts means the first',
    file: 'src/app/operations.ts',
    from: 'if (only && like.length === 1) return only;',
    to: 'if (only) return only;',
    caughtBy: 'test/app/fleet.test.ts',
  },
  {
    name: 'a shadow attempt counts among the real ones',
    file: 'src/domain/memory/apply.ts',
    from: 'return { ...record, shadow: { n: event.n, at: event.at } };',
    to: 'return { ...record, attempts: record.attempts + 1, shadow: { n: event.n, at: event.at } };',
    caughtBy: 'test/domain/observing.test.ts',
  },
  {
    name: 'a poll decides after its lease was lost',
    file: 'src/keeper/keeper.ts',
    from: 'if (signal.aborted || this.#steppedSince(steps)) return;',
    to: 'if (this.#steppedSince(steps)) return;',
    caughtBy: 'test/keeper/kinds-of-mistakes.test.ts',
  },
  {
    name: 'another match makes the list suspect',
    file: 'src/keeper/keeper.ts',
    from: 'if (rescoped) this.#desk.memory.rescope();',
    to: '',
    caughtBy: 'test/keeper/kinds-of-mistakes.test.ts',
  },
  {
    name: 'a list that was read while match changed is measured against the next',
    file: 'src/keeper/keeper.ts',
    from: 'if (listScope !== this.#settings.listScope) return;',
    to: '',
    caughtBy: 'test/keeper/kinds-of-mistakes.test.ts',
  },
  {
    name: 'a reload keeps the old rateLimit',
    file: 'src/app/fleet.ts',
    from: 'member.gate.configure(account.rateLimit);',
    to: '',
    caughtBy: 'test/app/fleet.test.ts',
  },
  {
    name: 'other keys probe no open circuit of the list',
    file: 'src/app/fleet.ts',
    from: 'this.keeper(account)?.probeSoon();',
    to: '',
    caughtBy: 'test/app/fleet.test.ts',
  },
  {
    name: 'a hook brings no poll forward',
    file: 'src/app/operations.ts',
    from: 'keeper.pollSoon();',
    to: '',
    caughtBy: 'test/app/fleet.test.ts',
  },
  {
    name: 'a page is known by its first 4 KB alone',
    file: 'src/cloud/list/known-pages.ts',
    from: "body.subarray(at), 'base64'",
    to: "body.subarray(at, at + 4_096), 'base64'",
    caughtBy: 'test/cloud/pages.test.ts',
  },
  {
    name: 'awaited attempts are forgotten at a take-over',
    file: 'src/domain/memory/memory.ts',
    from: 'for (const hold of stored.holds)',
    to: 'this.#ledger.unsettled.clear();\n    for (const hold of stored.holds)',
    caughtBy: 'test/domain/storm.test.ts',
  },
  // ---- limiter
  {
    name: 'a permit comes back after nine tenths of a second',
    file: 'src/cloud/limiter/limiter.ts',
    from: 'return Math.ceil(now) + windowMs + slewMs;',
    to: 'return Math.ceil(now) + windowMs * 0.9;',
  },
  {
    name: 'a permit comes back with its answer',
    file: 'src/cloud/limiter/limiter.ts',
    from: 'return others(afterWindow(state.at));',
    to: 'return others(state.at);',
  },
  {
    name: 'the permit of a lost call comes back at once',
    file: 'src/cloud/limiter/limiter.ts',
    from: 'return others(Math.ceil(state.at) + lostHoldMs);',
    to: 'return others(Math.ceil(state.at));',
  },
  {
    name: 'eleven a second',
    file: 'src/cloud/limiter/limiter.ts',
    from: 'const limit = Math.floor(pace.rate);\n  let permitAt',
    to: 'const limit = Math.floor(pace.rate) + 1;\n  let permitAt',
  },
  // ---- what the swarm found in the sources once
  {
    name: 'a standby moves times that its predecessor has moved',
    file: 'src/keeper/desk.ts',
    from: '    this.#steps.startFrom(clock);\n',
    to: '',
  },
  {
    name: 'a look across a step of the clock is used',
    file: 'src/keeper/keeper.ts',
    from: 'if (signal.aborted || this.#steppedSince(steps)) continue;',
    to: 'if (signal.aborted) continue;',
  },
  {
    name: 'an older page speaks against a newer look',
    file: 'src/domain/learn/outage.ts',
    from: "if (item.status === 'stopped' && upAt !== undefined && item.requestedAt <= upAt) return;",
    to: '',
  },
  {
    name: 'refused because it runs, and tried again',
    file: 'src/domain/memory/apply.ts',
    from: 'if (activeAt !== undefined) return { ...seenUp(record, activeAt), attempt: undefined };',
    to: 'if (activeAt !== undefined) return { ...record, attempt: undefined };',
    caughtBy: 'test/domain/sights.test.ts',
  },
  {
    name: 'sent under a lease that ran down while the intent was saved',
    file: 'src/keeper/restarts.ts',
    from: 'if (!this.#options.mayCall()) {',
    to: 'if (!this.#options.mayCall() && record === undefined) {',
  },
];
