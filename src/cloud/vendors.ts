/**
 * What differs between the two vendors of the same API: where it is, and where their own SDKs look for keys: names of
 * environment variables in their order, and a file.
 */

/** Each list is read first to last; an id and a secret of one row belong together. */
interface KeyVariables {
  readonly ids: readonly string[];
  readonly secrets: readonly string[];
  readonly token: string;
}

export interface Vendor {
  readonly endpoint: string;
  /** Where none is configured: the first is tried first. */
  readonly regions: readonly [string, ...string[]];
  readonly stsEndpoint: string;
  readonly keys: readonly [KeyVariables, ...(readonly KeyVariables[])];
  /** Of the variables for OIDC and for the ECS instance's role. */
  readonly prefix: 'VOLCENGINE' | 'BYTEPLUS';
  /** Below the home directory: JSON with `ak` and `sk`. */
  readonly keyFile: string | undefined;
}

export const vendors = {
  volcengine: {
    endpoint: 'https://live.volcengineapi.com',
    regions: ['cn-north-1'],
    stsEndpoint: 'https://sts.volcengineapi.com',
    keys: [
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
    keyFile: '.volc/config',
  },
  byteplus: {
    endpoint: 'https://open.byteplusapi.com',
    regions: ['ap-singapore-1', 'cn-north-1'],
    stsEndpoint: 'https://sts.ap-southeast-1.byteplusapi.com',
    keys: [
      {
        ids: ['BYTEPLUS_ACCESS_KEY', 'BYTEPLUS_ACCESS_KEY_ID'],
        secrets: ['BYTEPLUS_SECRET_KEY', 'BYTEPLUS_SECRET_ACCESS_KEY'],
        token: 'BYTEPLUS_SESSION_TOKEN',
      },
      { ids: ['BYTEPLUS_ACCESSKEY'], secrets: ['BYTEPLUS_SECRETKEY'], token: 'BYTEPLUS_SESSION_TOKEN' },
    ],
    prefix: 'BYTEPLUS',
    keyFile: undefined,
  },
} as const satisfies Record<string, Vendor>;
