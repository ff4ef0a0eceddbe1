import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAnswer, GREETING, MAX_REQUEST_BYTES, parseRequest } from '../../../../src/cni/socket/protocol.ts';

const frame = (value: string): string => `${Buffer.byteLength(value)}:${value},`;
const request = (values: readonly string[], input = ''): Buffer =>
  Buffer.from(`${GREETING}${values.map(frame).join('')}${input}`);
const SEVEN = ['gantry-bridge', 'ADD', 'one', '/run/netns/a', 'eth0', 'A=1;B=2', '/opt/cni/bin'];

describe('a call of the launcher', () => {
  it('holds the name of the plugin, the variables of the specification and the configuration', () => {
    expect(parseRequest(request(SEVEN, '{"cniVersion":"1.1.0"}\n'))).toEqual({
      plugin: 'gantry-bridge',
      env: {
        CNI_COMMAND: 'ADD',
        CNI_CONTAINERID: 'one',
        CNI_NETNS: '/run/netns/a',
        CNI_IFNAME: 'eth0',
        CNI_ARGS: 'A=1;B=2',
        CNI_PATH: '/opt/cni/bin',
      },
      input: '{"cniVersion":"1.1.0"}\n',
    });
  });

  it('keeps values apart whatever is in them', () => {
    const values = fc.array(fc.string({ unit: 'binary' }), { minLength: 7, maxLength: 7 });
    fc.assert(
      fc.property(values, fc.string({ unit: 'binary' }), (texts, input) => {
        const parsed = parseRequest(request(texts, input));
        expect([parsed.plugin, ...Object.values(parsed.env), parsed.input]).toEqual([...texts, input]);
      }),
      { seed: 7, numRuns: 30 },
    );
  });

  it.each([
    ['nothing', Buffer.alloc(0), /does not begin with "gantry-cni 1"/],
    ['another version', Buffer.from('gantry-cni 2\n'), /the launcher is of another version than the daemon/],
    ['a frame without a length', Buffer.from(`${GREETING}abc`), /has no length before the name of the plugin/],
    ['a negative length', Buffer.from(`${GREETING}-1:,`), /has no length before the name of the plugin/],
    ['a length of eight digits', Buffer.from(`${GREETING}12345678:`), /has no length before the name of the plugin/],
    ['a length beyond the end', Buffer.from(`${GREETING}9:abc,`), /has a wrong length for the name of the plugin/],
    ['a length that is too short', request(SEVEN.slice(0, 1)).subarray(0, -2), /has a wrong length/],
    ['too few variables', request(SEVEN.slice(0, 6)), /has no length before CNI_PATH/],
    ['more than the limit', Buffer.alloc(MAX_REQUEST_BYTES + 1), /is longer than 4194304 bytes/],
  ])('is refused where it is %s', (_what, bytes, message) => {
    expect(() => parseRequest(bytes)).toThrow(
      expect.objectContaining({ cniCode: 6, message: expect.stringMatching(message) }),
    );
  });
});

describe('an answer', () => {
  it('says its exit code and its length in bytes', () => {
    expect(formatAnswer({ output: '{"msg":"für"}', exitCode: 1 })).toBe('1 14\n{"msg":"für"}');
    expect(formatAnswer({ output: '', exitCode: 0 })).toBe('0 0\n');
  });
});
