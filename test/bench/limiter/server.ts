/**
 * The server of the limiter bench, a process of its own: one port a cell. A request says how long it is still on its
 * way up and how long its answer is on its way down; it counts in between, and that moment is written down.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';

export type ToServer = { readonly kind: 'open'; readonly cells: number } | { readonly kind: 'collect' };

export type FromServer =
  | { readonly kind: 'opened'; readonly ports: readonly number[] }
  | { readonly kind: 'collected'; readonly arrivals: readonly (readonly number[])[]; readonly lag: Lag };

export interface Lag {
  readonly meanMs: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** How much later than asked the loop comes round, sampled every 10 ms. */
export function watchLag(): () => Lag {
  const everyMs = 10;
  const delay = monitorEventLoopDelay({ resolution: everyMs });
  delay.enable();
  return () => ({
    meanMs: delay.mean / 1e6 - everyMs,
    p99Ms: delay.percentile(99) / 1e6 - everyMs,
    maxMs: delay.max / 1e6 - everyMs,
  });
}

const wait = (ms: number): Promise<void> | undefined =>
  ms > 0 ? new Promise((resolve) => setTimeout(resolve, ms)) : undefined;

function open(arrivals: number[]): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer(async (request, response) => {
    request.resume();
    await wait(Number(request.headers['x-up-ms']));
    arrivals.push(performance.now());
    await wait(Number(request.headers['x-down-ms']));
    response.end('{}');
  });
  server.keepAliveTimeout = 600_000;
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve({ server, port: (server.address() as AddressInfo).port }));
  });
}

if (import.meta.main) {
  let arrivals: number[][] = [];
  let opened: readonly { readonly server: Server; readonly port: number }[] = [];
  let lag = watchLag();
  const report = (message: FromServer) => process.send?.(message);
  process.on('message', async (message: ToServer) => {
    if (message.kind === 'open') {
      arrivals = Array.from({ length: message.cells }, () => []);
      opened = await Promise.all(arrivals.map(open));
      lag = watchLag();
      report({ kind: 'opened', ports: opened.map(({ port }) => port) });
    } else {
      report({ kind: 'collected', arrivals, lag: lag() });
      for (const { server } of opened) server.closeAllConnections();
      for (const { server } of opened) server.close();
    }
  });
  process.on('disconnect', () => process.exit(0));
}
