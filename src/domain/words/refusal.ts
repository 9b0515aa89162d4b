/** A request of an operator that is refused. */

/** An operator's request, refused: `code` picks the HTTP status and the CLI's exit code. */
export class Refusal extends Error {
  readonly code: 'not-found' | 'refused' | 'bad-request' | 'unavailable';
  /** What to do about it, where the code alone does not say it. */
  readonly next: string | undefined;
  constructor(code: Refusal['code'], message: string, next?: string) {
    super(message);
    this.name = 'Refusal';
    this.code = code;
    this.next = next;
  }
}
