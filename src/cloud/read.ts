/**
 * A read: sent until it is answered, within bounds. Its class of failure says how often it is sent again, and pauses
 * grow; after a remedy (new keys, the cloud's time) it is sent once more. Every attempt waits for a permit of its own.
 */

import type { Lane } from '../domain/ports/gate-port.ts';
import { type CallFailure, classMeanings, type ErrorClass } from '../domain/words/failure.ts';
import { hashOf } from '../domain/words/hash.ts';
import { type Call, type CallContext, type CallEnd, callOnce, remedy, restReads } from './call.ts';

const firstPauseMs = 250;

interface Read extends Call {
  readonly lane: Lane;
  /** A failure is not waited out, whatever the cloud asks for with it; a remedy is tried all the same. */
  readonly once?: boolean;
}

type ReadEnd<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'too-large' | 'failed'; readonly failure: CallFailure };

/**
 * `accept` may find that a result is not what was asked for: that is an answer like one that is no JSON, and the read
 * is sent again. Rejects with the signal's reason if it aborts.
 */
export async function read<T>(
  context: CallContext,
  call: Read,
  accept: (result: unknown, sentAt: number) => T | undefined,
  signal: AbortSignal,
): Promise<ReadEnd<T>> {
  const remedied = new Set<ErrorClass>();
  let resends = 0;
  while (true) {
    const end = await send(context, call, signal);
    if (end.kind === 'ok') {
      const value = accept(end.result, end.sentAt);
      if (value !== undefined) return { kind: 'ok', value };
    } else if (end.tooLarge) {
      return { kind: 'too-large', failure: end.failure };
    }
    const failure = end.kind === 'ok' ? unexpected(call.action, end.requestId) : end.failure;
    if (!call.once) restReads(context, failure);
    if (end.kind === 'failed' && (await remedy(context, end, remedied, signal))) continue;
    if (call.once || resends >= classMeanings[failure.class].resends) return { kind: 'failed', failure };
    await context.clock.sleep(pauseMs(context.account, call, resends), signal);
    signal.throwIfAborted();
    resends++;
  }
}

/** Keys before the permit: asking for keys may need a permit itself, and one at hand must not wait for another. */
async function send(context: CallContext, call: Read, signal: AbortSignal): Promise<CallEnd> {
  const keys = await context.keys.current(signal);
  if (!keys.ok) return { kind: 'failed', failure: keys.failure, reached: 'never-left' };
  const restMs = context.readsRest.until - context.clock.monotonic();
  if (restMs > 0) await context.clock.sleep(restMs, signal);
  signal.throwIfAborted();
  const permit = await context.gate.acquire(call.lane, signal);
  // The wait may have been long enough for the keys to have been renewed.
  const credentials = context.keys.ready() ?? keys.credentials;
  return callOnce(context, call, credentials, permit, signal);
}

const unexpected = (action: string, requestId: string | undefined): CallFailure => ({
  class: 'server',
  httpStatus: 200,
  requestId,
  message: `${action}: the answer's Result is not what this action gives`,
});

/** 250 ms, doubled each time, and up to half as much again by a hash of what is asked: neighbours do not meet. */
function pauseMs(account: string, call: { readonly body: object }, resends: number): number {
  const base = firstPauseMs * 2 ** resends;
  return base * (1 + hashOf(`${account} ${JSON.stringify(call.body)}`, resends) / 2);
}
