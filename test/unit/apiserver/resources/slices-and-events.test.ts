import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from './judge.ts';

const NOT_A_LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const NOT_A_SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const NOT_A_NAME_PART =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const NOT_A_LABEL_VALUE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const NOT_AN_IP = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';

const slices = new Judge('discovery.k8s.io', 'endpointslices', {
  addressType: 'IPv4',
  endpoints: [{ addresses: ['10.0.0.1'] }],
  ports: [{ port: 80 }],
});
const oldEvents = new Judge('', 'events', { involvedObject: { kind: 'Pod', name: 'x', namespace: 'default' } });

describe('what may be created', () => {
  const cases: readonly [sentence: string, kind: Judge, changes: Changes, errors: readonly string[]][] = [
    ['a slice', slices, {}, []],
    ['no slice of addresses of no type', slices, { addressType: '' }, ['addressType: Required value']],
    [
      'no slice of a type that is unknown',
      slices,
      { addressType: 'MAC' },
      ['addressType: Unsupported value: "MAC": supported values: "FQDN", "IPv4", "IPv6"'],
    ],
    [
      'no endpoint without address',
      slices,
      { 'endpoints.0.addresses': [] },
      ['endpoints[0].addresses: Required value: must contain at least 1 address'],
    ],
    [
      'no address of the other family',
      slices,
      { 'endpoints.0.addresses': ['fd00::1'] },
      ['endpoints[0].addresses: Invalid value: "fd00::1": must be an IPv4 address'],
    ],
    [
      'no address of IPv4 among those of IPv6',
      slices,
      { addressType: 'IPv6', 'endpoints.0.addresses': ['10.0.0.1', 'FD00::1'] },
      [
        'endpoints[0].addresses: Invalid value: "10.0.0.1": must be an IPv6 address',
        'endpoints[0].addresses[1]: Invalid value: "FD00::1": must be in canonical form ("fd00::1")',
      ],
    ],
    [
      'no address that is none, or the machine itself',
      slices,
      { 'endpoints.0.addresses': ['x', '127.0.0.1', '010.0.0.1'] },
      [
        `endpoints[0].addresses[0]: Invalid value: "x": ${NOT_AN_IP}`,
        'endpoints[0].addresses[1]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
        'endpoints[0].addresses[2]: Invalid value: "010.0.0.1": must not have leading 0s',
      ],
    ],
    ['a domain name', slices, { addressType: 'FQDN', 'endpoints.0.addresses': ['a.example.com.'] }, []],
    [
      'no domain name of one part, nor one that is none',
      slices,
      {
        addressType: 'FQDN',
        'endpoints.0.addresses': ['a', '', 'A.b', 'a.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'],
      },
      [
        'endpoints[0].addresses[0]: Invalid value: "a": should be a domain with at least two segments separated by dots',
        'endpoints[0].addresses[1]: Required value',
        `endpoints[0].addresses[2]: Invalid value: "A.b": ${NOT_A_SUBDOMAIN}`,
        'endpoints[0].addresses[3]: Invalid value: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx": must be no more than 63 characters',
      ],
    ],
    [
      'no node, host name or hints that cannot be',
      slices,
      {
        'endpoints.0.nodeName': 'A_b',
        'endpoints.0.hostname': 'a.b',
        'endpoints.0.hints': { forZones: [{ name: 'a' }, { name: 'a' }, { name: 'x y' }], forNodes: [{ name: 'A_b' }] },
      },
      [
        `endpoints[0].nodeName: Invalid value: "A_b": ${NOT_A_SUBDOMAIN}`,
        'endpoints[0].hostname: Invalid value: "a.b": must not contain dots',
        'endpoints[0].hints.forZones[1].name: Duplicate value: "a"',
        `endpoints[0].hints.forZones[2].name: Invalid value: "x y": ${NOT_A_LABEL_VALUE}`,
        `endpoints[0].hints.forNodes[0].name: Invalid value: "A_b": ${NOT_A_SUBDOMAIN}`,
      ],
    ],
    [
      'no more than eight hints',
      slices,
      {
        'endpoints.0.hints': {
          forZones: [
            { name: '1' },
            { name: '2' },
            { name: '3' },
            { name: '4' },
            { name: '5' },
            { name: '6' },
            { name: '7' },
            { name: '8' },
            { name: '9' },
          ],
        },
      },
      ['endpoints[0].hints.forZones: Too many: 9: must have at most 8 items'],
    ],
    [
      'no name of a port twice',
      slices,
      { ports: [{ name: 'a' }, { name: 'a' }, { name: 'A', protocol: 'ICMP', appProtocol: 'a b' }] },
      [
        'ports[1].name: Duplicate value: "a"',
        `ports[2].name: Invalid value: "A": ${NOT_A_LABEL}`,
        'ports[2].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
        `ports[2].appProtocol: Invalid value: "a b": ${NOT_A_NAME_PART}`,
      ],
    ],
    ['a port of any number', slices, { ports: [{ port: 70000 }] }, []],
    ['an event', oldEvents, {}, []],
    [
      'no event in another namespace than its object',
      oldEvents,
      { 'involvedObject.namespace': 'other' },
      ['involvedObject.namespace: Invalid value: "other": does not match event.namespace'],
    ],
    [
      'no event of the new form without its author',
      oldEvents,
      { eventTime: '2026-01-01T00:00:00.000000Z' },
      [
        'reportingComponent: Required value',
        'reportingComponent: Invalid value: "": name part must be non-empty',
        `reportingComponent: Invalid value: "": ${NOT_A_NAME_PART}`,
        'reportingInstance: Required value',
        'action: Required value',
        'reason: Required value',
      ],
    ],
    [
      'no event of the new form that says too much',
      oldEvents,
      {
        eventTime: '2026-01-01T00:00:00.000000Z',
        reportingComponent: 'a b',
        reportingInstance: 'x'.repeat(129),
        action: 'x'.repeat(129),
        reason: 'x'.repeat(129),
        message: 'x'.repeat(1025),
      },
      [
        `reportingComponent: Invalid value: "a b": ${NOT_A_NAME_PART}`,
        'reportingInstance: Invalid value: "": can have at most 128 characters',
        'action: Invalid value: "": can have at most 128 characters',
        'reason: Invalid value: "": can have at most 128 characters',
        'message: Invalid value: "": can have at most 1024 characters',
      ],
    ],
  ];
  it.each(cases)('%s', (_, kind, changes, errors) => {
    expect(kind.created(changes)).toEqual(errors);
  });
});

describe('what may become of them', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[], before?: Changes][] = [
    [
      'no slice of another type',
      { addressType: 'IPv6', 'endpoints.0.addresses': ['fd00::1'] },
      ['addressType: Invalid value: "IPv6": field is immutable'],
      {},
    ],
    [
      'the endpoints that are stored, whatever they are',
      { 'metadata.labels': { a: 'b' } },
      [],
      { 'endpoints.0.addresses': ['x'] },
    ],
    [
      'no bad endpoints that are new',
      { 'endpoints.0.addresses': ['y'] },
      [`endpoints[0].addresses[0]: Invalid value: "y": ${NOT_AN_IP}`],
      { 'endpoints.0.addresses': ['x'] },
    ],
  ];
  it.each(cases)('%s', (_, changes, errors, before = {}) => {
    expect(slices.changed(changes, before)).toEqual(errors);
  });
});

describe('what is told of new ones', () => {
  const cases: readonly [sentence: string, changes: Changes, warnings: readonly string[]][] = [
    [
      'that names are on their way out',
      { addressType: 'FQDN', 'endpoints.0.addresses': ['a.b'] },
      ['spec.addressType: FQDN endpoints are deprecated'],
    ],
    ['nothing of a good one', {}, []],
  ];
  it.each(cases)('%s', (_, changes, warnings) => {
    expect(slices.warned(changes)).toEqual(warnings);
  });
});
