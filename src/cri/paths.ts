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

const ID = '[0-9a-f]{64}';
const OF_RUNTIME = 'of the container runtime';

/** All that is made below `root`: a path, and which names in it; the whole of it where there are none. The lock is there from the first start on. */
export const ROOT_CONTENTS = {
  marks: ['root.lock'],
  made: [
    ...['ingest', 'layers', 'layer-records', 'image-records'].map(name => ({ path: `images/${name}` })),
    { path: 'sandboxes', holds: new RegExp(`^${ID}\\.json(\\.tmp-[0-9a-f]+)?$`) },
    { path: 'containers', holds: new RegExp(`^${ID}$`) },
    { path: 'quarantine', holds: new RegExp(`^${ID}-`) },
    { path: 'trash', holds: new RegExp(`^(${ID}|checkpoint-[0-9a-f]{16})$`) },
    { path: 'checkpoints', holds: /^[0-9a-f]{16}$/ },
  ],
} as const;

/** The same of `state`; `mounts` says what is mounted on these names, or below them. */
export const STATE_CONTENTS = {
  marks: ['state.lock'],
  made: [
    ...['sandboxes', 'containers', 'userns', 'idmapped'].map(path => ({
      path,
      holds: new RegExp(`^${ID}$`),
      mounts: OF_RUNTIME,
    })),
    { path: 'netns', holds: new RegExp(`^${ID}(\\.ipc|\\.uts)?$`), mounts: OF_RUNTIME },
    { path: 'exits', holds: new RegExp(`^${ID}(\\.|$)`) },
    ...['crun', 'runc'].flatMap(name => [
      { path: name, holds: new RegExp(`^${ID}$`) },
      { path: `${name}-exec`, holds: /^[0-9a-f]{16}/ },
    ]),
    { path: 'bin', holds: /^(crun|runc)(\.tmp-[0-9a-f]{8})?$/ },
    { path: 'handlers', holds: /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/ },
    { path: '.', holds: /^infra-[0-9a-f]+(\.tmp-[0-9a-f]{8})?$/ },
  ],
} as const;

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
