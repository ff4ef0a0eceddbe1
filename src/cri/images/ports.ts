/** What the runtime service needs of the image store. Everything is read from memory: no call here touches the network. */

/** The parts of an OCI image config that make a container. */
export interface ImageConfig {
  readonly user: string;
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly workingDir: string;
  readonly stopSignal: string;
  readonly volumes: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface ImageRecord {
  /** `sha256:<hex>` of the config. */
  readonly id: string;
  /** Full references with a tag: `docker.io/library/busybox:1.29`. */
  readonly repoTags: readonly string[];
  /** Full references with a manifest digest. */
  readonly repoDigests: readonly string[];
  /** Compressed size, as registries and other runtimes report it. */
  readonly sizeBytes: number;
  readonly config: ImageConfig;
  readonly pinned: boolean;
}

export interface ImageStore {
  /** By id (whole, with or without `sha256:`, or an unambiguous prefix of 12 digits or more), tag or digest reference; undefined when not here. */
  resolve(reference: string): ImageRecord | undefined;
  list(): readonly ImageRecord[];
  /** Unpacked layer directories of an image, topmost first, as overlayfs wants its `lowerdir`. Throws `not-found` for an unknown id. */
  layerDirs(id: string): readonly string[];
  /**
   * Keeps the image's layers on disk while a container uses them, even when the image is removed. The owner is a container id, which may hold several;
   * holds are not persisted: the runtime service takes them again at restore. Throws `not-found` for an unknown id.
   */
  hold(id: string, owner: string): void;
  /** Gives up all that the owner holds. Safe to repeat. */
  release(owner: string): void;
}
