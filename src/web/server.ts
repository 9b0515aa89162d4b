/**
 * The web as the daemon has it: the doors in their thread, and behind them the app, which gets a bounded share of this
 * one.
 */
import { createAnswering } from './answering.ts';
import type { AppOptions } from './app-options.ts';
import { type Count, type DoorsOptions, defaultLimits, type KeyPair, type Limits } from './between-threads.ts';
import { type Behind, type DoorsThread, openDoors, startDoorsThread } from './doors-opening.ts';
import { foreseenAnswers, foreseenVisits } from './foreseen.ts';
import { createHappenings } from './happenings.ts';
import { routes } from './routes.ts';
import { followKeyPair, readKeyPair, type TlsFiles, tlsCheckEveryMs, versionOfPair } from './tls.ts';

export interface WebOptions extends Omit<AppOptions, 'happenings' | 'encrypted' | 'startedAt'> {
  readonly listen: Pick<DoorsOptions, 'host' | 'port'>;
  /** Path of the unix socket; undefined: none. */
  readonly socket: string | undefined;
  readonly tls: TlsFiles | undefined;
  /** That was started before; absent: one is started. */
  readonly thread?: DoorsThread | undefined;
  /** Gets how many requests were answered how, before the metrics are asked for. */
  readonly onCount?: (count: Count) => void;
  /** Bounds, for tests. */
  readonly limits?: Partial<Limits & { readonly tlsCheckEveryMs: number }>;
}

export interface Web {
  /** Where `listen` is reached from this machine, with its real port. */
  readonly url: string;
  readonly socket: string | undefined;
  /** Takes no new requests, finishes those under way, and cuts what is left after `withinMs`. */
  close(withinMs: number): Promise<void>;
}

/** A thread that ends by itself is a mistake of ours, or ran out of memory. */
const reopenAfterMs = 1_000;

/** Opens both doors. Throws a WebProblem, with nothing left open, if one cannot be opened as configured. */
export async function createWeb(options: WebOptions): Promise<Web> {
  const { clock, log, listen, socket, tls, onCount = () => {} } = options;
  const { tlsCheckEveryMs: everyMs = tlsCheckEveryMs, ...given } = options.limits ?? {};
  const limits: Limits = { ...defaultLimits, ...given };
  const happenings = createHappenings(options.operations, clock, (message) => doors.post(message));
  const behind: Behind = {
    answer: createAnswering({ ...options, happenings, encrypted: tls !== undefined, startedAt: clock.now() }),
    listening: (listeners) => happenings.listening(listeners),
    counted: (counts) => counts.forEach(onCount),
    trouble: (error) => log.notice('request-failed', { error }, `The HTTP server failed: ${error}`),
  };
  foreseenAnswers(routes).forEach(onCount);
  foreseenVisits.forEach(onCount);
  const since = tls && versionOfPair(tls);
  let pair: KeyPair | undefined = tls && (await readKeyPair(tls));
  let doors = await openDoors(options.thread ?? startDoorsThread(), { ...listen, socket, pair, limits }, behind, clock);
  const { port } = doors;
  const stop = new AbortController();

  let reopening = Promise.resolve();
  async function reopen(): Promise<void> {
    while (!stop.signal.aborted) {
      await clock.sleep(reopenAfterMs, stop.signal);
      if (stop.signal.aborted) return;
      try {
        doors = await openDoors(startDoorsThread(), { host: listen.host, port, socket, pair, limits }, behind, clock);
        return;
      } catch (error) {
        behind.trouble(String(error));
      }
    }
  }
  async function keepOpen(): Promise<void> {
    while (!stop.signal.aborted) {
      await doors.ended;
      if (stop.signal.aborted) return;
      behind.trouble('its thread ended; another opens the doors again in a second');
      reopening = reopen();
      await reopening;
    }
  }
  void keepOpen();

  const unfollow =
    tls &&
    since &&
    followKeyPair(tls, since, clock, log, everyMs, (renewed) => {
      pair = renewed;
      doors.post({ kind: 'pair', pair: renewed });
    });
  const postSeconds = async () => {
    while (!stop.signal.aborted) {
      doors.post({ kind: 'second' });
      await clock.sleep(1_000, stop.signal);
    }
  };
  void postSeconds();
  return {
    url: `${pair ? 'https' : 'http'}://${nearHost(listen.host)}:${port}`,
    socket,
    async close(withinMs) {
      stop.abort();
      unfollow?.();
      happenings.close();
      // Doors that open only then would stay open.
      await reopening;
      await doors.close(withinMs);
    },
  };
}

/** "Every interface" is no address that one can open. */
function nearHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
