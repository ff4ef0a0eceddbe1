import type { Image } from '../../rpc/cri-api.ts';
import type { ImageRecord } from '../images/ports.ts';

/**
 * The CRI's form of an image. Of the configured user (`user`, `uid`, either with `:group`) the number goes to `uid`, a name to `username`;
 * without a user both stay empty, which means root.
 */
export function imageMessage(record: ImageRecord): Image {
  const [user = ''] = record.config.user.split(':');
  const isNumber = /^\d{1,10}$/.test(user);
  return {
    id: record.id,
    repoTags: record.repoTags,
    repoDigests: record.repoDigests,
    size: BigInt(record.sizeBytes),
    uid: isNumber ? { value: BigInt(user) } : undefined,
    username: isNumber ? '' : user,
    spec: undefined,
    pinned: record.pinned,
  };
}
