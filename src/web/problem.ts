/**
 * What can be wrong, in the two places where somebody reads it: at start (the daemon cannot listen) and in an answer
 * (a problem as RFC 9457 has it, with a code that stays and a hint).
 */

/** The daemon cannot listen as configured. The message is one line for the terminal and ends the start. */
export class WebProblem extends Error {
  /** Another process has the port or the socket. */
  readonly taken: boolean;
  constructor(message: string, { taken = false, ...options }: ErrorOptions & { readonly taken?: boolean } = {}) {
    super(message, options);
    this.name = 'WebProblem';
    this.taken = taken;
  }
}

/** Programs may rely on the codes; the words beside them are for people. */
export const problems = {
  'bad-request': { status: 400, title: 'The request is wrong' },
  'bad-configuration': { status: 400, title: 'The configuration has errors' },
  'no-token': { status: 401, title: 'A token is needed' },
  'unknown-token': { status: 401, title: 'The token is not known' },
  'no-tokens-configured': { status: 403, title: 'Nobody can change anything here' },
  'scope-too-small': { status: 403, title: 'The token may not do this' },
  'foreign-host': { status: 403, title: 'Not served under this host name' },
  'foreign-origin': { status: 403, title: 'Not sent from this page' },
  'no-such-address': { status: 404, title: 'There is nothing at this address' },
  'not-found': { status: 404, title: 'There is no such thing' },
  'wrong-method': { status: 405, title: 'Not possible at this address' },
  refused: { status: 409, title: 'Refused' },
  'too-large': { status: 413, title: 'The body is too large' },
  'wrong-type': { status: 415, title: 'The body is of a wrong type' },
  failed: { status: 500, title: 'relaykeeper failed' },
  unavailable: { status: 503, title: 'Not now' },
  busy: { status: 503, title: 'Too many requests are in progress' },
} as const satisfies Readonly<Record<string, { readonly status: number; readonly title: string }>>;

export type ProblemCode = keyof typeof problems;

/** A request that is not answered as asked. `hint` says what to do next. */
export class Denial extends Error {
  readonly code: ProblemCode;
  readonly hint: string;
  constructor(code: ProblemCode, message: string, hint: string) {
    super(message);
    this.name = 'Denial';
    this.code = code;
    this.hint = hint;
  }
  get status() {
    return problems[this.code].status;
  }
}

export const problemType = 'application/problem+json; charset=utf-8';

/** As it is answered. */
export const problemOf = ({ code, message, hint }: Pick<Denial, 'code' | 'message' | 'hint'>) => ({
  type: `urn:relaykeeper:problem:${code}`,
  title: problems[code].title,
  status: problems[code].status,
  code,
  detail: message,
  hint,
});

export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
