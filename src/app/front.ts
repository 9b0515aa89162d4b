/**
 * The web of one daemon among several: the owner of the store has both doors. A standby opens those that its predecessor
 * does not have, and the others once it owns the store; a door that another program has is reported, and tried again.
 */
import type { Clock } from '../domain/ports/time-port.ts';
import type { Store } from '../store/open.ts';
import type { Log } from '../telemetry/log.ts';
import { WebProblem } from '../web/problem.ts';
import type { Web } from '../web/server.ts';
import { clearSocketPath } from '../web/unix-socket.ts';

interface FrontOptions {
  readonly open: (socket: string | undefined) => Promise<Web>;
  readonly socket: string;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly onOpen: (web: Web) => void;
}

const tryAgainMs = 2_000;

/** Throws a WebProblem if a door cannot be opened and no predecessor can have it. */
export async function openFront(options: FrontOptions) {
  const { open, socket, store, clock, log, onOpen } = options;
  // Replicas have doors of their own, and each is whole. On one file they are of one machine, and the owner's.
  const hasDoors = store.shared !== undefined || store.ownership.remainingMs('') > 0;
  let web = hasDoors ? await open(socket) : await openWhatIsFree();
  let whole = web?.socket !== undefined;
  if (web) onOpen(web);

  async function openWhatIsFree(): Promise<Web | undefined> {
    for (const path of [socket, undefined]) {
      try {
        return await open(path);
      } catch (error) {
        if (!(error instanceof WebProblem && error.taken)) throw error;
        log.notice(
          'doors-taken',
          { error: error.message },
          `Not all doors are open until this process owns its account: ${error.message}`,
        );
      }
    }
    return undefined;
  }

  async function openAll(): Promise<void> {
    // Before the port is given up for a moment: as long as the socket is taken it stays open.
    await clearSocketPath(socket, clock);
    await web?.close(0);
    web = undefined;
    web = await open(socket);
    whole = true;
    onOpen(web);
  }

  return {
    /** Ends when all doors are open, or when `signal` aborts. */
    async takeRest(signal: AbortSignal): Promise<void> {
      if (whole) return;
      // If it can never be owned, the keepers say so.
      await store.ownership.acquire('', signal).catch(() => undefined);
      let logged: string | undefined;
      while (!whole && !signal.aborted) {
        try {
          await openAll();
        } catch (error) {
          if (!(error instanceof WebProblem)) throw error;
          const who = web ? `the API is reached at ${web.url} alone` : 'nobody can reach the API';
          const said = `Restarts go on, but ${who}: ${error.message}`;
          if (said !== logged) log.notice('doors-blocked', { error: error.message }, said);
          logged = said;
          await clock.sleep(tryAgainMs, signal);
        }
      }
    },
    close: async (withinMs: number) => web?.close(withinMs),
  };
}
