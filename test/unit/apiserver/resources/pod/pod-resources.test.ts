import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

const NOT_A_LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const NOT_A_SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

const pods = new Judge('', 'pods', { spec: { containers: [{ name: 'app', image: 'nginx' }] } });

describe('what a pod may use', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[]][] = [
    [
      'no request above its limit',
      { 'spec.containers.0.resources': { requests: { cpu: '2' }, limits: { cpu: '1' } } },
      ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
    ],
    [
      'no device without limit',
      { 'spec.containers.0.resources': { requests: { 'example.com/gpu': '1' } } },
      ['spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources'],
    ],
    [
      'no half a device',
      { 'spec.containers.0.resources': { limits: { 'example.com/gpu': '0.5' } } },
      [
        'spec.containers[0].resources.limits[example.com/gpu]: Invalid value: "500m": must be an integer',
        'spec.containers[0].resources.requests[example.com/gpu]: Invalid value: "500m": must be an integer',
      ],
    ],
    [
      'no huge pages alone, nor a part of one',
      { 'spec.containers.0.resources': { limits: { 'hugepages-2Mi': '3Mi' } } },
      [
        'spec.containers[0].resources.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
        'spec.containers[0].resources.requests[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
        'spec.containers[0].resources: Forbidden: HugePages require cpu or memory',
      ],
    ],
    [
      'no resource that containers do not have',
      { 'spec.containers.0.resources': { limits: { pods: '1' } } },
      [
        'spec.containers[0].resources.limits[pods]: Invalid value: "pods": must be a standard resource for containers',
        'spec.containers[0].resources.requests[pods]: Invalid value: "pods": must be a standard resource for containers',
      ],
    ],
    [
      'no claim that the pod does not have',
      { 'spec.containers.0.resources': { claims: [{ name: 'x' }, { name: 'x' }, { name: '' }] } },
      [
        'spec.containers[0].resources.claims[0]: Not found: "x": must be one of the names in pod.spec.resourceClaims which is empty',
        'spec.containers[0].resources.claims[1]: Duplicate value: "x"',
        'spec.containers[0].resources.claims[1]: Not found: "x": must be one of the names in pod.spec.resourceClaims which is empty',
        'spec.containers[0].resources.claims[2]: Required value',
      ],
    ],
    [
      'no claims of the pod that cannot be',
      {
        'spec.resourceClaims': [
          { name: 'a' },
          { name: 'a', resourceClaimName: 'x', resourceClaimTemplateName: 'y' },
          { name: 'A_b', resourceClaimName: 'A_b' },
        ],
      },
      [
        'spec.resourceClaims[0]: Invalid value: {"Name":"a","ResourceClaimName":null,"ResourceClaimTemplateName":null}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`',
        'spec.resourceClaims[1].name: Duplicate value: "a"',
        'spec.resourceClaims[1]: Invalid value: {"Name":"a","ResourceClaimName":"x","ResourceClaimTemplateName":"y"}: at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified',
        `spec.resourceClaims[2].name: Invalid value: "A_b": ${NOT_A_LABEL}`,
        `spec.resourceClaims[2].resourceClaimName: Invalid value: "A_b": ${NOT_A_SUBDOMAIN}`,
      ],
    ],
    [
      'no resources of the pod below those of its containers',
      {
        'spec.resources': { requests: { cpu: '1' }, limits: { cpu: '1' } },
        'spec.containers.0.resources': { requests: { cpu: '2' }, limits: { cpu: '2' } },
      },
      [
        'spec.resources.requests[cpu]: Invalid value: "1": must be greater than or equal to aggregate container requests of 2',
        'spec.resources.containers[0][cpu].limits: Invalid value: "2": must be less than or equal to pod limits of 1',
      ],
    ],
    [
      'no resources of the pod that only containers have',
      { 'spec.resources': { limits: { 'ephemeral-storage': '1Gi' } } },
      [
        'spec.resources.limits[ephemeral-storage]: Unsupported value: "ephemeral-storage": supported values: "cpu", "hugepages-", "memory"',
      ],
    ],
    [
      'no overhead without class',
      { 'spec.overhead': { cpu: '-1' } },
      ['spec.overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0'],
    ],
  ];
  it.each(cases)('%s', (_, changes, errors) => {
    expect(pods.created(changes)).toEqual(errors);
  });
});
