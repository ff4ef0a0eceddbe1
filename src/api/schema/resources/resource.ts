import type { PackageId } from '../packages.ts';

/** A verb as discovery names it. */
export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

/**
 * What an API server knows of a resource beside the shape of its kind: the part that the Go modules do not carry
 * (upstream has it in pkg/registry, pkg/apis/<group>/<version>/conversion.go and pkg/kubeapiserver). Names and verbs are
 * tested against upstream's OpenAPI document.
 */
export interface ApiResource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Empty where nothing is listed: reviews and bindings. */
  readonly listKind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly scope: 'namespaced' | 'cluster';
  /** In alphabetical order, as discovery writes them. */
  readonly verbs: readonly Verb[];
  readonly subresources: readonly Subresource[];
  /** Where objects lie in etcd; undefined for what is never stored. */
  readonly storage: StorageRule | undefined;
  /** What a field selector of this version may name. */
  readonly selectableFields: readonly string[];
  /** Package of the table that holds its types: `apps/v1`. */
  readonly package: TablePackage;
  /** False where the types are there and no server of ours answers for them yet. */
  readonly served: boolean;
}

/** A package that is always in the table, or one that is loaded. */
export type TablePackage = PackageId | 'core/v1' | 'meta/v1';

export interface StorageRule {
  /** Group and version in which objects are stored; one version for all that the group serves. */
  readonly group: string;
  readonly version: string;
  /** The part of the key behind `/registry/`. */
  readonly prefix: string;
}

export interface Subresource {
  readonly name: string;
  /** The kind of its body; of another group than the resource's in some. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly verbs: readonly Verb[];
  /** Package of the body's type. */
  readonly package: TablePackage;
  /** True where requests become a stream to a kubelet or a proxied connection. */
  readonly connect: boolean;
}

const ALL: readonly Verb[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const BY_NAME = ['metadata.name', 'metadata.namespace'];

/** What differs from the common case: namespaced or not, every verb, stored in its own version under its plural. */
export interface Differences {
  readonly singular?: string;
  readonly listKind?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly verbs?: readonly Verb[];
  readonly subresources?: readonly Subresource[];
  readonly storage?: Partial<StorageRule> | undefined;
  readonly selectableFields?: readonly string[];
  readonly served?: boolean;
}

/** The rows of one group and version. */
export function rowsOf(group: string, version: string, tablePackage: TablePackage) {
  return {
    resource(
      scope: 'namespaced' | 'cluster',
      kind: string,
      plural: string,
      differences: Differences = {},
    ): ApiResource {
      const { storage, ...rest } = differences;
      const selectable = scope === 'cluster' ? BY_NAME.slice(0, 1) : BY_NAME;
      return {
        group,
        version,
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames: [],
        categories: [],
        scope,
        verbs: ALL,
        subresources: [],
        storage:
          'storage' in differences && storage === undefined
            ? undefined
            : { group, version, prefix: plural, ...storage },
        package: tablePackage,
        served: true,
        ...rest,
        selectableFields: [...selectable, ...(differences.selectableFields ?? [])],
      };
    },
    /** A review: it is answered, never stored. */
    review(scope: 'namespaced' | 'cluster', kind: string, plural: string): ApiResource {
      return this.resource(scope, kind, plural, { verbs: ['create'], listKind: '', storage: undefined });
    },
    /** A subresource whose body is the object itself, or another kind of the same group. */
    sub(name: string, kind: string, verbs: readonly Verb[] = ['get', 'patch', 'update']): Subresource {
      return { name, group, version, kind, verbs, package: tablePackage, connect: false };
    },
    /** A stream to a pod, node or service; the kind holds the options of the query. */
    stream(name: string, kind: string, verbs: readonly Verb[]): Subresource {
      return { name, group, version, kind, verbs, package: tablePackage, connect: true };
    },
  };
}

/** The scale of a workload: the same kind wherever it stands. */
export const SCALE: Subresource = {
  name: 'scale',
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  verbs: ['get', 'patch', 'update'],
  package: 'autoscaling/v1',
  connect: false,
};
