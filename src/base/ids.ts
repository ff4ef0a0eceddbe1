/** Branded strings: an id of one kind is not assignable to another. */
declare const brand: unique symbol;
export type Branded<Name extends string> = string & { readonly [brand]: Name };

/** 64 lower-case hex digits, as CRI runtimes hand out. */
export type SandboxId = Branded<'SandboxId'>;
/** 64 lower-case hex digits. */
export type ContainerId = Branded<'ContainerId'>;
/** `sha256:<hex>` of an image's config. */
export type ImageId = Branded<'ImageId'>;
export type PodUid = Branded<'PodUid'>;

const ID_PATTERN = /^[a-f0-9]{64}$/;

/** True for a whole id as this program hands them out: safe to use as one path segment. */
export function isWholeId(text: string): boolean {
  return ID_PATTERN.test(text);
}
