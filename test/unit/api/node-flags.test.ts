import { describe, expect, it } from 'vitest';
import { parseNodeIps, parseNodeLabels, parseTaints } from '../../../src/api/node-flags.ts';

describe('flags of the node', () => {
  it.each([
    ['', {}],
    ['a=b, c=', { a: 'b', c: '' }],
    [
      'node.kubernetes.io/pool=x,kubernetes.io/arch=amd64',
      { 'node.kubernetes.io/pool': 'x', 'kubernetes.io/arch': 'amd64' },
    ],
    ['example.com/role=db', { 'example.com/role': 'db' }],
  ])('labels %j are taken', (text, labels) => expect(parseNodeLabels(text)).toEqual(labels));

  it.each([
    ['a', '--node-labels: "a" is not name=value'],
    ['a=b=c', '--node-labels: "a=b=c" is no label'],
    ['-a=b', '--node-labels: "-a=b" is no label'],
    ['a=b c', '--node-labels: "a=b c" is no label'],
    ['node-role.kubernetes.io/master=', "unknown 'kubernetes.io' or 'k8s.io' labels specified"],
    ['node-role.kubernetes.io/worker=', 'kubectl label node NAME node-role.kubernetes.io/worker='],
    ['x.k8s.io/y=1', "unknown 'kubernetes.io' or 'k8s.io' labels specified"],
  ])('labels %j are refused', (text, message) => expect(() => parseNodeLabels(text)).toThrow(message));

  it.each([
    ['a=b:NoSchedule', [{ key: 'a', value: 'b', effect: 'NoSchedule' }]],
    [
      'a:NoExecute,c=:PreferNoSchedule',
      [
        { key: 'a', effect: 'NoExecute' },
        { key: 'c', effect: 'PreferNoSchedule' },
      ],
    ],
  ])('taints %j are taken', (text, taints) => expect(parseTaints(text)).toEqual(taints));

  it.each(['a', 'a=b', 'a=b:Never', '=b:NoSchedule', 'a=b c:NoSchedule'])('taints %j are refused', text =>
    expect(() => parseTaints(text)).toThrow(`--register-with-taints: "${text}"`),
  );

  it.each([
    ['10.0.0.5', ['10.0.0.5']],
    ['10.0.0.5, fd00::5', ['10.0.0.5', 'fd00::5']],
  ])('addresses %j are taken', (text, addresses) => expect(parseNodeIps(text)).toEqual(addresses));

  it.each([
    ['10.0.0.x', '--node-ip: "10.0.0.x" is not an IP address'],
    ['', '--node-ip: "" is not an IP address'],
    ['10.0.0.5,10.0.0.6', '--node-ip: "10.0.0.5,10.0.0.6" is neither one address nor one of each family'],
    ['10.0.0.5,fd00::5,fd00::6', 'is neither one address nor one of each family'],
  ])('addresses %j are refused', (text, message) => expect(() => parseNodeIps(text)).toThrow(message));
});
