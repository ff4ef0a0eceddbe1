import type { Service } from '../../../../api/types/gen/core-v1.ts';
import { dns1123Label } from '../../../../api/validation/names.ts';
import { AGE, column, labelsCell, NAME } from '../../cells.ts';
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
        column('Type'),
        column('Cluster-IP'),
        column('External-IP'),
        column('Port(s)'),
        AGE,
        column('Selector', { wide: true }),
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
      const given = (status.loadBalancer.ingress ?? []).map(ingress => ingress.ip ?? ingress.hostname ?? '');
      const all = [...new Set(given)].filter(text => text !== '').toSorted();
      return [...all, ...ips].join(',') || '<pending>';
    }
    default:
      return ips.join(',') || '<none>';
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
