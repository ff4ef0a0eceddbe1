import type { UserInfo } from '../authn/user.ts';

/** A write that is about to be stored. */
export interface AdmissionRequest {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  readonly user: UserInfo;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** As it will be stored; undefined for a delete. */
  readonly object: object | undefined;
  /** As it is stored; undefined for a create. */
  readonly oldObject: object | undefined;
  readonly dryRun: boolean;
  /** Adds a line that the client is told beside the answer. */
  warn(text: string): void;
}

/**
 * A rule over writes that is no rule of the kind. All `mutate` run before all `validate`, each in the order of the list; `validate` sees what will be
 * stored and changes nothing. A refusal is thrown as an ApiError.
 */
export interface AdmissionPlugin {
  readonly name: string;
  /** Asked first, and cheap: most writes are no business of most plugins. */
  handles(request: Pick<AdmissionRequest, 'operation' | 'group' | 'resource' | 'subresource'>): boolean;
  /** The object as it is to be stored, which may be the same. */
  mutate?(request: AdmissionRequest, signal: AbortSignal): Promise<object>;
  validate?(request: AdmissionRequest, signal: AbortSignal): Promise<void>;
}

/** Runs the plugins over a write and answers the object to store, undefined for a delete. */
export async function admit(
  plugins: readonly AdmissionPlugin[],
  request: AdmissionRequest,
  signal: AbortSignal,
): Promise<object | undefined> {
  const object = await admitMutating(plugins, request, signal);
  await admitValidating(plugins, { ...request, object }, signal);
  return object;
}

/** The first half: what the plugins make of the object. The rules of its kind run after it. */
export async function admitMutating(
  plugins: readonly AdmissionPlugin[],
  request: AdmissionRequest,
  signal: AbortSignal,
): Promise<object | undefined> {
  let { object } = request;
  for (const plugin of plugins)
    if (plugin.mutate !== undefined && object !== undefined && plugin.handles(request))
      object = await plugin.mutate({ ...request, object }, signal);
  return object;
}

/** The second half, over an object that is known to be valid. */
export async function admitValidating(
  plugins: readonly AdmissionPlugin[],
  request: AdmissionRequest,
  signal: AbortSignal,
): Promise<void> {
  for (const plugin of plugins)
    if (plugin.validate !== undefined && plugin.handles(request)) await plugin.validate(request, signal);
}
