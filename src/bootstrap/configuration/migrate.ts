const OLD = 'kubeadm.k8s.io/v1beta3';
const NEW = 'kubeadm.k8s.io/v1beta4';

type Written = Readonly<Record<string, unknown>>;

/**
 * Documents of kubeadm's v1beta3 as those of v1beta4, with the fields that were written and no others: maps of arguments become lists, sorted by name, and what moved is moved,
 * how long the control plane may take even to another document. Others are returned as they are.
 */
export function migrateDocuments(documents: readonly Written[]): readonly Written[] {
  const patience = documents.map(controlPlaneTimeout).find(timeout => timeout !== undefined);
  const migrated = documents.map(migrateDocument);
  if (patience === undefined) return migrated;
  const timeouts = { controlPlaneComponentHealthCheck: patience };
  if (!migrated.some(isInit)) return [{ apiVersion: NEW, kind: 'InitConfiguration', timeouts }, ...migrated];
  return migrated.map(document => (isInit(document) ? { ...document, timeouts } : document));
}

function isInit({ kind }: Written): boolean {
  return kind === 'InitConfiguration';
}

function migrateDocument(document: Written): Written {
  if (document['apiVersion'] !== OLD) return document;
  const migrated = { ...document, apiVersion: NEW };
  switch (document['kind']) {
    case 'ClusterConfiguration':
      return clusterConfiguration(migrated);
    case 'JoinConfiguration':
      return joinConfiguration(migrated);
    default:
      return within(migrated, 'nodeRegistration', node => argsAsList(node, 'kubeletExtraArgs'));
  }
}

function clusterConfiguration(document: Written): Written {
  let migrated = within(document, 'apiServer', ({ timeoutForControlPlane: _, ...rest }) =>
    argsAsList(rest, 'extraArgs'),
  );
  migrated = within(migrated, 'controllerManager', component => argsAsList(component, 'extraArgs'));
  migrated = within(migrated, 'scheduler', component => argsAsList(component, 'extraArgs'));
  return within(migrated, 'etcd', etcd => within(etcd, 'local', local => argsAsList(local, 'extraArgs')));
}

function joinConfiguration(document: Written): Written {
  const timeout = (document['discovery'] as Written | undefined)?.['timeout'];
  const migrated = within(
    within(document, 'discovery', ({ timeout: _, ...rest }) => rest),
    'nodeRegistration',
    node => argsAsList(node, 'kubeletExtraArgs'),
  );
  return timeout === undefined ? migrated : { ...migrated, timeouts: { discovery: timeout } };
}

/** How long an old ClusterConfiguration lets the control plane take; undefined where it does not say. */
function controlPlaneTimeout(document: Written): unknown {
  if (document['apiVersion'] !== OLD) return undefined;
  return (document['apiServer'] as Written | undefined)?.['timeoutForControlPlane'];
}

function within(object: Written, field: string, change: (value: Written) => Written): Written {
  const value = object[field];
  return typeof value === 'object' && value !== null ? { ...object, [field]: change(value as Written) } : object;
}

function argsAsList(object: Written, field: string): Written {
  const args = object[field];
  if (typeof args !== 'object' || args === null || Array.isArray(args)) return object;
  const list = Object.entries(args)
    .map(([name, value]) => ({ name, value: String(value) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return { ...object, [field]: list };
}
