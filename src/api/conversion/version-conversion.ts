/** Turns objects of one version of a kind into the version that is stored, and back. Pure; the object given is not changed. */
export interface VersionConversion {
  /** The kind's type and apiVersion are those of the stored version. */
  toStored(object: object): object;
  fromStored(object: object): object;
}
