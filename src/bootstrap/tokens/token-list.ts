import { shortHumanDuration } from '../../api/human-duration.ts';
import { formatTable } from '../table.ts';
import { rfc3339, type StoredToken } from './stored-token.ts';

/** kubeadm's table, to the column. Empty for no tokens, as there. */
export function tokenTable(tokens: readonly StoredToken[], now: number): string {
  if (tokens.length === 0) return '';
  const heading = ['TOKEN', 'TTL', 'EXPIRES', 'USAGES', 'DESCRIPTION', 'EXTRA GROUPS'];
  const rows = tokens.map(({ token, expires, usages, description, groups }) => [
    token,
    (expires === undefined ? '<forever>' : shortHumanDuration(expires - now)).padEnd(9),
    expires === undefined ? '<never>' : rfc3339(expires),
    (usages.join(',') || '<none>').padEnd(22),
    (description || '<none>').padEnd(56),
    groups.join(',') || '<none>',
  ]);
  return formatTable([heading, ...rows]);
}

/** kubeadm's BootstrapToken documents: one after another, JSON as there. */
export function tokenDocuments(tokens: readonly StoredToken[]): readonly object[] {
  return tokens.map(({ token, expires, usages, description, groups }) => ({
    kind: 'BootstrapToken',
    apiVersion: 'output.kubeadm.k8s.io/v1alpha3',
    token,
    ...(description === '' ? {} : { description }),
    ...(expires === undefined ? {} : { expires: rfc3339(expires) }),
    ...(usages.length === 0 ? {} : { usages }),
    ...(groups.length === 0 ? {} : { groups }),
  }));
}
