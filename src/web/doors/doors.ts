/**
 * The thread of the two doors, TCP (`listen`) and the unix socket: what it is made of, and what the main thread sends it.
 * A connection comes in by attend.ts, a request is served by serve.ts, and what is asked is asked of the main thread.
 *
 * It is a thread because no budget within one loop holds against what arrives at once: 500 clients that open TLS
 * connections one after the other delayed every turn of the loop that served them by up to 360 ms, and by 70 ms from a
 * thread (p99 45 and 9 ms, on two busy cores). The thread costs 17 MB.
 */
import type { MessagePort } from 'node:worker_threads';
import type { DoorsOptions, FromDoors, ToDoors } from '../between-threads.ts';
import { createAsks } from './asks.ts';
import { attend } from './attend.ts';
import { createCounts } from './counts.ts';
import type { Crowd } from './crowd.ts';
import type { Turn } from './passage.ts';
import type { Shared } from './serve.ts';
import { closeServers, createServers, openServers, renewCertificate } from './servers.ts';
import { createStreams } from './streams.ts';
import { writeAtMost } from './unread.ts';

/** `turn` resolves in the next turn of the thread's loop. */
export async function runDoors(port: MessagePort, options: DoorsOptions, turn: Turn): Promise<void> {
  const { limits } = options;
  const say = (message: FromDoors) => port.postMessage(message);
  const counts = createCounts();
  const shared: Shared = {
    counts,
    asks: createAsks(limits, (id, ask) => say({ kind: 'ask', id, ask, counts: counts.take() })),
    streams: createStreams(limits, (listeners) => say({ kind: 'listening', listeners })),
    writeOut: writeAtMost(limits.unreadBytes),
    closing: false,
    second: 0,
  };
  const servers = createServers(options);
  const nextTurn = oneAtATime(turn);
  const crowds = servers.map((server) => attend(server, limits, nextTurn, shared));

  port.on('message', (message: ToDoors) => {
    switch (message.kind) {
      case 'answer':
        return shared.asks.answered(message.id, message.answer);
      case 'happened':
        return shared.streams.happened(message.happening);
      case 'gap':
        return shared.streams.gap();
      case 'second':
        shared.second++;
        shared.streams.onSecond(shared.second);
        return cutSlowReaders(crowds, shared.second - limits.readWithinSeconds);
      case 'pair':
        return renewCertificate(servers, message.pair);
      case 'close':
        shared.closing = true;
        shared.streams.end();
        void closeServers(servers).then(() => port.close());
        return;
      case 'cut':
        for (const { server } of servers) server.closeAllConnections();
        for (const { socket } of everybody(crowds)) socket.destroy();
        return;
      default:
        message satisfies never;
    }
  });
  await openServers(servers, say);
}

/** One piece of work in each turn of the loop, from whichever connection. */
function oneAtATime(turn: Turn): Turn {
  let last = Promise.resolve();
  return () => {
    last = last.then(turn);
    return last;
  };
}

function cutSlowReaders(crowds: readonly Crowd[], since: number): void {
  for (const { answeringSince, socket } of everybody(crowds))
    if (answeringSince !== undefined && answeringSince < since) socket.destroy();
}

const everybody = (crowds: readonly Crowd[]) => crowds.flatMap(({ guests }) => [...guests]);
