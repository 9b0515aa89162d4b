/**
 * A moment by the cloud's clock: StartTime, EndTime, and what they are compared with. The cloud's clock and ours
 * differ, so the two must not meet in one subtraction. The compiler does not take this type for a number: it refuses
 * to add, subtract or compare one with a time of ours, so the functions here do that. Two cloud times compare
 * directly.
 */

declare const cloud: unique symbol;
export type CloudTime = { readonly [cloud]: 'Unix milliseconds' };

/** Unix milliseconds that the cloud wrote. */
export const cloudTime = (unixMs: number): CloudTime => unixMs as unknown as CloudTime;

/** As the cloud would write it: to be shown, stored, or looked up in a calendar. */
export const unixMs = (at: CloudTime): number => at as unknown as number;

/** What the cloud's clock shows at a moment of ours; `offsetMs` is how far it is ahead. */
export const byCloud = (ours: number, offsetMs: number): CloudTime => cloudTime(ours + offsetMs);

/** What our clock shows at a moment of the cloud's. */
export const byOurs = (at: CloudTime, offsetMs: number): number => unixMs(at) - offsetMs;

export const plus = (at: CloudTime, ms: number): CloudTime => cloudTime(unixMs(at) + ms);

export const msBetween = (from: CloudTime, to: CloudTime): number => unixMs(to) - unixMs(from);
