import type { FilesystemUsage, ImageFsInfoResponse } from '../../rpc/cri-api.ts';
import type { Images } from '../images/image-store.ts';

/**
 * What unpacked layers take, as counted while unpacking; `now` is in milliseconds since the epoch. Layers and containers lie on one file
 * system: both lists hold the same entry, which is what tells a kubelet so (it takes the free space from the mount point, and what a container
 * takes from ContainerStats). What containers have written is therefore in neither.
 */
export function imageFsInfo(images: Images, now: number): ImageFsInfoResponse {
  const { directory, bytes, inodes } = images.usage();
  const usage: FilesystemUsage = {
    timestamp: BigInt(now) * 1_000_000n,
    fsId: { mountpoint: directory },
    usedBytes: { value: BigInt(bytes) },
    inodesUsed: { value: BigInt(inodes) },
  };
  return { imageFilesystems: [usage], containerFilesystems: [usage] };
}
