import type { Container } from '../../api/types/gen/core-v1.ts';
import { fnv32a } from '../../base/hash.ts';

/** The value of `io.kubernetes.container.hash`: fnv-32a of name and image as JSON, in hex. A running container with another one is replaced. */
export function containerHash(container: Container): string {
  return fnv32a(JSON.stringify({ image: container.image ?? '', name: container.name })).toString(16);
}
