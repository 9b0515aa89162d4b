/** What the app is given: by the wiring, and by the web around it. */
import type { Clock } from '../domain/ports/time-port.ts';
import type { AccessToken } from './access.ts';
import type { Behind } from './routes.ts';

export interface ApiOptions extends Omit<Behind, 'openapi' | 'happenings'> {
  readonly version: string;
  /** Asked for every request: token files may have changed. */
  readonly tokens: () => readonly AccessToken[];
  readonly log: WebLog;
}

/** Where the web reports what no answer shows. */
export interface WebLog {
  tell(
    notice: 'request-failed' | 'request-denied' | 'tls-loaded' | 'tls-rejected',
    fields: Readonly<Record<string, string | undefined>>,
    msg: string,
  ): void;
}

export interface AppOptions extends ApiOptions, Pick<Behind, 'happenings'> {
  readonly clock: Clock;
  /** The doors speak TLS. */
  readonly encrypted: boolean;
  readonly startedAt: number;
}
