import type { DirectoryUsage } from '../../linux/directory-usage.ts';
import type { FilesystemUsage, ImageFsInfoResponse } from '../../rpc/cri-api.ts';
import type { Images } from '../images/image-store.ts';

/**
 * What the image store takes, and what containers have written (`writableLayers`, as it was counted last); `now` is in milliseconds since the epoch. Both lie
 * on one file system and name the same mount point, by which a kubelet knows that (it takes the free space from there).
 */
export async function imageFsInfo(
  images: Pick<Images, 'directory' | 'usage'>,
  writableLayers: () => DirectoryUsage,
  now: number,
): Promise<ImageFsInfoResponse> {
  const usage = ({ bytes, inodes }: DirectoryUsage): FilesystemUsage => ({
    timestamp: BigInt(now) * 1_000_000n,
    fsId: { mountpoint: images.directory },
    usedBytes: { value: BigInt(bytes) },
    inodesUsed: { value: BigInt(inodes) },
  });
  return { imageFilesystems: [usage(await images.usage())], containerFilesystems: [usage(writableLayers())] };
}
