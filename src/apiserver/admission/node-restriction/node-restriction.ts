import { goQuote } from '../../../api/go-quote.ts';
import { equalValues } from '../../../api/semantic-equal.ts';
import { notFoundError } from '../../../api/status.ts';
import type { CertificateSigningRequest } from '../../../api/types/gen/certificates-v1.ts';
import type { PersistentVolumeClaim, Pod } from '../../../api/types/gen/core-v1.ts';
import type { ResourceSlice } from '../../../api/types/gen/resource-v1.ts';
import { errorMessage } from '../../../base/errors.ts';
import { readCertificateRequest } from '../../../pki/certificate-request.ts';
import { nodeOf } from '../../authn/user.ts';
import type { Authorizer } from '../../authz/authorizer.ts';
import { changedPaths } from '../../resources/changed-paths.ts';
import { ALLOW, type Decision, deny, type Lister, type WriteRequest } from '../admission.ts';
import { apiReference, isMirrorPod } from '../mirror-pod.ts';
import { decideNodeObject } from './node-object.ts';
import { audienceProblem } from './token-audience.ts';

const PODS = { group: '', resource: 'pods' };
const NODES = { group: '', resource: 'nodes' };
const MIRROR = 'kubernetes.io/config.mirror';
/** Signers whose certificates make whoever has one a node. */
const NODE_SIGNERS = ['kubernetes.io/kubelet-serving', 'kubernetes.io/kube-apiserver-client-kubelet'];

/** A kubelet writes what is its node's own, and the status of pods bound to it. Who is no node is let through. */
export function decideNodeRestriction(
  request: WriteRequest,
  lister: Lister,
  authorizer: Pick<Authorizer, 'authorize'>,
): Decision {
  const { isNode, nodeName } = nodeOf(request.user);
  if (!isNode) return ALLOW;
  if (nodeName === '') return deny(request, `could not determine node from user ${goQuote(request.user.name)}`);
  const { group, resource } = request.resource;
  switch (group === '' ? resource : `${resource}.${group}`) {
    case 'pods':
      return podDecision(request, lister, nodeName);
    case 'nodes':
      return decideNodeObject(request, nodeName);
    case 'persistentvolumeclaims':
      return request.subresource === 'status'
        ? claimStatusDecision(request, nodeName)
        : deny(request, 'may only update PVC status');
    case 'serviceaccounts':
      return request.subresource === 'token' && request.operation === 'CREATE'
        ? tokenDecision(request, lister, nodeName, authorizer)
        : ALLOW;
    case 'leases.coordination.k8s.io':
      if (request.namespace !== 'kube-node-lease')
        return deny(request, 'can only access leases in the "kube-node-lease" system namespace');
      return ofOwnName(request, nodeName, 'can only access node lease with the same name as the requesting node');
    case 'csinodes.storage.k8s.io':
      return ofOwnName(request, nodeName, 'can only access CSINode with the same name as the requesting node');
    case 'resourceslices.resource.k8s.io':
      return sliceDecision(request, nodeName);
    case 'certificatesigningrequests.certificates.k8s.io':
      return certificateDecision(request, nodeName);
    default:
      return ALLOW;
  }
}

function ofOwnName(request: WriteRequest, nodeName: string, because: string): Decision {
  const name = request.operation === 'CREATE' ? request.object?.metadata.name : request.name;
  return name === nodeName ? ALLOW : deny(request, because);
}

function unexpected(request: WriteRequest): Decision {
  return deny(request, `unexpected operation ${goQuote(request.operation)}`);
}

function podDecision(request: WriteRequest, lister: Lister, nodeName: string): Decision {
  switch (request.subresource) {
    case '':
      if (request.operation === 'CREATE') return mirrorDecision(request, lister, nodeName);
      if (request.operation === 'DELETE')
        return ofOwnPod(request, lister, nodeName, `node ${goQuote(nodeName)} can only delete pods`);
      return deny(
        request,
        `unexpected operation ${goQuote(request.operation)}, node ${goQuote(nodeName)} can only create and delete mirror pods`,
      );
    case 'status':
      return request.operation === 'UPDATE' ? podStatusDecision(request, nodeName) : unexpected(request);
    case 'eviction':
      return request.operation === 'CREATE'
        ? ofOwnPod(request, lister, nodeName, `node ${nodeName} can only evict pods`)
        : deny(request, `unexpected operation ${request.operation}`);
    default:
      return deny(
        request,
        `unexpected pod subresource ${goQuote(request.subresource)}, only 'status' and 'eviction' are allowed`,
      );
  }
}

function ofOwnPod(request: WriteRequest, lister: Lister, nodeName: string, what: string): Decision {
  const pod = (request.oldObject ?? lister.get(PODS, request.namespace, request.name)) as Pod | undefined;
  if (pod === undefined) return missing('pod', request.name);
  return pod.spec.nodeName === nodeName ? ALLOW : deny(request, `${what} with spec.nodeName set to itself`);
}

/** 404 as upstream's listers word it: by the kind in the singular. */
function missing(resource: string, name: string): Decision {
  return { kind: 'deny', error: notFoundError({ group: '', resource }, name) };
}

function mirrorDecision(request: WriteRequest, lister: Lister, nodeName: string): Decision {
  const pod = request.object as Pod;
  const quoted = goQuote(nodeName);
  if (!isMirrorPod(pod))
    return deny(request, `pod does not have ${goQuote(MIRROR)} annotation, node ${quoted} can only create mirror pods`);
  if (pod.spec.nodeName !== nodeName)
    return deny(request, `node ${quoted} can only create pods with spec.nodeName set to itself`);
  const owners = pod.metadata.ownerReferences ?? [];
  const [owner] = owners;
  if (owners.length > 1)
    return deny(request, `node ${quoted} can only create pods with a single owner reference set to itself`);
  if (owner === undefined || owner.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== nodeName)
    return deny(request, `node ${quoted} can only create pods with an owner reference set to itself`);
  if (owner.controller !== true)
    return deny(request, `node ${quoted} can only create pods with a controller owner reference set to itself`);
  if (owner.blockOwnerDeletion === true)
    return deny(request, `node ${quoted} must not set blockOwnerDeletion on an owner reference`);
  const uid = lister.get(NODES, '', nodeName)?.metadata.uid;
  if (uid === undefined) return missing('node', nodeName);
  if (uid !== owner.uid) return deny(request, `node ${nodeName} UID mismatch: expected ${owner.uid} got ${uid}`);
  const reference = apiReference(pod);
  return reference === undefined
    ? ALLOW
    : deny(request, `node ${quoted} can not create pods that reference ${reference}`);
}

function podStatusDecision(request: WriteRequest, nodeName: string): Decision {
  const quoted = goQuote(nodeName);
  const old = request.oldObject as Pod;
  const pod = request.object as Pod;
  if (old.spec.nodeName !== nodeName)
    return deny(request, `node ${quoted} can only update pod status for pods with spec.nodeName set to itself`);
  if (!equalValues(old.metadata.labels, pod.metadata.labels))
    return deny(request, `node ${quoted} cannot update labels through pod status`);
  // by its claims a pod reaches devices: the scheduler and controllers say which
  if (!equalValues(old.status.resourceClaimStatuses, pod.status.resourceClaimStatuses))
    return deny(request, `node ${quoted} cannot update resource claim statues`);
  return equalValues(old.status.extendedResourceClaimStatus, pod.status.extendedResourceClaimStatus)
    ? ALLOW
    : deny(request, `node ${quoted} cannot update extended resource claim status`);
}

/** A kubelet that has made a volume larger says so, and nothing else. */
function claimStatusDecision(request: WriteRequest, nodeName: string): Decision {
  if (request.operation !== 'UPDATE') return unexpected(request);
  const others = ({ metadata, status, ...rest }: PersistentVolumeClaim): object => ({
    ...rest,
    metadata: { ...metadata, resourceVersion: undefined, managedFields: undefined },
    status: {
      ...status,
      capacity: undefined,
      conditions: undefined,
      allocatedResources: undefined,
      allocatedResourceStatuses: undefined,
    },
  });
  const [before, after] = [request.oldObject, request.object].map(object => others(object as PersistentVolumeClaim));
  if (equalValues(before, after)) return ALLOW;
  const paths = changedPaths(before, after, '').map(path => path.slice(1));
  return deny(
    request,
    `node ${goQuote(nodeName)} is not allowed to update fields other than status.quantity and status.conditions: ${paths.join(', ')}`,
  );
}

/** What is neither made nor deleted the authorizer has looked at. */
function sliceDecision(request: WriteRequest, nodeName: string): Decision {
  if (request.operation === 'UPDATE') return ALLOW;
  const [slice, verb] =
    request.operation === 'CREATE' ? [request.object, 'create'] : ([request.oldObject, 'delete'] as const);
  return (slice as ResourceSlice | undefined)?.spec.nodeName === nodeName
    ? ALLOW
    : deny(request, `can only ${verb} ResourceSlice with the same NodeName as the requesting node`);
}

function certificateDecision(request: WriteRequest, nodeName: string): Decision {
  if (request.operation !== 'CREATE') return ALLOW;
  const { spec } = request.object as unknown as CertificateSigningRequest;
  if (!NODE_SIGNERS.includes(spec.signerName)) return ALLOW;
  const wanted = `system:node:${nodeName}`;
  try {
    const { subject } = readCertificateRequest(Buffer.from(spec.request, 'base64').toString('latin1'));
    return subject.commonName === wanted ? ALLOW : deny(request, `can only create a node CSR with CN=${wanted}`);
  } catch (error) {
    return deny(request, `unable to parse csr: ${errorMessage(error)}`);
  }
}

function tokenDecision(
  request: WriteRequest,
  lister: Lister,
  nodeName: string,
  authorizer: Pick<Authorizer, 'authorize'>,
): Decision {
  const { spec } = request.object as unknown as {
    readonly spec: {
      readonly audiences?: readonly string[];
      readonly boundObjectRef?: Readonly<Record<'kind' | 'name' | 'uid' | 'apiVersion', string>>;
    };
  };
  const ref = spec.boundObjectRef;
  if (ref?.kind !== 'Pod' || ref.apiVersion !== 'v1' || (ref.name ?? '') === '')
    return deny(request, 'node requested token not bound to a pod');
  if ((ref.uid ?? '') === '') return deny(request, 'node requested token with a pod binding without a uid');
  const pod = lister.get(PODS, request.namespace, ref.name) as Pod | undefined;
  if (pod === undefined) return missing('pod', ref.name);
  if (pod.metadata.uid !== ref.uid)
    return deny(
      request,
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  if (pod.spec.nodeName !== nodeName)
    return deny(request, 'node requested token bound to a pod scheduled on a different node');
  const problem = audienceProblem(request, spec.audiences ?? [], pod, lister, authorizer);
  return problem === undefined ? ALLOW : deny(request, problem);
}
