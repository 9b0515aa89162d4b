/** What is wrong with the database, for a person: where, what, and what to do next. One line each, and no password. */
import { asProblem, oneLine } from '../store-problem.ts';
import { sqlState } from './connection.ts';

/** `name`: the database's address without secrets. Our own mistakes pass as they are. */
export const postgresProblem = (error: unknown, name: string): Error =>
  asProblem(error, (thrown) => {
    const why = sentenceOf(thrown);
    return why === undefined ? undefined : `${name}: ${why}`;
  });

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
const bySqlState: Readonly<Record<string, string>> = {
  '28P01': 'it refuses this user with this password: look at `store.passwordFile`',
  '28000': 'it refuses this user: look at `store.url` and at the server’s pg_hba.conf',
  '3D000': 'there is no such database: create it, `createdb`',
  '42501':
    'this user may not do that: it must own the schema relaykeeper, or be allowed to create it (GRANT CREATE ON DATABASE)',
  '53100': 'its disk is full: free some',
  '53300': 'it takes no more connections: raise max_connections, or put a pooler before it',
  '25006': 'it takes no writes: it is a standby, or was made read-only',
};

const bySystem: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: is PostgreSQL running, and is the port right?',
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'the name of its host cannot be looked up now',
  ECONNRESET: 'it closed the connection',
  EPIPE: 'it closed the connection',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'its host cannot be reached',
  ENETUNREACH: 'its host cannot be reached',
};

function sentenceOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const state = sqlState(error);
  if (state !== undefined) return bySqlState[state] ?? `${oneLine(error.message)} (SQLSTATE ${state})`;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (code !== undefined && bySystem[code] !== undefined) return bySystem[code];
  if (code === 'CERT_HAS_EXPIRED')
    return 'its certificate has expired: put a new one there; it is taken at the next try';
  if (code !== undefined && /CERT|SSL|TLS|ISSUER|ALTNAME/.test(code))
    return `its certificate is not trusted (${code}): give the one that signed it, \`store.caFile\``;
  if (error instanceof AggregateError && error.errors.length > 0) return sentenceOf(error.errors[0]);
  // What the driver itself says has no code.
  if (/timeout/i.test(error.message)) return 'it does not answer in time';
  if (/SSL connections/.test(error.message)) return 'it does not speak TLS: turn it on there, or leave `sslmode` out';
  if (/Connection terminated|connection .*lost|Connection ended/i.test(error.message)) return 'the connection was lost';
  return code === undefined ? undefined : `${oneLine(error.message)} (${code})`;
}
