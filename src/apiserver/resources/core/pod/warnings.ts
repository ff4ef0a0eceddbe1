import type { Pod } from '../../../../api/types/gen/core-v1.ts';
import { dns1123Label } from '../../../../api/validation/names.ts';
import { podSpecWarnings } from '../../../../api/validation/pod-warnings.ts';

/** What a client is told about a new pod. Its name becomes its host's, which not every name is fit for. */
export function podWarnings({ metadata, spec }: Pod): string[] {
  const reasons = dns1123Label(metadata.name ?? '');
  return [
    ...(reasons.length === 0
      ? []
      : [
          `metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [${reasons.join(' ')}]`,
        ]),
    ...podSpecWarnings(spec, metadata, ''),
  ];
}
