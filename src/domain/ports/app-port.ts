/** What the command line asks of the wiring: run the daemon, or plan once. */
import type { TaskView } from '../views/shown.ts';
import type { ExitCode } from '../words/exit-code.ts';
import type { Clock } from './time-port.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * A key, token or password. The value is behind a function, so that nothing that prints settings (JSON, the
 * log, an assertion) can print it. A file is read by whoever uses the secret, again when it changes.
 */
export type Secret =
  | { readonly kind: 'value'; readonly reveal: () => string }
  | { readonly kind: 'file'; readonly path: string };

export interface App {
  /** The daemon, until `signals.stop`. Logs by itself; resolves with the exit code. */
  runApp(options: RunOptions): Promise<ExitCode>;
  /** One poll of every account and the verdict for each task; sends nothing else. */
  planOnce(options: PlanOptions): Promise<Plan>;
  /** Something done with a store besides running on it. */
  doStoreErrand(options: StoreErrandOptions): Promise<StoreErrandEnd>;
}

interface Common {
  readonly configPath: string | undefined;
  readonly env: Environment;
  readonly clock: Clock;
}

export interface RunOptions extends Common {
  /** Takes the place of `server.listen`. */
  readonly listen: string | undefined;
  /** What a person types here to run this program, for hints. */
  readonly program: string;
  readonly version: string;
  readonly signals: Signals;
  /** What went wrong before there is a log. */
  readonly stderr: { write(text: string): void };
}

/** Addresses as people write them; undefined: the configured store. */
export type StoreErrand =
  | { readonly kind: 'copy'; readonly from: string; readonly to: string }
  | { readonly kind: 'backup'; readonly file: string }
  | { readonly kind: 'check'; readonly at: string | undefined };

export interface StoreErrandOptions extends Common {
  readonly errand: StoreErrand;
}

export interface StoreErrandEnd {
  readonly exitCode: ExitCode;
  /** What was done, or why not. */
  readonly lines: readonly string[];
}

export interface PlanOptions extends Common {
  readonly signal: AbortSignal;
}

export interface Signals {
  /** Aborts at the first SIGINT or SIGTERM; the second ends the process with 130 or 143. */
  readonly stop: AbortSignal;
  /** SIGHUP. */
  onHangup(listener: () => void): void;
}

export type Plan =
  | {
      readonly ok: true;
      readonly tasks: readonly TaskView[];
      readonly notes: readonly string[];
      /** Groups, and names in a `match`, that no task answers to. */
      readonly unmatched: readonly string[];
      /** Accounts whose list could not be read, and why: none of their tasks are in it. */
      readonly failed: readonly string[];
    }
  | { readonly ok: false; readonly exitCode: ExitCode; readonly errors: readonly string[] };
