import { describe, expect, it } from 'vitest';
import type { NodeStatus } from '../../../../src/api/types/gen/core-v1.ts';
import { nodeEvents } from '../../../../src/kubelet/node/node-events.ts';

function status(conditions: Readonly<Record<string, 'True' | 'False'>>, bootID = 'b1'): NodeStatus {
  return {
    conditions: Object.entries(conditions).map(([type, each]) => ({ type, status: each })),
    nodeInfo: { bootID },
  } as unknown as NodeStatus;
}

describe('events of the node', () => {
  it.each<[string, NodeStatus | undefined, NodeStatus, readonly string[]]>([
    [
      'a new one tells what it has enough of',
      undefined,
      status({ MemoryPressure: 'False', DiskPressure: 'False', PIDPressure: 'False', Ready: 'False' }),
      [
        'Normal Node n1 status is now: NodeHasSufficientMemory',
        'Normal Node n1 status is now: NodeHasNoDiskPressure',
        'Normal Node n1 status is now: NodeHasSufficientPID',
      ],
    ],
    ['one that stays tells nothing', status({ Ready: 'True' }), status({ Ready: 'True' }), []],
    [
      'one that becomes ready',
      status({ Ready: 'False' }),
      status({ Ready: 'True' }),
      ['Normal Node n1 status is now: NodeReady'],
    ],
    [
      'one that is short of all',
      status({ MemoryPressure: 'False', DiskPressure: 'False', PIDPressure: 'False', Ready: 'True' }),
      status({ MemoryPressure: 'True', DiskPressure: 'True', PIDPressure: 'True', Ready: 'False' }),
      [
        'Normal Node n1 status is now: NodeHasInsufficientMemory',
        'Normal Node n1 status is now: NodeHasDiskPressure',
        'Normal Node n1 status is now: NodeHasInsufficientPID',
        'Normal Node n1 status is now: NodeNotReady',
      ],
    ],
    [
      'one that was booted',
      status({ Ready: 'True' }, 'b0'),
      status({ Ready: 'True' }, 'b1'),
      ['Warning Node n1 has been rebooted, boot id: b1'],
    ],
    ['one whose boot was not known', status({ Ready: 'True' }, ''), status({ Ready: 'True' }), []],
  ])('%s', (_what, before, after, told) => {
    expect(nodeEvents('n1', before, after).map(e => `${e.type} ${e.message}`)).toEqual(told);
  });
});
