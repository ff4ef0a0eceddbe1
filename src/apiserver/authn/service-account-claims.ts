import { randomUUID } from 'node:crypto';
import type { JwtClaims } from './jwt.ts';
import { serviceAccountUserName } from './user.ts';

/** Claims of service account tokens, in the form that upstream writes and reads. */

export interface ObjectReference {
  readonly name: string;
  readonly uid: string;
}

/** The object whose end ends the token. A token of a pod also tells the node that the pod runs on. */
export type TokenBinding =
  | { readonly pod: ObjectReference; readonly node?: ObjectReference }
  | { readonly secret: ObjectReference }
  | { readonly node: ObjectReference };

export interface ServiceAccountTokenSpec {
  readonly issuer: string;
  readonly namespace: string;
  readonly serviceAccount: ObjectReference;
  readonly audiences: readonly string[];
  /** Seconds since the epoch. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** From here on the use of the token is worth a warning: it should have been renewed. */
  readonly warnAfter?: number;
  readonly binding?: TokenBinding;
  /** `jti`; random unless given. */
  readonly id?: string;
}

export function serviceAccountClaims(spec: ServiceAccountTokenSpec): JwtClaims {
  return {
    aud: spec.audiences,
    exp: spec.expiresAt,
    iat: spec.issuedAt,
    iss: spec.issuer,
    jti: spec.id ?? randomUUID(),
    'kubernetes.io': {
      namespace: spec.namespace,
      ...(spec.binding ?? {}),
      serviceaccount: spec.serviceAccount,
      ...(spec.warnAfter === undefined ? {} : { warnafter: spec.warnAfter }),
    },
    nbf: spec.issuedAt,
    sub: serviceAccountUserName(spec.namespace, spec.serviceAccount.name),
  };
}

/** The claims that matter here, read from a payload whose every field may be anything. */
export interface ReadServiceAccountClaims {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly id: string;
  readonly expiresAt: number | undefined;
  readonly notBefore: number | undefined;
  readonly issuedAt: number | undefined;
  readonly namespace: string;
  readonly serviceAccount: ObjectReference;
  readonly pod: ObjectReference | undefined;
  readonly node: ObjectReference | undefined;
  readonly secret: ObjectReference | undefined;
}

export function readServiceAccountClaims(claims: JwtClaims): ReadServiceAccountClaims {
  const own = record(claims['kubernetes.io']) ?? {};
  const audience = claims['aud'];
  return {
    issuer: text(claims['iss']),
    audiences: (Array.isArray(audience) ? audience : [audience]).filter(each => typeof each === 'string'),
    id: text(claims['jti']),
    expiresAt: seconds(claims['exp']),
    notBefore: seconds(claims['nbf']),
    issuedAt: seconds(claims['iat']),
    namespace: text(own['namespace']),
    serviceAccount: reference(own['serviceaccount']) ?? { name: '', uid: '' },
    pod: reference(own['pod']),
    node: reference(own['node']),
    secret: reference(own['secret']),
  };
}

function record(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function seconds(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function reference(value: unknown): ObjectReference | undefined {
  const fields = record(value);
  return fields && { name: text(fields['name']), uid: text(fields['uid']) };
}
