/** An operator's request, refused: `code` picks the HTTP status and the CLI's exit code. */
import type { Sentences } from './reason.ts';

export class Refusal extends Error {
  readonly code: 'not-found' | 'refused' | 'bad-request' | 'unavailable';
  /** The message for the Chinese page. */
  readonly chinese: string;
  /** What to type about it, where the code alone does not say it. */
  readonly next: string | undefined;
  constructor(code: Refusal['code'], [english, chinese]: Sentences, next?: string) {
    super(english);
    this.name = 'Refusal';
    this.code = code;
    this.chinese = chinese;
    this.next = next;
  }
}
