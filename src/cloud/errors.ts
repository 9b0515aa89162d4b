/**
 * Which class each code of the cloud belongs to, and which codes an action can answer. What follows from a class stands
 * in `domain/words/failure.ts`.
 *
 * The cloud's own message is never passed on: it can quote addresses, keys and signatures. The code and the request id
 * are what its documentation and its support ask for.
 */
import { type CallFailure, classMeanings, type ErrorClass, errorClasses } from '../domain/words/failure.ts';

const actions = [
  'ListPullToPushTaskV2',
  'ListPullToPushGroup',
  'RestartPullToPushTask',
  'ContinuePullToPushTask',
  'RelaunchPullToPushTask',
] as const;
export type Action = (typeof actions)[number];
export type RestartAction = Exclude<Action, 'ListPullToPushTaskV2' | 'ListPullToPushGroup'>;

/**
 * The codes that the documentation has for every action, and those of RestartPullToPushTask's own table: lists report
 * `CommonErr` and `BillingStatus` too, and the other restarts are taken to answer the same.
 */
const classes = {
  MissingParameter: 'invalid',
  MissingAuthenticationToken: 'auth',
  MissingRequestInfo: 'invalid',
  MissingSignature: 'auth',
  InvalidTimestamp: 'clock',
  ServiceNotFound: 'unknown',
  InvalidActionOrVersion: 'retired',
  InvalidAccessKey: 'auth',
  SignatureDoesNotMatch: 'auth',
  LackPolicy: 'permission',
  AccessDenied: 'permission',
  InternalError: 'server',
  InternalServiceError: 'server',
  InternalServiceTimeout: 'server',
  FlowLimitExceeded: 'throttled',
  ServiceUnavailableTemp: 'server',
  MethodNotAllowed: 'unknown',
  InvalidAuthorization: 'auth',
  InvalidCredential: 'auth',
  InvalidSecretToken: 'auth',
  LackProjectPolicy: 'forbidden',
  AccountFlowLimitExceeded: 'throttled',
  CommonErr: 'common',
  InvalidParam: 'invalid',
  'InvalidParam.BindError': 'invalid',
  RequestForbidden: 'forbidden',
  'RequestForbidden.AccountIDNotAllow': 'forbidden',
  'RequestForbidden.BillingStatus': 'billing',
  ResourceNotFound: 'not-found',
  RequestLimitExceeded: 'quota',
  'InternalServiceError.BadResponse': 'server',
} as const satisfies Record<string, ErrorClass>;

const classOf: ReadonlyMap<string, ErrorClass> = new Map(Object.entries(classes));

const pairs: readonly { readonly code: string; readonly class: ErrorClass }[] = [
  ...Array.from(classOf, ([code, errorClass]) => ({ code, class: errorClass })),
  // Failures without a code that we know: labelled by class, or `other` for a code that is in no table (`classify`).
  ...errorClasses.filter((name) => classMeanings[name].codeless).map((name) => ({ code: name, class: name })),
  { code: 'other', class: 'server' },
  { code: 'other', class: 'unknown' },
];

/** What a call of any of these actions can come to, so that metrics can have it at 0 from the start. */
export const knownCodes = { actions, pairs };

/** Of a request without a whole answer. */
export const whyClass = (why: string) => (why === 'timeout' ? 'timeout' : 'network');

/** What an HTTP answer said, as far as it could be read. */
export interface Answer {
  readonly httpStatus: number;
  readonly envelope:
    | {
        readonly kind: 'parsed';
        readonly requestId: string | undefined;
        readonly error: { readonly code?: string } | undefined;
      }
    | { readonly kind: 'unparsable' };
}

/**
 * The class of an answer that is no success. A code decides over the HTTP status (throttling comes with 200 too),
 * except that with 5xx a code of class `common` or of no class is `server`: the effect may have happened.
 */
export function classify({ httpStatus, envelope }: Answer, action: string): CallFailure {
  const failing = (errorClass: ErrorClass, what: string, code?: string): CallFailure => ({
    class: errorClass,
    code,
    httpStatus,
    requestId: envelope.kind === 'parsed' ? envelope.requestId : undefined,
    message: `${action}: ${what}`,
  });
  const serverSide = httpStatus >= 500;

  const code = envelope.kind === 'parsed' ? envelope.error?.code : undefined;
  if (code !== undefined) {
    const byCode = classOf.get(code) ?? 'unknown';
    const errorClass = serverSide && (byCode === 'unknown' || byCode === 'common') ? 'server' : byCode;
    const { needsPerson, advice } = classMeanings[errorClass];
    return failing(
      errorClass,
      `the cloud answered ${code} (HTTP ${httpStatus})${needsPerson ? `. ${advice}` : ''}`,
      code,
    );
  }
  if (httpStatus === 429) return failing('throttled', 'throttled (HTTP 429 without a code)');
  if (httpStatus >= 300 && httpStatus < 400) {
    return failing('server', `the answer was a redirect (HTTP ${httpStatus}); redirects are not followed`);
  }
  if (envelope.kind === 'unparsable')
    return failing('server', `the answer was not the API's JSON (HTTP ${httpStatus})`);
  if (serverSide) return failing('server', `HTTP ${httpStatus} without an error code`);
  return failing('unknown', `an error without a code (HTTP ${httpStatus})`);
}
