import type { Command } from 'commander';
import type { Ends } from './define-commands.ts';

const NAME = ['--name <name>', 'name of the cluster (default gantry)'] as const;
const DIR = [
  '--clusters-dir <directory>',
  'where clusters keep their data (default /var/lib/gantry-clusters)',
] as const;

/** The commands below `gantry cluster`. `run` sets the exit code. */
export function clusterCommands(gantry: Command, run: Ends): void {
  const load = () => import('./cluster.ts');
  const cluster = gantry.command('cluster').description('clusters on this machine, each node a host of its own');
  add(cluster, 'create', 'make a cluster')
    .option('--nodes <number>', 'how many nodes; the first is the control plane (default 1)')
    .option('--config <file>', "kind's `kind: Cluster` (YAML); - reads it from standard input")
    .option('--subnet <cidr>', 'network of the nodes; a free one unless given')
    .option('--kubeconfig <file>', 'where to put the context; $KUBECONFIG or ~/.kube/config unless given')
    .option('--certificate-validity-period <duration>', 'how long certificates hold (default 8760h0m0s)')
    .option('--retain', 'keep what was made when a step fails')
    .action(async options => run((await load()).createClusterCommand(options)));
  cluster
    .command('list')
    .description('list clusters')
    .option(...DIR)
    .action(async options => run((await load()).listClustersCommand(options)));
  add(
    cluster,
    'status',
    'how it is; the exit code adds 1 (hosts), 2 (control plane) and 4 (nodes) for what is not well',
  ).action(async options => run((await load()).clusterStatusCommand(options)));
  add(cluster, 'stop', 'end its nodes, and keep their data').action(async options =>
    run((await load()).stopClusterCommand(options)),
  );
  add(cluster, 'start', 'start its nodes again').action(async options =>
    run((await load()).startClusterCommand(options)),
  );
  add(cluster, 'delete', 'take it away, whatever stands of it')
    .option('--all', 'every cluster')
    .option('--ignore-missing', 'one that is not there is fine')
    .action(async options => run((await load()).deleteClusterCommand(options)));
  add(cluster, 'exec <node> <command...>', 'run a command on a node: gantry cluster exec NODE -- COMMAND').action(
    async (node, command, options) => run((await load()).execInClusterCommand(node, command, options)),
  );
  add(cluster, 'logs <node>', 'what the daemons of a node wrote')
    .option('--service <name>', 'of one daemon only')
    .option('-f, --follow', 'go on with what comes')
    .option('--tail <lines>', 'how many lines of each', '20')
    .action(async (node, options) => run((await load()).clusterLogsCommand(node, options)));
  add(cluster, 'kubeconfig', 'print a kubeconfig of it alone').action(async options =>
    run((await load()).clusterKubeconfigCommand(options)),
  );
  const loading = cluster.command('load').description('bring something to the nodes');
  add(loading, 'image <archive>', 'an OCI or docker archive into the image store of every node')
    .option('--nodes <names>', 'only these, apart by commas')
    .action(async (archive, options) => run((await load()).loadImageCommand(archive, options)));
}

/** `gantry service`. */
export function serviceCommands(gantry: Command, run: Ends): void {
  add(gantry, 'service <service>', 'where this machine reaches a service of a cluster')
    .option('-n, --namespace <namespace>', 'of the service', 'default')
    .option('--url', 'print the URLs alone')
    .action(async (service, options) => run((await import('./service.ts')).serviceCommand(service, options)));
}

/** A command that is about one cluster. */
function add(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .option(...NAME)
    .option(...DIR);
}
