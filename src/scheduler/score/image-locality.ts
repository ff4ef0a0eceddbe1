import type { Pod } from '../../api/types/gen/core-v1.ts';
import { MAX_SCORE, type Score } from './score.ts';

/** Upstream's figures: images below 23 MB are quick to fetch anyway, 1000 MB a container are as good as it gets. */
const LEAST = 23 * 1024 * 1024;
const MOST_PER_CONTAINER = 1000 * 1024 * 1024;

/** More of the pod's images there already. An image that few nodes have counts less: not all of its pods should go to one. */
export const imageLocality: Score = {
  name: 'ImageLocality',
  weight: 1,
  prepare({ pod }, picture) {
    const images = imagesOf(pod);
    const containers = pod.spec.containers.length + (pod.spec.initContainers?.length ?? 0);
    const most = MOST_PER_CONTAINER * containers;
    return {
      score(node) {
        let sum = 0;
        for (const image of images) {
          const size = node.images.get(image) ?? 0;
          if (size > 0) sum += Math.trunc(size * (picture.imageNodes(image) / picture.nodes.length));
        }
        const within = Math.min(Math.max(sum, LEAST), most);
        return Math.trunc((MAX_SCORE * (within - LEAST)) / (most - LEAST));
      },
    };
  },
};

function imagesOf({ spec }: Pod): readonly string[] {
  const ofContainers = [...(spec.initContainers ?? []), ...spec.containers].map(({ image = '' }) => image);
  const ofVolumes = (spec.volumes ?? []).flatMap(({ image }) => (image === undefined ? [] : [image.reference ?? '']));
  return [...ofContainers, ...ofVolumes].map(withTag);
}

function withTag(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image;
}
