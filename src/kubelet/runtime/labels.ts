/** The labels and annotations by which kubelets, crictl and others recognise pods and containers in a runtime (upstream's names). */
export const LABEL = {
  podName: 'io.kubernetes.pod.name',
  podNamespace: 'io.kubernetes.pod.namespace',
  podUid: 'io.kubernetes.pod.uid',
  containerName: 'io.kubernetes.container.name',
} as const;

export const ANNOTATION = {
  hash: 'io.kubernetes.container.hash',
  restartCount: 'io.kubernetes.container.restartCount',
  terminationMessagePath: 'io.kubernetes.container.terminationMessagePath',
  terminationMessagePolicy: 'io.kubernetes.container.terminationMessagePolicy',
  ports: 'io.kubernetes.container.ports',
  podGracePeriod: 'io.kubernetes.pod.terminationGracePeriod',
  configSource: 'kubernetes.io/config.source',
  configHash: 'kubernetes.io/config.hash',
  configSeen: 'kubernetes.io/config.seen',
  /** On the copy of a static pod in the API server: the hash of what it is a copy of. */
  configMirror: 'kubernetes.io/config.mirror',
  /** Ours: the requests and limits that a container was made with, from which a kubelet knows what a resize still has to do. */
  resources: 'gantry.io/container-resources',
  /** Ours: the manifest that a static pod came from, so that a manifest that turned bad keeps its pod over a restart of the kubelet. */
  manifestFile: 'gantry.io/manifest-file',
} as const;

/** What a pod's annotations say of the text that it was made from; undefined where they say nothing. Pure. */
export function configHash(annotations: { readonly [key: string]: string } | undefined): string | undefined {
  return annotations?.[ANNOTATION.configHash];
}
