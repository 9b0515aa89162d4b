/** Quotes a text for the shell, so that people can copy hints as they stand. */

export const shellWord = (text: string): string =>
  /^[\p{L}\p{N}_./@:+-]+$/u.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
