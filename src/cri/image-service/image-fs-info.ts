import type { FilesystemUsage, ImageFsInfoResponse } from '../../rpc/cri-api.ts';
import type { Images } from '../images/image-store.ts';

/**
 * What unpacked layers take, as counted while unpacking. Images and containers lie on one file system, so both lists name it; `now` is in
 * milliseconds since the epoch.
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
