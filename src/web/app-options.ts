/** What the app is given, by the wiring and by the web around it: routes and pages have all of it. */
import type { Operations } from '../domain/ports/operations-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import type { AccessToken } from './access.ts';
import type { Written } from './between-threads.ts';
import type { Happenings } from './happenings.ts';
import type { Past } from './page/past.ts';

export interface AppOptions {
  readonly operations: Operations;
  readonly renderMetrics: () => Promise<string | Written['body']>;
  readonly past: Pick<Past, 'samples'>;
  readonly happenings: Happenings;
  /** For links, and the name under which a browser may come where there are no tokens. */
  readonly externalUrl: string | undefined;
  /** What a person types on this machine, for hints. */
  readonly program: string;
  readonly version: string;
  /** Asked for every request: token files may have changed. */
  readonly tokens: () => readonly AccessToken[];
  readonly log: WebLog;
  readonly clock: Clock;
  /** The doors speak TLS. */
  readonly encrypted: boolean;
  readonly startedAt: number;
}

/** Where the web reports what no answer shows. */
export interface WebLog {
  notice(
    name: 'request-failed' | 'request-denied' | 'tls-loaded' | 'tls-rejected',
    fields: Readonly<Record<string, string | undefined>>,
    msg: string,
  ): void;
}
