import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

const NOT_A_LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const NOT_A_SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const NOT_A_NAME_PART =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const NOT_AN_IP = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const NOT_A_CIDR = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

const services = new Judge('', 'services', { spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } });

describe('what may be created', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[]][] = [
    ['a service', {}, []],
    ['a service whose name begins with a digit', { 'metadata.name': '1web' }, []],
    [
      'no service with a name that has dots',
      { 'metadata.name': 'a.b' },
      ['metadata.name: Invalid value: "a.b": must not contain dots'],
    ],
    ['no service without ports', { 'spec.ports': [] }, ['spec.ports: Required value']],
    ['a headless service without ports', { 'spec.ports': [], 'spec.clusterIP': 'None' }, []],
    [
      'no headless service that is reached from outside',
      { 'spec.type': 'LoadBalancer', 'spec.clusterIP': 'None' },
      ['spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for LoadBalancer services'],
    ],
    [
      'no headless service with node ports',
      { 'spec.type': 'NodePort', 'spec.clusterIP': 'None' },
      ['spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for NodePort services'],
    ],
    [
      'a service by an external name, with a dot at its end',
      { 'spec.type': 'ExternalName', 'spec.externalName': 'a.example.com.' },
      [],
    ],
    [
      'no external name that is none',
      { 'spec.type': 'ExternalName', 'spec.externalName': 'A_b' },
      [`spec.externalName: Invalid value: "A_b": ${NOT_A_SUBDOMAIN}`],
    ],
    [
      'no service by an external name without one, nor with addresses',
      {
        'spec.type': 'ExternalName',
        'spec.clusterIP': '10.0.0.1',
        'spec.ipFamilies': ['IPv4'],
        'spec.ipFamilyPolicy': 'SingleStack',
      },
      [
        'spec.clusterIPs: Forbidden: may not be set for ExternalName services',
        'spec.ipFamilies: Forbidden: may not be set for ExternalName services',
        'spec.ipFamilyPolicy: Forbidden: may not be set for ExternalName services',
        'spec.externalName: Required value',
      ],
    ],
    [
      'no two ports without names',
      { 'spec.ports': [{ port: 80 }, { port: 81, name: 'A' }] },
      ['spec.ports[0].name: Required value', `spec.ports[1].name: Invalid value: "A": ${NOT_A_LABEL}`],
    ],
    [
      'no name twice, nor one port and protocol twice',
      {
        'spec.ports': [
          { port: 80, name: 'a', appProtocol: 'x' },
          { port: 80, name: 'a' },
        ],
      },
      [
        'spec.ports[1].name: Duplicate value: "a"',
        'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}',
      ],
    ],
    [
      'the same port of two protocols',
      {
        'spec.ports': [
          { port: 53, name: 'a' },
          { port: 53, name: 'b', protocol: 'UDP' },
        ],
        'spec.type': 'NodePort',
      },
      [],
    ],
    [
      'no port that is none',
      { 'spec.ports': [{ port: 0, protocol: 'ICMP', targetPort: 'Not_a_port', appProtocol: 'a b' }] },
      [
        'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
        'spec.ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
        'spec.ports[0].targetPort: Invalid value: "Not_a_port": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
        `spec.ports[0].appProtocol: Invalid value: "a b": ${NOT_A_NAME_PART}`,
      ],
    ],
    [
      'no target port out of range',
      { 'spec.ports': [{ port: 80, targetPort: 65536 }] },
      ['spec.ports[0].targetPort: Invalid value: 65536: must be between 1 and 65535, inclusive'],
    ],
    [
      'no node port of a service inside the cluster',
      { 'spec.ports': [{ port: 80, nodePort: 30000 }] },
      ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ],
    [
      'no node port twice for one protocol',
      {
        'spec.type': 'NodePort',
        'spec.ports': [
          { port: 80, name: 'a', nodePort: 30000 },
          { port: 81, name: 'b', nodePort: 30000 },
        ],
      },
      ['spec.ports[1].nodePort: Duplicate value: 30000'],
    ],
    [
      'no selector that no label can have',
      { 'spec.selector': { 'a b': 'x' } },
      [`spec.selector: Invalid value: "a b": ${NOT_A_NAME_PART}`],
    ],
    [
      'no affinity that is unknown',
      { 'spec.sessionAffinity': 'Cookie' },
      ['spec.sessionAffinity: Unsupported value: "Cookie": supported values: "ClientIP", "None"'],
    ],
    [
      'no affinity for longer than a day',
      { 'spec.sessionAffinity': 'ClientIP', 'spec.sessionAffinityConfig': { clientIP: { timeoutSeconds: 86401 } } },
      [
        'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400',
      ],
    ],
    [
      'no type that is unknown',
      { 'spec.type': 'Headless' },
      [
        'spec.type: Unsupported value: "Headless": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
      ],
    ],
    ['no address that is none', { 'spec.clusterIP': 'x' }, [`spec.clusterIPs[0]: Invalid value: "x": ${NOT_AN_IP}`]],
    [
      'no address with leading zeros',
      { 'spec.clusterIP': '010.0.0.1' },
      ['spec.clusterIPs[0]: Invalid value: "010.0.0.1": must not have leading 0s'],
    ],
    [
      'no IPv4 address inside IPv6',
      { 'spec.clusterIP': '::ffff:1.2.3.4' },
      ['spec.clusterIPs[0]: Invalid value: "::ffff:1.2.3.4": must not be an IPv4-mapped IPv6 address'],
    ],
    [
      'no first address that differs',
      { 'spec.clusterIP': '10.0.0.1', 'spec.clusterIPs': ['10.0.0.2'] },
      ['spec.clusterIPs: Invalid value: ["10.0.0.2"]: first value must match `clusterIP`'],
    ],
    [
      'no addresses without the first',
      { 'spec.clusterIPs': ['10.0.0.1'] },
      ['spec.clusterIPs: Invalid value: ["10.0.0.1"]: must be empty when `clusterIP` is not specified'],
    ],
    [
      'no headless service with an address',
      { 'spec.clusterIP': 'None', 'spec.clusterIPs': ['None', '10.0.0.1'] },
      ['spec.clusterIPs: Invalid value: ["None","10.0.0.1"]: \'None\' must be the first and only value'],
    ],
    [
      'no two addresses of one family',
      {
        'spec.clusterIP': '10.0.0.1',
        'spec.clusterIPs': ['10.0.0.1', '10.0.0.2'],
        'spec.ipFamilies': undefined,
        'spec.ipFamilyPolicy': 'PreferDualStack',
      },
      ['spec.clusterIPs: Invalid value: ["10.0.0.1","10.0.0.2"]: may specify no more than one IP for each IP family'],
    ],
    [
      'no three addresses',
      {
        'spec.clusterIP': '10.0.0.1',
        'spec.clusterIPs': ['10.0.0.1', 'fd00::1', 'fd00::2'],
        'spec.ipFamilies': ['IPv4', 'IPv6'],
        'spec.ipFamilyPolicy': 'PreferDualStack',
      },
      ['spec.clusterIPs: Invalid value: ["10.0.0.1","fd00::1","fd00::2"]: may only hold up to 2 values'],
    ],
    [
      'no address of another family than said',
      { 'spec.clusterIP': '10.0.0.1', 'spec.ipFamilies': ['IPv6'] },
      ['spec.clusterIPs[0]: Invalid value: "10.0.0.1": expected an IPv6 value as indicated by `ipFamilies[0]`'],
    ],
    [
      'no family twice, nor one that is unknown',
      { 'spec.ipFamilies': ['IPv4', 'IPv4', 'IPv5'], 'spec.ipFamilyPolicy': 'Both' },
      [
        'spec.ipFamilies[1]: Duplicate value: "IPv4"',
        'spec.ipFamilies[2]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"',
        'spec.ipFamilyPolicy: Unsupported value: "Both": supported values: "PreferDualStack", "RequireDualStack", "SingleStack"',
      ],
    ],
    [
      "no external address that is the machine's own",
      { 'spec.externalIPs': ['127.0.0.1', '169.254.1.1', '224.0.0.1', '0.0.0.0', 'x'] },
      [
        'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
        'spec.externalIPs[1]: Invalid value: "169.254.1.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
        'spec.externalIPs[2]: Invalid value: "224.0.0.1": may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
        'spec.externalIPs[3]: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)',
        `spec.externalIPs[4]: Invalid value: "x": ${NOT_AN_IP}`,
      ],
    ],
    [
      'no source range that is none',
      {
        'spec.type': 'LoadBalancer',
        'spec.loadBalancerSourceRanges': ['x', '10.0.0.0/08', '::ffff:1.2.3.0/120', '10.0.0.1/24'],
      },
      [
        `spec.LoadBalancerSourceRanges[0]: Invalid value: "x": ${NOT_A_CIDR}`,
        'spec.LoadBalancerSourceRanges[1]: Invalid value: "10.0.0.0/08": must not have leading 0s in IP or prefix length',
        'spec.LoadBalancerSourceRanges[2]: Invalid value: "::ffff:1.2.3.0/120": must not have an IPv4-mapped IPv6 address',
        'spec.LoadBalancerSourceRanges[3]: Invalid value: "10.0.0.1/24": must not have bits set beyond the prefix length',
      ],
    ],
    [
      'a source range among spaces',
      { 'spec.type': 'LoadBalancer', 'spec.loadBalancerSourceRanges': [' 10.0.0.0/8 '] },
      [],
    ],
    [
      'no source range of a service that is no load balancer',
      { 'spec.loadBalancerSourceRanges': ['10.0.0.0/8'] },
      ["spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'"],
    ],
    [
      'no source range in the annotation that is none',
      {
        'spec.type': 'LoadBalancer',
        'metadata.annotations': { 'service.beta.kubernetes.io/load-balancer-source-ranges': '10.0.0.0/8, x' },
      },
      [
        `metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]: Invalid value: "x": ${NOT_A_CIDR}`,
      ],
    ],
    [
      'no annotation for source ranges of a service that is no load balancer',
      { 'metadata.annotations': { 'service.beta.kubernetes.io/load-balancer-source-ranges': '' } },
      [
        "metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]: Forbidden: may only be used when `type` is 'LoadBalancer'",
      ],
    ],
    [
      'no fields of load balancers in others',
      { 'spec.allocateLoadBalancerNodePorts': true, 'spec.loadBalancerClass': 'a/b' },
      [
        "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'",
        "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
      ],
    ],
    [
      'no class of a load balancer that is no name',
      { 'spec.type': 'LoadBalancer', 'spec.loadBalancerClass': 'a b' },
      [`spec.loadBalancerClass: Invalid value: "a b": ${NOT_A_NAME_PART}`],
    ],
    [
      'no policy for traffic from outside that never comes',
      { 'spec.externalTrafficPolicy': 'Local', 'spec.healthCheckNodePort': 30001 },
      [
        'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
        "spec.healthCheckNodePort: Invalid value: 30001: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      ],
    ],
    [
      'no policy for traffic that is unknown',
      {
        'spec.type': 'NodePort',
        'spec.externalTrafficPolicy': 'x',
        'spec.internalTrafficPolicy': 'y',
        'spec.trafficDistribution': 'z',
      },
      [
        'spec.externalTrafficPolicy: Unsupported value: "x": supported values: "Cluster", "Local"',
        'spec.internalTrafficPolicy: Unsupported value: "y": supported values: "Cluster", "Local"',
        'spec.trafficDistribution: Unsupported value: "z": supported values: "PreferClose", "PreferSameZone", "PreferSameNode"',
      ],
    ],
    [
      'no port for health checks out of range',
      { 'spec.type': 'LoadBalancer', 'spec.externalTrafficPolicy': 'Local', 'spec.healthCheckNodePort': 70000 },
      ['spec.healthCheckNodePort: Invalid value: 70000: must be between 1 and 65535, inclusive'],
    ],
    [
      'no two annotations for topology that differ',
      {
        'metadata.annotations': {
          'service.kubernetes.io/topology-mode': 'Auto',
          'service.kubernetes.io/topology-aware-hints': 'x',
        },
      },
      [
        'metadata.annotations[service.kubernetes.io/topology-mode]: Invalid value: "Auto": must match annotations[service.kubernetes.io/topology-aware-hints] when both are specified',
      ],
    ],
  ];
  it.each(cases)('%s', (_, changes, errors) => {
    expect(services.created(changes)).toEqual(errors);
  });
});
