import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { hasOurEtcd, managedCertificates } from '../bootstrap/certificates/renewal/inventory.ts';
import { type Files, filesBelow } from '../bootstrap/files.ts';
import { readMarker, standingFiles } from '../bootstrap/marker.ts';
import { realPlace } from '../linux/real-place.ts';
import type { ControlPlaneFlags } from './run-control-plane.ts';

/**
 * Where a control plane has the certificates that it keeps new: where `init` has made them, whatever CA its clients have; on a machine that no `init` knows, beside the one that it serves
 * with. `others` are those of its own that are somewhere else, so that nothing here renews them: an admin has put them there.
 */
export function keptCertificates(
  flags: Pick<ControlPlaneFlags, 'tlsCertFile' | 'kubeletClientCertificate' | 'etcdCertfile'>,
  root = '/',
): { readonly files: Files; readonly others: readonly string[] } {
  const { tlsCertFile, kubeletClientCertificate, etcdCertfile } = flags;
  const defaults = filesBelow(root);
  const isKnown = readMarker(defaults) !== undefined || existsSync(defaults.clusterConfiguration);
  const files = isKnown ? standingFiles(root) : { ...defaults, pkiDir: dirname(tlsCertFile) };
  // none of them is a kubelet's, whose directory may be on a disk that hangs
  const kept = managedCertificates(files).flatMap(({ at }) => (at.form === 'pair' ? [realPlace(at.certificate)] : []));
  // whose etcd is somebody else's, whose client certificate is so, too
  const used = [tlsCertFile, kubeletClientCertificate, hasOurEtcd(files) ? etcdCertfile : undefined];
  return { files, others: used.filter(path => path !== undefined).filter(path => !kept.includes(realPlace(path))) };
}
