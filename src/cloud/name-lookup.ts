/**
 * Looks up the addresses of a name through the system. A lookup occupies one of Node's few threads for as long as the
 * system waits for its name servers (half a minute), and file access needs those threads too. So all accounts share
 * one lookup of a name at a time, and a name that hangs does not block every other connection.
 */
import dns, { type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';

type Answered = (error: Error | null, addresses: readonly LookupAddress[]) => void;

/** By what is asked: who waits for it. */
const waiting = new Map<string, Answered[]>();

export const lookupOnce: LookupFunction = (hostname, { family, hints, all }, answered) => {
  const answer: Answered = (error, addresses) => {
    const [first] = addresses;
    if (error || !first) answered(error ?? new Error('no address'), '');
    else if (all) answered(null, [...addresses]);
    else answered(null, first.address, first.family);
  };
  const what = JSON.stringify([hostname, family, hints]);
  const others = waiting.get(what);
  if (others) {
    others.push(answer);
    return;
  }
  waiting.set(what, [answer]);
  dns.lookup(hostname, { family, hints, all: true }, (error, addresses = []) => {
    const answers = waiting.get(what) ?? [];
    waiting.delete(what);
    for (const one of answers) one(error, addresses);
  });
};
