import type { ConfigMap, Namespace } from '../../api/types/gen/core-v1.ts';
import { isAlreadyExists } from '../../base/errors.ts';
import { SETTLED } from '../../base/outcome.ts';
import type { ControllerRow } from '../controller.ts';
import { CONFIG_MAPS, NAMESPACES } from '../resources.ts';

const NAME = 'kube-root-ca.crt';
const KEY = 'ca.crt';
const DESCRIPTION = 'kubernetes.io/description';
/** Upstream's text, which its conformance tests compare. */
const DESCRIBED =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.';

/** Every active namespace has the ConfigMap `kube-root-ca.crt` with this bundle (PEM), and has it again when somebody changed or deleted it. */
export function rootCaPublisher(bundle: string): ControllerRow {
  return {
    name: 'root-ca-certificate-publisher-controller',
    alias: 'root-ca-cert-publisher',
    inputs: [NAMESPACES, CONFIG_MAPS],
    outputs: [CONFIG_MAPS],
    workers: 1,
    make({ informed, client, enqueue }) {
      const namespaces = informed<Namespace>(NAMESPACES);
      const maps = informed<ConfigMap>(CONFIG_MAPS, { fieldSelector: `metadata.name=${NAME}` });
      const writer = client<ConfigMap>(CONFIG_MAPS);
      namespaces.onChange(({ after }) => {
        if (after !== undefined) enqueue(after.metadata.name ?? '');
      });
      maps.onChange(({ before, after }) => enqueue((after ?? before)?.metadata.namespace ?? ''));
      return {
        name: this.name,
        async reconcile(namespace, signal) {
          if (namespaces.store.get('', namespace)?.status.phase !== 'Active') return SETTLED;
          const found = maps.store.get(namespace, NAME);
          const wanted = wantedMap(namespace, bundle, found);
          if (wanted === undefined) return SETTLED;
          try {
            await (found === undefined ? writer.create(wanted, signal) : writer.update(wanted, signal));
          } catch (error) {
            if (!isAlreadyExists(error)) throw error;
          }
          return SETTLED;
        },
      };
    },
  };
}

/** The map as it has to be, undefined where it is. What others added to its metadata stays. */
export function wantedMap(namespace: string, bundle: string, found: ConfigMap | undefined): ConfigMap | undefined {
  const annotations = { ...found?.metadata.annotations, [DESCRIPTION]: DESCRIBED };
  const isSame =
    found?.data?.[KEY] === bundle &&
    Object.keys(found.data).length === 1 &&
    found.metadata.annotations?.[DESCRIPTION] === DESCRIBED;
  if (isSame) return undefined;
  return { ...found, metadata: { ...found?.metadata, namespace, name: NAME, annotations }, data: { [KEY]: bundle } };
}
