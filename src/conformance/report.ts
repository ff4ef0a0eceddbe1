import type { Node } from '../api/types/gen/core-v1.ts';
import { AREAS } from './check.ts';
import type { CheckResult } from './run-checks.ts';

/** What was checked, when, and by what. */
export interface ReportHead {
  /** Of the program that checked. */
  readonly version: string;
  readonly node: Node;
  readonly image: string;
  /** RFC 3339. */
  readonly began: string;
  readonly ms: number;
}

const MARKS = { holds: 'ok  ', broken: 'FAIL', 'not-here': 'skip' } as const;

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** One line for a result, as it is told while the suite runs. */
export function resultLine({ check, outcome, seen, ms }: CheckResult): string {
  const line = `${MARKS[outcome]}  ${check.area}: ${check.name} (${seconds(ms)})`;
  return outcome === 'holds' ? line : `${line}\n      ${seen}`;
}

/** `52 hold, 1 is broken, 2 could not be seen here`. */
export function sumLine(results: readonly CheckResult[]): string {
  const count = (outcome: CheckResult['outcome']): number => results.filter(each => each.outcome === outcome).length;
  return `${count('holds')} hold, ${count('broken')} broken, ${count('not-here')} could not be seen here`;
}

/** The report as text to file: what the node is, then each area. Pure. */
export function textReport(head: ReportHead, results: readonly CheckResult[]): string {
  const { nodeInfo } = head.node.status ?? {};
  const lines = [
    'Gantry node conformance',
    '',
    `node               ${head.node.metadata.name}`,
    `kubelet            ${nodeInfo?.kubeletVersion}`,
    `container runtime  ${nodeInfo?.containerRuntimeVersion}`,
    `operating system   ${nodeInfo?.osImage}, ${nodeInfo?.architecture}`,
    `kernel             ${nodeInfo?.kernelVersion}`,
    `checked by         gantry ${head.version}, with the image ${head.image}`,
    `at                 ${head.began}, in ${seconds(head.ms)}`,
    `result             ${sumLine(results)}`,
  ];
  for (const area of AREAS) {
    const own = results.filter(({ check }) => check.area === area);
    if (own.length === 0) continue;
    lines.push('', area);
    for (const { check, outcome, seen, ms } of own) {
      lines.push(`  ${MARKS[outcome]}  ${check.name} (${seconds(ms)})`);
      if (outcome !== 'holds') lines.push(`        ${seen}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** The report in the XML of JUnit: a suite for each area. Pure. */
export function junitReport(head: ReportHead, results: readonly CheckResult[]): string {
  const suites = AREAS.map(area => ({ area, own: results.filter(({ check }) => check.area === area) }));
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>', `<testsuites name="gantry conformance" ${counts(results)}>`];
  for (const { area, own } of suites) {
    if (own.length === 0) continue;
    lines.push(
      `  <testsuite name="${area}" hostname="${escaped(head.node.metadata.name ?? '')}" timestamp="${head.began}" ${counts(own)}>`,
    );
    for (const result of own) lines.push(...caseLines(result));
    lines.push('  </testsuite>');
  }
  return `${lines.join('\n')}\n</testsuites>\n`;
}

function counts(results: readonly CheckResult[]): string {
  const of = (outcome: CheckResult['outcome']): number => results.filter(each => each.outcome === outcome).length;
  const time = results.reduce((sum, { ms }) => sum + ms, 0) / 1000;
  return `tests="${results.length}" failures="${of('broken')}" errors="0" skipped="${of('not-here')}" time="${time.toFixed(3)}"`;
}

function caseLines({ check, outcome, seen, ms }: CheckResult): readonly string[] {
  const open = `    <testcase classname="${check.area}" name="${escaped(check.name)}" time="${(ms / 1000).toFixed(3)}"`;
  if (outcome === 'holds') return [`${open}/>`];
  const element = outcome === 'broken' ? 'failure' : 'skipped';
  return [`${open}>`, `      <${element} message="${escaped(seen)}"/>`, '    </testcase>'];
}

/** For an attribute; what XML 1.0 cannot hold at all is left out. */
function escaped(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '')
      .replace(/[&<>"\n\r\t]/g, each => `&#${each.charCodeAt(0)};`)
  );
}
