/**
 * What the thread of the doors and the main thread say to each other. A door never sees the daemon, and the daemon never
 * sees a connection.
 */
import type { EventQuery } from '../domain/ports/store-port.ts';

export type Door = 'listen' | 'socket';

/** Largest body that is read. The longest hold is far below. */
export const maxBodyBytes = 16 * 1024;

/** A request, read to its end and bounded. */
export interface Ask {
  readonly door: Door;
  /** Address of the client; empty on the socket. */
  readonly from: string;
  readonly method: string;
  /** Path and query, as they came. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
}

/** What the app answers. Names of headers are in lower case. */
export interface Written {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
  /** The body is only the beginning: what happens from then on follows. */
  readonly joined?: Joined;
}

export interface Answer extends Written {
  /** The path of the route that answered, as its table has it, for the count; `none` if no route has the address. */
  readonly handler: string;
}

export const streamPath = '/api/v1/events/stream';
/** Answered at once, to everybody, and the same to each. */
export const healthPaths = ['/-/healthy', '/livez', '/-/ready', '/readyz'] as const;

/** Which events a listener wants, and the last one it has. */
export interface Joined {
  readonly filter: EventFilter;
  readonly upTo: number;
}

export type EventFilter = Pick<EventQuery, 'account' | 'group' | 'taskId' | 'types'>;

/** A stored event on its way to all who listen. */
export interface Happening {
  readonly seq: number;
  readonly account: string;
  readonly group: string | undefined;
  readonly taskId: string | undefined;
  readonly type: string;
  /** As it is written out. */
  readonly text: string;
}

/** How many requests were answered with this status since the last report. */
export interface Count {
  readonly handler: string;
  readonly code: number;
  readonly requests: number;
}

export interface KeyPair {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
}

export const defaultLimits = {
  /** From the first byte to the end of the headers, of the whole request, and of a TLS handshake. */
  headersMs: 10_000,
  requestMs: 20_000,
  /** How long a connection is kept open between requests: longer than a scrape interval. */
  keepAliveMs: 75_000,
  /** Without a byte in either direction; longer than an operator's restart takes. */
  silenceMs: 180_000,
  /** How often the deadlines of requests are looked at. */
  checkEveryMs: 2_000,
  /** On one door, and of one address on it. A newcomer takes the place of the one without progress for longest. */
  connections: 512,
  connectionsOfAddress: 256,
  /** Requests that one connection may send ahead of its answers; the last of them closes it. */
  pipelined: 8,
  /** Different requests with the main thread, on one door and of one address: identical ones count once. */
  asked: 64,
  askedOfAddress: 32,
  /** Answers that wait to be read, in bytes; one that several clients read counts once. */
  unreadBytes: 16 * 1024 * 1024,
  /** Seconds in which an answer must have been read. */
  readWithinSeconds: 60,
  /** Listeners to events at one time, in all and of one address, and after how long each has to come again. */
  streams: 256,
  streamsOfAddress: 200,
  streamSeconds: 900,
};
export type Limits = Readonly<typeof defaultLimits>;

export interface DoorsOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly socket: string | undefined;
  readonly pair: KeyPair | undefined;
  readonly limits: Limits;
}

export type FromDoors =
  | { readonly kind: 'opened'; readonly port: number }
  | { readonly kind: 'refused'; readonly door: Door; readonly code: string }
  | { readonly kind: 'ask'; readonly id: number; readonly ask: Ask; readonly counts: readonly Count[] }
  | { readonly kind: 'listening'; readonly listeners: number }
  | { readonly kind: 'trouble'; readonly error: string };

export type ToDoors =
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answer }
  | { readonly kind: 'happened'; readonly happening: Happening }
  /** More happened than is passed on. */
  | { readonly kind: 'gap' }
  /** A second has passed: the thread has no clock of its own. */
  | { readonly kind: 'second' }
  | { readonly kind: 'pair'; readonly pair: KeyPair }
  /** Take nothing new, finish what is under way. */
  | { readonly kind: 'close' }
  /** Close what is left. */
  | { readonly kind: 'cut' };
