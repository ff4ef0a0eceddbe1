import type { Service } from '../../../../api/types/gen/core-v1.ts';
import { dns1123Label } from '../../../../api/validation/names.ts';
import { AGE, column, columns, labelsCell, NAME } from '../../cells.ts';
import { ageCell, defineStrategy } from '../../define.ts';
import { prepareChangedService, prepareNewService } from './prepare.ts';
import { validateServiceStatus } from './status-rules.ts';
import { validateServiceUpdate } from './update-rules.ts';
import { validateService } from './validate.ts';
import { serviceStatusWarnings, serviceWarnings } from './warnings.ts';

export const serviceStrategy = defineStrategy<Service>(
  { group: '', version: 'v1', plural: 'services' },
  {
    names: dns1123Label,
    createOnUpdate: true,
    initialStatus: () => ({ loadBalancer: {} }),
    prepareForCreate: prepareNewService,
    prepareForUpdate: prepareChangedService,
    validate: service => validateService(service),
    validateUpdate: validateServiceUpdate,
    validateStatus: validateServiceStatus,
    warnings: serviceWarnings,
    warningsOnStatus: serviceStatusWarnings,
    columns: {
      definitions: [
        NAME,
        ...columns({
          Type: 'How the service is reached.',
          'Cluster-IP': 'The address of the service inside the cluster.',
          'External-IP': 'Where the service is reached from outside: addresses, or a name for ExternalName.',
          'Port(s)': 'The ports of the service, with their node ports and protocols.',
        }),
        AGE,
        column('Selector', { wide: true, description: 'The labels of the pods behind the service.' }),
      ],
      cells: (service, now) => [
        service.metadata.name ?? '',
        service.spec.type ?? '',
        service.spec.clusterIPs?.[0] ?? '<none>',
        externalCell(service),
        portsCell(service),
        ageCell(service, now),
        labelsCell(service.spec.selector),
      ],
    },
    fields: service => ({ 'spec.clusterIP': service.spec.clusterIP ?? '', 'spec.type': service.spec.type ?? '' }),
  },
);

function externalCell({ spec, status }: Service): string {
  const ips = spec.externalIPs ?? [];
  switch (spec.type) {
    case 'ExternalName':
      return spec.externalName ?? '';
    case 'LoadBalancer': {
      const given = (status.loadBalancer.ingress ?? []).map(({ ip = '', hostname = '' }) =>
        ip === '' ? hostname : ip,
      );
      const all = [...new Set(given)].filter(text => text !== '').toSorted();
      return [...all, ...ips].join(',') || '<pending>';
    }
    case 'ClusterIP':
    case 'NodePort':
      return ips.join(',') || '<none>';
    default:
      return '<unknown>';
  }
}

function portsCell({ spec }: Service): string {
  const text = (spec.ports ?? [])
    .map(({ port, nodePort = 0, protocol }) =>
      nodePort > 0 ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
    )
    .join(',');
  return text === '' ? '<none>' : text;
}
