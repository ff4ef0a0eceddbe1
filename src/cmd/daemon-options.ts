import type { Command } from 'commander';

/** The flags of the daemons, each put on the command that runs it. What `gantry init` is told of further arguments is checked against them. */

export function nodeOptions(command: Command): Command {
  return kubeletOptions(command)
    .option('--proxy <bool>', 'serve Services on this node', 'true')
    .option('--proxy-config <file>', 'KubeProxyConfiguration (YAML)')
    .option('--proxy-mode <mode>', 'how services are proxied: nftables, iptables or ipvs')
    .option('--cluster-cidr <cidrs>', 'networks of all pods of the cluster, apart by commas')
    .option('--cni-conf-dir <directory>', 'where the CNI configuration is written', '/etc/cni/net.d')
    .option('--cluster-domain <domain>', 'the zone of the cluster', 'cluster.local')
    .option('--resolv-conf <file>', 'who is asked for names outside of it', '/etc/resolv.conf')
    .option('--dns <bool>', 'serve names on this node', 'true')
    .option('--dns-listen <address:port...>', 'where this machine and its pods ask for names', ['169.254.20.10:53'])
    .option('--dns-listen-shared <address:port...>', 'where all nodes and pods of the cluster do', [])
    .option('--dns-address <ip...>', "address of the cluster's DNS service", [])
    .option(
      '--cni-socket <path>',
      'where CNI launchers of another runtime are served; /run/gantry/cni.sock where the runtime is not our own',
    );
}

export function controlPlaneOptions(command: Command): Command {
  return controllerManagerOptions(
    apiServerOptions(
      command
        .requiredOption('--controller-manager-kubeconfig <file>', 'how the controllers log in')
        .requiredOption('--scheduler-kubeconfig <file>', 'how the scheduler logs in')
        .option('--renew-certificates', 'renew the certificates that init has made and tell so at the Node')
        .option('--certificate-validity-period <duration>', 'how long those that it renews hold', '8760h0m0s')
        .option('--node-name <name>', 'the Node of this machine; the host name unless given')
        .option(
          '--scheduler-healthz-port <port>',
          'port of /healthz and /metrics of the scheduler, on 127.0.0.1',
          '10259',
        ),
    ),
  );
}

export function apiServerOptions(command: Command): Command {
  return command
    .option('--etcd-servers <urls>', 'endpoints of etcd, apart by commas', 'http://127.0.0.1:2379')
    .option('--etcd-cafile <file>', 'CA of etcd; endpoints are then https')
    .option('--etcd-certfile <file>', 'client certificate for etcd')
    .option('--etcd-keyfile <file>', 'its key')
    .option('--bind-address <ip>', 'address to serve on', '0.0.0.0')
    .option('--advertise-address <ip>', 'address that clients reach this server by; the bind address unless given')
    .option('--secure-port <port>', 'port to serve on', '6443')
    .requiredOption('--tls-cert-file <file>', 'certificate of the server')
    .requiredOption('--tls-private-key-file <file>', 'its key')
    .option('--client-ca-file <file>', 'CA whose client certificates are users')
    .requiredOption('--service-account-issuer <url>', 'issuer of service account tokens; the first of several signs')
    .requiredOption('--service-account-signing-key-file <file>', 'private key that signs them')
    .option(
      '--service-account-key-file <file>',
      'public keys that check them; the half of the signing key unless given',
    )
    .option('--api-audiences <names>', 'audiences of tokens for this server; the issuers unless given')
    .option(
      '--service-cluster-ip-range <cidrs>',
      'addresses of services, one range or one of each family',
      '10.96.0.0/12',
    )
    .option('--service-node-port-range <range>', 'ports of NodePort services', '30000-32767')
    .option('--kubelet-client-certificate <file>', 'client certificate for kubelets')
    .option('--kubelet-client-key <file>', 'its key')
    .option(
      '--kubelet-certificate-authority <file>',
      'CA of the serving certificates of kubelets; not checked unless given',
    )
    .option(
      '--kubelet-preferred-address-types <types>',
      'kinds of addresses of nodes to reach kubelets at, the best first',
      'Hostname,InternalDNS,InternalIP,ExternalDNS,ExternalIP',
    );
}

const leaderElectLivesDir = [
  '--leader-elect-lives-dir <directory>',
  'where candidates of this machine see that others of it have ended; on a disk of this machine alone',
  '/var/lib/gantry/leader-election',
] as const;

/** What the scheduler takes beside how to log in. */
export function schedulerOptions(command: Command): Command {
  return command
    .option('--leader-elect <bool>', 'wait for a lease, so that only one of several works', 'true')
    .option(...leaderElectLivesDir)
    .option('--healthz-port <port>', 'port of /healthz and /metrics on 127.0.0.1, by HTTPS', '10259');
}

export function controllerManagerOptions(command: Command): Command {
  return command
    .option('--controllers <names>', 'which run: * is all, -NAME leaves one out', '*')
    .option('--root-ca-file <file>', "CA bundle that pods are given; the kubeconfig's unless given")
    .option('--terminated-pod-gc-threshold <number>', 'pods that have ended are kept up to so many; 0: all', '12500')
    .option('--cluster-signing-cert-file <file>', 'certificate of the CA that signs certificate requests')
    .option('--cluster-signing-key-file <file>', 'its private key')
    .option('--cluster-signing-duration <duration>', 'the longest life of what it signs', '8760h')
    .option('--allocate-node-cidrs <bool>', 'give each node a network for its pods', 'false')
    .option('--cluster-cidr <cidrs>', 'where these networks come from: one range, or one of each family')
    .option('--node-cidr-mask-size <number>', 'their prefix; 24 for IPv4 and 64 for IPv6 unless given')
    .option('--node-cidr-mask-size-ipv4 <number>', 'that of IPv4')
    .option('--node-cidr-mask-size-ipv6 <number>', 'that of IPv6')
    .option('--node-monitor-period <duration>', 'from one look at all nodes to the next', '5s')
    .option('--node-monitor-grace-period <duration>', 'how long a node may be silent', '50s')
    .option('--node-startup-grace-period <duration>', 'the same for one that never told anything', '1m')
    .option('--node-eviction-rate <number>', 'so many lost nodes of a zone are emptied a second', '0.1')
    .option('--secondary-node-eviction-rate <number>', 'the same where much of the zone is lost', '0.01')
    .option('--large-cluster-size-threshold <number>', 'no smaller zone is emptied then', '50')
    .option('--unhealthy-zone-threshold <number>', 'from this part of its nodes on, much of a zone is lost', '0.55')
    .option('--use-service-account-credentials <bool>', 'let each controller work as an account of its own', 'false')
    .option('--leader-elect <bool>', 'wait for a lease, so that only one of several works', 'true')
    .option(...leaderElectLivesDir)
    .option(
      '--healthz-port <port>',
      'port of /healthz and /metrics of the controllers, on 127.0.0.1, by HTTPS',
      '10257',
    );
}

export function kubeletOptions(command: Command): Command {
  return command
    .option('--standalone', 'run pods from manifests, without an API server')
    .option('--kubeconfig <file>', 'the API server whose pods are to be run, and how to log in there')
    .option('--bootstrap-kubeconfig <file>', 'how to ask for a client certificate, where --kubeconfig is not there yet')
    .option('--cert-dir <directory>', 'where certificates are kept; pki in --root-dir unless given')
    .option('--node-ip <ips>', 'address of this node, or one of each family; that of the default route unless given')
    .option('--node-labels <labels>', 'labels of this node, name=value, apart by commas')
    .option('--register-with-taints <taints>', 'taints that this node is registered with, key=value:effect')
    .option('--config <file>', 'KubeletConfiguration (YAML); flags override it')
    .option('--container-runtime-endpoint <url>', 'unix:///path of the container runtime')
    .option('--image-service-endpoint <url>', 'unix:///path of the image service, where it is another')
    .option('--pod-manifest-path <path>', 'directory of static pod manifests, or one file')
    .option('--root-dir <directory>', 'where the kubelet keeps its data', '/var/lib/kubelet')
    .option('--hostname-override <name>', 'name of this node')
    .option('--pod-log-dir <directory>', 'where the logs of pods are written')
    .option('--client-ca-file <file>', 'serve over TLS to clients whose certificates this CA signed')
    .option('--tls-cert-file <file>', 'certificate of the server')
    .option('--tls-private-key-file <file>', 'its key')
    .option(
      '--certificate-validity-period <duration>',
      'how long a serving certificate of its own making holds; a year unless given',
    )
    .option('--port <port>', 'port of the server')
    .option('--healthz-port <port>', 'port of /healthz on loopback; 0 for none');
}
