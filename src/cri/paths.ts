import { invalidArgument } from '../base/errors.ts';
import { isWholeId } from '../base/ids.ts';

/** Every path of the shim, from its two roots. What takes an id throws `invalid-argument` unless it is a whole one (64 hex digits). */
export interface CriPaths {
  /** Sandbox records, one file each. */
  readonly sandboxRecords: string;
  /** A folder per container: record and writable layer. */
  readonly containers: string;
  /** Unreadable records are moved here for people to look at. */
  readonly quarantine: string;
  /** Writable layers on their way out: moved here by one rename, then deleted at leisure. */
  readonly trash: string;
  /** A folder per checkpoint at work. */
  readonly checkpoints: string;
  /** Mount points and bundles of sandboxes. */
  readonly sandboxStates: string;
  /** Bundles and root file systems of containers. */
  readonly containerStates: string;
  readonly netnsDir: string;
  /** Bound user namespaces of pods that have one of their own. */
  readonly usernsDir: string;
  /** A folder per container: what of its mounts is shown with the pod's ids while the runtime takes it up. */
  readonly idmappedDir: string;
  /** Where monitors leave a file per ended container. */
  readonly exitDir: string;
  sandboxRecord(id: string): string;
  containerDir(id: string): string;
  containerRecord(id: string): string;
  upperDir(id: string): string;
  workDir(id: string): string;
  /** The bundle of the infra container. */
  sandboxBundle(id: string): string;
  containerBundle(id: string): string;
  rootfs(id: string): string;
  /** A directory with a mount per image volume of the container. */
  imageVolumes(id: string): string;
  netns(id: string): string;
  userns(id: string): string;
  idmapped(id: string): string;
  /** Beside it, for sandboxes without a pause process. */
  ipcns(id: string): string;
  utsns(id: string): string;
  shm(id: string): string;
  resolvConf(id: string): string;
  hostname(id: string): string;
  hosts(id: string): string;
}

export function criPaths(config: { readonly root: string; readonly state: string }): CriPaths {
  const { root, state } = config;
  const sandboxState = (id: string): string => `${state}/sandboxes/${checkedId(id)}`;
  const containerState = (id: string): string => `${state}/containers/${checkedId(id)}`;
  const containerDir = (id: string): string => `${root}/containers/${checkedId(id)}`;
  return {
    sandboxRecords: `${root}/sandboxes`,
    containers: `${root}/containers`,
    quarantine: `${root}/quarantine`,
    trash: `${root}/trash`,
    checkpoints: `${root}/checkpoints`,
    sandboxStates: `${state}/sandboxes`,
    containerStates: `${state}/containers`,
    netnsDir: `${state}/netns`,
    usernsDir: `${state}/userns`,
    idmappedDir: `${state}/idmapped`,
    exitDir: `${state}/exits`,
    sandboxRecord: id => `${root}/sandboxes/${checkedId(id)}.json`,
    containerDir,
    containerRecord: id => `${containerDir(id)}/record.json`,
    upperDir: id => `${containerDir(id)}/upper`,
    workDir: id => `${containerDir(id)}/work`,
    sandboxBundle: sandboxState,
    containerBundle: containerState,
    rootfs: id => `${containerState(id)}/rootfs`,
    imageVolumes: id => `${containerState(id)}/image-volumes`,
    netns: id => `${state}/netns/${checkedId(id)}`,
    userns: id => `${state}/userns/${checkedId(id)}`,
    idmapped: id => `${state}/idmapped/${checkedId(id)}`,
    ipcns: id => `${state}/netns/${checkedId(id)}.ipc`,
    utsns: id => `${state}/netns/${checkedId(id)}.uts`,
    shm: id => `${sandboxState(id)}/shm`,
    resolvConf: id => `${sandboxState(id)}/resolv.conf`,
    hostname: id => `${sandboxState(id)}/hostname`,
    hosts: id => `${sandboxState(id)}/hosts`,
  };
}

function checkedId(id: string): string {
  if (!isWholeId(id)) throw invalidArgument(`"${id}" is not an id of this runtime (64 hex digits)`);
  return id;
}
