import { describe, expect, it } from 'vitest';
import type { Service, ServiceSpec } from '../../../src/api/types/gen/core-v1.ts';
import type { Endpoint, EndpointSlice } from '../../../src/api/types/gen/discovery-v1.ts';
import { answerZone } from '../../../src/dns/records/answer.ts';
import { serviceRecords } from '../../../src/dns/records/service-records.ts';
import { ClusterZone } from '../../../src/dns/records/zone.ts';
import { type DnsRecord, nameOf, RCODE, TYPE } from '../../../src/dns/wire/types.ts';

const SETTINGS = { domain: ['cluster', 'local'], dnsAddresses: ['10.96.0.10'] };

const service = (name: string, spec: Partial<ServiceSpec>): Service =>
  ({ apiVersion: 'v1', kind: 'Service', metadata: { namespace: 'shop', name }, spec }) as Service;

const slice = (of: string, endpoints: readonly Partial<Endpoint>[], ports = [{ name: 'http', port: 8080 }]) =>
  ({
    metadata: { namespace: 'shop', name: `${of}-1`, labels: { 'kubernetes.io/service-name': of } },
    addressType: 'IPv4',
    ports,
    endpoints,
  }) as unknown as EndpointSlice;

const HTTP = { name: 'http', port: 80, targetPort: 80, protocol: 'TCP' } as const;
const DNS_TCP = { name: 'dns-tcp', port: 53, targetPort: 53, protocol: 'TCP' } as const;
const DNS_UDP = { name: 'dns', port: 53, targetPort: 53, protocol: 'UDP' } as const;

const WORLD: readonly (readonly [Service, readonly EndpointSlice[]])[] = [
  [service('web', { clusterIP: '10.96.0.5', clusterIPs: ['10.96.0.5'], ports: [HTTP] }), []],
  [service('dual', { clusterIPs: ['10.96.0.6', 'fd00::6'], ports: [DNS_TCP, DNS_UDP] }), []],
  [service('portless', { clusterIPs: ['10.96.0.7'] }), []],
  [
    service('db', { clusterIP: 'None', clusterIPs: ['None'] }),
    [
      slice('db', [
        { addresses: ['10.244.1.7'], hostname: 'db-0', conditions: { ready: true } },
        { addresses: ['10.244.2.8'], hostname: 'db-1', conditions: {} },
        { addresses: ['10.244.2.9'], conditions: { ready: true } },
        { addresses: ['10.244.2.10'], hostname: 'db-9', conditions: { ready: false } },
        { addresses: ['fd00:1::9'], conditions: { ready: true } },
        { addresses: ['no address'], conditions: { ready: true } },
      ]),
    ],
  ],
  [
    service('bare', { clusterIP: 'None', clusterIPs: ['None'] }),
    [slice('bare', [{ addresses: ['10.244.3.1'], conditions: { ready: true } }], [])],
  ],
  [
    service('unready', { clusterIP: 'None', clusterIPs: ['None'] }),
    [slice('unready', [{ addresses: ['10.244.3.2'], conditions: { ready: false } }])],
  ],
  [service('outside', { type: 'ExternalName', externalName: 'db.example.org' }), []],
  [service('inside', { type: 'ExternalName', externalName: 'web.shop.svc.cluster.local.' }), []],
  [service('address', { type: 'ExternalName', externalName: '192.0.2.1' }), []],
];

function world(): ClusterZone {
  const zone = new ClusterZone(0);
  zone.setNamespace('shop', true);
  zone.setNamespace('empty', true);
  for (const [each, slices] of WORLD) zone.setService(serviceRecords(each, slices));
  return zone;
}

function text(record: DnsRecord): string {
  const name = record.name.join('.');
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return `${name} ${record.type} ${record.address}`;
    case 'CNAME':
    case 'PTR':
    case 'NS':
      return `${name} ${record.type} ${record.target.join('.')}`;
    case 'SRV':
      return `${name} SRV ${record.priority} ${record.weight} ${record.port} ${record.target.join('.')}`;
    case 'TXT':
      return `${name} TXT ${record.text}`;
    case 'SOA':
      return `${name} SOA ${record.primary.join('.')}`;
  }
}

function ask(name: string, type: keyof typeof TYPE, zone = world()) {
  const written = nameOf(name);
  const answer = answerZone(
    { name: written, labels: written.map(label => label.toLowerCase()), type: TYPE[type] },
    zone,
    SETTINGS,
  );
  return answer === undefined
    ? 'others know'
    : {
        rcode: answer.rcode,
        answers: answer.answers.map(text).sort(),
        more: answer.additional.map(text).sort(),
        authority: answer.authority.map(text),
        ...('aliasOf' in answer ? { aliasOf: answer.aliasOf.join('.') } : {}),
      };
}

const found = (...answers: string[]) => ({ rcode: RCODE.NOERROR, answers, more: [], authority: [] });
const SOA = 'cluster.local SOA ns.dns.cluster.local';
const NO_DATA = { rcode: RCODE.NOERROR, answers: [], more: [], authority: [SOA] };
const NO_NAME = { rcode: RCODE.NXDOMAIN, answers: [], more: [], authority: [SOA] };
const S = 'shop.svc.cluster.local';

describe('names of the cluster', () => {
  it.each([
    ['a service has its cluster address', `web.${S}`, 'A', found(`web.${S} A 10.96.0.5`)],
    ['whatever the case, which is repeated', `WEB.${S}`, 'A', found(`WEB.${S} A 10.96.0.5`)],
    ['a service of both families has one of each', `dual.${S}`, 'AAAA', found(`dual.${S} AAAA fd00::6`)],
    ['and the other', `dual.${S}`, 'A', found(`dual.${S} A 10.96.0.6`)],
    ['a family that it has not is no data', `web.${S}`, 'AAAA', NO_DATA],
    ['a service is no alias', `web.${S}`, 'CNAME', NO_DATA],
    ['a service that is not there', `nothing.${S}`, 'A', NO_NAME],
    ['a namespace that is not there', 'web.nowhere.svc.cluster.local', 'A', NO_NAME],
    ['the same in a namespace that is there', 'web.empty.svc.cluster.local', 'A', NO_NAME],
    ['a namespace is a name without data', `${S}`, 'A', NO_DATA],
    ['so is the branch of services', 'svc.cluster.local', 'A', NO_DATA],
    ['and of pods', 'pod.cluster.local', 'A', NO_DATA],
    ['the zone itself', 'cluster.local', 'A', NO_DATA],
    ['no branch of that name', 'foo.cluster.local', 'A', NO_NAME],
    ['an endpoint of a service that has none', `x.web.${S}`, 'A', NO_NAME],
    ['too many labels', `a.b.c.web.${S}`, 'A', NO_NAME],
    [
      'a headless service has the addresses of what is ready',
      `db.${S}`,
      'A',
      found(`db.${S} A 10.244.1.7`, `db.${S} A 10.244.2.8`, `db.${S} A 10.244.2.9`),
    ],
    ['of each family', `db.${S}`, 'AAAA', found(`db.${S} AAAA fd00:1::9`)],
    ['an endpoint has its host name', `db-0.db.${S}`, 'A', found(`db-0.db.${S} A 10.244.1.7`)],
    ['or its address with dashes', `10-244-2-9.db.${S}`, 'A', found(`10-244-2-9.db.${S} A 10.244.2.9`)],
    ['in version 6 too', `fd00-1--9.db.${S}`, 'AAAA', found(`fd00-1--9.db.${S} AAAA fd00:1::9`)],
    ['an endpoint that is not ready has no name', `db-9.db.${S}`, 'A', NO_NAME],
    ['a headless service without ports has addresses all the same', `bare.${S}`, 'A', found(`bare.${S} A 10.244.3.1`)],
    ['nothing ready is no name', `unready.${S}`, 'A', NO_NAME],
    ['the version of all this', 'dns-version.cluster.local', 'TXT', found('dns-version.cluster.local TXT 1.1.0')],
    ['the name server', 'ns.dns.cluster.local', 'A', found('ns.dns.cluster.local A 10.96.0.10')],
    ['an alias', `outside.${S}`, 'CNAME', found(`outside.${S} CNAME db.example.org`)],
    [
      'an alias asked for addresses leads on',
      `outside.${S}`,
      'A',
      { ...found(`outside.${S} CNAME db.example.org`), aliasOf: 'db.example.org' },
    ],
    [
      'an alias of a name of the cluster too',
      `inside.${S}`,
      'A',
      { ...found(`inside.${S} CNAME web.${S}`), aliasOf: `web.${S}` },
    ],
    ['an alias of an address is none', `address.${S}`, 'A', NO_NAME],
    ['nothing is below an alias', `x.outside.${S}`, 'CNAME', NO_NAME],
    [
      'a pod by its address',
      '10-244-1-7.shop.pod.cluster.local',
      'A',
      found('10-244-1-7.shop.pod.cluster.local A 10.244.1.7'),
    ],
    [
      'in version 6',
      'fd00-1--9.shop.pod.cluster.local',
      'AAAA',
      found('fd00-1--9.shop.pod.cluster.local AAAA fd00:1::9'),
    ],
    ['an address that is none', '10-244-1-700.shop.pod.cluster.local', 'A', NO_NAME],
    ['no address', 'web-0.shop.pod.cluster.local', 'A', NO_NAME],
    ['a pod of a namespace that is not there', '10-244-1-7.nowhere.pod.cluster.local', 'A', NO_NAME],
    ['another domain', 'example.org', 'A', 'others know'],
    ['a domain that only ends like ours', 'xcluster.local', 'A', 'others know'],
    ['the name of a cluster address', '5.0.96.10.in-addr.arpa', 'PTR', found(`5.0.96.10.in-addr.arpa PTR web.${S}`)],
    ['the name of an endpoint', '7.1.244.10.in-addr.arpa', 'PTR', found(`7.1.244.10.in-addr.arpa PTR db-0.db.${S}`)],
    ['an address that nobody has', '1.1.1.10.in-addr.arpa', 'PTR', 'others know'],
    ['a network is no address', '96.10.in-addr.arpa', 'PTR', 'others know'],
    [
      'the name of a cluster address of version 6',
      `6.${'0.'.repeat(27)}0.0.d.f.ip6.arpa`,
      'PTR',
      found(`6.${'0.'.repeat(27)}0.0.d.f.ip6.arpa PTR dual.${S}`),
    ],
  ] as const)('%s: %s %s', (_, name, type, expected) => {
    expect(ask(name, type)).toEqual(expected);
  });

  it.each([
    [
      'a port of a service',
      `_http._tcp.web.${S}`,
      { ...found(`_http._tcp.web.${S} SRV 0 100 80 web.${S}`), more: [`web.${S} A 10.96.0.5`] },
    ],
    [
      'the hundred is shared among all addresses',
      `_dns._udp.dual.${S}`,
      {
        ...found(`_dns._udp.dual.${S} SRV 0 50 53 dual.${S}`),
        more: [`dual.${S} A 10.96.0.6`, `dual.${S} AAAA fd00::6`],
      },
    ],
    [
      'without a port all of them',
      `web.${S}`,
      { ...found(`web.${S} SRV 0 100 80 web.${S}`), more: [`web.${S} A 10.96.0.5`] },
    ],
    [
      'the endpoints of a headless service',
      `_http._tcp.db.${S}`,
      {
        ...found(
          `_http._tcp.db.${S} SRV 0 25 8080 10-244-2-9.db.${S}`,
          `_http._tcp.db.${S} SRV 0 25 8080 db-0.db.${S}`,
          `_http._tcp.db.${S} SRV 0 25 8080 db-1.db.${S}`,
          `_http._tcp.db.${S} SRV 0 25 8080 fd00-1--9.db.${S}`,
        ),
        more: [
          `10-244-2-9.db.${S} A 10.244.2.9`,
          `db-0.db.${S} A 10.244.1.7`,
          `db-1.db.${S} A 10.244.2.8`,
          `fd00-1--9.db.${S} AAAA fd00:1::9`,
        ],
      },
    ],
    ['another protocol', `_http._udp.web.${S}`, NO_NAME],
    ['another port', `_ftp._tcp.db.${S}`, NO_NAME],
    ['no underscore', `http._tcp.web.${S}`, NO_NAME],
    ['a service without ports', `portless.${S}`, NO_NAME],
  ] as const)('SRV, %s: %s', (_, name, expected) => {
    expect(ask(name, 'SRV')).toEqual(expected);
  });

  it('the zone says who serves it', () => {
    expect(ask('cluster.local', 'SOA')).toEqual(found(SOA));
    expect(ask('cluster.local', 'NS')).toEqual({
      ...found('cluster.local NS ns.dns.cluster.local'),
      more: ['ns.dns.cluster.local A 10.96.0.10'],
    });
  });

  it('forgets what is gone, and every change has a serial of its own', () => {
    const zone = world();
    const before = zone.serial;
    zone.deleteService('shop', 'web');
    expect(ask(`web.${S}`, 'A', zone)).toEqual(NO_NAME);
    expect(ask('5.0.96.10.in-addr.arpa', 'PTR', zone)).toBe('others know');
    zone.setService(serviceRecords(service('db', { clusterIPs: ['10.96.0.99'], ports: [HTTP] }), []));
    expect(ask('7.1.244.10.in-addr.arpa', 'PTR', zone)).toBe('others know');
    zone.setNamespace('shop', false);
    expect(ask(`db.${S}`, 'A', zone)).toEqual(NO_NAME);
    expect(zone.serial).toBe(before + 3);
  });

  it('gives an address of two services the names of both', () => {
    const zone = world();
    zone.setService(
      serviceRecords(service('db2', { clusterIP: 'None', clusterIPs: ['None'] }), [
        slice('db2', [{ addresses: ['10.244.1.7'], hostname: 'other', conditions: { ready: true } }]),
      ]),
    );
    const both = (): unknown => (ask('7.1.244.10.in-addr.arpa', 'PTR', zone) as { answers: string[] }).answers;
    expect(both()).toEqual([`7.1.244.10.in-addr.arpa PTR db-0.db.${S}`, `7.1.244.10.in-addr.arpa PTR other.db2.${S}`]);
    zone.deleteService('shop', 'db');
    expect(both()).toEqual([`7.1.244.10.in-addr.arpa PTR other.db2.${S}`]);
  });

  it('an endpoint that is in two slices for a moment is one', () => {
    const endpoint = { addresses: ['10.244.1.1'], conditions: { ready: true } };
    const { endpoints } = serviceRecords(service('x', { clusterIP: 'None' }), [
      slice('x', [endpoint]),
      slice('x', [endpoint], [{ name: 'admin', port: 9 }]),
    ]);
    expect(endpoints.map(({ host, ports }) => [host, ports.map(port => port.name)])).toEqual([
      ['10-244-1-1', ['http', 'admin']],
    ]);
  });
});
