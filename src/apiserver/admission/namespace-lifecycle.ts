import { forbiddenError, notFoundError } from '../../api/status.ts';
import type { Namespace } from '../../api/types/gen/core-v1.ts';
import { ALLOW, type Decision, deny, type Lister, type WriteRequest } from './admission.ts';

const NAMESPACES = { group: '', resource: 'namespaces' };
const IMMORTAL = ['default', 'kube-system', 'kube-public'];

/** Nothing is made in a namespace that is not there or that is going; three namespaces are never deleted. */
export function decideNamespaceLifecycle(request: WriteRequest, lister: Lister): Decision {
  const aboutNamespace = request.resource.group === '' && request.resource.resource === 'namespaces';
  if (request.operation === 'DELETE' && aboutNamespace && IMMORTAL.includes(request.name))
    return { kind: 'deny', error: forbiddenError(NAMESPACES, request.name, 'this namespace may not be deleted') };
  if (aboutNamespace || request.namespace === '' || request.operation === 'DELETE') return ALLOW;
  // Whether one may do something must be answerable for a namespace that is gone.
  if (request.resource.group === 'authorization.k8s.io' && request.resource.resource === 'localsubjectaccessreviews')
    return ALLOW;
  const namespace = lister.get(NAMESPACES, '', request.namespace) as Namespace | undefined;
  if (namespace === undefined) return { kind: 'deny', error: notFoundError(NAMESPACES, request.namespace) };
  if (request.operation !== 'CREATE' || namespace.status.phase !== 'Terminating') return ALLOW;
  return deny(
    request,
    `unable to create new content in namespace ${request.namespace} because it is being terminated`,
    [
      {
        reason: 'NamespaceTerminating',
        message: `namespace ${request.namespace} is being terminated`,
        field: 'metadata.namespace',
      },
    ],
  );
}
