/**
 * A restart: sent once. It is sent again only when the answer proves that it did nothing and a remedy was found: new
 * keys, the cloud's time, the successor of a retired action, once each; and only while the account is surely ours for
 * as long as that may last. Whatever leaves its effect open is `unanswered`, and the next poll shows.
 */
import type { Permit } from '../domain/ports/gate-port.ts';
import { type CallFailure, classMeanings, type ErrorClass } from '../domain/words/failure.ts';
import type { RestartAnswer } from '../domain/words/task.ts';
import { type CallContext, type CallEnd, callOnce, remedy } from './call.ts';
import type { RestartAction } from './errors.ts';
import { restartBody } from './wire.ts';

/**
 * Which action restarts tasks. `auto`: Restart until the cloud says that it is gone, then its successor Continue. Never
 * Relaunch: that starts a task from its beginning.
 */
export function createRestartActions(
  wanted: 'auto' | RestartAction,
  learned: () => readonly string[],
  onRetired: (from: RestartAction, to: RestartAction) => void,
) {
  const [first, successor] = ['RestartPullToPushTask', 'ContinuePullToPushTask'] as const;
  let retired = false;
  const isRetired = () => retired || learned().includes(first);
  return {
    current: (): RestartAction => (wanted === 'auto' ? (isRetired() ? successor : first) : wanted),
    /** The cloud no longer has `action`. True if there is another one to send now. */
    retire(action: RestartAction): boolean {
      if (wanted !== 'auto' || action !== first) return false;
      // Several calls in flight may be answered so at the same time; only the first one counts.
      if (!isRetired()) {
        retired = true;
        onRetired(first, successor);
      }
      return true;
    },
  };
}

/**
 * `permit` is of the restart lane. A sending that could not go at once waits for its own, and asks `mayCall`: the account
 * may be another's by then.
 */
export async function restart(
  context: CallContext,
  restartActions: ReturnType<typeof createRestartActions>,
  task: { readonly taskId: string; readonly cloudGroup: string },
  permit: Permit,
  mayCall: () => boolean,
): Promise<RestartAnswer> {
  // A call that may have taken effect is waited for; its own timeout bounds it.
  const { signal } = new AbortController();
  const remedied = new Set<ErrorClass>();
  let unspent: Permit | undefined = permit;
  try {
    while (true) {
      let credentials = context.keys.ready();
      if (!credentials) {
        // Asking for keys may need a permit itself, and one at hand must not wait for another.
        unspent?.done('unused');
        unspent = undefined;
        const keys = await context.keys.current(signal);
        if (!keys.ok) return unsent(keys.failure);
        credentials = keys.credentials;
      }
      if (!unspent) {
        unspent = await context.gate.acquire('restart');
        if (!mayCall()) {
          unspent.done('unused');
          return { kind: 'not-sent', failure: overtaken };
        }
      }
      const action = restartActions.current();
      const call = { action, body: restartBody(task) };
      const spent = unspent;
      unspent = undefined;
      const end = await callOnce(context, call, credentials, spent, signal);
      const retire = () => restartActions.retire(action);
      if (end.kind === 'ok' || !(await remedy(context, end, remedied, signal, retire))) return answerOf(end);
    }
  } catch (mistake) {
    // Before the call, which gives back its own.
    unspent?.done('unused');
    throw mistake;
  }
}

const overtaken: CallFailure = {
  class: 'network',
  message: 'a restart was not sent: another process may own the account before its answer comes',
};

/** No keys: that is a refusal if they are missing or refused, and `not-sent` if only the way to them is down. */
const unsent = (failure: CallFailure): RestartAnswer =>
  classMeanings[failure.class].needsPerson ? { kind: 'refused', failure } : { kind: 'not-sent', failure };

/** What the cloud's own answer is called, by what becomes of its attempt. */
const answeredKind = {
  throttled: 'throttled',
  unanswered: 'unanswered',
  'given-back': 'refused',
  failed: 'refused',
  doubted: 'refused',
} as const;

function answerOf(end: CallEnd): RestartAnswer {
  if (end.kind === 'ok') return { kind: 'accepted', requestId: end.requestId };
  const { failure, reached } = end;
  switch (reached) {
    case 'never-left':
      return { kind: 'not-sent', failure };
    case 'lost':
      return { kind: 'unanswered', failure };
    case 'answered':
      return { kind: answeredKind[classMeanings[failure.class].attempt], failure };
    default:
      return reached satisfies never;
  }
}
