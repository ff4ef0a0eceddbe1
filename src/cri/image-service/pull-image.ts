import { GantryError, invalidArgument } from '../../base/errors.ts';
import type { AuthConfig, PullImageRequest, PullImageResponse } from '../../rpc/cri-api.ts';
import type { Images } from '../images/image-store.ts';
import type { OnProgress } from '../images/pull-progress.ts';
import type { RegistryAuth } from '../images/registry-access.ts';

/** Pulls an image and answers with its id. Has no deadline of its own; leaving cancels, unless another caller waits for the same pull. */
export async function pullImage(
  images: Images,
  request: PullImageRequest,
  signal: AbortSignal,
): Promise<PullImageResponse> {
  try {
    return { imageRef: await pullRequested(images, request.image?.image ?? '', request.auth, signal, () => undefined) };
  } catch (error) {
    if (!(error instanceof GantryError) || error.reason !== 'InvalidImageName') throw error;
    throw new GantryError(error.code, `image.image: ${error.message}`, { cause: error, reason: error.reason });
  }
}

/** The pull behind PullImage, with its errors. `onProgress` is told how far it is. Returns the id. */
export async function pullRequested(
  images: Images,
  wanted: string,
  auth: AuthConfig | undefined,
  signal: AbortSignal,
  onProgress: OnProgress,
): Promise<string> {
  if (wanted === '') throw invalidArgument('image.image is empty: name the image to pull');
  try {
    return (await images.pull(wanted, registryAuth(auth), signal, onProgress)).id;
  } catch (error) {
    throw withKubeletReason(error);
  }
}

/**
 * The credentials of a request, undefined when it brings none: a registry token, else an identity token, else name and password, else `auth`, which is
 * base64 of `name:password` as in Docker's config.json.
 */
export function registryAuth(auth: AuthConfig | undefined): RegistryAuth | undefined {
  if (auth === undefined) return undefined;
  const { username, password, registryToken, identityToken, serverAddress } = auth;
  const nothing = { username: '', password: '', registryToken: '', identityToken: '' };
  const given = serverAddress === '' ? nothing : { ...nothing, serverAddress };
  if (!/^[\x21-\x7e]*$/.test(registryToken))
    throw invalidArgument('auth.registry_token contains characters that a header cannot carry');
  if (registryToken !== '') return { ...given, registryToken };
  if (identityToken !== '') return { ...given, identityToken };
  if (username !== '' || password !== '') return { ...given, username, password };
  if (auth.auth === '') return undefined;
  const pair = Buffer.from(auth.auth, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  if (colon < 0) throw invalidArgument('auth.auth is not base64 of name:password');
  // Docker's tools pad the password with NUL bytes.
  return { ...given, username: pair.slice(0, colon), password: pair.slice(colon + 1).replace(/\0+$/, '') };
}

/** The kubelet shows a reason of its own for a registry that is down when the code is Unknown and the message starts with that word. */
function withKubeletReason(error: unknown): unknown {
  if (!(error instanceof GantryError) || error.reason !== 'RegistryUnavailable') return error;
  return new GantryError('unknown', `${error.reason}: ${error.message}`, { cause: error, reason: error.reason });
}
