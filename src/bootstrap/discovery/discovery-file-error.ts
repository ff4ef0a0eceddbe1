import { GantryError } from '../../base/errors.ts';

/** A discovery file, of this machine or from a server, that is no kubeconfig to find a cluster by: what was given is wrong, not the machine or the cluster. */
export class DiscoveryFileError extends GantryError {
  constructor(message: string) {
    super('invalid-argument', message);
  }
}
