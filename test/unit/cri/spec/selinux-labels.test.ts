import { describe, expect, it } from 'vitest';
import { buildContainerSpec } from '../../../../src/cri/spec/container-spec.ts';
import { buildSandboxSpec } from '../../../../src/cri/spec/sandbox-spec.ts';
import { containerLabels, levelOf, sandboxLabels } from '../../../../src/cri/spec/selinux-labels.ts';
import { parseContexts } from '../../../../src/linux/selinux.ts';
import { containerInputs, sandboxInputs } from './build-inputs.ts';

const POLICY = {
  process: 'system_u:system_r:container_t:s0',
  file: 'system_u:object_r:container_file_t:s0',
  readOnlyFile: 'system_u:object_r:container_ro_file_t:s0',
};
const NOTHING = { user: '', role: '', type: '', level: '' };
const own = (id: string, taken: readonly string[] = []) => ({ id: id.padEnd(64, '0'), taken: new Set(taken) });
const POD = {
  process: 'system_u:system_r:container_t:s0:c1,c2',
  mount: 'system_u:object_r:container_file_t:s0:c1,c2',
};

describe('SELinux labels of a pod', () => {
  it('are the policy’s, on a level that follows from its id', () => {
    expect(sandboxLabels(POLICY, undefined, own('00000002'))).toEqual(POD);
  });

  it('pass over levels that others have', () => {
    const { process } = sandboxLabels(POLICY, NOTHING, own('00000002', ['s0:c1,c2', 's0:c0,c3']));
    expect(levelOf(process)).toBe('s0:c1,c3');
  });

  it.each(['00000000', 'ffffffff', '0007fdff', '0007fe00', 'deadbeef'])('have two different categories for %s', id => {
    const [, low, high] = /^s0:c(\d+),c(\d+)$/.exec(levelOf(sandboxLabels(POLICY, undefined, own(id)).process)) ?? [];
    expect(Number(low)).toBeLessThan(Number(high));
    expect(Number(high)).toBeLessThan(1024);
  });

  it('say what the request says; files keep role and type of the policy', () => {
    const options = { user: 'u', role: 'r', type: 't', level: 's0:c7,c9' };
    expect(sandboxLabels(POLICY, options, own('1'))).toEqual({
      process: 'u:r:t:s0:c7,c9',
      mount: 'u:object_r:container_file_t:s0:c7,c9',
    });
  });

  it.each(['x', 's0:c12345', 's0;c1', 's0:c1,'])('are refused on the level %s', level => {
    expect(() => sandboxLabels(POLICY, { ...NOTHING, level }, own('1'))).toThrow(`selinux_options.level "${level}"`);
  });
});

describe('SELinux labels of a container', () => {
  it('are its pod’s where it says nothing', () => {
    expect(containerLabels(POLICY, NOTHING, POD, false)).toEqual(POD);
    expect(containerLabels(POLICY, undefined, POD, false)).toEqual(POD);
  });

  it('are the policy’s with what it says, on the pod’s level', () => {
    expect(containerLabels(POLICY, { ...NOTHING, type: 'spc_t' }, POD, false)).toEqual({
      process: 'system_u:system_r:spc_t:s0:c1,c2',
      mount: POD.mount,
    });
  });

  it('do not confine the processes of a privileged one', () => {
    expect(containerLabels(POLICY, NOTHING, POD, true)).toEqual({ process: '', mount: POD.mount });
  });
});

describe('specifications with SELinux', () => {
  it('tell both labels, for the pause process and for containers', () => {
    const specs = [
      buildSandboxSpec(sandboxInputs({}, { selinux: POD })).spec,
      buildContainerSpec(containerInputs({ selinux: POD })).spec,
    ];
    for (const { process, linux } of specs)
      expect([process.selinuxLabel, linux.mountLabel]).toEqual([POD.process, POD.mount]);
  });

  it('leave the label of unconfined processes out', () => {
    const { process, linux } = buildContainerSpec(containerInputs({ selinux: { ...POD, process: '' } })).spec;
    expect('selinuxLabel' in process).toBe(false);
    expect(linux.mountLabel).toBe(POD.mount);
  });
});

describe('the contexts of a policy', () => {
  it('are read from its file', () => {
    const text = `process = "${POLICY.process}"\ncontent = "x"\nfile = "${POLICY.file}"\nro_file="${POLICY.readOnlyFile}"\n`;
    expect(parseContexts(text)).toEqual(POLICY);
  });

  it('are none where the file names none', () => {
    expect(parseContexts('# empty\nfile = "a:b:c:s0"\n')).toBeUndefined();
  });
});
