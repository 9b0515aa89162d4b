/** What an operator asked for, and does not get. */

/** An operator's request, refused: `code` picks the HTTP status and the CLI's exit code. */
export class Refusal extends Error {
  readonly code: 'not-found' | 'refused' | 'bad-request' | 'unavailable';
  constructor(code: Refusal['code'], message: string) {
    super(message);
    this.name = 'Refusal';
    this.code = code;
  }
}
