/**
 * Single values of the configuration that are more than a number or a word: durations, times of day, ranges of
 * days, schedules, addresses. Each reader takes the text and gives the value, or a sentence that says what is
 * wrong and what to write instead. The sentences never contain the text itself: it may be a secret in the wrong
 * place, and the quoted line of the file shows it anyway, masked where it must be.
 */

import nodeCron from 'node-cron';
import { durationMs } from '../domain/words/duration.ts';
import type { Day } from '../domain/words/policy.ts';
import { nearest } from './nearest.ts';

export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly wrong: string };

const good = <T>(value: T): Read<T> => ({ ok: true, value });
const bad = (wrong: string): { readonly ok: false; readonly wrong: string } => ({ ok: false, wrong });

/** Reads a duration between two others, both included; both are themselves written as durations. */
export function readDuration(text: string, min: string, max: string): Read<number> {
  const range = `from ${min} to ${max}`;
  if (/^\d+(\.\d+)?$/.test(text)) return bad(`a duration needs its unit, such as \`15s\`: write one ${range}`);
  const ms = durationMs(text);
  if (ms === undefined) return bad(`must be a duration such as \`15s\`, \`1h30m\` or \`500ms\`, ${range}`);
  if (ms < (durationMs(min) ?? 0) || ms > (durationMs(max) ?? 0)) return bad(`must be a duration ${range}`);
  return good(ms);
}

export const timeOfDayPattern = '^([01]\\d|2[0-3]):[0-5]\\d$|^24:00$';

const timeOfDayShape = new RegExp(timeOfDayPattern);

/** `08:30` to minutes after midnight; `24:00` is the end of the day. */
export function readTimeOfDay(text: string): Read<number> {
  if (!timeOfDayShape.test(text)) return bad('must be a time of day from "00:00" to "24:00", such as "08:30"');
  return good(Number(text.slice(0, 2)) * 60 + Number(text.slice(3)));
}

export const week: readonly Day[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const dayWord = `(${week.join('|')})`;
export const daysPattern = `^${dayWord}(-${dayWord})?$`;
const daysShape = new RegExp(daysPattern);

/** `mon-fri` or `sat` to the days it means; a range may run over the end of the week (`sat-mon`). */
export function readDays(text: string): Read<readonly Day[]> {
  const parts = daysShape.exec(text);
  if (!parts) return bad(`must be a day or a range of days: ${week.join(', ')}, such as \`mon-fri\``);
  const from = week.indexOf(parts[1] as Day);
  const to = parts[3] === undefined ? from : week.indexOf(parts[3] as Day);
  const length = ((to - from + week.length) % week.length) + 1;
  return good(Array.from({ length }, (_, i) => week[(from + i) % week.length] as Day));
}

/** To ask Intl takes 0.1 ms, and 200 groups write the same few names; there are some hundred. */
const knownTimezones = new Set<string>();

/** An IANA name that this Node knows. */
export function readTimezone(text: string): Read<string> {
  // The default. It needs nothing of Intl, whose tables take 8 MiB.
  if (text === 'UTC' || knownTimezones.has(text)) return good(text);
  const isOffset = /^[+-]/.test(text);
  try {
    if (!isOffset) {
      new Intl.DateTimeFormat('en', { timeZone: text });
      knownTimezones.add(text);
      return good(text);
    }
  } catch {
    // Falls through: a RangeError is the only way in which Intl says that it does not know the name.
  }
  if (/^asia\/(beijing|peking)$|^(cst|prc time|beijing)$/i.test(text)) {
    return bad('no such timezone: the IANA name for all of China is `Asia/Shanghai`');
  }
  const known = isOffset ? undefined : nearest(text, Intl.supportedValuesOf('timeZone'));
  const meant =
    known === undefined ? 'write an IANA name such as `Asia/Shanghai` or `UTC`' : `did you mean \`${known}\`?`;
  return bad(
    isOffset ? 'an offset is no timezone: write an IANA name such as `Asia/Shanghai`' : `no such timezone: ${meant}`,
  );
}

/** Longer than anybody writes; what the parser takes grows faster than the text. */
const longestCron = 256;
export const cronExample = 'such as `*/15 * * * * *` (second minute hour day month weekday)';

/** A cron expression with seconds (six fields), or with five, which means second 0 of the minute. */
export function readCron(text: string): Read<string> {
  if (text.length > longestCron)
    return bad(`is longer than ${longestCron} characters: write a range or a step, ${cronExample}`);
  const [first] = nodeCron.validateDetailed(text).errors;
  if (!first) return good(text);
  if (first.field === 'expression') return bad(`must be a cron expression with seconds, ${cronExample}`);
  return bad(`its field \`${first.field}\` is not valid: write a cron expression with seconds, ${cronExample}`);
}

/** `127.0.0.1:9847`, `[::1]:9847`, `localhost:9847`; port 0 takes any free one. */
export function readListen(text: string): Read<{ readonly host: string; readonly port: number }> {
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text);
  if (!parts) {
    return bad(
      text.startsWith(':')
        ? 'must name the address too: write `0.0.0.0` before the colon for every interface, `127.0.0.1` for this machine'
        : 'must be an address and a port, such as `127.0.0.1:9847` or `[::1]:9847`',
    );
  }
  const port = Number(parts[3]);
  return port > 65_535 ? bad('its port must be from 0 to 65535') : good({ host: parts[1] ?? parts[2] ?? '', port });
}

/** Undefined: it is no absolute http(s) address. */
const httpUrl = (text: string): URL | undefined =>
  /^https?:\/\/./i.test(text) && URL.canParse(text) ? new URL(text) : undefined;

/** An absolute http(s) address without user, password, query or fragment; a trailing slash is dropped. */
export function readAddress(text: string, path: 'with-path' | 'no-path'): Read<string> {
  const shape = path === 'with-path' ? '`https://host/prefix`' : '`https://host`';
  const url = httpUrl(text);
  if (!url) return bad(`must be an address such as ${shape}`);
  if (url.username || url.password) return bad(`must not contain a user or password: write ${shape}`);
  if (url.search || url.hash || /[?#]/.test(text)) return bad(`must not contain \`?\` or \`#\`: write ${shape}`);
  if (path === 'no-path' && url.pathname !== '/') return bad(`must not contain a path: write ${shape}`);
  return good(url.href.replace(/\/+$/, ''));
}

/** The address of a proxy, with a user or token in it or not; or `none`. The message never quotes it. */
export function readProxy(text: string): Read<string> {
  if (text === 'none') return good(text);
  const url = httpUrl(text);
  if (!url)
    return bad('must be an address such as `http://proxy:3128` or `http://user:password@proxy:3128`, or `none`');
  if (url.pathname !== '/' || url.search || url.hash)
    return bad('must end with the port; write `/`, `?`, `#` and `@` in a password as `%2F`, `%3F`, `%23` and `%40`');
  return good(text);
}

/** What every kernel takes for a unix socket (macOS; Linux has four more). A longer path would be cut silently. */
const maxSocketPathBytes = 103;

export function readSocket(text: string): Read<string> {
  if (text.trim() === '') return bad('must be the path of a file');
  const tooLong = Buffer.byteLength(text) > maxSocketPathBytes;
  return tooLong
    ? bad(`must be a path of at most ${maxSocketPathBytes} bytes: the kernel accepts no longer path`)
    : good(text);
}

type StoreAddress =
  /** `kind`: the engine, one that keeps a store on this machine. */
  | { readonly kind: string; readonly path: string }
  | {
      readonly kind: 'postgres';
      /** Without the password. */
      readonly url: string;
      readonly password: string | undefined;
    };

/** One of the engines and a path, as in `sqlite:PATH`, or the address of a database. */
export function readStore(text: string, engines: readonly string[]): Read<StoreAddress> {
  if (/^postgres(ql)?:/.test(text)) return readDatabase(text);
  const [, name, rest = ''] = /^(\w+):(.*)$/s.exec(text) ?? [];
  const kind = engines.find((engine) => engine === name);
  const path = rest.trim();
  const words = engines.map((engine) => `\`${engine}:\``).join(' or ');
  if (kind === undefined || path === '')
    return bad(
      `must be ${words} and the path of a file, such as \`${engines[0]}:data/relaykeeper.db\`, or \`postgres://user@host/database\``,
    );
  if (path.startsWith(':memory:')) return bad('must be a file: the record of attempts has to outlive the process');
  if (path.startsWith('//'))
    return bad(
      `takes a path, not an address: write \`${kind}:data/relaykeeper.db\` or \`${kind}:/var/lib/relaykeeper.db\``,
    );
  return good({ kind, path });
}

const tlsModes = ['disable', 'require', 'verify-ca', 'verify-full'];

/** Where PostgreSQL is. Whatever mode of TLS is asked for, its certificate is verified. */
export function readDatabase(text: string): Read<Extract<StoreAddress, { url: string }>> {
  if (/^postgres(ql)?:\/\/([^/]*@)?[^/@]*,/.test(text))
    return bad('takes one host: a name, an address or a pooler that leads to whichever server takes writes');
  const url = /^postgres(ql)?:\/\//.test(text) && URL.canParse(text) ? new URL(text) : undefined;
  const database = url?.pathname.slice(1);
  if (!url?.hostname || !url.username || !database || database.includes('/') || url.hash)
    return bad('must be `postgres://user@host/database`, with `:port` after the host if it is not 5432');
  for (const [name, value] of url.searchParams)
    if (name !== 'sslmode' || !tlsModes.includes(value))
      return bad(`takes nothing after the database but \`?sslmode=\` with one of ${tlsModes.join(', ')}`);
  const password = url.password === '' ? undefined : decodeURIComponent(url.password);
  url.password = '';
  return good({ kind: 'postgres', url: url.href.replace(/^postgresql:/, 'postgres:'), password });
}
