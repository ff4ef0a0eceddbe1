import { setFlagsFromString } from 'node:v8';
import { type Command, Option } from 'commander';
import {
  apiServerOptions,
  controllerManagerOptions,
  controlPlaneOptions,
  kubeletOptions,
  nodeOptions,
  schedulerOptions,
} from './daemon-options.ts';
import { type CommandTable, defineCommands, type Ends } from './define-commands.ts';

/**
 * V8 lets the space of new objects grow to twice 16 MiB in a burst of calls, and while they load, and does not give it back to an idle machine. What a call to the shim leaves
 * behind is short-lived: within 1 MiB it is collected more often, for no more CPU that could be measured. The only flag of this kind that V8 heeds after its start.
 */
function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/** The daemons below `gantry run`, in the order in which they are listed. */
const DAEMONS: CommandTable = {
  cri: (run, end) => {
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
        await end((await import('./run-cri.ts')).runCri(options));
      });
  },
  kubelet: (run, end) => {
    kubeletOptions(run.command('kubelet').description('the kubelet: keeps the pods of this node running')).action(
      async options => end((await import('./run-kubelet.ts')).runKubelet(options)),
    );
  },
  node: (run, end) => {
    nodeOptions(
      run
        .command('node')
        .description('the per-host daemon: kubelet, pod network, service proxy and DNS server in one process'),
    ).action(async options => end((await import('./run-node.ts')).runNode(options)));
  },
  apiserver: (run, end) => {
    apiServerOptions(
      run.command('apiserver').description('the Kubernetes API server; all its state is in etcd'),
    ).action(async options => end((await import('./run-apiserver.ts')).runApiServer(options)));
  },
  'controller-manager': (run, end) => {
    controllerManagerOptions(
      run
        .command('controller-manager')
        .description('the controllers that make of what is wanted what is')
        .requiredOption('--kubeconfig <file>', 'the API server and how to log in there')
        .option('--service-cluster-ip-range <cidrs>', 'addresses of services, which no node is given'),
    ).action(async options => end((await import('./run-controller-manager.ts')).runControllerManager(options)));
  },
  scheduler: (run, end) => {
    schedulerOptions(
      run
        .command('scheduler')
        .description('the scheduler: gives every pod its node')
        .requiredOption('--kubeconfig <file>', 'the API server and how to log in there'),
    ).action(async options => end((await import('./run-scheduler.ts')).runScheduler(options)));
  },
  'control-plane': (run, end) => {
    controlPlaneOptions(
      run.command('control-plane').description('API server, controllers and scheduler in one process'),
    ).action(async options => end((await import('./run-control-plane.ts')).runControlPlane(options)));
  },
  dns: (run, end) => {
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
      .action(async options => end((await import('./run-dns.ts')).runDns(options)));
  },
  network: (run, end) => {
    run
      .command('network')
      .description('the pod network of a node: CNI configuration, routes to other nodes, the way out')
      .option('--kubeconfig <file>', 'the API server and how to log in there')
      .option('--hostname-override <name>', 'name of this node')
      .option('--cluster-cidr <cidrs>', "networks of the cluster beside its nodes' pods, apart by commas", '')
      .option('--cni-conf-dir <directory>', 'where the CNI configuration is written', '/etc/cni/net.d')
      .option('--cni-socket <path>', 'serve the CNI launchers of another runtime on this unix socket')
      .option('--cleanup', 'remove routes, rules and the configuration, and end')
      .action(async options => end((await import('./run-network.ts')).runNetwork(options)));
  },
  proxy: (run, end) => {
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
      .action(async options => end((await import('./run-proxy.ts')).runProxy(options)));
  },
};

/** `gantry run DAEMON`. What is wrong with its words is told, and thrown: there may be more to say of it. */
export function runCommands(gantry: Command, end: Ends, below: readonly string[]): void {
  const run = gantry.command('run').description('run a daemon in the foreground').exitOverride();
  defineCommands(DAEMONS, run, end, below);
}
