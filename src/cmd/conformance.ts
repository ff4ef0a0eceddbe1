import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { durationMs } from '../api/duration.ts';
import type { Node } from '../api/types/gen/core-v1.ts';
import { systemClock } from '../base/clock.ts';
import { errorMessage, invalidArgument, isNotFound, notFound } from '../base/errors.ts';
import { ApiConnection } from '../client/connection.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import { ResourceClient } from '../client/resource-client.ts';
import { junitReport, type ReportHead, resultLine, sumLine, textReport } from '../conformance/report.ts';
import { runChecks } from '../conformance/run-checks.ts';
import { makeNamespace, removeNamespace } from '../conformance/run-namespace.ts';
import { chooseChecks, NODE_SUITE, titleOf } from '../conformance/suite.ts';
import { World } from '../conformance/world.ts';
import { untilInterrupted } from './interrupt.ts';
import { AT_TERMINAL, AT_WORK } from './patience.ts';
import { VERSION } from './version.ts';

/** Flags of `gantry conformance`. */
export interface ConformanceFlags {
  readonly kubeconfig?: string;
  readonly node?: string;
  readonly image: string;
  readonly focus?: string;
  readonly skip?: string;
  readonly parallel: string;
  readonly timeout: string;
  readonly report?: string;
  readonly junit?: string;
  readonly list?: boolean;
}

const ADMIN_CONF = '/etc/kubernetes/admin.conf';
/** Of the namespace, with pods that end within their grace. */
const REMOVAL_MS = 120_000;

/**
 * `gantry conformance`: checks what users rely on at an installed node, in a namespace of its own that goes again. Returns 0 where all holds, 1 where something is
 * broken. Interrupted, it takes away what it made.
 */
export async function conformanceCommand(flags: ConformanceFlags): Promise<number> {
  const checks = chooseChecks(NODE_SUITE, flags.focus, flags.skip);
  if (flags.list === true) {
    for (const check of checks) console.log(titleOf(check));
    return 0;
  }
  const parallel = Number(flags.parallel);
  if (!Number.isInteger(parallel) || parallel < 1 || parallel > 64)
    throw invalidArgument(`--parallel: ${JSON.stringify(flags.parallel)} is no number from 1 to 64`);
  const patienceMs = durationMs(flags.timeout);
  const endpoint = readKubeconfig(kubeconfigOf(flags));
  const userAgent = `gantry-conformance/${VERSION}`;
  const connection = new ApiConnection(endpoint, { userAgent, patience: AT_WORK });
  // a server that does not answer at all is told before anything is made
  const opening = new ApiConnection(endpoint, { userAgent, patience: AT_TERMINAL });
  try {
    return await untilInterrupted(async signal => {
      const node = await nodeNamed(opening, flags.node ?? hostname().toLowerCase(), signal);
      const began = new Date();
      const start = systemClock.monotonic();
      const namespace = await makeNamespace(connection, signal);
      console.log(`checking node ${node.metadata.name}: ${checks.length} checks in namespace ${namespace}`);
      try {
        const options = { connection, namespace, node, image: flags.image, patienceMs };
        const results = await runChecks(
          checks,
          ends => new World(options, ends),
          {
            parallel,
            clock: systemClock,
            onResult: (result, done) => console.log(`[${done}/${checks.length}] ${resultLine(result)}`),
          },
          signal,
        );
        const ms = systemClock.monotonic() - start;
        const head: ReportHead = { version: VERSION, node, image: flags.image, began: began.toISOString(), ms };
        if (flags.report !== undefined) write(flags.report, textReport(head, results));
        if (flags.junit !== undefined) write(flags.junit, junitReport(head, results));
        console.log(sumLine(results));
        return results.some(({ outcome }) => outcome === 'broken') ? 1 : 0;
      } finally {
        console.log(`removing namespace ${namespace}`);
        await removeNamespace(connection, namespace, REMOVAL_MS);
      }
    });
  } finally {
    opening.close();
    connection.close();
  }
}

function kubeconfigOf({ kubeconfig }: ConformanceFlags): string {
  if (kubeconfig !== undefined) return kubeconfig;
  const [first = ''] = (process.env['KUBECONFIG'] ?? '').split(':');
  if (first !== '') return first;
  const own = join(homedir(), '.kube/config');
  for (const path of [ADMIN_CONF, own]) if (existsSync(path)) return path;
  throw invalidArgument(`there is neither ${ADMIN_CONF} nor ${own}: name the cluster by --kubeconfig or KUBECONFIG`);
}

async function nodeNamed(connection: ApiConnection, name: string, signal: AbortSignal): Promise<Node> {
  const nodes = new ResourceClient<Node>(connection, { group: '', version: 'v1', plural: 'nodes' });
  try {
    return await nodes.get('', name, signal);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    const { items } = await nodes.list('', {}, signal);
    throw notFound(
      `there is no node ${name}: choose one by --node of ${items.map(({ metadata }) => metadata.name).join(', ')}`,
    );
  }
}

/** Throws an error that names the file. */
function write(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    writeFileSync(path, text);
  } catch (error) {
    throw invalidArgument(`the report could not be written: ${errorMessage(error)}`);
  }
}
