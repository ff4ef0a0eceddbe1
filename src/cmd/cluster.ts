import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { errorMessage, failedPrecondition, invalidArgument, notFound } from '../base/errors.ts';
import { type ClusterConfig, clusterOfNodes, parseClusterConfig } from '../local-cluster/config.ts';
import { createCluster } from '../local-cluster/create.ts';
import { deleteCluster } from '../local-cluster/delete.ts';
import { type Host, openHost } from '../local-cluster/host/host.ts';
import { clusterKubeconfig } from '../local-cluster/kubeconfig/cluster-context.ts';
import {
  type ClusterRecord,
  clusterDir,
  DEFAULT_CLUSTER_NAME,
  DEFAULT_CLUSTERS_DIR,
  hostsDirOf,
  listClusterNames,
  readClusterRecord,
} from '../local-cluster/record.ts';
import { startCluster, stopCluster } from '../local-cluster/start-stop.ts';
import { clusterStatus } from '../local-cluster/status.ts';
import { gantryArgv } from './gantry-argv.ts';
import { untilInterrupted } from './interrupt.ts';

export interface ClusterFlags {
  readonly name?: string;
  readonly clustersDir?: string;
}

export interface CreateClusterFlags extends ClusterFlags {
  readonly nodes?: string;
  readonly config?: string;
  readonly subnet?: string;
  readonly kubeconfig?: string;
  readonly certificateValidityPeriod?: string;
  readonly retain?: boolean;
}

const write = (line: string): void => console.log(line);

/** `gantry cluster create`. Returns the exit code. */
export function createClusterCommand(flags: CreateClusterFlags): Promise<number> {
  return untilInterrupted(async signal => {
    if (flags.nodes !== undefined && flags.config !== undefined)
      throw invalidArgument('--nodes and --config both say how many nodes there are: give one of them');
    const { name, ...config } = readConfig(flags);
    const record = await createCluster({
      name: flags.name ?? name ?? DEFAULT_CLUSTER_NAME,
      clustersDir: clustersDirOf(flags),
      config,
      subnet: flags.subnet,
      kubeconfig: flags.kubeconfig,
      certificateValidityPeriod: flags.certificateValidityPeriod,
      gantry: gantryArgv(),
      retain: flags.retain === true,
      write,
      signal,
    });
    write(`\nThe cluster "${record.name}" is up. Look at it:\n\n  kubectl --context gantry-${record.name} get nodes\n`);
    return 0;
  });
}

function readConfig(flags: CreateClusterFlags): ClusterConfig & { readonly name: string | undefined } {
  if (flags.config === undefined) {
    const nodes = flags.nodes ?? '1';
    return { ...clusterOfNodes(/^\d+$/.test(nodes) ? Number(nodes) : Number.NaN, nodes), name: undefined };
  }
  let text: string;
  try {
    text = readFileSync(flags.config === '-' ? 0 : flags.config, 'utf8');
  } catch (error) {
    throw invalidArgument(`--config: ${errorMessage(error)}`);
  }
  return parseClusterConfig(text, flags.config === '-' ? 'standard input' : flags.config);
}

/** `gantry cluster list`: a line each. */
export async function listClustersCommand(flags: ClusterFlags): Promise<number> {
  const clustersDir = clustersDirOf(flags);
  for (const name of listClusterNames(clustersDir)) {
    if (!existsSync(`${clusterDir(name, clustersDir)}/cluster.json`)) {
      write(`${name}\tincomplete`);
      continue;
    }
    const record = readClusterRecord(name, clustersDir);
    const { nodes } = await clusterStatus(record, clustersDir);
    const running = nodes.filter(({ host }) => host === 'Running').length;
    write(
      `${name}\t${record.complete ? `${running}/${nodes.length} nodes running` : 'incomplete'}\t${record.network.subnet}`,
    );
  }
  return 0;
}

/** `gantry cluster status`: the exit code has a bit for hosts (1), control plane (2) and nodes (4) that are not well. */
export async function clusterStatusCommand(flags: ClusterFlags): Promise<number> {
  const clustersDir = clustersDirOf(flags);
  const record = readClusterRecord(nameOf(flags), clustersDir);
  const status = await clusterStatus(record, clustersDir);
  for (const { name, role, host } of status.nodes) {
    const ready = status.notReady.includes(name) ? 'NotReady' : 'Ready';
    write(`${name}\ttype: ${role}\thost: ${host}\tnode: ${ready}`);
  }
  write(`control plane: ${status.controlPlane}${status.because === '' ? '' : ` (${status.because})`}`);
  return status.exitCode;
}

/** `gantry cluster stop`. */
export function stopClusterCommand(flags: ClusterFlags): Promise<number> {
  return untilInterrupted(async signal => {
    const clustersDir = clustersDirOf(flags);
    await stopCluster(readClusterRecord(nameOf(flags), clustersDir), { clustersDir, write, signal });
    return 0;
  });
}

/** `gantry cluster start`. */
export function startClusterCommand(flags: ClusterFlags): Promise<number> {
  return untilInterrupted(async signal => {
    const clustersDir = clustersDirOf(flags);
    await startCluster(readClusterRecord(nameOf(flags), clustersDir), { clustersDir, write, signal });
    return 0;
  });
}

/** `gantry cluster delete`, `--all` of them. One that cannot be deleted does not keep the others. */
export async function deleteClusterCommand(
  flags: ClusterFlags & { all?: boolean; ignoreMissing?: boolean },
): Promise<number> {
  const clustersDir = clustersDirOf(flags);
  if (flags.all === true && flags.name !== undefined)
    throw invalidArgument('--all and --name both say what to delete: give one of them');
  const names = flags.all === true ? listClusterNames(clustersDir) : [nameOf(flags)];
  let code = 0;
  for (const name of names) {
    if (flags.ignoreMissing === true && !existsSync(clusterDir(name, clustersDir))) continue;
    try {
      await deleteCluster(name, { clustersDir, write: line => process.stderr.write(`gantry: ${line}\n`) });
      write(`deleted the cluster "${name}"`);
    } catch (error) {
      if (names.length === 1) throw error;
      process.stderr.write(`gantry: ${errorMessage(error)}\n`);
      code = 1;
    }
  }
  return code;
}

/** `gantry cluster exec NODE -- COMMAND…`: with the caller's terminal; the exit code is the command's. */
export async function execInClusterCommand(
  node: string,
  command: readonly string[],
  flags: ClusterFlags,
): Promise<number> {
  if (command.length === 0) throw invalidArgument('name the command: gantry cluster exec NODE -- COMMAND [ARGUMENT…]');
  return inTerminal(nodeHost(node, flags), command);
}

/** `gantry cluster logs NODE`: what its daemons wrote. */
export async function clusterLogsCommand(
  node: string,
  flags: ClusterFlags & { service?: string; follow?: boolean; tail: string },
): Promise<number> {
  if (!/^\d+$/.test(flags.tail)) throw invalidArgument(`--tail: "${flags.tail}" is not a number of lines`);
  const host = nodeHost(node, flags);
  const folder = '/var/log/gantry';
  const { stdout } = await host.exec(['ls', folder]);
  const services = stdout.split('\n').filter(name => name !== '');
  if (flags.service !== undefined && !services.includes(flags.service))
    throw notFound(`there is no service "${flags.service}" on ${host.name}; there are ${services.join(', ')}`);
  const files = services
    .filter(name => flags.service === undefined || name === flags.service)
    .map(name => `${folder}/${name}/current`);
  if (files.length === 0) throw notFound(`no daemon of ${host.name} has written anything`);
  return inTerminal(host, [
    'tail',
    `--lines=${flags.tail}`,
    ...(flags.follow === true ? ['--follow=name'] : []),
    ...files,
  ]);
}

/** `gantry cluster kubeconfig`: one of this cluster alone, on standard output. */
export async function clusterKubeconfigCommand(flags: ClusterFlags): Promise<number> {
  const clustersDir = clustersDirOf(flags);
  const record = readClusterRecord(nameOf(flags), clustersDir);
  const host = openHost(record.nodes[0]?.name ?? '', hostsDirOf(record.name, clustersDir));
  process.stdout.write(clusterKubeconfig(record, host));
  return 0;
}

/** `gantry cluster load image ARCHIVE`: into every node's store, or into those that are named. */
export async function loadImageCommand(archive: string, flags: ClusterFlags & { nodes?: string }): Promise<number> {
  const clustersDir = clustersDirOf(flags);
  const record = readClusterRecord(nameOf(flags), clustersDir);
  const wanted = (flags.nodes ?? '').split(',').filter(name => name !== '');
  const unknown = wanted.find(name => !record.nodes.some(node => node.name === name));
  if (unknown !== undefined) throw notFound(`--nodes: there is no node "${unknown}" in the cluster "${record.name}"`);
  let code = 0;
  for (const { name } of record.nodes.filter(node => wanted.length === 0 || wanted.includes(node.name))) {
    write(`Loading ${archive} on ${name}`);
    const input = openArchive(archive);
    try {
      const host = openHost(name, hostsDirOf(record.name, clustersDir));
      code ||= inTerminal(host, [...gantryArgv(), 'image', 'import', '-'], input);
    } finally {
      closeSync(input);
    }
  }
  return code;
}

function openArchive(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw invalidArgument(`the archive cannot be read: ${errorMessage(error)}`);
  }
}

/** A node by its name, with or without its cluster's before it. */
function nodeHost(node: string, flags: ClusterFlags): Host {
  const clustersDir = clustersDirOf(flags);
  const names = flags.name === undefined ? listClusterNames(clustersDir) : [flags.name];
  const matches = names
    .filter(name => existsSync(`${clusterDir(name, clustersDir)}/cluster.json`))
    .map(name => readClusterRecord(name, clustersDir))
    .flatMap(record =>
      record.nodes
        .filter(({ name }) => name === node || name === `${record.name}-${node}`)
        .map(({ name }) => ({ record, name })),
    );
  const [only, ...more] = matches;
  if (only === undefined) throw notFound(`there is no node "${node}"; ${knownNodes(names, clustersDir)}`);
  if (more.length > 0)
    throw failedPrecondition(`"${node}" is a node of several clusters: say which by --name, or give its whole name`);
  return openHost(only.name, hostsDirOf(only.record.name, clustersDir));
}

function knownNodes(names: readonly string[], clustersDir: string): string {
  const nodes = names
    .filter(name => existsSync(`${clusterDir(name, clustersDir)}/cluster.json`))
    .flatMap((name): ClusterRecord['nodes'] => readClusterRecord(name, clustersDir).nodes);
  return nodes.length === 0 ? 'there is no cluster' : `there are: ${nodes.map(({ name }) => name).join(', ')}`;
}

function inTerminal(host: Host, command: readonly string[], stdin: number | 'inherit' = 'inherit'): number {
  const [file = '', ...args] = host.enter(command);
  const result = spawnSync(file, args, { stdio: [stdin, 'inherit', 'inherit'], cwd: '/', env: host.environment() });
  if (result.error !== undefined) throw new Error(`cannot enter ${host.name}: ${errorMessage(result.error)}`);
  return exitCodeOf(result);
}

/** 128 + the signal's number where a signal ended it, as shells count. */
function exitCodeOf({ status, signal }: { status: number | null; signal: NodeJS.Signals | null }): number {
  return status ?? (signal === null ? 1 : 128 + constants.signals[signal]);
}

function clustersDirOf(flags: ClusterFlags): string {
  return resolve(flags.clustersDir ?? DEFAULT_CLUSTERS_DIR);
}

function nameOf(flags: ClusterFlags): string {
  return flags.name ?? DEFAULT_CLUSTER_NAME;
}
