import { parse } from 'yaml';
import { errorMessage, failedPrecondition } from '../../base/errors.ts';
import { readMarker } from '../marker.ts';
import type { Say } from '../phases.ts';
import { readProxyFacts } from '../preflight/facts.ts';
import { findingLines, PreflightError, sortFindings } from '../preflight/findings.ts';
import { proxyFindings } from '../preflight/plan.ts';
import { PROXY_CONFIG_MAP } from '../proxy-configuration.ts';
import type { JoinContext } from './context.ts';

/** The rest of preflight, which needs the cluster's own word: whether its service proxy can work here, by the KubeProxyConfiguration that is in the text. Changes nothing. Throws PreflightError. */
export async function checkProxy(
  { files, ignoredChecks, insideHost }: Pick<JoinContext, 'files' | 'ignoredChecks' | 'insideHost'>,
  text: string,
  say: Say,
): Promise<void> {
  const facts = await readProxyFacts(proxyOf(text), {
    insideHost,
    looksAtSockets: readMarker(files) === undefined,
  });
  const { errors, warnings } = sortFindings(proxyFindings(facts), ignoredChecks);
  for (const finding of warnings) for (const line of findingLines({ ...finding, severity: 'warning' })) say(line);
  if (errors.length > 0) throw new PreflightError(errors);
}

function proxyOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const proxy: unknown = parse(text);
    if (typeof proxy === 'object' && proxy !== null && !Array.isArray(proxy)) return { ...proxy };
    throw failedPrecondition('it is no KubeProxyConfiguration');
  } catch (error) {
    throw failedPrecondition(`the ConfigMap ${PROXY_CONFIG_MAP} in kube-system cannot be read: ${errorMessage(error)}`);
  }
}
