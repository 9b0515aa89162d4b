/** What is wrong with a store, for a person: where, what, and what to do next. One line each. */

/** Thrown by everything in `store/` that fails for reasons outside the program. `message` is for a person. */
export class StoreProblem extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreProblem';
  }
}

/** What an engine threw as a sentence of `sentenceOf`; other errors (our mistakes) pass as they are. */
export function asProblem(error: unknown, sentenceOf: (error: unknown) => string | undefined): Error {
  if (error instanceof StoreProblem) return error;
  const sentence = sentenceOf(error);
  if (sentence !== undefined) return new StoreProblem(sentence, { cause: error });
  return error instanceof Error ? error : new Error(String(error));
}

export const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ').trim().slice(0, 200);
