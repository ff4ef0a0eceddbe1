import { describe, expect, it } from 'vitest';
import { statusProblems } from '../../../../src/diagnosis/status/problems.ts';
import { statusDocument, statusScreen } from '../../../../src/diagnosis/status/screen.ts';
import { certificate, daemon, NOW, wellFacts } from './status-facts.ts';

const screen = (change: Parameters<typeof wellFacts>[0] = {}): string => {
  const facts = wellFacts(change);
  return statusScreen(facts, statusProblems(facts));
};

describe('the screen of gantry status', () => {
  it('fits a screen, and says nothing of what to do where all is well', () => {
    const text = screen();
    expect(text.split('\n').length).toBeLessThan(24);
    expect(text).toMatch(/^one \(control plane\): all well\n/);
    expect(text).not.toContain('What to do');
    expect(text).toMatch(/^gantry-cri +running +24h +100 +50 MiB +0 +serving$/m);
    expect(text).toMatch(/^Node +Ready$/m);
    expect(text).toMatch(/^Runtime +gantry v1.36.0\+gantry.1, crun 1.8.1, RuntimeReady, NetworkReady$/m);
    expect(text).toMatch(/^API server +https:\/\/192.0.2.1:6443, ready, v1.36.0\+gantry.1$/m);
    expect(text).toMatch(/^etcd +one leads, 3.4.23, 3.0 MiB \(1.0 MiB in use\); no alarms$/m);
    expect(text).toMatch(/^Certificates +2, the first \(kubelet-client\) expires in 290d$/m);
    expect(text).toMatch(/^Disks +\/var\/lib\/kubelet 50 % of 93 GiB free$/m);
    expect(text).toMatch(/^Versions +gantry v1.36.0\+gantry.1, Node.js v24.1.0, kernel 6.1.0, Debian 12$/m);
  });

  it('ends with a line for each problem and what helps', () => {
    const text = screen({ daemons: [daemon('gantry-cri', { state: 'stopped', pid: undefined })], etcd: undefined });
    expect(text).toMatch(/^one \(control plane\): 1 problem\n/);
    expect(text).toMatch(
      /What to do:\n {2}gantry-cri: it does not run\n {4}-> systemctl start gantry-cri; gantry logs cri\n$/,
    );
    expect(text).not.toMatch(/^etcd/m);
  });

  it('has no line for a proxy where somebody else serves Services', () => {
    expect(screen({ proxy: undefined })).not.toMatch(/^Proxy/m);
  });

  it('says what did not answer, and what is cordoned, tainted or due', () => {
    const { node } = wellFacts();
    const text = screen({
      proxy: { answered: false, because: 'no answer within 2.5 s' },
      node: { ...node, unschedulable: true, taints: ['k=v:NoExecute'] } as typeof node,
      certificates: [certificate('apiserver', 120)],
    });
    expect(text).toMatch(/^Proxy +no answer: no answer within 2.5 s$/m);
    expect(text).toMatch(/^Node +Ready, cordoned: .*, taints k=v:NoExecute$/m);
    expect(text).toMatch(/^Certificates +1, the first \(apiserver\) expires in 120d; apiserver due$/m);
  });
});

describe('the same for programs', () => {
  it('has all of it, times as RFC 3339', () => {
    const facts = wellFacts();
    expect(statusDocument(facts, statusProblems(facts))).toMatchObject({
      kind: 'NodeStatusReport',
      time: new Date(NOW).toISOString(),
      healthy: true,
      problems: [],
      nodeName: 'one',
      role: 'control-plane',
      daemons: [{ name: 'gantry-etcd', status: { answered: true, state: 'running' } }, {}, {}, {}],
      apiServer: { answered: true, healthy: true, failed: [] },
      certificates: [{ name: 'apiserver', notAfter: '2027-03-28T12:00:00.000Z', validity: 'valid' }, {}],
      versions: { gantry: 'v1.36.0+gantry.1' },
    });
  });
});
