import { parse } from 'yaml';
import { errorMessage, invalidArgument } from '../../base/errors.ts';
import { kubeletConfigurationText } from '../kubelet-configuration.ts';
import { proxyConfigurationText } from '../proxy-configuration.ts';
import { type Documents, fieldAt, fieldsBeyond, isUnsaid, type Written, withField } from './documents.ts';
import { FIXED_PLACES, type Wanted } from './fixed-fields.ts';

/** What the ConfigMaps kubeadm-config, kubelet-config and kube-proxy hold; undefined where there is none. */
export interface LiveTexts {
  readonly cluster: string | undefined;
  readonly kubelet: string | undefined;
  readonly proxy: string | undefined;
}

/**
 * The documents with what an admin has changed in the ConfigMaps since, which is how a cluster of kubeadm is reconfigured: it stands above what `init` was told, but for the fields that cannot change.
 * `stands` is what the documents make. Throws `invalid-argument` that names one which cannot be read. Pure.
 */
export function withLive(
  documents: Documents,
  { cluster, kubelet, proxy }: LiveTexts,
  { settings, pkiDir }: Wanted,
  { manifestsDir, insideHost }: { readonly manifestsDir: string; readonly insideHost: boolean },
): Documents {
  const { cluster: stands } = settings;
  const kubeletOf = (said: Written): string =>
    kubeletConfigurationText({ ...stands, kubelet: said }, { pkiDir, manifestsDir }, insideHost);
  const proxyOf = (said: Written): string => proxyConfigurationText({ ...stands, proxy: said });
  return {
    ...documents,
    ...(cluster === undefined
      ? {}
      : { cluster: withFixed(fieldsOf(cluster, 'kubeadm-config'), documents.cluster ?? {}) }),
    ...(kubelet === undefined || kubelet === kubeletOf(stands.kubelet)
      ? {}
      : { kubelet: fieldsBeyond(fieldsOf(kubelet, 'kubelet-config'), fieldsOf(kubeletOf({}), '')) }),
    ...(proxy === undefined || proxy === proxyOf(stands.proxy)
      ? {}
      : { proxy: fieldsBeyond(fieldsOf(proxy, 'kube-proxy'), fieldsOf(proxyOf({}), '')) }),
  };
}

function withFixed({ kubernetesVersion: _, ...live }: Written, standing: Written): Written {
  const kept = { ...live, etcd: etcdOf(fieldAt(live, ['etcd']), fieldAt(standing, ['etcd'])) };
  return FIXED_PLACES.filter(({ kind, path }) => kind === 'cluster' && path[0] !== 'etcd').reduce<Written>(
    (document, { path }) => withField(document, path, fieldAt(standing, path)),
    kept,
  );
}

/** Whose etcd it is, and where its data are, is fixed: arguments, names for its certificates and endpoints of another's are not. */
function etcdOf(live: unknown, standing: unknown): unknown {
  const [now, before] = [live, standing].map(each => (each ?? {}) as Written);
  if (isUnsaid(now?.['local']) || isUnsaid(before?.['local']))
    return isUnsaid(now?.['external']) || isUnsaid(before?.['external']) ? standing : live;
  return withField(now ?? {}, ['local', 'dataDir'], fieldAt(before ?? {}, ['local', 'dataDir']));
}

function fieldsOf(text: string, configMap: string): Written {
  try {
    const fields = parse(text) as unknown;
    if (typeof fields === 'object' && fields !== null && !Array.isArray(fields)) return fields as Written;
  } catch (error) {
    throw invalidArgument(`the ConfigMap ${configMap} in kube-system is no YAML: ${errorMessage(error)}`);
  }
  throw invalidArgument(`the ConfigMap ${configMap} in kube-system holds no configuration`);
}
