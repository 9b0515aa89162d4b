/**
 * For a process that shares its store: shows the accounts of other processes as their owners stored them, some seconds
 * old, and carries out what operators ask of those processes about its own accounts.
 */
import type { AccountRecord, TaskRecord } from '../domain/memory/ledger.ts';
import type { News, NewsMark, Shared } from '../domain/ports/store-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import type { Hold } from '../domain/words/events.ts';
import { Refusal } from '../domain/words/refusal.ts';
import type { Fleet } from './fleet.ts';

/** What is shown of another's account is at most so much older than what its owner stored, while the store answers. */
const followEveryMs = 2_000;

interface Copy {
  mark: NewsMark;
  readonly tasks: Map<string, TaskRecord>;
  record: AccountRecord | undefined;
  holds: readonly Hold[];
  /** The same as text, to compare. */
  holdsText: string;
}

export type Following = ReturnType<typeof follow>;

export function follow(shared: Shared, fleet: Pick<Fleet, 'keeper' | 'keepers'>, clock: Clock) {
  const copies = new Map<string, Copy>();
  let readAt = clock.monotonic();
  shared.serve({
    isReady: (account) => fleet.keeper(account)?.ledger.owned === true,
    serve: async (account, request) => {
      const keeper = fleet.keeper(account);
      if (!keeper) throw new Refusal('not-found', [`no account ${account} here`, `这里没有账号 ${account}`]);
      return keeper.operator.execute(request);
    },
  });

  async function readOnce(): Promise<void> {
    const others = fleet.keepers().filter(({ ledger }) => !ledger.owned);
    for (const account of [...copies.keys()])
      if (!others.some((keeper) => keeper.account === account)) copies.delete(account);
    const accounts = others.map(({ account }) => account);
    const began = clock.monotonic();
    if (accounts.length > 0) {
      const news = await shared.news(accounts, new Map([...copies].map(([account, { mark }]) => [account, mark])));
      const changed = taken(news, accounts, copies);
      for (const keeper of others) {
        const copy = copies.get(keeper.account);
        if (!copy || !changed.has(keeper.account)) continue;
        keeper.follow({ tasks: [...copy.tasks.values()], holds: copy.holds, accountRecord: copy.record, budget: [] });
        await clock.yield();
      }
    }
    readAt = began;
  }

  // One at a time: two at once would set a mark back.
  let reading: Promise<void> = Promise.resolve();
  const refresh = () => {
    reading = reading.then(readOnce).catch(() => undefined); // its trace says so
    return reading;
  };
  const { replicas } = shared;

  return {
    /** Reads at once, so that what another has just done is shown. */
    refresh,
    replicas: () => replicas().all,
    ownerOf: (account: string) =>
      replicas().all.find(({ owned }) => owned.some((one) => one.account === account))?.name,
    /** How old what is shown of others' accounts can be, milliseconds. */
    ageMs: () => clock.monotonic() - readAt,
    /** Until `signal` aborts. */
    async run(signal: AbortSignal): Promise<void> {
      while (!signal.aborted) {
        await refresh();
        await clock.sleep(followEveryMs, signal);
      }
    },
  };
}

/** Puts the news into the copies. Gives the accounts of which anything is new. */
function taken(news: News, accounts: readonly string[], copies: Map<string, Copy>): ReadonlySet<string> {
  const changed = new Set<string>();
  for (const account of accounts) {
    const copy = copies.get(account) ?? { mark: 0, tasks: new Map(), record: undefined, holds: [], holdsText: '[]' };
    copies.set(account, copy);
    // A server that took over without all that the one before had counts its transactions anew.
    if (news.mark < copy.mark) {
      copies.delete(account);
      continue;
    }
    copy.mark = news.mark;
    copy.holds = news.holds.flatMap(([of, hold]) => (of === account ? [hold] : []));
    const holdsText = JSON.stringify(copy.holds);
    if (holdsText !== copy.holdsText) changed.add(account);
    copy.holdsText = holdsText;
  }
  for (const [account, record] of news.tasks) {
    copies.get(account)?.tasks.set(record.taskId, record);
    changed.add(account);
  }
  for (const [account, record] of news.records) {
    const copy = copies.get(account);
    if (copy) copy.record = record;
    changed.add(account);
  }
  return changed;
}
