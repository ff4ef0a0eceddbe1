import { BUSYBOX } from './images.ts';

export const GRACE_SECONDS = 1;

/** A Deployment, StatefulSet or DaemonSet of one container, named and labelled alike, whose pods have GRACE_SECONDS to end. `spec`, `pod` and `container` add to it. */
export function appsWorkload(kind: string, name: string, spec: object, pod: object, container: object): object {
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name },
    spec: {
      ...spec,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: GRACE_SECONDS,
          ...pod,
          containers: [{ name, image: BUSYBOX, ...container }],
        },
      },
    },
  };
}
