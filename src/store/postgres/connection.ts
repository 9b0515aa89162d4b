/**
 * Connections to PostgreSQL. Nothing is kept in a session: no prepared statement, no advisory lock, no setting outlives
 * its transaction, so that a pooler may give every transaction another one.
 */
import { Kysely, PostgresDialect, type PostgresPool } from 'kysely';
import pg from 'pg';
import type { PostgresPlace } from '../store.ts';
import type { Database, Tables } from '../tables.ts';

/** A connection that does not come, and a statement that is not answered, milliseconds. */
const connectWithinMs = 5_000;
const answerWithinMs = 20_000;

/** What no other statement on the same connection can mend: the next one is made on a new connection. */
class ConnectionLost extends Error {}

/** `said`: an error as it is thrown. */
export function connectTo(
  place: PostgresPlace,
  most: number,
  withinMs = answerWithinMs,
  said = (error: unknown): unknown => error,
) {
  // Read anew whenever a connection may have to be made: a certificate changes more often than this process starts.
  const trusted = { ca: '' };
  const pool = new pg.Pool({ ...addressOf(place, trusted), max: most, query_timeout: withinMs });
  // A connection that breaks while nobody uses it is simply made again.
  pool.on('error', () => {});
  const ready = async () => {
    if (place.ca && pool.idleCount === 0) trusted.ca = await place.ca();
  };
  const dialect = new PostgresDialect({ pool: mindful(pool, ready, said) });
  const db: Database = new Kysely<Tables>({ dialect }).withSchema('relaykeeper');
  return { db, close: () => db.destroy() };
}

function addressOf({ url, password, ca }: PostgresPlace, trusted: { readonly ca: string }): pg.PoolConfig {
  const { hostname, port, pathname, username, searchParams } = new URL(url);
  const mode = searchParams.get('sslmode') ?? (ca ? 'verify-full' : 'disable');
  return {
    host: decodeURIComponent(hostname).replace(/^\[(.*)\]$/, '$1') || 'localhost',
    port: Number(port || 5432),
    database: decodeURIComponent(pathname.slice(1)),
    user: decodeURIComponent(username),
    password,
    application_name: 'relaykeeper',
    connectionTimeoutMillis: connectWithinMs,
    keepAlive: true,
    // Whoever asks for TLS has it verified.
    ssl: mode === 'disable' ? false : ca ? trusted : {},
    types: { getTypeParser: parserFor },
  };
}

/** `bigint`: no number here is beyond 2⁵³. */
const int8 = 20;
const parserFor: pg.CustomTypesConfig['getTypeParser'] = (oid: number, format?: 'text' | 'binary') =>
  oid === int8 ? Number : pg.types.getTypeParser(oid, format as 'text');

/**
 * A connection on which a statement was not answered, or that the server closed, is thrown away instead of being lent
 * again: whatever comes late would be taken for the answer to something else.
 */
function mindful(pool: pg.Pool, ready: () => Promise<void>, said: (error: unknown) => unknown): PostgresPool {
  return {
    options: pool.options,
    end: () => pool.end(),
    connect: async () => {
      const client = await ready()
        .then(() => pool.connect())
        .catch((error) => Promise.reject(said(error)));
      let broken = false;
      // The pool listens only while nobody has it.
      const onError = () => {
        broken = true;
      };
      client.on('error', onError);
      return {
        query: (async (sql: string, parameters: readonly unknown[] = []) => {
          // It was rolled back with its connection; an error here would hide the one that led to it.
          if (broken && sql === 'rollback') return { rows: [] };
          if (broken) throw said(new ConnectionLost('the connection to the database was lost'));
          try {
            return await client.query(sql, parameters.map(storable));
          } catch (error) {
            broken ||= !isAnswer(error);
            throw said(error);
          }
        }) as never,
        release: (destroy = false) => {
          client.off('error', onError);
          client.release(destroy || broken);
        },
      };
    },
  };
}

/** PostgreSQL has no NUL in a text. Bodies are JSON, which escapes it; only a column for searching can have one. */
const storable = (value: unknown): unknown =>
  typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\uFFFD') : value;

/** Classes of SQLSTATE after which the server closes, or is the wrong one: a standby that takes no writes (25006). */
const endings = /^(57P|08|25006)/;

/** The server said no, and will go on answering. https://www.postgresql.org/docs/current/errcodes-appendix.html */
const isAnswer = (error: unknown): boolean => {
  const state = sqlState(error);
  return state !== undefined && !endings.test(state);
};

export function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}
