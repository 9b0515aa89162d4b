/**
 * What a command gets from its process, and how it ends. Commands touch nothing else of the process, so tests can run
 * them in their own process with a pretend terminal.
 */
import type { App, Environment, Signals } from '../domain/ports/app-port.ts';
import type { Clock } from '../domain/ports/time-port.ts';
import { type ExitCode, exitCodes } from '../domain/words/exit-code.ts';

export { type ExitCode, exitCodes };

/** A failure that a command expects: one line says what is wrong, one what to do now. */
export class Failure extends Error {
  readonly exitCode: ExitCode;
  readonly next: string | undefined;
  constructor(exitCode: ExitCode, message: string, next?: string) {
    super(message);
    this.name = 'Failure';
    this.exitCode = exitCode;
    this.next = next;
  }
}

/** The command was typed wrong. */
export const misuse = (message: string, next?: string): Failure => new Failure(exitCodes.usage, message, next);

export interface Surroundings {
  readonly env: Environment;
  readonly clock: Clock;
  readonly out: Output;
  /** What a person types to run this program here: `relaykeeper`, or in a checkout `node src/main.ts`; with `--config` if it was given. */
  program: string;
  /** What a person at the terminal answers, yes or no; undefined if there is nobody. */
  ask(question: string): Promise<boolean | undefined>;
  /** Starts to listen for the signals of the operating system. Until it is called they end the process at once. */
  signals(): Signals;
  /** The daemon's wiring, loaded only by the commands that need it. */
  app(): Promise<App>;
  /** `--config`, once the arguments are read. */
  configPath: string | undefined;
  /** The exit code. A command that does not succeed sets it, or throws a `Failure`. */
  exitCode: ExitCode;
}

export interface Output {
  write(text: string): void;
  error(text: string): void;
  /** A person looks at the output: tables and local times instead of tab-separated lines. */
  readonly isTerminal: boolean;
  readonly colors: boolean;
  /** How wide and how high the terminal is, at this moment. */
  readonly columns: number;
  readonly rows: number;
}
