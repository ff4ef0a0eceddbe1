import type { ClusterRole } from '../../api/types/gen/rbac-v1.ts';
import { isNotFound } from '../../base/errors.ts';
import { SETTLED } from '../../base/outcome.ts';
import { keyOf } from '../../client/api-object.ts';
import type { ControllerRow } from '../controller.ts';
import { CLUSTER_ROLES } from '../resources.ts';
import { aggregatedRules } from './plan.ts';

/** Gives roles that are made of others the rules of those. */
export const clusterRoleAggregationController: ControllerRow = {
  name: 'clusterrole-aggregation-controller',
  inputs: [CLUSTER_ROLES],
  outputs: [CLUSTER_ROLES],
  workers: 5,
  make(parts) {
    const roles = parts.informed<ClusterRole>(CLUSTER_ROLES);
    const writer = parts.client<ClusterRole>(CLUSTER_ROLES);
    roles.store.addIndex(AGGREGATED, role => (role.aggregationRule === undefined ? [] : ['']));
    // there are few, and what one is made of may itself be made of others
    roles.onChange(() => {
      for (const role of roles.store.byIndex(AGGREGATED, '')) parts.enqueue(keyOf(role));
    });
    return {
      name: this.name,
      async reconcile(key, signal) {
        const role = roles.store.getByKey(key);
        const rules = role === undefined ? undefined : aggregatedRules(role, roles.store.list());
        if (role !== undefined && rules !== undefined)
          await writer.update({ ...role, rules }, signal).catch(error => {
            if (!isNotFound(error)) throw error;
          });
        return SETTLED;
      },
    };
  },
};

const AGGREGATED = 'aggregated';
