import { describe, expect, it } from 'vitest';
import { runtimeUrl } from '../../../../src/kubelet/serve/streams/runtime-url.ts';
import { forwardedPorts, wantedStreams } from '../../../../src/kubelet/serve/streams/stream-options.ts';
import { podTarget } from '../../../../src/kubelet/serve/streams/stream-target.ts';

describe('the path of a stream', () => {
  it.each([
    ['/exec/a/web/main', { kind: 'exec', namespace: 'a', pod: 'web', uid: '', container: 'main' }],
    ['/attach/a/web/u-1/main', { kind: 'attach', namespace: 'a', pod: 'web', uid: 'u-1', container: 'main' }],
    ['/run/a/web/main', { kind: 'run', namespace: 'a', pod: 'web', uid: '', container: 'main' }],
    ['/portForward/a/web', { kind: 'portForward', namespace: 'a', pod: 'web', uid: '', container: '' }],
    ['/portForward/a/web/u-1', { kind: 'portForward', namespace: 'a', pod: 'web', uid: 'u-1', container: '' }],
    ['/exec/a/we%62/main', { kind: 'exec', namespace: 'a', pod: 'web', uid: '', container: 'main' }],
    ['/exec/a/web', undefined],
    ['/exec/a/web/u/main/x', undefined],
    ['/portforward/a/web', undefined],
    ['/execute/a/web/main', undefined],
  ])('%s is %j', (path, target) => expect(podTarget(path)).toEqual(target));

  it('is refused where a part is no text', () => {
    expect(() => podTarget('/exec/a/%ff/main')).toThrow('the path has a part that is no text: %ff');
  });
});

describe('the streams of a command', () => {
  it.each([
    ['input=1&output=1&error=1', { stdin: true, stdout: true, stderr: true, tty: false }],
    ['output=1&error=1&tty=1', { stdin: false, stdout: true, stderr: false, tty: true }],
    ['output=1&input=true', { stdin: false, stdout: true, stderr: false, tty: false }],
  ])('%s are %j', (query, wanted) => expect(wantedStreams(new URLSearchParams(query))).toEqual(wanted));

  it.each(['', 'tty=1', 'error=1&tty=1', 'output=true'])('%j are none, and refused', query =>
    expect(() => wantedStreams(new URLSearchParams(query))).toThrow(
      'you must specify at least 1 of stdin, stdout, stderr',
    ),
  );
});

describe('the ports of a port-forward', () => {
  it.each([
    ['port=80&port=443,8080', true, [80, 443, 8080]],
    ['', false, []],
    ['port=x', false, []],
  ])('%j with channels (%s) are %j', (query, channels, ports) =>
    expect(forwardedPorts(new URLSearchParams(query), channels)).toEqual(ports),
  );

  it.each([
    ['', 'query parameter "port" is required'],
    ['port=', 'query parameter "port" cannot be empty'],
    ['port=x', 'unable to parse "x" as a port: strconv.ParseUint: parsing "x": invalid syntax'],
    ['port=80,', 'unable to parse "80," as a port: strconv.ParseUint: parsing "": invalid syntax'],
    ['port=65536', 'unable to parse "65536" as a port: strconv.ParseUint: parsing "65536": value out of range'],
    ['port=0', 'port "0" must be > 0'],
  ])('%j are refused: %s', (query, message) =>
    expect(() => forwardedPorts(new URLSearchParams(query), true)).toThrow(message),
  );
});

describe('the address of a stream', () => {
  it.each([
    ['http://127.0.0.1:4000/exec/t', 'http://127.0.0.1:4000/exec/t'],
    ['https://node:4000/exec/t?a=b', 'https://node:4000/exec/t?a=b'],
    ['//127.0.0.1:4000/exec/t', 'http://127.0.0.1:4000/exec/t'],
  ])('%s is %s', (text, url) => expect(runtimeUrl(text).href).toBe(url));

  it.each(['', 'ftp://127.0.0.1/', 'unix:///run/x', 'http://', '/exec/t'])('%j is none', text =>
    expect(() => runtimeUrl(text)).toThrow('which is no URL of http or https'),
  );
});
