import type { ApiObject, UpdateRules } from '../resources/strategy.ts';
import type { Preconditions } from '../storage/storage.ts';
import type { HandlerContext, WriteOptions } from './handler-context.ts';
import type { ServedResource } from './served-resource.ts';
import { updateObject } from './write-object.ts';

/** What the server itself makes of an object is right by construction. */
const AS_IS: UpdateRules<ApiObject> = {
  prepareForUpdate: object => object,
  validateUpdate: () => [],
  warningsOnUpdate: () => [],
  fieldResets: [],
};

export interface AsIsUpdate {
  readonly namespace: string;
  readonly name: string;
  readonly change: (old: ApiObject) => ApiObject;
  readonly preconditions: Preconditions;
}

/** Stores what a subresource makes of an object that it has been asked for, and admitted, as another kind: a binding, an eviction. Empty preconditions are none. Answers the new version; none in a dry run. */
export async function updateAsIs(
  handlers: HandlerContext,
  served: ServedResource,
  update: AsIsUpdate,
  options: WriteOptions,
): Promise<{ readonly resourceVersion: string }> {
  const preconditions = Object.fromEntries(
    Object.entries(update.preconditions).filter(([, value]) => (value ?? '') !== ''),
  );
  const request = { ...update, preconditions, rules: AS_IS, tracked: 'by-change', isAdmitted: true } as const;
  const written = await updateObject(handlers, served, request, options);
  return { resourceVersion: written.kind === 'stored' ? String(written.entry.revision) : '' };
}
