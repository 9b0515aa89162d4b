/** A text as it is typed in a shell: in hints that shall work as they stand. */

export const shellWord = (text: string): string =>
  /^[\p{L}\p{N}_./@:+-]+$/u.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
