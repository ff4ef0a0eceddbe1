import type { Discovery, JoinConfiguration, ResetConfiguration } from '../../api/types/gen/kubeadm-v1beta4.ts';
import { type FieldError, forbidden, invalid, required } from '../../api/validation/field-error.ts';
import { shownLocation } from '../discovery/shown-location.ts';
import { isDiscoveryFile } from '../join/settings.ts';
import { ONE_CONTROL_PLANE } from '../settings.ts';
import { absolutePath, hostPort, noPatches } from './field-rules.ts';
import { TOKEN, validateNodeRegistration } from './validate-init.ts';

/** What is done in any case, or made use of where something hangs. */
const UNMOUNT_FLAGS = ['MNT_FORCE', 'MNT_DETACH', 'UMOUNT_NOFOLLOW'];

/** The rules of a JoinConfiguration: kubeadm's with its texts, and what is not made here. */
export function validateJoinConfiguration(config: JoinConfiguration): readonly FieldError[] {
  const { caCertPath = '' } = config;
  return [
    ...discovery(config.discovery),
    ...validateNodeRegistration(config.nodeRegistration),
    ...(config.controlPlane === undefined ? [] : [forbidden('controlPlane', ONE_CONTROL_PLANE)]),
    ...(caCertPath.startsWith('/') && caCertPath.endsWith('.crt')
      ? []
      : [invalid('caCertPath', caCertPath, 'the ca certificate path must be an absolute path')]),
    ...noPatches(config.patches),
  ];
}

/** The rules of a ResetConfiguration. */
export function validateResetConfiguration(config: ResetConfiguration): readonly FieldError[] {
  return [
    ...absolutePath('certificatesDir', config.certificatesDir),
    ...(config.unmountFlags ?? []).flatMap((flag, index) =>
      UNMOUNT_FLAGS.includes(flag)
        ? []
        : flag === 'MNT_EXPIRE'
          ? [forbidden('unmountFlags', 'MNT_EXPIRE takes nothing off at its first call, and reset makes but one')]
          : [invalid('unmountFlags', `index ${index}`, `unknown unmount flag ${flag}`)],
    ),
  ];
}

function discovery({ bootstrapToken, file, tlsBootstrapToken = '' }: Discovery): readonly FieldError[] {
  const path = 'discovery';
  if (bootstrapToken === undefined && file === undefined)
    return [invalid(path, '', 'bootstrapToken or file must be set')];
  if (bootstrapToken !== undefined && file !== undefined)
    return [invalid(path, '', 'bootstrapToken and file cannot both be set')];
  // what is no token may be half of one, and is not told
  const token = (field: string, text: string): readonly FieldError[] =>
    TOKEN.test(text) ? [] : [invalid(field, '', 'the bootstrap token is invalid')];
  return [
    ...(tlsBootstrapToken === '' && bootstrapToken === undefined
      ? []
      : token(`${path}.tlsBootstrapToken`, tlsBootstrapToken)),
    ...(bootstrapToken === undefined
      ? []
      : [
          ...token(`${path}.bootstrapToken.token`, bootstrapToken.token),
          ...(bootstrapToken.apiServerEndpoint
            ? hostPort(bootstrapToken.apiServerEndpoint)?.port === undefined
              ? [
                  invalid(
                    `${path}.bootstrapToken.apiServerEndpoint`,
                    bootstrapToken.apiServerEndpoint,
                    'it is not host:port',
                  ),
                ]
              : []
            : [required(`${path}.bootstrapToken.apiServerEndpoint`, 'APIServerEndpoint is not set')]),
          ...((bootstrapToken.caCertHashes ?? []).length === 0 && bootstrapToken.unsafeSkipCAVerification !== true
            ? [
                invalid(
                  `${path}.bootstrapToken.caCertHashes`,
                  '',
                  'using token-based discovery without caCertHashes can be unsafe. Set unsafeSkipCAVerification as true to continue',
                ),
              ]
            : []),
        ]),
    ...(file === undefined || isDiscoveryFile(file.kubeConfigPath)
      ? []
      : [
          invalid(
            `${path}.file.kubeConfigPath`,
            shownLocation(file.kubeConfigPath),
            'not a valid HTTPS URL or a file on disk',
          ),
        ]),
  ];
}
