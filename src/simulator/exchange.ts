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
 * What every answer that begins has. `afterMs` runs from the arrival to the moment when the client has the answer, so it
 * contains the downlink.
 */
interface Sent {
  readonly status: number;
  readonly headers: Headers;
  readonly afterMs: number;
}

export type Reply =
  | (Sent & { readonly kind: 'response'; readonly body: string })
  /** A body too large to build: take piece by piece, as far as you like. */
  | (Sent & { readonly kind: 'stream'; readonly pieces: () => Iterable<string>; readonly gzip: boolean })
  /** Announces the whole body, sends its first `sentBytes`, and closes. */
  | (Sent & { readonly kind: 'truncated'; readonly body: string; readonly sentBytes: number })
  /** The whole answer, `bytes` of it every `everyMs`; with `headersToo` even the status line drips. */
  | (Sent & {
      readonly kind: 'drip';
      readonly body: string;
      readonly bytes: number;
      readonly everyMs: number;
      readonly headersToo: boolean;
    })
  | { readonly kind: 'reset'; readonly afterMs: number }
  /** No answer at all; the connection stays open until the client gives up. */
  | { readonly kind: 'stall' };
