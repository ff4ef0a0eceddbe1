import type { ApiResource } from '../../api/schema/resources/resource.ts';
import type { StructType } from '../../api/schema/table.ts';
import type { ApiObject, Columns } from '../resources/strategy.ts';

/** What the forms of an object are made by; a ServedResource is one. Objects are in the stored version throughout. */
export interface ObjectShape {
  readonly resource: ApiResource;
  /** Of the version that is answered. */
  readonly type: StructType;
  readonly apiVersion: string;
  readonly strategy: { readonly columns: Columns<ApiObject> };
  /** The object as the version that is answered has it. */
  fromStored(object: ApiObject): ApiObject;
  /** Its JSON. */
  jsonOf(object: ApiObject): Record<string, unknown>;
}

/** How the items of a list are turned into bytes: from what is kept, or each time. */
export interface ItemForms<I> {
  object(item: I): ApiObject;
  /** In JSON, without what the list says for all: kind and apiVersion, which come first, and the brace before them. */
  json(item: I): Buffer;
  /** In protobuf, without an envelope. */
  message(item: I): Buffer;
}
