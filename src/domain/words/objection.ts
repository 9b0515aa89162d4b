/** What a rule says against a restart, as facts: each language makes its sentence of them. */

interface Facts {
  'no-entry': object;
  excluded: { readonly entry: string; readonly key: 'title' | 'taskId'; readonly glob: string };
  ended: object;
  'unknown-status': { readonly statusText: string };
  'not-owner': object;
  'nothing-polled': object;
  'poll-too-old': object;
  'not-in-poll': object;
  'list-refused': { readonly failure: string };
  'restarts-refused': { readonly failure: string };
  held: { readonly author: string; readonly reason: string };
  'outside-hours': object;
  'before-start': object;
  'near-end': object;
  'too-few-sights': { readonly sights: number; readonly confirm: number };
  /** `at`: when restart `n` would go, Unix milliseconds; null: now. */
  observed: { readonly why: 'mode' | 'first-sight'; readonly n: number; readonly at: number | null };
  'in-flight': object;
  /** What the cloud answered, and what is awaited since. */
  awaited: { readonly said: Said; readonly awaits: 'effect' | 'next-poll' | 'any-list' };
  backoff: { readonly n: number };
  throttled: object;
  quarantined: { readonly row: number };
  abandoned: { readonly row: number };
  storm: { readonly window: number };
}
type Said = { readonly answer: 'accepted' | 'unanswered' } | { readonly answer: 'refused'; readonly code: string };

export type ObjectionKind = keyof Facts;
type ObjectionOf<Kind extends ObjectionKind> = { readonly kind: Kind } & Facts[Kind];
export type Objection = { readonly [Kind in ObjectionKind]: ObjectionOf<Kind> }[ObjectionKind];

/** One language's sentence for each, without a full stop; moments in it are ISO 8601. */
export type ObjectionWords = { readonly [Kind in ObjectionKind]: (objection: ObjectionOf<Kind>) => string };

export const inWords = (words: ObjectionWords, objection: Objection): string =>
  (words[objection.kind] as (objection: Objection) => string)(objection);

const saidWords = (said: Said): string =>
  said.answer === 'refused' ? `refused with ${said.code}` : `restart ${said.answer}`;

const awaitedWords = {
  effect: ': the list has yet to show its effect',
  'next-poll': ': the next poll shows whether it runs',
  'any-list': ', and no list has shown the task since: it is not sent again before one does',
} as const;

const english: ObjectionWords = {
  'no-entry': () => 'no entry of groups: matches it',
  excluded: ({ entry, key, glob }) => `entry ${entry} of groups: excludes it by ${key} ${glob}`,
  ended: () => 'its EndTime has passed or the cloud says 已结束',
  'unknown-status': ({ statusText }) => `the cloud says "${statusText}", a status that relaykeeper does not know`,
  'not-owner': () => 'another process owns the account',
  'nothing-polled': () => 'no complete poll since this process took over',
  'poll-too-old': () => 'the newest complete poll is too old',
  'not-in-poll': () => 'the newest poll does not show it',
  'list-refused': ({ failure }) => `the list is refused: ${failure}`,
  'restarts-refused': ({ failure }) => `restarts are refused: ${failure}`,
  held: ({ author, reason }) => `held by ${author}: ${reason}`,
  'outside-hours': () => 'outside the hours of its group',
  'before-start': () => 'its StartTime is ahead',
  'near-end': () => 'too close to its EndTime to be worth it',
  'too-few-sights': ({ sights, confirm }) => `seen stopped ${sights} of ${confirm} times`,
  observed: ({ why, n, at }) =>
    `${why === 'mode' ? 'its group only observes' : 'it was stopped when first seen, and firstSight is observe'}; restart ${n} would go ${at === null ? 'now' : `at ${new Date(at).toISOString()}`}`,
  'in-flight': () => 'a restart is on its way and not answered yet',
  awaited: ({ said, awaits }) => saidWords(said) + awaitedWords[awaits],
  backoff: ({ n }) => `attempt ${n} waits for its backoff`,
  throttled: () => 'the cloud throttles the account or cannot be reached',
  quarantined: ({ row }) => `${row} attempts failed in a row`,
  abandoned: ({ row }) => `${row} attempts failed in a row; given up until released, seen active or edited`,
  storm: ({ window }) => `many tasks are stopped: ${window} restarts at a time`,
};

export const objectionSentence = (objection: Objection): string => inWords(english, objection);
