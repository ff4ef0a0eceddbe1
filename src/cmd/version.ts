/** The Kubernetes version this program claims, with our own release behind the plus. */
export const VERSION = 'v1.36.0+gantry.1';

/** The same as upstream's version.Info, which the API server answers at /version and `kubeadm version -o json` prints. */
export function versionInfo() {
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(VERSION) ?? [];
  return {
    major,
    minor,
    gitVersion: VERSION,
    gitCommit: '',
    gitTreeState: '',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: `node${process.versions.node}`,
    compiler: 'v8',
    platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  };
}
