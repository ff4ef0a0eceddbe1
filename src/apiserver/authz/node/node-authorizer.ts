import { goQuote } from '../../../api/go-quote.ts';
import { nodeOf } from '../../authn/user.ts';
import type { Attributes } from '../attributes.ts';
import { ALLOW, type Authorizer, type Decision, NO_OPINION, NO_RULES, noOpinion } from '../authorizer.ts';
import { compiledRules, type PolicyRule, ruleAllows } from '../rbac/policy-rule.ts';
import { isRelated, type NodeListers, type RelatedKind } from './node-relations.ts';

/**
 * What kubelets may do: read what their own pods refer to and no more. What the admission of NodeRestriction checks on the
 * object itself (creating one's own Node, one's own mirror pods) is allowed here.
 */
export function nodeAuthorizer(listers: NodeListers, nodeRules: readonly PolicyRule[]): Authorizer {
  const rules = compiledRules(nodeRules);
  return {
    name: 'node',
    authorize(asked) {
      const { isNode, nodeName } = nodeOf(asked.user);
      if (!isNode) return NO_OPINION;
      if (nodeName === '') return noOpinion(`unknown node for user ${goQuote(asked.user.name)}`);
      const special = asked.isResourceRequest ? SPECIAL.get(`${asked.apiGroup}/${asked.resource}`) : undefined;
      if (special !== undefined) return special(asked, nodeName, listers);
      return rules.some(rule => ruleAllows(rule, asked)) ? ALLOW : NO_OPINION;
    },
    rulesFor: user =>
      nodeOf(user).isNode
        ? { rules: [], incomplete: true, errors: ['node authorizer does not support user rule resolution'] }
        : NO_RULES,
  };
}

type Rule = (asked: Attributes, nodeName: string, listers: NodeListers) => Decision;

function related(kind: RelatedKind): Rule {
  return (asked, nodeName, listers) => {
    if (asked.name === '') return noOpinion('No Object name found');
    return isRelated(listers, nodeName, kind, asked.namespace, asked.name)
      ? ALLOW
      : noOpinion(`no relationship found between node '${nodeName}' and this object`);
  };
}

function onlyGet(kind: RelatedKind): Rule {
  const check = related(kind);
  return (asked, nodeName, listers) => {
    if (asked.verb !== 'get') return noOpinion('can only get individual resources of this type');
    if (asked.subresource !== '') return noOpinion('cannot get subresource');
    return check(asked, nodeName, listers);
  };
}

function onlyRead(kind: RelatedKind): Rule {
  const check = related(kind);
  return (asked, nodeName, listers) => {
    if (!['get', 'list', 'watch'].includes(asked.verb)) return noOpinion('can only read resources of this type');
    if (asked.subresource !== '') return noOpinion('cannot read subresource');
    if (asked.namespace === '') return noOpinion('can only read namespaced object of this type');
    return check(asked, nodeName, listers);
  };
}

const claim: Rule = (asked, nodeName, listers) => {
  if (asked.subresource !== 'status') return onlyGet('pvc')(asked, nodeName, listers);
  return ['update', 'patch'].includes(asked.verb)
    ? related('pvc')(asked, nodeName, listers)
    : noOpinion('can only get/update/patch this type');
};

const serviceAccount: Rule = (asked, nodeName, listers) => {
  if (asked.verb === 'get' && asked.subresource === '') return onlyRead('serviceaccount')(asked, nodeName, listers);
  if (asked.verb !== 'create' || asked.name === '')
    return noOpinion('can only create tokens for individual service accounts');
  if (asked.subresource !== 'token') return noOpinion('can only create token subresource of serviceaccount');
  return related('serviceaccount')(asked, nodeName, listers);
};

const OWN_VERBS = ['get', 'create', 'update', 'patch', 'delete'];

const lease: Rule = (asked, nodeName) => {
  if (!OWN_VERBS.includes(asked.verb)) return noOpinion('can only get, create, update, patch, or delete a node lease');
  if (asked.namespace !== 'kube-node-lease')
    return noOpinion('can only access leases in the "kube-node-lease" system namespace');
  // A create has no name yet; admission looks at the object.
  if (asked.verb !== 'create' && asked.name !== nodeName)
    return noOpinion('can only access node lease with the same name as the requesting node');
  return ALLOW;
};

const csiNode: Rule = (asked, nodeName) => {
  if (!OWN_VERBS.includes(asked.verb)) return noOpinion('can only get, create, update, patch, or delete a CSINode');
  if (asked.subresource !== '') return noOpinion('cannot authorize CSINode subresources');
  if (asked.verb !== 'create' && asked.name !== nodeName)
    return noOpinion('can only access CSINode with the same name as the requesting node');
  return ALLOW;
};

const resourceSlice: Rule = (asked, nodeName, listers) => {
  if (asked.subresource !== '') return noOpinion('cannot authorize ResourceSlice subresources');
  switch (asked.verb) {
    case 'create':
      return ALLOW;
    case 'get':
    case 'update':
    case 'patch':
    case 'delete':
      return related('resourceslice')(asked, nodeName, listers);
    case 'watch':
    case 'list':
    case 'deletecollection':
      return selects(asked, 'spec.nodeName', nodeName)
        ? ALLOW
        : noOpinion('can only list/watch/deletecollection resourceslices with nodeName field selector');
    default:
      return noOpinion(
        'only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection',
      );
  }
};

const node: Rule = (asked, nodeName) => {
  const { verb, subresource, name } = asked;
  if (subresource === 'status') return verb === 'update' || verb === 'patch' ? ALLOW : NO_OPINION;
  if (subresource !== '') return NO_OPINION;
  if (verb === 'create' || verb === 'update' || verb === 'patch') return ALLOW;
  if (verb !== 'get' && verb !== 'list' && verb !== 'watch') return NO_OPINION;
  if (name === nodeName) return ALLOW;
  return name === ''
    ? noOpinion(`node '${nodeName}' cannot read all nodes, only its own Node object`)
    : noOpinion(`node '${nodeName}' cannot read '${name}', only its own Node object`);
};

const pod: Rule = (asked, nodeName, listers) => {
  const { verb } = asked;
  if (asked.subresource === 'status') return verb === 'update' || verb === 'patch' ? ALLOW : NO_OPINION;
  if (asked.subresource === 'eviction') return verb === 'create' ? ALLOW : NO_OPINION;
  if (asked.subresource !== '') return NO_OPINION;
  if (verb === 'create' || verb === 'delete') return ALLOW;
  if (verb === 'get') return onlyGet('pod')(asked, nodeName, listers);
  if (verb !== 'list' && verb !== 'watch') return NO_OPINION;
  if (selects(asked, 'spec.nodeName', nodeName)) return ALLOW;
  return asked.name === ''
    ? noOpinion('can only list/watch pods with spec.nodeName field selector')
    : related('pod')(asked, nodeName, listers);
};

function selects(asked: Attributes, field: string, value: string): boolean {
  return asked.fieldRequirements.some(each => each.field === field && each.operator === '=' && each.value === value);
}

const SPECIAL: ReadonlyMap<string, Rule> = new Map([
  ['/secrets', onlyRead('secret')],
  ['/configmaps', onlyRead('configmap')],
  ['/persistentvolumeclaims', claim],
  ['/persistentvolumes', onlyGet('pv')],
  ['/serviceaccounts', serviceAccount],
  ['/nodes', node],
  ['/pods', pod],
  ['resource.k8s.io/resourceclaims', onlyGet('resourceclaim')],
  ['resource.k8s.io/resourceslices', resourceSlice],
  ['storage.k8s.io/volumeattachments', onlyGet('volumeattachment')],
  ['storage.k8s.io/csinodes', csiNode],
  ['coordination.k8s.io/leases', lease],
]);
