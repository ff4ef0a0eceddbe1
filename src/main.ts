import { setFlagsFromString } from 'node:v8';
import { Argument, Command, Option } from 'commander';
import { certsCommands } from './cmd/certs-options.ts';
import { clusterCommands } from './cmd/cluster-options.ts';
import { configCommands } from './cmd/config-options.ts';
import {
  apiServerOptions,
  controllerManagerOptions,
  controlPlaneOptions,
  kubeletOptions,
  nodeOptions,
  schedulerOptions,
} from './cmd/daemon-options.ts';
import { initCommands } from './cmd/init-options.ts';
import { joinCommands } from './cmd/join-options.ts';
import { kubeconfigCommands } from './cmd/kubeconfig-options.ts';
import { tokenCommands } from './cmd/token-options.ts';
import { VERSION } from './cmd/version.ts';

/**
 * V8 lets the space of new objects grow to twice 16 MiB in a burst of calls, and while they load, and does not give it back to an idle machine. What a call to the shim leaves
 * behind is short-lived: within 1 MiB it is collected more often, for no more CPU that could be measured. The only flag of this kind that V8 heeds after its start.
 */
function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/** The command line. Each role is a dynamic import, so that a process loads only the chunk it runs. */
export function program(): Command {
  const gantry = new Command('gantry')
    .description('A Kubernetes-compatible node runtime for Linux hosts')
    .version(VERSION)
    .showHelpAfterError('(gantry --help lists the commands)');

  const run = gantry.command('run').description('run a daemon in the foreground');
  run
    .command('cri')
    .description('the CRI shim: runtime and image service on a unix socket')
    .option('--config <file>', 'configuration file (YAML); /etc/gantry/cri.yaml is read when it exists')
    .option('--socket <path>', 'unix socket to serve on')
    .option('--root <directory>', 'data that survives a reboot: images, records, writable layers')
    .option('--state <directory>', 'data of this boot: bundles, namespaces, exit files (on a tmpfs)')
    .addOption(
      new Option(
        '--cgroup-driver <driver>',
        'who makes the groups of pods; systemd where it is PID 1 with cgroup v2, else cgroupfs, unless given',
      ).choices(['systemd', 'cgroupfs']),
    )
    .action(async options => {
      keepYoungGenerationSmall();
      await exitWith((await import('./cmd/run-cri.ts')).runCri(options));
    });
  kubeletOptions(run.command('kubelet').description('the kubelet: keeps the pods of this node running')).action(
    async options => exitWith((await import('./cmd/run-kubelet.ts')).runKubelet(options)),
  );
  nodeOptions(
    run
      .command('node')
      .description('the per-host daemon: kubelet, pod network, service proxy and DNS server in one process'),
  ).action(async options => exitWith((await import('./cmd/run-node.ts')).runNode(options)));
  gantry
    .command('cni', { hidden: true })
    .description('one call of a CNI plugin of ours by another runtime, in its environment and on stdin')
    .addArgument(new Argument('<plugin>').choices(['gantry-bridge', 'loopback']))
    .option('--cri-config <file>', 'configuration of the CRI shim, which says where addresses are written down')
    .action(async (plugin, options) => exitWith((await import('./cmd/cni.ts')).runCniPlugin(plugin, options)));
  apiServerOptions(run.command('apiserver').description('the Kubernetes API server; all its state is in etcd')).action(
    async options => exitWith((await import('./cmd/run-apiserver.ts')).runApiServer(options)),
  );
  controllerManagerOptions(
    run
      .command('controller-manager')
      .description('the controllers that make of what is wanted what is')
      .requiredOption('--kubeconfig <file>', 'the API server and how to log in there')
      .option('--service-cluster-ip-range <cidrs>', 'addresses of services, which no node is given'),
  ).action(async options => exitWith((await import('./cmd/run-controller-manager.ts')).runControllerManager(options)));
  schedulerOptions(
    run
      .command('scheduler')
      .description('the scheduler: gives every pod its node')
      .requiredOption('--kubeconfig <file>', 'the API server and how to log in there'),
  ).action(async options => exitWith((await import('./cmd/run-scheduler.ts')).runScheduler(options)));
  controlPlaneOptions(
    run.command('control-plane').description('API server, controllers and scheduler in one process'),
  ).action(async options => exitWith((await import('./cmd/run-control-plane.ts')).runControlPlane(options)));
  run
    .command('dns')
    .description('the DNS server of this node: names of the cluster, and all others by asking on')
    .requiredOption('--kubeconfig <file>', 'the API server and how to log in there')
    .option('--cluster-domain <domain>', 'the zone of the cluster', 'cluster.local')
    .option('--listen <address:port...>', 'for this machine and its pods; loopback is given the address', [
      '169.254.20.10:53',
    ])
    .option('--listen-shared <address:port...>', 'for all nodes and pods of the cluster', [])
    .option('--dns-address <ip...>', "address of the cluster's DNS service", [])
    .option('--resolv-conf <file>', 'who is asked for other names', '/etc/resolv.conf')
    .option('--healthz-port <port>', 'port of /healthz and /metrics on loopback; 0 for none', '0')
    .action(async options => exitWith((await import('./cmd/run-dns.ts')).runDns(options)));
  run
    .command('network')
    .description('the pod network of a node: CNI configuration, routes to other nodes, the way out')
    .option('--kubeconfig <file>', 'the API server and how to log in there')
    .option('--hostname-override <name>', 'name of this node')
    .option('--cluster-cidr <cidrs>', "networks of the cluster beside its nodes' pods, apart by commas", '')
    .option('--cni-conf-dir <directory>', 'where the CNI configuration is written', '/etc/cni/net.d')
    .option('--cni-socket <path>', 'serve the CNI launchers of another runtime on this unix socket')
    .option('--cleanup', 'remove routes, rules and the configuration, and end')
    .action(async options => exitWith((await import('./cmd/run-network.ts')).runNetwork(options)));
  run
    .command('proxy')
    .description('the service proxy: sends what goes to services to their endpoints')
    .option('--kubeconfig <file>', 'the API server and how to log in there')
    .option('--config <file>', 'KubeProxyConfiguration (YAML); flags override it')
    .option('--hostname-override <name>', 'name of this node')
    .option('--cluster-cidr <cidrs>', 'addresses of pods: what is from elsewhere gets the address of this node')
    .option('--proxy-mode <mode>', 'nftables (as without), iptables or ipvs')
    .option('--nodeport-addresses <cidrs>', 'networks whose addresses answer node ports, or "primary"')
    .option('--cleanup', 'remove all rules and end')
    .action(async options => exitWith((await import('./cmd/run-proxy.ts')).runProxy(options)));
  gantry
    .command('conformance')
    .description('check what users rely on at a node: pods, probes, limits, volumes, network, services, DNS, restarts')
    .option('--kubeconfig <file>', 'the API server and how to log in there (default: KUBECONFIG, or admin.conf)')
    .option('--node <name>', 'the node to check (default: this machine)')
    .option(
      '--image <reference>',
      'an image of busybox that the node has or can pull',
      'docker.io/library/busybox:1.36',
    )
    .option('--focus <expression>', 'only checks whose "area: name" matches')
    .option('--skip <expression>', 'no checks whose "area: name" matches')
    .option('--parallel <number>', 'so many checks at the same time', '4')
    .option('--timeout <duration>', 'how long a pod is waited for', '120s')
    .option('--report <file>', 'write the report as text')
    .option('--junit <file>', 'write the report in the XML of JUnit')
    .option('--list', 'list the checks and end')
    .action(async options => exitWith((await import('./cmd/conformance.ts')).conformanceCommand(options)));
  const image = gantry.command('image').description('images of this node, by way of the CRI shim');
  const imageSocket = ['--socket <path>', 'the socket of the CRI shim', '/run/gantry/cri.sock'] as const;
  image
    .command('ls')
    .description('list images')
    .option(...imageSocket)
    .action(async options => exitWith((await import('./cmd/image.ts')).imageLsCommand(options)));
  image
    .command('pull <reference>')
    .description('pull an image from a registry')
    .option(...imageSocket)
    .option('--username <name>', 'user name at the registry')
    .option('--password-stdin', 'read the password from standard input')
    .option(
      '--docker-config <file>',
      'credentials, unless a name is given (default: $DOCKER_CONFIG or ~/.docker, config.json)',
    )
    .action(async (reference, options) =>
      exitWith((await import('./cmd/image.ts')).imagePullCommand(reference, options)),
    );
  image
    .command('rm <reference...>')
    .description('remove images with all their names')
    .option(...imageSocket)
    .action(async (references, options) =>
      exitWith((await import('./cmd/image.ts')).imageRmCommand(references, options)),
    );
  image
    .command('import <path>')
    .description(
      'import an OCI layout directory, an OCI archive or a docker archive; - reads an archive from standard input',
    )
    .option(...imageSocket)
    .option('--reference <name>', 'name for an image that carries none')
    .action(async (path, options) => exitWith((await import('./cmd/image.ts')).imageImportCommand(path, options)));
  gantry
    .command('logs [component...]')
    .description('the logs of the daemons of this machine: etcd, control-plane, cri, node; all unless some are named')
    .option('-f, --follow', 'go on with what they write from now on')
    .option('-n, --lines <number>', 'so many of the last lines; "all" for all', '100')
    .option('--since <time>', 'from then on, as journalctl takes it: "10 min ago", "today", a date')
    .action(async (components, options) => exitWith((await import('./cmd/logs.ts')).logsCommand(components, options)));
  gantry
    .command('unpack-layers', { hidden: true })
    .action(async () => exitWith((await import('./cmd/unpack-layers.ts')).unpackLayers()));
  initCommands(gantry, exitWith);
  configCommands(gantry, exitWith);
  joinCommands(gantry, exitWith);
  tokenCommands(gantry, exitWith);
  certsCommands(gantry, exitWith);
  kubeconfigCommands(gantry, exitWith);
  gantry
    .command('reset')
    .description('take away what "gantry init" or "gantry join" has made of this machine')
    .option('-f, --force', 'ask nothing')
    .option('--dry-run', 'only say what would be taken away')
    .option('--config <file>', 'ResetConfiguration (YAML); flags override it')
    .option('--cri-socket <path>', 'the socket of the container runtime; /run/gantry/cri.sock unless given')
    .option('--cert-dir <directory>', 'where the certificates are; /etc/kubernetes/pki unless given')
    .option('--cleanup-tmp-dir', 'remove /etc/kubernetes/tmp too')
    .option('--delete-node', 'delete the Node object too, by way of --kubeconfig')
    .option('--node-name <name>', 'name of this node; the host name unless given')
    .option('--kubeconfig <file>', 'how to reach the cluster for that', '/etc/kubernetes/admin.conf')
    .option('--ignore-preflight-errors <checks>', 'checks whose errors are only told; all is every one', '')
    .option('--skip-phases <phases>', 'phases to leave out', '')
    .action(async options => exitWith((await import('./cmd/reset.ts')).resetCommand(options)));
  clusterCommands(gantry, exitWith);
  const host = gantry.command('host').description('hosts: machines within this machine, made of namespaces');
  const hostsDir = ['--hosts-dir <directory>', 'where hosts keep their data (default /var/lib/gantry-hosts)'] as const;
  host
    .command('create <name>')
    .description('make and start a host')
    .option(...hostsDir)
    .action(async (name, options) => exitWith((await import('./cmd/host.ts')).createHostCommand(name, options)));
  host
    .command('exec <name> <command...>')
    .description('run a command inside: gantry host exec NAME -- COMMAND')
    .option(...hostsDir)
    .action(async (name, command, options) =>
      exitWith((await import('./cmd/host.ts')).execInHostCommand(name, command, options)),
    );
  host
    .command('supervise <name> <service> <command...>')
    .description('keep a daemon running inside: gantry host supervise NAME SERVICE -- COMMAND')
    .option(...hostsDir)
    .action(async (name, service, command, options) =>
      exitWith((await import('./cmd/host.ts')).superviseInHostCommand(name, service, command, options)),
    );
  host
    .command('delete <name>')
    .description('end a host and remove everything of it')
    .option(...hostsDir)
    .option('--ignore-missing', 'a host that is not there is fine')
    .action(async (name, options) => exitWith((await import('./cmd/host.ts')).deleteHostCommand(name, options)));
  host
    .command('list')
    .description('list hosts')
    .option(...hostsDir)
    .action(async options => exitWith((await import('./cmd/host.ts')).listHostsCommand(options)));
  gantry
    .command('completion')
    .description('print what completes commands and flags in a shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .action(async shell => exitWith((await import('./cmd/print-documents.ts')).printCompletion(gantry, shell)));
  gantry
    .command('man-pages <directory>', { hidden: true })
    .action(async directory => exitWith((await import('./cmd/print-documents.ts')).writeManPages(gantry, directory)));
  return gantry;
}

async function exitWith(code: Promise<number>): Promise<void> {
  process.exitCode = await code;
}
