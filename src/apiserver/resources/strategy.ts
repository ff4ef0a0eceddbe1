import type { ApiResource } from '../../api/schema/resources/resource.ts';
import type { ObjectMeta, TableColumnDefinition, TableRowCondition, TypeMeta } from '../../api/types/gen/meta-v1.ts';
import type { Time } from '../../api/types/scalars.ts';
import type { FieldError } from '../../api/validation/field-error.ts';
import type { FieldResets } from '../apply/resets.ts';
import type { UserInfo } from '../authn/user.ts';

/** What every stored object has. */
export interface ApiObject extends TypeMeta {
  readonly metadata: ObjectMeta;
}

/** What a strategy may know beside the objects. Everything that is not a function of them comes in here. */
export interface StrategyContext {
  /** The time of the request, RFC 3339 with seconds. */
  readonly now: Time;
  /** Who asks. */
  readonly user: UserInfo;
  /** A fresh UUID at each call. */
  readonly newUid: () => string;
  /** Five characters that make a generated name unique, fresh at each call. */
  readonly randomSuffix: () => string;
  /** Tells the client something that can be seen only before the object is prepared. */
  readonly warn: (text: string) => void;
}

/** What kubectl get prints of a kind: upstream's columns. */
export interface Columns<T> {
  readonly definitions: readonly TableColumnDefinition[];
  /** One cell a definition; `now` in milliseconds since the epoch, for ages. */
  cells(object: T, now: number): readonly unknown[];
  /** The state of the row, where the kind has one: a pod that has completed. */
  conditions?(object: T): readonly TableRowCondition[];
}

/** The rules of one way to change an object: of the resource itself or of one of its subresources. */
export interface UpdateRules<T extends ApiObject> extends FieldResets {
  /** The object that is stored if it is valid: what the writer may not set comes from `old`. */
  prepareForUpdate(object: T, old: T, context: StrategyContext): T;
  /** Upstream's field errors; empty where the change is allowed. Runs over what prepareForUpdate gave. */
  validateUpdate(object: T, old: T, context: StrategyContext): FieldError[];
  warningsOnUpdate(object: T, old: T): string[];
}

/**
 * What the handlers have to know of a kind. All functions are pure: objects go in with their defaults and come out as new
 * objects; nothing is read from a store, a clock or a random source but through the context.
 */
export interface ResourceStrategy<T extends ApiObject = ApiObject> extends UpdateRules<T> {
  readonly resource: ApiResource;
  /** The object that is created if it is valid. Names are generated before; uid and creation time are set here. */
  prepareForCreate(object: T, context: StrategyContext): T;
  validate(object: T, context: StrategyContext): FieldError[];
  /** The form that is stored, once the object is known to be valid. */
  canonicalize(object: T): T;
  warnings(object: T): string[];
  readonly columns: Columns<T>;
  /** What a field selector may ask for, by its label (`spec.nodeName`). */
  selectableFields(object: T): ReadonlyMap<string, string>;
  /** The subresources that are written like the object: status, ephemeralcontainers, resize, approval, finalize. */
  readonly subresources: ReadonlyMap<string, UpdateRules<T>>;
  /**
   * What becomes of an object's dependents where its deletion does not say: they go, too; they stay without an owner, for kinds that are
   * older than the garbage collector; or nothing ever depends on the kind, and no policy counts.
   */
  readonly dependents: 'delete' | 'orphan' | 'none';
  /** Told to who deletes an object of the kind and says nothing of its dependents. */
  readonly orphanWarning: string | undefined;
  /** True where PUT creates what is not there: leases, events, endpoints, RBAC. */
  readonly createOnUpdate: boolean;
  /** True where PUT may leave resourceVersion out and replace whatever is stored. */
  readonly unconditionalUpdate: boolean;
}
