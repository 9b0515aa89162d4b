/**
 * A small deterministic hash: the project's only source of "randomness" in decisions, so that the same task and
 * attempt get the same jitter and place in a storm on every machine and in every replay. Not for secrets.
 */

/** 32-bit FNV-1a of the text, with the finalizer of MurmurHash3 so that neighbours land far apart. */
function hash32(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Uniform in [0, 1) for a task and the number of an attempt. */
export const hashOf = (taskId: string, n: number): number => hash32(`${taskId}/${n}`) / 0x1_0000_0000;
