import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import {
  type ControlPlanePart,
  checkPartArguments,
  controlPlaneArguments,
  unheededArguments,
} from '../../../src/bootstrap/component-arguments.ts';
import { controlPlaneUnit } from '../../../src/bootstrap/daemons/plan.ts';
import { filesBelow } from '../../../src/bootstrap/files.ts';
import { controlPlaneOptions } from '../../../src/cmd/daemon-options.ts';
import { knownFlags } from '../../../src/cmd/init-configuration.ts';
import { initSettings } from './init-settings.ts';

const named = (...names: readonly string[]) => names.map(name => ({ name, value: 'x' }));
const cluster = (parts: Partial<Record<ControlPlanePart, readonly string[]>>) =>
  initSettings({
    apiServerArgs: named(...(parts.apiServer ?? [])),
    controllerManagerArgs: named(...(parts.controllerManager ?? [])),
    schedulerArgs: named(...(parts.scheduler ?? [])),
  });
const CLIENTS = ['controllerManager', 'scheduler'] as const;

describe('arguments of controller manager and scheduler', () => {
  it.each(
    CLIENTS.flatMap(part =>
      [
        'bind-address',
        'secure-port',
        'tls-cert-file',
        'tls-private-key-file',
        'client-ca-file',
        'kubeconfig',
        'authentication-kubeconfig',
        'authorization-kubeconfig',
        'requestheader-client-ca-file',
        'leader-elect',
        'leader-elect-lease-duration',
        'profiling',
        'v',
        'log-text-split-stream',
        'tls-curve-preferences',
      ].map((name): [ControlPlanePart, string] => [part, name]),
    ),
  )('%s: %s change nothing of the API server, and are told of in a line', (part, name) => {
    const settings = cluster({ [part]: [name] });
    const argv = (of: typeof settings) => controlPlaneUnit(of, filesBelow('/'), ['gantry']).argv;
    checkPartArguments(part, named(name), knownFlags());
    expect(argv(settings)).toEqual(argv(cluster({})));
    const lines = unheededArguments(settings.cluster);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      new RegExp(`^ClusterConfiguration: ${part}\\.extraArgs\\[0\\]: ${name} is not heeded: .{9,}`),
    );
  });

  it('take effect where they are of that part alone, by the names that they have on the common command line', () => {
    const { cluster: parts } = cluster({
      apiServer: ['bind-address', 'service-node-port-range'],
      controllerManager: ['terminated-pod-gc-threshold', 'bind-address', 'healthz-port'],
      scheduler: ['secure-port', 'healthz-port'],
    });
    expect(controlPlaneArguments(parts).map(({ name }) => name)).toEqual([
      'bind-address',
      'service-node-port-range',
      'terminated-pod-gc-threshold',
      'healthz-port',
      'scheduler-healthz-port',
    ]);
    expect(unheededArguments(parts).map(line => line.replace(/ is not heeded.*/, ''))).toEqual([
      'ClusterConfiguration: controllerManager.extraArgs[1]: bind-address',
      'ClusterConfiguration: scheduler.extraArgs[0]: secure-port',
    ]);
  });

  it.each<[ControlPlanePart, string, string]>([
    [
      'controllerManager',
      'advertise-address',
      '"advertise-address" is no flag of the controller manager, but of the API server: it belongs to apiServer.extraArgs',
    ],
    [
      'scheduler',
      'service-node-port-range',
      '"service-node-port-range" is no flag of the scheduler, but of the API server: it belongs to apiServer.extraArgs',
    ],
    [
      'apiServer',
      'terminated-pod-gc-threshold',
      '"terminated-pod-gc-threshold" is no flag of the API server, but of the controller manager: it belongs to controllerManager.extraArgs',
    ],
    ['scheduler', 'nope', '"nope" is no flag here: "gantry run scheduler --help" lists those of the scheduler'],
    // what init itself says to the process is of no part
    ['apiServer', 'node-name', '"node-name" is no flag here'],
    ['controllerManager', 'scheduler-kubeconfig', '"scheduler-kubeconfig" is no flag here'],
    ['scheduler', 'constructor', '"constructor" is no flag here'],
  ])('%s: %s is refused', (part, name, because) => {
    expect(() => checkPartArguments(part, named('v', name), knownFlags())).toThrow(
      `${part}.extraArgs[1].name: ${because}`,
    );
  });

  it('are all flags of the one process where they are heeded', () => {
    const flags = controlPlaneOptions(new Command()).options.map(({ long }) => long?.slice(2));
    const { apiServer, controllerManager, scheduler } = knownFlags();
    const parts = { apiServer, controllerManager, scheduler };
    for (const { name } of controlPlaneArguments(cluster(parts).cluster)) expect(flags).toContain(name);
  });
});
