/**
 * What can be wrong, in the two places where somebody reads it: at start (the daemon cannot listen) and in an answer
 * (`{error, hint}` with the right status).
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

/** A request that is not answered as asked. `hint` says what to do next. */
export class Denial extends Error {
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 500 | 503;
  readonly hint: string;
  constructor(status: Denial['status'], message: string, hint: string) {
    super(message);
    this.name = 'Denial';
    this.status = status;
    this.hint = hint;
  }
}

export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
