export const BETA_CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';

/** The class of a volume or claim: an old annotation goes before the field. */
export function storageClassOf(object: {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> | undefined };
  readonly spec: { readonly storageClassName?: string | undefined };
}): string {
  return object.metadata.annotations?.[BETA_CLASS_ANNOTATION] ?? object.spec.storageClassName ?? '';
}
