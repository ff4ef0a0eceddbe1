import { describe, expect, it } from 'vitest';
import { clockFinding } from '../../../../src/bootstrap/discovery/clock-skew.ts';
import { endpointProblem } from '../../../../src/bootstrap/discovery/endpoint-problem.ts';
import { candidateNames, hostsAddresses } from '../../../../src/bootstrap/discovery/resolve-name.ts';
import { clusterInfoOf } from '../../../../src/bootstrap/discovery/token.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const SECOND = 1000;
const HOUR = 3_600_000;

describe('a server that gives no answer', () => {
  it.each<[string, string, boolean]>([
    ['ENOTFOUND', 'the name api.example does not resolve: check it and /etc/resolv.conf', false],
    ['EAI_AGAIN', 'no name server answers', false],
    ['ECONNREFUSED', 'nothing listens at api.example:6443 (connection refused)', true],
    ['ENETUNREACH', 'there is no route to api.example:6443 (network is unreachable)', false],
    ['EHOSTUNREACH', 'there is no route to api.example:6443 (no route to host)', true],
    ['ETIMEDOUT', 'api.example:6443 did not answer within 3 s', false],
    ['ECONNRESET', 'api.example:6443 ended the connection before it answered', true],
    ['ERR_TLS_CERT_ALTNAME_INVALID', '--apiserver-cert-extra-sans api.example', false],
    ['CERT_HAS_EXPIRED', 'gantry certs check-expiration', false],
    ['CERT_NOT_YET_VALID', 'timedatectl set-ntp true', false],
    ['EPROTO', 'does not speak HTTPS', false],
    ['HPE_INVALID_CONSTANT', 'does not speak HTTPS', false],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'is not signed by the CA that was expected', false],
    ['EWHATEVER', 'api.example:6443 could not be asked: it said so', false],
  ])('for %s is told of with what to do, and asked again or not', (code, text, mayPass) => {
    const problem = endpointProblem('https://api.example:6443/x', { code, message: 'it said so' }, 3000);
    expect(problem).toEqual({ message: expect.stringContaining(text), mayPass });
  });
});

describe('clocks', () => {
  it.each<[string, Parameters<typeof clockFinding>[0], string | undefined]>([
    ['that agree are fine', { local: NOW, remote: NOW + 2 * SECOND }, undefined],
    ['that nobody told are fine', { local: NOW }, undefined],
    [
      'a minute apart are worth a word',
      { local: NOW, remote: NOW - 60 * SECOND },
      "warning: this machine's clock says 2026-06-01T12:00:00Z and the control plane's 2026-06-01T11:59:00Z, 1 min earlier",
    ],
    [
      'hours apart end it',
      { local: NOW, remote: NOW + 26 * HOUR },
      "error: this machine's clock says 2026-06-01T12:00:00Z and the control plane's 2026-06-02T14:00:00Z, 1 days 2 h later",
    ],
    [
      'before a certificate holds end it',
      { local: NOW, validFrom: NOW + HOUR },
      "error: this machine's clock says 2026-06-01T12:00:00Z, and the API server's certificate holds from 2026-06-01T13:00:00Z on",
    ],
    [
      'after a certificate was over end it',
      { local: NOW, remote: NOW, validTo: NOW - HOUR },
      "error: the API server's certificate was over at 2026-06-01T11:00:00Z",
    ],
  ])('%s', (_, reading, expected) => {
    const finding = clockFinding(reading);
    const said = finding === undefined ? undefined : `${finding.severity}: ${finding.message}`;
    expect(said?.slice(0, expected?.length)).toBe(expected);
  });
});

describe('an answer in place of cluster-info', () => {
  const status = (code: number) => JSON.stringify({ kind: 'Status', code, message: 'etcd is away' });
  it.each<[string, number, string, string]>([
    ['of a web site', 200, '<html>', 'is no Kubernetes API server (HTTP 200, text/html)'],
    ['of a server that speaks another JSON', 200, '{"hello":1}', 'is no Kubernetes API server'],
    ['of a cluster that was not made for joins', 404, status(404), 'run "gantry init phase bootstrap-token" there'],
    ['of a cluster that is closed to strangers', 403, status(403), 'join with --discovery-file'],
    ['of one that is not well', 503, status(503), 'answers HTTP 503: etcd is away'],
  ])('%s is told of', (_, code, body, because) => {
    const answer = { status: code, type: body.startsWith('<') ? 'text/html' : 'application/json', body };
    expect(() => clusterInfoOf(answer, 'https://10.0.0.5:6443/x')).toThrow(because);
  });
});

describe('the look-up of a name', () => {
  it('finds what the file of hosts says of it', () => {
    const hosts = '127.0.0.1 localhost\n# 10.0.0.9 api\n10.0.0.5\tAPI api.example # it\n::1 api\n';
    expect(hostsAddresses(hosts, 'api')).toEqual(['10.0.0.5', '::1']);
    expect(hostsAddresses(hosts, 'other')).toEqual([]);
  });

  const CONF = 'nameserver 10.0.0.1\nsearch old\nsearch a.example b.example\n';
  it.each([
    ['api', CONF, ['api.a.example', 'api.b.example', 'api']],
    ['cp.lab', CONF, ['cp.lab', 'cp.lab.a.example', 'cp.lab.b.example']],
    ['cp.lab', `${CONF}options timeout:1 ndots:2\n`, ['cp.lab.a.example', 'cp.lab.b.example', 'cp.lab']],
    ['cp.lab.', CONF, ['cp.lab']],
    ['cp.lab', 'search .\n', ['cp.lab']],
    ['api', '', ['api']],
  ])('asks for %s within the domains that are searched, as the C library does: %j', (name, conf, names) => {
    expect(candidateNames(name, conf)).toEqual(names);
  });
});
