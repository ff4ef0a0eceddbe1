import type { Namespace, Service } from '../api/types/gen/core-v1.ts';
import type { EndpointSlice } from '../api/types/gen/discovery-v1.ts';
import type { Informed, Informers } from '../client/informers.ts';
import { serviceRecords } from './records/service-records.ts';
import type { ClusterZone } from './records/zone.ts';

const SERVICE_NAME = 'kubernetes.io/service-name';
const BY_SERVICE = 'dns-service';

const NAMESPACES = { group: '', version: 'v1', plural: 'namespaces' };
const SERVICES = { group: '', version: 'v1', plural: 'services' };
const ENDPOINT_SLICES = { group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices' };

/** Keeps `zone` as the API server has namespaces, services and endpoint slices. Before the informers run. */
export function followCluster(informers: Informers, zone: ClusterZone): void {
  const namespaces = informers.of<Namespace>(NAMESPACES);
  const services = informers.of<Service>(SERVICES);
  const slices = informers.of<EndpointSlice>(ENDPOINT_SLICES);
  if (!slices.store.hasIndex(BY_SERVICE)) slices.store.addIndex(BY_SERVICE, serviceKeys);
  const refresh = (key: string): void => refreshService(key, services, slices, zone);
  namespaces.onChange(({ key, after }) => zone.setNamespace(key, after !== undefined));
  services.onChange(({ key }) => refresh(key));
  slices.onChange(({ before, after }) => {
    for (const key of new Set([before, after].flatMap(each => (each === undefined ? [] : serviceKeys(each)))))
      refresh(key);
  });
}

function refreshService(
  key: string,
  services: Informed<Service>,
  slices: Informed<EndpointSlice>,
  zone: ClusterZone,
): void {
  const service = services.store.getByKey(key);
  if (service === undefined) {
    const [namespace = '', name = ''] = key.split('/');
    zone.deleteService(namespace, name);
  } else zone.setService(serviceRecords(service, slices.store.byIndex(BY_SERVICE, key)));
}

function serviceKeys({ metadata }: EndpointSlice): string[] {
  const name = metadata.labels?.[SERVICE_NAME];
  return name === undefined ? [] : [`${metadata.namespace}/${name}`];
}
