import { type ApiResource, type Differences, rowsOf } from './resource.ts';

const admission = rowsOf('admissionregistration.k8s.io', 'v1', 'admissionregistration/v1');
const flowcontrol = rowsOf('flowcontrol.apiserver.k8s.io', 'v1', 'flowcontrol/v1');
const crd = rowsOf('apiextensions.k8s.io', 'v1', 'apiextensions/v1');
const aggregation = rowsOf('apiregistration.k8s.io', 'v1', 'apiregistration/v1');
const EXTENSION: Differences = { categories: ['api-extensions'], served: false };

/** What extends or tunes an API server. The machinery behind them is not there yet, so none is served. */
export const EXTENSION_RESOURCES: readonly ApiResource[] = [
  admission.resource('cluster', 'MutatingAdmissionPolicy', 'mutatingadmissionpolicies', EXTENSION),
  admission.resource('cluster', 'MutatingAdmissionPolicyBinding', 'mutatingadmissionpolicybindings', EXTENSION),
  admission.resource('cluster', 'MutatingWebhookConfiguration', 'mutatingwebhookconfigurations', EXTENSION),
  admission.resource('cluster', 'ValidatingAdmissionPolicy', 'validatingadmissionpolicies', {
    ...EXTENSION,
    subresources: [admission.sub('status', 'ValidatingAdmissionPolicy')],
  }),
  admission.resource('cluster', 'ValidatingAdmissionPolicyBinding', 'validatingadmissionpolicybindings', EXTENSION),
  admission.resource('cluster', 'ValidatingWebhookConfiguration', 'validatingwebhookconfigurations', EXTENSION),
  flowcontrol.resource('cluster', 'FlowSchema', 'flowschemas', {
    served: false,
    subresources: [flowcontrol.sub('status', 'FlowSchema')],
  }),
  flowcontrol.resource('cluster', 'PriorityLevelConfiguration', 'prioritylevelconfigurations', {
    served: false,
    subresources: [flowcontrol.sub('status', 'PriorityLevelConfiguration')],
  }),
  crd.resource('cluster', 'CustomResourceDefinition', 'customresourcedefinitions', {
    ...EXTENSION,
    shortNames: ['crd', 'crds'],
    storage: { prefix: 'apiextensions.k8s.io/customresourcedefinitions' },
    subresources: [crd.sub('status', 'CustomResourceDefinition')],
  }),
  aggregation.resource('cluster', 'APIService', 'apiservices', {
    ...EXTENSION,
    storage: { prefix: 'apiregistration.k8s.io/apiservices' },
    subresources: [aggregation.sub('status', 'APIService')],
  }),
];
