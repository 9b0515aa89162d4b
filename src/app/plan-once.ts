/** `plan`: one real poll of every account and the verdict for each task; it sends no restart. */
import { existsSync } from 'node:fs';
import { createGate } from '../cloud/limiter/gate.ts';
import { decide } from '../domain/decide/decide.ts';
import type { StoredLedger } from '../domain/memory/ledger.ts';
import { Memory } from '../domain/memory/memory.ts';
import { situationOf } from '../domain/memory/situation.ts';
import type { Plan, PlanOptions } from '../domain/ports/app-port.ts';
import type { Cloud } from '../domain/ports/cloud-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import type { TaskView } from '../domain/views/shown.ts';
import { taskView } from '../domain/views/views.ts';
import { exitCodes } from '../domain/words/exit-code.ts';
import { inSlices } from '../domain/words/in-slices.ts';
import { failuresKeptMs } from '../domain/words/policy.ts';
import type { AccountSettings, Settings } from '../settings/settings.ts';
import { type Store, StoreProblem } from '../store/open.ts';
import { type Common, keeperSettings, openCloud } from './account.ts';
import { findAndLoad } from './configuration.ts';
import { placeOf } from './ledger-place.ts';
import { findUnmatched, type Place } from './unmatched.ts';

export async function planOnce(options: PlanOptions): Promise<Plan> {
  const found = await findAndLoad(options.configPath, options.env, options.clock);
  if (!found.ok) return { ok: false, exitCode: exitCodes.badConfiguration, errors: found.errors };
  const { settings } = found;
  const remembered = await remember(settings, options.clock);
  const planned = await Promise.all(
    settings.accounts.map((account) => planAccount(account, settings, remembered, options)),
  );
  const pretend = settings.accounts.filter(({ provider }) => provider === 'simulator');
  const notes = [
    ...found.warnings,
    ...remembered.notes,
    ...pretend.map(
      ({ name }) => `account ${name} is a PRETEND cloud, made for this command: a running daemon has another`,
    ),
  ];
  const tasks = planned.flatMap((one) => ('error' in one ? [] : one));
  const errors = planned.flatMap((one) => ('error' in one ? [one.error] : []));
  if (errors.length === planned.length) return { ok: false, exitCode: exitCodes.failed, errors: [...errors, ...notes] };
  // What nothing answers to may be in an account that could not be read.
  const unmatchedIn = (places: readonly Place[]) =>
    inSlices(findUnmatched(settings.groups, tasks, places), options.clock);
  if (errors.length > 0 || (await unmatchedIn([])).length === 0)
    return { ok: true, tasks, notes, unmatched: [], failed: errors };
  const places: Place[] = [];
  for (const account of settings.accounts) places.push(...(await placesOf(account, settings, options)));
  return { ok: true, tasks, notes, unmatched: await unmatchedIn(places), failed: [] };
}

/** As of a daemon that never ran here. */
const unknown = { ledger: () => undefined, fingerprintKey: 'plan' };

/** Where an account has tasks at all: only the cloud groups that are named were polled. A sub-account sees no others. */
async function placesOf(account: AccountSettings, settings: Settings, options: PlanOptions): Promise<readonly Place[]> {
  if (account.subAccount) return [];
  const anywhere = settings.groups.map((group) => ({ ...group, match: { ...group.match, cloudGroup: ['*'] } }));
  const cloud = openOnce(account, { ...settings, groups: anywhere }, unknown, options);
  try {
    const seen = await cloud.observe(options.signal);
    if (seen.kind === 'failed') return [];
    const names = new Set(seen.items.map(({ cloudGroup }) => cloudGroup));
    return [...names].map((cloudGroup) => ({ account: account.name, cloudGroup }));
  } finally {
    await cloud.close();
  }
}

function openOnce(
  account: AccountSettings,
  settings: Settings,
  known: Pick<Common, 'ledger' | 'fingerprintKey'>,
  { clock, env }: PlanOptions,
): Cloud {
  const gate = createGate({ ...account.rateLimit, clock, onWait: () => {} });
  const unwatched = { onTrace: () => {}, onCredentialsChanged: () => {} };
  return openCloud(account, settings, gate, { clock, env, pretendClouds: new Map(), ...known, ...unwatched });
}

/** Nothing that a plan finds is kept. */
const unwritten = { note: () => {}, touch: () => {} };

interface Remembered {
  readonly ledgers: ReadonlyMap<string, StoredLedger>;
  readonly fingerprintKey: string;
  readonly notes: readonly string[];
}

/** What the daemon remembers, if it ever ran here: read, never written. */
async function remember({ store: place, accounts }: Settings, clock: Clock): Promise<Remembered> {
  const blank = (note: string): Remembered => ({ ledgers: new Map(), fingerprintKey: 'plan', notes: [note] });
  if ('path' in place && !existsSync(place.path))
    return blank(`${place.path} does not exist yet: every task counts as seen for the first time`);
  const ledgers = new Map<string, StoredLedger>();
  let store: Store | undefined;
  try {
    store = await (await placeOf(place)).open({ clock, onTrace: () => {}, readOnly: true });
    for (const { name } of accounts)
      ledgers.set(name, await store.ledgerStore.load(name, clock.now() - failuresKeptMs));
    return { ledgers, fingerprintKey: store.fingerprintKey, notes: [] };
  } catch (error) {
    if (!(error instanceof StoreProblem)) throw error;
    return blank(`${error.message}: planned without memory`);
  } finally {
    await store?.close();
  }
}

async function planAccount(
  account: AccountSettings,
  settings: Settings,
  { ledgers, fingerprintKey }: Remembered,
  options: PlanOptions,
): Promise<readonly TaskView[] | { readonly error: string }> {
  const memory = new Memory(account.name, unwritten, ledgers.get(account.name));
  const { ledger } = memory;
  const { clock, signal } = options;
  const cloud = openOnce(account, settings, { ledger: () => ledger, fingerprintKey }, options);
  try {
    const observation = await cloud.observe(signal);
    if (observation.kind === 'failed')
      return { error: `account ${account.name}: the list could not be read: ${observation.failure.message}` };
    const { schedule, policies } = keeperSettings(account, settings, cloud);
    const now = clock.now();
    memory.tell(now, { type: 'owner-gained', epoch: 0 });
    const nextPollAt = schedule.next(now);
    const moment = {
      now,
      clockOffsetMs: cloud.clockOffsetMs(),
      nextPollAt,
      pollGapMs: nextPollAt - schedule.previous(now),
    };
    await inSlices(decide(memory, observation, policies, moment), clock);
    const situation = situationOf(ledger, policies, moment);
    return [...ledger.tasks.values()]
      .filter(({ goneAt }) => goneAt === undefined)
      .map((record) => taskView(record, situation));
  } finally {
    await cloud.close();
  }
}
