import { forbiddenError, type GroupResource } from '../../api/status.ts';
import type { StatusCause } from '../../api/types/gen/meta-v1.ts';
import type { Time } from '../../api/types/scalars.ts';
import type { UserInfo } from '../authn/user.ts';
import type { ApiObject } from '../resources/strategy.ts';

/** A write as admission sees it: behind authorization, with defaults, before validation. */
export interface WriteRequest {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE';
  readonly resource: GroupResource;
  /** Empty for the resource itself. */
  readonly subresource: string;
  readonly namespace: string;
  /** Empty while a name is still to be generated. */
  readonly name: string;
  readonly user: UserInfo;
  readonly now: Time;
  readonly object: ApiObject | undefined;
  readonly oldObject: ApiObject | undefined;
}

/** Objects as the watch cache has them. What is read may be a moment old. */
export interface Lister {
  get(resource: GroupResource, namespace: string, name: string): ApiObject | undefined;
  list(resource: GroupResource, namespace: string): readonly ApiObject[];
}

/** What a plugin says: go on, perhaps with another object and with warnings; or no, with the error that is answered. */
export type Decision =
  | {
      readonly kind: 'allow';
      readonly object?: ApiObject;
      readonly warnings?: readonly string[];
      readonly audit?: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'deny'; readonly error: Error };

export const ALLOW: Decision = { kind: 'allow' };

export function changeTo(object: ApiObject): Decision {
  return { kind: 'allow', object };
}

/** 403 as upstream words a refusal by admission. */
export function deny(request: WriteRequest, because: string, causes: readonly StatusCause[] = []): Decision {
  const { name = '', generateName = '' } = request.object?.metadata ?? {};
  const shown =
    request.name !== '' ? request.name : name !== '' ? name : generateName === '' ? 'Unknown' : generateName;
  return { kind: 'deny', error: forbiddenError(request.resource, shown, because, causes) };
}

/** True for a write of the resource itself. */
export function isAbout(request: WriteRequest, group: string, resource: string, subresource = ''): boolean {
  return (
    request.resource.group === group && request.resource.resource === resource && request.subresource === subresource
  );
}
