/**
 * Where the vendors' own SDKs look for keys: names of environment variables in their order, and a file (reference,
 * "Credentials"). A name list is read first to last; an id and a secret of one row belong together.
 */

import type { Environment } from '../../domain/ports/app-port.ts';

interface Row {
  readonly ids: readonly string[];
  readonly secrets: readonly string[];
  readonly token: string;
}

export interface KeyNames {
  readonly rows: readonly [Row, ...(readonly Row[])];
  /** Of the variables for OIDC and for the ECS instance's role. */
  readonly prefix: 'VOLCENGINE' | 'BYTEPLUS';
  /** Below the home directory: JSON with `ak` and `sk`. */
  readonly file: string | undefined;
}

export const keyNames = {
  volcengine: {
    rows: [
      { ids: ['VOLCENGINE_ACCESS_KEY'], secrets: ['VOLCENGINE_SECRET_KEY'], token: 'VOLCENGINE_SESSION_TOKEN' },
      {
        ids: ['VOLCSTACK_ACCESS_KEY_ID'],
        secrets: ['VOLCSTACK_SECRET_ACCESS_KEY'],
        token: 'VOLCSTACK_SESSION_TOKEN',
      },
      { ids: ['VOLCSTACK_ACCESS_KEY'], secrets: ['VOLCSTACK_SECRET_KEY'], token: 'VOLCSTACK_SESSION_TOKEN' },
      { ids: ['VOLC_ACCESSKEY'], secrets: ['VOLC_SECRETKEY'], token: 'VOLC_SESSION_TOKEN' },
    ],
    prefix: 'VOLCENGINE',
    file: '.volc/config',
  },
  byteplus: {
    rows: [
      {
        ids: ['BYTEPLUS_ACCESS_KEY', 'BYTEPLUS_ACCESS_KEY_ID'],
        secrets: ['BYTEPLUS_SECRET_KEY', 'BYTEPLUS_SECRET_ACCESS_KEY'],
        token: 'BYTEPLUS_SESSION_TOKEN',
      },
      { ids: ['BYTEPLUS_ACCESSKEY'], secrets: ['BYTEPLUS_SECRETKEY'], token: 'BYTEPLUS_SESSION_TOKEN' },
    ],
    prefix: 'BYTEPLUS',
    file: undefined,
  },
} as const satisfies Record<string, KeyNames>;

/** The variables that hold the keys. `missing` tells what half a pair lacks, and what the first pair does where none is set. */
export function variablesOf({ rows }: KeyNames, env: Environment) {
  const set = (names: readonly string[]) => names.find((name) => env[name]);
  const found = rows.map(({ ids, secrets, token }) => ({ id: set(ids), secret: set(secrets), token, ids, secrets }));
  const whole = found.find(({ id, secret }) => id && secret);
  if (whole?.id && whole.secret) {
    return { kind: 'whole', id: whole.id, secret: whole.secret, token: whole.token } as const;
  }
  const half = found.find(({ id, secret }) => id || secret);
  const [first] = rows;
  const { ids, secrets, id, secret } = half ?? { ...first, id: undefined, secret: undefined };
  const missing = [...(id ? [] : ids.slice(0, 1)), ...(secret ? [] : secrets.slice(0, 1))];
  return { kind: half ? 'half' : 'none', missing } as const;
}
