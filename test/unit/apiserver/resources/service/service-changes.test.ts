import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

const NOT_A_SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const NOT_AN_IP = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';

const services = new Judge('', 'services', { spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } });

describe('what may become of a service', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[], before?: Changes][] = [
    [
      'a second address',
      {
        'spec.clusterIPs': ['10.0.0.1', 'fd00::1'],
        'spec.ipFamilies': ['IPv4', 'IPv6'],
        'spec.ipFamilyPolicy': 'PreferDualStack',
      },
      [],
      {
        'spec.clusterIP': '10.0.0.1',
        'spec.clusterIPs': ['10.0.0.1'],
        'spec.ipFamilies': ['IPv4'],
        'spec.ipFamilyPolicy': 'SingleStack',
      },
    ],
    [
      'no other address',
      { 'spec.clusterIP': '10.0.0.2', 'spec.clusterIPs': ['10.0.0.2'] },
      ['spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set'],
      {
        'spec.clusterIP': '10.0.0.1',
        'spec.clusterIPs': ['10.0.0.1'],
        'spec.ipFamilies': ['IPv4'],
        'spec.ipFamilyPolicy': 'SingleStack',
      },
    ],
    [
      'no other second address',
      { 'spec.clusterIPs': ['10.0.0.1', 'fd00::2'] },
      ['spec.clusterIPs[1]: Invalid value: ["10.0.0.1","fd00::2"]: may not change once set'],
      {
        'spec.clusterIP': '10.0.0.1',
        'spec.clusterIPs': ['10.0.0.1', 'fd00::1'],
        'spec.ipFamilies': ['IPv4', 'IPv6'],
        'spec.ipFamilyPolicy': 'PreferDualStack',
      },
    ],
    [
      'no release of the second address without a word',
      { 'spec.clusterIPs': ['10.0.0.1'], 'spec.ipFamilies': ['IPv4'] },
      [
        'spec.ipFamilyPolicy: Invalid value: "PreferDualStack": must be set to \'SingleStack\' when releasing the secondary clusterIP',
        'spec.ipFamilyPolicy: Invalid value: "PreferDualStack": must be set to \'SingleStack\' when releasing the secondary ipFamily',
      ],
      {
        'spec.clusterIP': '10.0.0.1',
        'spec.clusterIPs': ['10.0.0.1', 'fd00::1'],
        'spec.ipFamilies': ['IPv4', 'IPv6'],
        'spec.ipFamilyPolicy': 'PreferDualStack',
      },
    ],
    [
      'the release of the second address',
      { 'spec.clusterIPs': ['10.0.0.1'], 'spec.ipFamilies': ['IPv4'], 'spec.ipFamilyPolicy': 'SingleStack' },
      [],
      {
        'spec.clusterIP': '10.0.0.1',
        'spec.clusterIPs': ['10.0.0.1', 'fd00::1'],
        'spec.ipFamilies': ['IPv4', 'IPv6'],
        'spec.ipFamilyPolicy': 'PreferDualStack',
      },
    ],
    [
      'no release of the first address',
      {
        'spec.clusterIP': 'fd00::1',
        'spec.clusterIPs': ['fd00::1'],
        'spec.ipFamilies': ['IPv6'],
        'spec.ipFamilyPolicy': 'SingleStack',
      },
      [
        'spec.clusterIPs[0]: Invalid value: ["fd00::1"]: may not change once set',
        'spec.ipFamilies[0]: Invalid value: ["fd00::1"]: may not change once set',
      ],
      {
        'spec.clusterIP': '10.0.0.1',
        'spec.clusterIPs': ['10.0.0.1', 'fd00::1'],
        'spec.ipFamilies': ['IPv4', 'IPv6'],
        'spec.ipFamilyPolicy': 'PreferDualStack',
      },
    ],
    [
      'no exchange of families',
      { 'spec.ipFamilies': ['IPv6', 'IPv4'] },
      [
        'spec.ipFamilies[0]: Invalid value: ["IPv6","IPv4"]: may not change once set',
        'spec.ipFamilies[0]: Invalid value: ["IPv6","IPv4"]: may not change once set',
        'spec.clusterIPs[0]: Invalid value: "10.0.0.1": expected an IPv6 value as indicated by `ipFamilies[0]`',
        'spec.clusterIPs[1]: Invalid value: "fd00::1": expected an IPv4 value as indicated by `ipFamilies[1]`',
      ],
      {
        'spec.clusterIP': '10.0.0.1',
        'spec.clusterIPs': ['10.0.0.1', 'fd00::1'],
        'spec.ipFamilies': ['IPv4', 'IPv6'],
        'spec.ipFamilyPolicy': 'PreferDualStack',
      },
    ],
    [
      'an external name instead of addresses',
      { 'spec.type': 'ExternalName', 'spec.externalName': 'a.b' },
      [],
      {
        'spec.clusterIP': '10.0.0.1',
        'spec.clusterIPs': ['10.0.0.1'],
        'spec.ipFamilies': ['IPv4'],
        'spec.ipFamilyPolicy': 'SingleStack',
      },
    ],
    [
      'a service inside the cluster that had node ports',
      { 'spec.type': 'ClusterIP' },
      [],
      {
        'spec.clusterIP': '10.0.0.1',
        'spec.clusterIPs': ['10.0.0.1'],
        'spec.ipFamilies': ['IPv4'],
        'spec.ipFamilyPolicy': 'SingleStack',
        'spec.type': 'NodePort',
        'spec.ports': [{ port: 80, nodePort: 30000 }],
      },
    ],
    [
      'no service inside the cluster with a new node port',
      { 'spec.type': 'ClusterIP', 'spec.ports': [{ port: 80, nodePort: 30001 }] },
      ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
      {
        'spec.clusterIP': '10.0.0.1',
        'spec.clusterIPs': ['10.0.0.1'],
        'spec.ipFamilies': ['IPv4'],
        'spec.ipFamilyPolicy': 'SingleStack',
        'spec.type': 'NodePort',
        'spec.ports': [{ port: 80, nodePort: 30000 }],
      },
    ],
    [
      'no other class of a load balancer',
      { 'spec.loadBalancerClass': 'c/d' },
      ['spec.loadBalancerClass: Invalid value: "c/d": may not change once set'],
      {
        'spec.clusterIP': '10.0.0.1',
        'spec.clusterIPs': ['10.0.0.1'],
        'spec.ipFamilies': ['IPv4'],
        'spec.ipFamilyPolicy': 'SingleStack',
        'spec.type': 'LoadBalancer',
        'spec.loadBalancerClass': 'a/b',
      },
    ],
    [
      'no other port for health checks',
      { 'spec.healthCheckNodePort': 30002 },
      ['spec.healthCheckNodePort: Forbidden: field is immutable'],
      {
        'spec.clusterIP': '10.0.0.1',
        'spec.clusterIPs': ['10.0.0.1'],
        'spec.ipFamilies': ['IPv4'],
        'spec.ipFamilyPolicy': 'SingleStack',
        'spec.type': 'LoadBalancer',
        'spec.externalTrafficPolicy': 'Local',
        'spec.healthCheckNodePort': 30001,
      },
    ],
    [
      'the spellings that are stored',
      { 'spec.selector': { app: 'api' } },
      [],
      {
        'spec.clusterIP': '010.0.0.1',
        'spec.clusterIPs': ['010.0.0.1'],
        'spec.ipFamilies': ['IPv4'],
        'spec.ipFamilyPolicy': 'SingleStack',
        'spec.type': 'LoadBalancer',
        'spec.externalIPs': ['01.2.3.4'],
        'spec.loadBalancerSourceRanges': ['10.0.0.1/8'],
      },
    ],
  ];
  it.each(cases)('%s', (_, changes, errors, before = {}) => {
    expect(services.changed(changes, before)).toEqual(errors);
  });
});

describe('what may be told of a load balancer', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[], before?: Changes][] = [
    [
      'an address',
      { 'status.loadBalancer.ingress': [{ ip: '1.2.3.4', ipMode: 'VIP' }] },
      [],
      {
        'spec.clusterIP': '10.0.0.1',
        'spec.clusterIPs': ['10.0.0.1'],
        'spec.ipFamilies': ['IPv4'],
        'spec.ipFamilyPolicy': 'SingleStack',
        'spec.type': 'LoadBalancer',
      },
    ],
    [
      'no address of a service that is no load balancer',
      { 'status.loadBalancer.ingress': [{ ip: '1.2.3.4' }] },
      ["status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'"],
      {
        'spec.clusterIP': '10.0.0.1',
        'spec.clusterIPs': ['10.0.0.1'],
        'spec.ipFamilies': ['IPv4'],
        'spec.ipFamilyPolicy': 'SingleStack',
      },
    ],
    [
      'no mode without address, nor one that is unknown',
      {
        'status.loadBalancer.ingress': [
          { hostname: 'a.b', ipMode: 'VIP' },
          { ip: '1.2.3.4', ipMode: 'x' },
        ],
      },
      [
        'status.loadBalancer.ingress[0].ipMode: Forbidden: may not be specified when `ip` is not set',
        'status.loadBalancer.ingress[1].ipMode: Unsupported value: "x": supported values: "Proxy", "VIP"',
      ],
      {
        'spec.clusterIP': '10.0.0.1',
        'spec.clusterIPs': ['10.0.0.1'],
        'spec.ipFamilies': ['IPv4'],
        'spec.ipFamilyPolicy': 'SingleStack',
        'spec.type': 'LoadBalancer',
      },
    ],
    [
      'no name that is an address, nor an address that is a name',
      { 'status.loadBalancer.ingress': [{ hostname: '1.2.3.4' }, { ip: 'a.b' }, { hostname: 'A_b' }] },
      [
        'status.loadBalancer.ingress[0].hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
        `status.loadBalancer.ingress[1].ip: Invalid value: "a.b": ${NOT_AN_IP}`,
        `status.loadBalancer.ingress[2].hostname: Invalid value: "A_b": ${NOT_A_SUBDOMAIN}`,
      ],
      {
        'spec.clusterIP': '10.0.0.1',
        'spec.clusterIPs': ['10.0.0.1'],
        'spec.ipFamilies': ['IPv4'],
        'spec.ipFamilyPolicy': 'SingleStack',
        'spec.type': 'LoadBalancer',
      },
    ],
    [
      'the spellings that are stored',
      { 'status.conditions': [] },
      [],
      {
        'spec.clusterIP': '10.0.0.1',
        'spec.clusterIPs': ['10.0.0.1'],
        'spec.ipFamilies': ['IPv4'],
        'spec.ipFamilyPolicy': 'SingleStack',
        'spec.type': 'LoadBalancer',
        'status.loadBalancer.ingress': [{ ip: '01.2.3.4' }],
      },
    ],
  ];
  it.each(cases)('%s', (_, changes, errors, before = {}) => {
    expect(services.changed(changes, before, 'status')).toEqual(errors);
  });
});

describe('what is told of a new service', () => {
  const cases: readonly [sentence: string, changes: Changes, warnings: readonly string[]][] = [
    ['nothing of a good one', {}, []],
    [
      'that an annotation has another name now',
      { 'metadata.annotations': { 'service.kubernetes.io/topology-aware-hints': 'Auto' } },
      [
        'annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead',
      ],
    ],
    [
      'that a headless service ignores what is about its address',
      {
        'spec.clusterIP': 'None',
        'spec.loadBalancerIP': '1.2.3.4',
        'spec.externalIPs': ['1.2.3.4'],
        'spec.externalTrafficPolicy': 'Cluster',
        'spec.sessionAffinity': 'ClientIP',
      },
      [
        'spec.loadBalancerIP is ignored for headless services',
        'spec.externalIPs is ignored for headless services',
        'spec.SessionAffinity is ignored for headless services',
      ],
    ],
    [
      'how addresses are better spelled',
      { 'spec.clusterIP': 'FD00::1', 'spec.externalIPs': ['FD00::2'], 'spec.externalTrafficPolicy': 'Cluster' },
      [
        'spec.clusterIPs[0]: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
        'spec.externalIPs[0]: IPv6 address "FD00::2" should be in RFC 5952 canonical format ("fd00::2")',
        'spec.externalIPs is deprecated and may no longer be implemented in some clusters',
      ],
    ],
    [
      'that source ranges of IPv6 are better spelled otherwise',
      {
        'spec.type': 'LoadBalancer',
        'spec.loadBalancerSourceRanges': ['FD00::/64'],
        'spec.loadBalancerIP': '01.2.3.4',
      },
      [
        'spec.loadBalancerIP: non-standard IP address "01.2.3.4" is invalid: use "1.2.3.4"',
        'spec.loadBalancerSourceRanges[0]: IPv6 CIDR value "FD00::/64" should be in RFC 5952 canonical format ("fd00::/64")',
      ],
    ],
    [
      'that names and addresses outside are ignored',
      { 'spec.externalName': 'a.b' },
      ['spec.externalName is ignored when spec.type is not "ExternalName"'],
    ],
    [
      'that an external name has no addresses',
      { 'spec.type': 'ExternalName', 'spec.externalName': 'a.b', 'spec.externalIPs': ['1.2.3.4'] },
      ['spec.externalIPs is ignored when spec.type is "ExternalName"'],
    ],
    [
      'that a distribution has another name now',
      { 'spec.trafficDistribution': 'PreferClose' },
      ['spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'],
    ],
  ];
  it.each(cases)('%s', (_, changes, warnings) => {
    expect(services.warned(changes)).toEqual(warnings);
  });
});
