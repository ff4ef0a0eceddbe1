import type { CgroupDriverName } from '../linux/cgroup-driver.ts';

/** Where the shim keeps things and what it runs with. Every path is absolute. */
export interface CriConfig {
  /** The unix socket of RuntimeService and ImageService. */
  readonly socket: string;
  /** Survives a reboot: images, sandbox and container records, writable layers. */
  readonly root: string;
  /** Gone after a reboot: bundles, namespaces, exit files, runtime state. Must be on a tmpfs in production. */
  readonly state: string;
  readonly cni: {
    readonly confDir: string;
    readonly binDirs: readonly string[];
    /** Cached results in libcni's format. Not libcni's own /var/lib/cni: other runtimes' garbage collection takes what lies there for theirs. */
    readonly cacheDir: string;
    /** Our own address journal. */
    readonly journalDir: string;
  };
  /** The default OCI runtime: a handler of `runtimes`, a name found on PATH or an absolute path; empty chooses crun where it can run, else runc. */
  readonly runtime: string;
  /** Further ones that pods ask for by a RuntimeClass, by the name of the handler. crun and runc are handlers wherever they are installed. */
  readonly runtimes: Readonly<Record<string, { readonly path: string }>>;
  /** Pods whose containers share no pid namespace get no pause process: their other namespaces are held by files. */
  readonly dropInfra: boolean;
  /** Who makes the groups of pods and containers; empty for systemd where it is PID 1 and the hierarchy is v2, else cgroupfs. */
  readonly cgroupDriver: '' | CgroupDriverName;
  readonly conmon: string;
  /**
   * Bytes that a container's log may grow by before conmon begins it anew, whoever else rotates it or does not; 0 for no limit. Must be more than the kubelet's
   * `containerLogMaxSize`, which else never sees a log that is long enough.
   */
  readonly logSizeMax: number;
  /** The pause program, run with -P. */
  readonly catatonit: string;
  /** Where CDI specifications lie; a later directory has the higher priority. */
  readonly cdiSpecDirs: readonly string[];
  readonly registries: {
    /** host[:port] of registries spoken to over plain HTTP. */
    readonly insecure: readonly string[];
    /** Registry (`docker.io`) to the addresses asked before it, in order: `https://mirror.example/path`, or `http:` for plain HTTP. */
    readonly mirrors: Readonly<Record<string, readonly string[]>>;
    /** Directory in the layout of containerd's certs.d: `<host[_port_]>/hosts.toml` says where and how a registry is reached. */
    readonly configPath: string;
    /** Docker config files (`auths`, `credHelpers`, `credsStore`) whose credentials are shown where a request brings none, in this order. */
    readonly dockerConfigs: readonly string[];
    /** What names of images without a registry mean. */
    readonly shortNames: {
      readonly defaultRegistry: string;
      /** `busybox` to `registry.example/base/busybox`. */
      readonly aliases: Readonly<Record<string, string>>;
    };
  };
  readonly images: {
    /** A layer that unpacks to more than this many times its compressed size is refused. */
    readonly unpackRatio: number;
    /** Up to this many bytes a layer may unpack to whatever its ratio. */
    readonly unpackFreeBytes: number;
    /** Images that a kubelet shall not remove for their space: references, with `*` for any characters (`registry.k8s.io/*`). */
    readonly pinned: readonly string[];
    /** So many layers are fetched and unpacked at once, over all pulls; a pull that has had none for a second may start one more, up to twice as many. */
    readonly concurrentLayers: number;
  };
  /** Where exec, attach and port-forward are served to who asked for them by CRI. */
  readonly streaming: {
    /** Port 0 takes any free one: clients are told the URL. Whoever knows a URL may use it, so loopback unless the network is trusted. undefined for nowhere. */
    readonly address: string | undefined;
    /** Certificate and key (PEM) for TLS; empty for none. */
    readonly tlsCertFile: string;
    readonly tlsKeyFile: string;
  };
  /** Where /healthz and /metrics are served; undefined for nowhere. */
  readonly metricsAddress: string | undefined;
}

export const DEFAULT_CRI_CONFIG: CriConfig = {
  socket: '/run/gantry/cri.sock',
  root: '/var/lib/gantry',
  state: '/run/gantry/cri',
  cni: {
    confDir: '/etc/cni/net.d',
    binDirs: ['/opt/cni/bin'],
    cacheDir: '/var/lib/gantry/cni-cache',
    journalDir: '/var/lib/gantry/cni',
  },
  runtime: '',
  runtimes: {},
  dropInfra: false,
  cgroupDriver: '',
  conmon: '/usr/bin/conmon',
  // Six times what the kubelet rotates at: only who writes more than 6 MiB/s loses lines, and who writes as fast as he can has 128 MiB on the disk, and what the kubelet keeps.
  logSizeMax: 64 << 20,
  catatonit: '/usr/bin/catatonit',
  registries: {
    insecure: [],
    mirrors: {},
    configPath: '/etc/gantry/certs.d',
    dockerConfigs: [],
    shortNames: { defaultRegistry: 'docker.io', aliases: {} },
  },
  images: { unpackRatio: 100, unpackFreeBytes: 64 << 20, concurrentLayers: 3, pinned: [] },
  cdiSpecDirs: ['/etc/cdi', '/var/run/cdi'],
  streaming: { address: '127.0.0.1:0', tlsCertFile: '', tlsKeyFile: '' },
  metricsAddress: '127.0.0.1:10260',
};
