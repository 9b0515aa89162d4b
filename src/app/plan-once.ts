/** `plan`: one real poll of every account and the verdict for each task; nothing is sent but the list. */
import { existsSync } from 'node:fs';
import { decideAtOnce } from '../domain/decide/decide.ts';
import type { StoredLedger } from '../domain/memory/ledger.ts';
import { Memory } from '../domain/memory/memory.ts';
import { situationOf } from '../domain/memory/situation.ts';
import type { Plan, PlanOptions } from '../domain/ports/app-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import type { TaskView } from '../domain/views/shown.ts';
import { taskView } from '../domain/views/views.ts';
import { type AccountSettings, policies, type Settings } from '../settings/settings.ts';
import { openStore, StoreProblem } from '../store/open.ts';
import { keeperSettings, openCloud, openGate, type PretendClouds } from './account.ts';
import { findAndLoad } from './configuration.ts';

const badConfiguration = 78;
const failed = 1;
/** Failed attempts of the last day are read, as far as any budget looks back. */
const budgetReachMs = 24 * 3_600_000;

export async function planOnce(options: PlanOptions): Promise<Plan> {
  const found = findAndLoad(options.configPath, options.env);
  if (!found.ok) return { ok: false, exitCode: badConfiguration, errors: found.errors };
  const remembered = await remember(found.settings, options.clock);
  const tasks: TaskView[] = [];
  const notes = [...found.warnings, ...remembered.notes];
  const errors: string[] = [];
  for (const account of found.settings.accounts) {
    const planned = await planAccount(
      account,
      found.settings,
      new Memory(account.name, unwritten, remembered.storedOf(account.name)),
      remembered.fingerprintKey,
      options,
    );
    if (planned.ok) tasks.push(...planned.tasks);
    else errors.push(planned.error);
    notes.push(...planned.notes);
  }
  await remembered.close();
  return errors.length > 0
    ? { ok: false, exitCode: failed, errors: [...errors, ...notes] }
    : { ok: true, tasks, notes };
}

/** Nothing that a plan finds is kept. */
const unwritten = { note: () => {}, touch: () => {} };

interface Remembered {
  readonly storedOf: (account: string) => StoredLedger | undefined;
  readonly fingerprintKey: string;
  readonly notes: readonly string[];
  close(): Promise<void>;
}

/** What the daemon remembers, if it ever ran here: read, never written. */
async function remember(settings: Settings, clock: Clock): Promise<Remembered> {
  const ledgers = new Map<string, StoredLedger>();
  const blank: Remembered = { storedOf: () => undefined, fingerprintKey: 'plan', notes: [], close: async () => {} };
  if (!existsSync(settings.store.path))
    return {
      ...blank,
      notes: [`${settings.store.path} does not exist yet: every task counts as seen for the first time`],
    };
  try {
    const store = await openStore({
      file: settings.store.path,
      clock,
      onTrace: () => {},
      readOnly: true,
      threaded: false,
    });
    for (const { name } of settings.accounts) {
      ledgers.set(name, await store.ledgerStore.load(name, clock.now() - budgetReachMs));
    }
    const fingerprintKey = Buffer.from(store.fingerprintKey()).toString('hex');
    return {
      storedOf: (account) => ledgers.get(account),
      fingerprintKey,
      notes: [],
      close: () => store.close(),
    };
  } catch (error) {
    if (!(error instanceof StoreProblem)) throw error;
    return { ...blank, notes: [`${error.message}: planned without memory`] };
  }
}

type Planned =
  | { readonly ok: true; readonly tasks: readonly TaskView[]; readonly notes: readonly string[] }
  | { readonly ok: false; readonly error: string; readonly notes: readonly string[] };

async function planAccount(
  account: AccountSettings,
  settings: Settings,
  memory: Memory,
  fingerprintKey: string,
  options: PlanOptions,
): Promise<Planned> {
  const { clock, env, signal } = options;
  const { ledger } = memory;
  const worlds: PretendClouds = new Map();
  const notes = account.provider === 'simulator' ? [`account ${account.name} is a PRETEND cloud`] : [];
  const gate = openGate(account, clock, () => {});
  const retired = () => ledger.accountRecord.retiredActions;
  const common = { clock, env, fingerprintKey, onTrace: () => {}, onCredentialsChanged: () => {} };
  const cloud = openCloud(account, settings, gate, worlds, retired, common);
  try {
    const observation = await cloud.observe(signal);
    if (observation.kind === 'failed')
      return {
        ok: false,
        error: `account ${account.name}: the list could not be read: ${observation.failure.message}`,
        notes,
      };
    const { schedule } = keeperSettings(account, settings, cloud);
    const now = clock.now();
    memory.tell({ type: 'owner-gained', at: now, account: account.name, epoch: 0 });
    const nextPollAt = schedule.next(now);
    const moment = {
      now,
      clockOffsetMs: cloud.clockOffsetMs(),
      nextPollAt,
      pollGapMs: nextPollAt - schedule.previous(now),
    };
    decideAtOnce(memory, observation, policies(settings, account.name), moment);
    const situation = situationOf(ledger, policies(settings, account.name), moment);
    const tasks = [...ledger.tasks.values()]
      .filter(({ goneAt }) => goneAt === undefined)
      .map((record) => taskView(record, situation));
    return { ok: true, tasks, notes };
  } finally {
    await cloud.close();
  }
}
