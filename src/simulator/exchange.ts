/**
 * One request that reaches the pretend cloud, and everything that can come of it: as values, so that the HTTP door
 * and a simulation in virtual time play the same replies, each in its own way.
 */

/** A request as it arrives. `target` is path and query as they stood on the wire; header names in any case. */
export interface Request {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type Headers = Readonly<Record<string, string>>;

/**
 * `afterMs` runs from the arrival to the moment when the client has the answer (or the reset), so it contains the
 * downlink. `effect` tells the tests whether the call was carried out; the client cannot know.
 */
export type Reply =
  /** `hangUp`: the connection is closed right after it, without having said so. */
  | {
      readonly kind: 'response';
      readonly status: number;
      readonly headers: Headers;
      readonly body: string;
      readonly hangUp: boolean;
      readonly afterMs: number;
    }
  /** A body too large to build: take piece by piece, as far as you like. */
  | {
      readonly kind: 'stream';
      readonly status: number;
      readonly headers: Headers;
      readonly pieces: () => Iterable<string>;
      readonly gzip: boolean;
      readonly afterMs: number;
    }
  /** Announces the whole body, sends its first `sentBytes`, and closes. */
  | {
      readonly kind: 'truncated';
      readonly status: number;
      readonly headers: Headers;
      readonly body: string;
      readonly sentBytes: number;
      readonly afterMs: number;
    }
  /** The whole answer, `bytes` of it every `everyMs`; with `headersToo` even the status line drips. */
  | {
      readonly kind: 'drip';
      readonly status: number;
      readonly headers: Headers;
      readonly body: string;
      readonly bytes: number;
      readonly everyMs: number;
      readonly headersToo: boolean;
      readonly afterMs: number;
    }
  | { readonly kind: 'reset'; readonly effect: boolean; readonly afterMs: number }
  /** No answer at all; the connection stays open until the client gives up. */
  | { readonly kind: 'stall'; readonly effect: boolean };
