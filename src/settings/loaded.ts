/**
 * The result of reading a configuration, for those who receive it. It loads neither the schema nor YAML nor the rules,
 * which only the thread that reads needs.
 */
import type { Held } from '../user-files.ts';
import type { Written } from './schema.ts';
import { resolve, type Settings } from './settings.ts';

/** A mistake or a warning, in pieces for programs and whole for people. */
export interface Problem {
  readonly file: string;
  /** From 1; absent if the file could not be read at all. */
  readonly line: number | undefined;
  readonly column: number | undefined;
  /** As `groups[0].backoff.max`; empty for the file as a whole. */
  readonly path: string;
  /** What is wrong and what to do about it, in a sentence. */
  readonly message: string;
  /** All of it, with the quoted line; several lines of text. */
  readonly text: string;
}

/** A problem without a place: the file is not there, or cannot be read. */
export function fileProblem(file: string, message: string): Problem {
  return { file, line: undefined, column: undefined, path: '', message, text: `${file}: ${message}` };
}

/** By file: the configuration and those that it names. */
export type Contents = ReadonlyMap<string, Held>;
interface Read {
  /** What the files held that were read for it. */
  readonly read: Contents;
}
interface Good extends Read {
  readonly ok: true;
  readonly warnings: readonly Problem[];
  /** 12 hex digits of the file's SHA-256: 48 bits, exact as a number too. */
  readonly hash: string;
}
interface Bad extends Read {
  readonly ok: false;
  readonly errors: readonly Problem[];
  /** Nobody could look at it in time: it may be as good as ever. */
  readonly unchecked?: true;
}
/** Not yet resolved: plain values, that one thread can give to another. */
export type Checked = (Good & { readonly written: Written }) | Bad;
export type Loaded = (Good & { readonly settings: Settings }) | Bad;

/** 200 groups with all their keys are a fifth of this. */
export const maxFileBytes = 1024 * 1024;
export const maxSecretBytes = 64 * 1024;

export function settle(checked: Checked): Loaded {
  if (!checked.ok) return checked;
  const { written, ...rest } = checked;
  return { ...rest, settings: resolve(written) };
}
