import { type ApiResource, rowsOf } from './resource.ts';

const authentication = rowsOf('authentication.k8s.io', 'v1', 'authentication/v1');
const authorization = rowsOf('authorization.k8s.io', 'v1', 'authorization/v1');
const rbac = rowsOf('rbac.authorization.k8s.io', 'v1', 'rbac/v1');
const certificates = rowsOf('certificates.k8s.io', 'v1', 'certificates/v1');

/** Who may do what, and the certificates that say who someone is. */
export const ACCESS_RESOURCES: readonly ApiResource[] = [
  authentication.review('cluster', 'SelfSubjectReview', 'selfsubjectreviews'),
  authentication.review('cluster', 'TokenReview', 'tokenreviews'),
  authorization.review('namespaced', 'LocalSubjectAccessReview', 'localsubjectaccessreviews'),
  authorization.review('cluster', 'SelfSubjectAccessReview', 'selfsubjectaccessreviews'),
  authorization.review('cluster', 'SelfSubjectRulesReview', 'selfsubjectrulesreviews'),
  authorization.review('cluster', 'SubjectAccessReview', 'subjectaccessreviews'),
  certificates.resource('cluster', 'CertificateSigningRequest', 'certificatesigningrequests', {
    shortNames: ['csr'],
    subresources: [
      certificates.sub('approval', 'CertificateSigningRequest'),
      certificates.sub('status', 'CertificateSigningRequest'),
    ],
    selectableFields: ['spec.signerName'],
  }),
  rbac.resource('cluster', 'ClusterRoleBinding', 'clusterrolebindings'),
  rbac.resource('cluster', 'ClusterRole', 'clusterroles'),
  rbac.resource('namespaced', 'RoleBinding', 'rolebindings'),
  rbac.resource('namespaced', 'Role', 'roles'),
];
