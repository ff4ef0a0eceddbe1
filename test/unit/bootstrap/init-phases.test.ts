import { describe, expect, it } from 'vitest';
import { certificatePlan } from '../../../src/bootstrap/certificates/plan.ts';
import { INIT_PHASES } from '../../../src/bootstrap/init/phases.ts';
import { initSettings } from './init-settings.ts';

describe('the phases of init', () => {
  it("have kubeadm's names", () => {
    const named = INIT_PHASES.map(({ name, phases }) =>
      phases === undefined ? name : `${name}(${phases.map(part => part.name).join(' ')})`,
    );
    expect(named).toEqual([
      'preflight',
      'certs(ca apiserver apiserver-kubelet-client front-proxy-ca front-proxy-client etcd-ca etcd-server etcd-peer etcd-healthcheck-client apiserver-etcd-client sa)',
      'kubeconfig(admin super-admin kubelet controller-manager scheduler)',
      'etcd(local)',
      'control-plane()',
      'kubelet-start',
      'wait-control-plane',
      'addon(coredns kube-proxy)',
      'upload-config(kubeadm kubelet)',
      'mark-control-plane',
      'bootstrap-token',
      'kubelet-finalize(enable-client-cert-rotation)',
      'show-join-command',
    ]);
  });

  it('make every certificate of the plan', () => {
    const parts = INIT_PHASES.find(({ name }) => name === 'certs')?.phases?.map(({ name }) => name);
    expect(parts).toEqual([...certificatePlan(initSettings()).map(({ name }) => name), 'sa']);
  });

  it('do something each, themselves or by their parts', () => {
    const idle = INIT_PHASES.filter(({ run, phases = [] }) => run === undefined && phases.length === 0);
    expect(idle).toEqual([]);
    expect(INIT_PHASES.flatMap(({ phases = [] }) => phases.filter(({ run }) => run === undefined))).toEqual([]);
  });
});
