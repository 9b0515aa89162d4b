/**
 * The wiring of the daemon, straight down: settings, store, log and metrics, accounts, web; and the way back in
 * reverse. A reload builds everything beside the old and then swaps it.
 */
import { knownCodes } from '../cloud/errors.ts';
import type { RunOptions } from '../domain/ports/app-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import type { ConfigDifference } from '../domain/words/events.ts';
import { type ExitCode, exitCodes } from '../domain/words/exit-code.ts';
import { watched, watchSettings } from '../settings/file-watch.ts';
import { policies, type Settings } from '../settings/settings.ts';
import { readListen } from '../settings/values.ts';
import { type Store, StoreProblem } from '../store/open.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { openSink } from '../telemetry/sink.ts';
import { readUserFile } from '../user-files.ts';
import { type DoorsThread, startDoorsThread } from '../web/doors-opening.ts';
import { followPast } from '../web/page/past.ts';
import { WebProblem } from '../web/problem.ts';
import { createWeb, type Web } from '../web/server.ts';
import { writeDownConfig } from './config-trail.ts';
import type { Found } from './configuration.ts';
import { Fleet } from './fleet.ts';
import { follow } from './following.ts';
import { openFront } from './front.ts';
import { placeOf } from './ledger-place.ts';
import { createOperations } from './operations.ts';
import { type Current, reloadFrom } from './reload.ts';
import { secretsOf } from './secrets.ts';
import { storeTracesTo, tracesTo } from './traces.ts';

const pruneEveryMs = 3_600_000;
const closeWebWithinMs = 2_000;
/** How long the end waits for a reader of the log that is slow. */
const lastLinesWithinMs = 2_000;

/** Until `signals.stop`. Resolves with the exit code; what went wrong at the start stands on stderr. */
export async function runDaemon(options: RunOptions, found: Found): Promise<ExitCode> {
  const { clock, env, stderr } = options;
  const { stop } = options.signals;
  if (stop.aborted) return exitCodes.done;
  if (!found.ok) {
    for (const error of found.errors) stderr.write(`${error}\n`);
    // A service manager tries again after any code but that of a bad configuration.
    return found.unchecked ? exitCodes.failed : exitCodes.badConfiguration;
  }
  const current: Current = {
    settings: withListen(found.settings, options.listen),
    hash: found.hash,
    loadedAt: clock.now(),
    read: watched(found.path, found.settings, found.read),
  };
  let secrets = secretsOf(current.settings, found.read, found.read);
  const metrics = createMetrics({
    version: options.version,
    revision: env.RELAYKEEPER_REVISION ?? 'unknown',
    maxTaskSeries: () => current.settings.metrics.maxTaskSeries,
    knownCodes,
  });
  const sink = openSink({ fd: 1, clock, onDropped: (lines) => metrics.logDropped(lines) });
  const log = createLog({
    ...current.settings.log,
    destination: sink,
    now: clock.now,
    colour: process.stdout.isTTY === true && !env.NO_COLOR,
    onLine: (level) => metrics.logLine(level),
    titleOf: (account, taskId) => opened?.titleOf(account, taskId),
    secrets: () => secrets.all,
  });
  let opened: Fleet | undefined;
  const closers: (() => Promise<void>)[] = [];
  let started = false;
  const logStarted = () => {
    if (!started) logStart(log, options.version, found.path, current.settings, found.warnings);
    started = true;
  };
  try {
    // Both threads start at once, and meanwhile every series is made.
    let thread: DoorsThread | undefined = startDoorsThread();
    const onTrace = storeTracesTo(metrics, log, clock, () => opened);
    const replica = { version: options.version, configHash: () => current.hash };
    const opening = placeOf(current.settings.store).then((place) => place.open({ clock, onTrace, replica }));
    metrics.configure(current.settings.accounts.map(({ name }) => policies(current.settings, name)));
    const store = await opening;
    closers.push(() => store.close());
    if (stop.aborted) return exitCodes.done;
    let begun = false;
    const fleet = new Fleet({
      clock,
      env,
      store,
      log,
      metrics,
      onTrace: tracesTo(metrics, log, clock, () => opened),
      onOwned: () => {
        if (!begun) void trail(null);
        begun = true;
      },
    });
    // The trace of a store that fails says so.
    const trail = (difference: ConfigDifference | null) =>
      writeDownConfig(store, fleet, current.hash, difference).catch(() => undefined);
    opened = fleet;
    fleet.open(current.settings);
    const reload = reloadFrom({
      path: found.path,
      env,
      current,
      fleet,
      log,
      metrics,
      clock,
      adapt: (settings) => withListen(settings, options.listen),
      onSwapped: (settings, difference, read) => {
        void trail(difference);
        secrets = secretsOf(settings, read, found.read);
      },
    });
    const following = store.shared && follow(store.shared, fleet, clock);
    const operations = createOperations({
      fleet,
      following,
      store,
      current,
      configFile: found.path,
      hookToken: (account) => secrets.hooks.get(account),
      reload: () => reload('asked'),
      clock,
      version: options.version,
    });
    const past = followPast(operations, clock);
    closers.push(async () => past.close());
    const openTheWeb = (socket: string | undefined): Promise<Web> => {
      const once = thread;
      thread = undefined;
      const { listen, tls, externalUrl } = current.settings.server;
      return createWeb({
        operations,
        past,
        listen,
        socket,
        tls,
        thread: once,
        externalUrl,
        clock,
        log,
        version: options.version,
        program: options.program,
        tokens: () => secrets.access,
        renderMetrics: async () => {
          await fleet.betweenLists();
          fleet.postTicks();
          metrics.process({ replicas: following?.replicas() ?? [] });
          return metrics.render(operations.snapshot(current.settings.metrics.maxTaskSeries));
        },
        onCount: metrics.httpRequests,
      });
    };
    const front = await openFront({
      open: openTheWeb,
      socket: current.settings.server.socket,
      store,
      clock,
      log,
      onOpen: (web) => {
        metrics.process({ pageUrl: current.settings.server.externalUrl ?? web.url });
        logStarted();
        logDoors(log, options.program, web);
      },
    });
    closers.push(() => front.close(closeWebWithinMs));
    metrics.process({ reloaded: true, config: { readAt: clock.now(), hash: current.hash } });
    logStarted();
    // Awaited, so that a mistake of ours is nobody's secret: it ends the process, as with a changed file.
    options.signals.onHangup(async () => void (await reload('hangup')));
    logStopping(stop, log);
    // Not waited for at the end: files that hang would keep the store from who stands by.
    void watchSettings({
      path: found.path,
      read: () => current.read,
      clock,
      readFile: readUserFile,
      onChange: async () => void (await reload('file')),
      signal: stop,
    });
    const beside = [pruneNowAndThen(store, clock, stop), front.takeRest(stop), following?.run(stop)];
    // A keeper that ends by itself is a mistake of ours: its reason ends the process.
    await fleet.run(stop);
    await Promise.all(beside);
    await fleet.close();
    return exitCodes.done;
  } catch (error) {
    if (!(error instanceof StoreProblem || error instanceof WebProblem)) throw error;
    stderr.write(`relaykeeper: ${error.message}\n`);
    return exitCodes.failed;
  } finally {
    for (const close of closers.reverse()) await close();
    if (started) log.notice('stopped', {}, 'Stopped.');
    await sink.drained(lastLinesWithinMs);
  }
}

/** At once: what is waited for from then on can take as long as a call. */
function logStopping(stop: AbortSignal, log: Log): void {
  const stopping = () =>
    log.notice(
      'stopping',
      {},
      'Stopping: no new calls; relaykeeper waits for those in flight and records their answers.',
    );
  if (stop.aborted) stopping();
  else stop.addEventListener('abort', stopping, { once: true });
}

async function pruneNowAndThen(store: Store, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await store.prune(clock.now()).catch(() => undefined); // its trace says so
    await clock.sleep(pruneEveryMs, signal);
  }
}

function logStart(log: Log, version: string, path: string, settings: Settings, warnings: readonly string[]): void {
  const accounts = settings.accounts.map(({ name, provider }) => `${name} (${provider})`).join(', ');
  const groups = settings.groups
    .map(({ name, mode }) => (mode === 'observe' ? `${name} (only observed)` : name))
    .join(', ');
  log.notice(
    'started',
    { version, config: path },
    `relaykeeper ${version} keeps the relay tasks of ${groups} alive in ${accounts}, as ${path} says.`,
  );
  for (const { name, provider } of settings.accounts)
    if (provider === 'simulator')
      log.notice(
        'simulated-account',
        { account: name },
        `Account ${name} is a PRETEND cloud: relaykeeper sees and restarts no real task.`,
      );
  for (const warning of warnings) log.notice('config-warning', {}, warning);
}

function logDoors(log: Log, program: string, { url, socket }: Web): void {
  const ask = socket === undefined ? '' : `; ask over ${socket}: ${program} status`;
  log.notice('listening', { url, socket }, `The page is at ${url}/, metrics at ${url}/metrics${ask}`);
}

function withListen(settings: Settings, listen: string | undefined): Settings {
  const read = listen === undefined ? undefined : readListen(listen);
  return read?.ok ? { ...settings, server: { ...settings.server, listen: read.value } } : settings;
}
