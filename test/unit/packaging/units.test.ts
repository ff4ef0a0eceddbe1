import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** What `systemd-analyze security` (systemd 252 to 257) asks of a unit and what is not as it wants it where nothing is set. */
const ASKED = [
  'CapabilityBoundingSet',
  'DevicePolicy',
  'IPAddressDeny',
  'KeyringMode',
  'LockPersonality',
  'MemoryDenyWriteExecute',
  'NoNewPrivileges',
  'NotifyAccess',
  'PrivateDevices',
  'PrivateMounts',
  'PrivateNetwork',
  'PrivateTmp',
  'PrivateUsers',
  'ProcSubset',
  'ProtectClock',
  'ProtectControlGroups',
  'ProtectHome',
  'ProtectHostname',
  'ProtectKernelLogs',
  'ProtectKernelModules',
  'ProtectKernelTunables',
  'ProtectProc',
  'ProtectSystem',
  'RemoveIPC',
  'RestrictAddressFamilies',
  'RestrictNamespaces',
  'RestrictRealtime',
  'RestrictSUIDSGID',
  'RootDirectory',
  'SystemCallArchitectures',
  'SystemCallFilter',
  'UMask',
  'User',
];
/** What it finds well unless it is set. */
const NOT_SET = ['AmbientCapabilities', 'Delegate', 'DeviceAllow', 'SupplementaryGroups'];

describe.each(['gantry-etcd', 'gantry-control-plane', 'gantry-cri', 'gantry-node'])('%s.service', name => {
  const lines = readFileSync(`systemd/${name}.service`, 'utf8').split('\n');
  const isSet = (option: string): boolean => lines.some(line => line.startsWith(`${option}=`));
  const isExplained = (option: string): boolean =>
    lines.some(line => line.startsWith('#') && new RegExp(`\\b${option}=`).test(line));

  it('sets each option that hardens a service, or says why not', () => {
    expect(ASKED.filter(option => !isSet(option) && !isExplained(option))).toEqual([]);
  });

  it('sets nothing that opens it without saying why', () => {
    expect(NOT_SET.filter(option => isSet(option) && !isExplained(option))).toEqual([]);
  });
});
