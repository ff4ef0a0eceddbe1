import { describe, expect, it } from 'vitest';
import { CniError, errorObject, parseErrorObject } from '../../../../src/cni/protocol/error.ts';
import { checkRequest } from '../../../../src/cni/protocol/plugin.ts';

const request = { containerId: 'a1', netns: '/run/netns/a', ifname: 'eth0', args: [], config: {} };

describe('checkRequest', () => {
  it.each([
    ['a good request', request, 'ADD', undefined],
    ['DEL without a namespace', { ...request, netns: '' }, 'DEL', undefined],
    ['ADD without a namespace', { ...request, netns: '' }, 'ADD', 'CNI_NETNS'],
    ['an id with a slash', { ...request, containerId: 'a/b' }, 'ADD', 'CNI_CONTAINERID'],
    ['a link name of 16 letters', { ...request, ifname: 'abcdefghijklmnop' }, 'DEL', 'CNI_IFNAME'],
    ['a link name with a colon', { ...request, ifname: 'eth0:1' }, 'ADD', 'CNI_IFNAME'],
    ['a link named ..', { ...request, ifname: '..' }, 'ADD', 'CNI_IFNAME'],
  ] as const)('%s', (_, given, verb, wrong) => {
    const outcome = (): string | undefined => {
      try {
        checkRequest(given, verb);
        return undefined;
      } catch (error) {
        return `${(error as CniError).cniCode} ${(error as CniError).message}`;
      }
    };
    expect(outcome()).toBe(wrong === undefined ? undefined : `4 missing or invalid: ${wrong}`);
  });
});

describe('error objects', () => {
  it('come back as they went', () => {
    const text = JSON.stringify(errorObject(new CniError(7, 'bad', 'why'), '1.0.0'));
    expect(JSON.parse(text)).toEqual({ cniVersion: '1.0.0', code: 7, msg: 'bad', details: 'why' });
    expect(parseErrorObject(text)).toMatchObject({ cniCode: 7, message: 'bad', details: 'why' });
  });

  it('give an error without a code the one of the Go library', () => {
    expect(errorObject(new Error('x'), '1.0.0')).toEqual({ cniVersion: '1.0.0', code: 999, msg: 'x' });
  });

  it('are not seen in other output', () => {
    expect([parseErrorObject('oops'), parseErrorObject('{"cniVersion":"1.0.0"}')]).toEqual([undefined, undefined]);
  });
});
