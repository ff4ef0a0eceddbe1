import { describe, expect, it } from 'vitest';
import type { Node } from '../../../src/api/types/gen/core-v1.ts';
import { junitReport, type ReportHead, resultLine, textReport } from '../../../src/conformance/report.ts';
import type { CheckResult } from '../../../src/conformance/run-checks.ts';

const result = (area: 'pods' | 'dns', name: string, outcome: CheckResult['outcome'], seen = ''): CheckResult => ({
  check: { area, name, run: async () => {} },
  outcome,
  seen,
  ms: 1500,
});
const RESULTS = [
  result('pods', 'runs', 'holds'),
  result('dns', 'resolves', 'broken', 'the answer; seen: "<no> & \u0007\nnothing"'),
  result('dns', 'spans', 'not-here', 'there is no other node that is ready'),
];
const HEAD: ReportHead = {
  version: 'v1.36.0+gantry.1',
  node: {
    metadata: { name: 'one' },
    status: {
      nodeInfo: {
        kubeletVersion: 'v1.36.0',
        containerRuntimeVersion: 'gantry://1',
        osImage: 'Debian GNU/Linux 12',
        architecture: 'amd64',
        kernelVersion: '6.1.0',
      },
    },
  } as unknown as Node,
  image: 'busybox:1.36',
  began: '2026-01-02T03:04:05.000Z',
  ms: 61_000,
};

describe('the report of a conformance run', () => {
  it('says in text what the node is, and of each area what holds', () => {
    expect(textReport(HEAD, RESULTS)).toBe(`Gantry node conformance

node               one
kubelet            v1.36.0
container runtime  gantry://1
operating system   Debian GNU/Linux 12, amd64
kernel             6.1.0
checked by         gantry v1.36.0+gantry.1, with the image busybox:1.36
at                 2026-01-02T03:04:05.000Z, in 61.0 s
result             1 hold, 1 broken, 1 could not be seen here

pods
  ok    runs (1.5 s)

dns
  FAIL  resolves (1.5 s)
        the answer; seen: "<no> & \u0007
nothing"
  skip  spans (1.5 s)
        there is no other node that is ready
`);
  });

  it('is XML that JUnit readers take, whatever was seen', () => {
    expect(junitReport(HEAD, RESULTS)).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="gantry conformance" tests="3" failures="1" errors="0" skipped="1" time="4.500">
  <testsuite name="pods" hostname="one" timestamp="2026-01-02T03:04:05.000Z" tests="1" failures="0" errors="0" skipped="0" time="1.500">
    <testcase classname="pods" name="runs" time="1.500"/>
  </testsuite>
  <testsuite name="dns" hostname="one" timestamp="2026-01-02T03:04:05.000Z" tests="2" failures="1" errors="0" skipped="1" time="3.000">
    <testcase classname="dns" name="resolves" time="1.500">
      <failure message="the answer; seen: &#34;&#60;no&#62; &#38; &#10;nothing&#34;"/>
    </testcase>
    <testcase classname="dns" name="spans" time="1.500">
      <skipped message="there is no other node that is ready"/>
    </testcase>
  </testsuite>
</testsuites>
`);
  });

  it('tells each check as it ends, with what was seen where it does not hold', () => {
    expect(RESULTS.map(resultLine)).toEqual([
      'ok    pods: runs (1.5 s)',
      'FAIL  dns: resolves (1.5 s)\n      the answer; seen: "<no> & \u0007\nnothing"',
      'skip  dns: spans (1.5 s)\n      there is no other node that is ready',
    ]);
  });
});
