import { TAINT_EFFECTS } from '../../api/node-flags.ts';
import type { BootstrapToken } from '../../api/types/gen/bootstraptoken-v1.ts';
import type { Taint } from '../../api/types/gen/core-v1.ts';
import type { InitConfiguration, NodeRegistrationOptions } from '../../api/types/gen/kubeadm-v1beta4.ts';
import { type FieldError, forbidden, invalid, invalidFor, oneOf } from '../../api/validation/field-error.ts';
import { dns1123Subdomain, labelValue, qualifiedName } from '../../api/validation/names.ts';
import { ONE_CONTROL_PLANE } from '../settings.ts';
import { DEFAULT_CRI_SOCKET } from './defaults.ts';
import { extraArgs, ipAddress, noPatches, port } from './field-rules.ts';

/** A bootstrap token, `id.secret`. */
export const TOKEN = /^[a-z0-9]{6}\.[a-z0-9]{16}$/;

/** The rules of an InitConfiguration: kubeadm's with its texts, and what is not made here. What the machine fills in may be missing. */
export function validateInitConfiguration(config: InitConfiguration): readonly FieldError[] {
  const { nodeRegistration, bootstrapTokens = [], localAPIEndpoint } = config;
  return [
    ...validateNodeRegistration(nodeRegistration),
    ...bootstrapTokens.flatMap((token, index) => bootstrapToken(`bootstrapTokens[${index}]`, token)),
    ...(localAPIEndpoint.advertiseAddress
      ? ipAddress('localAPIEndpoint.advertiseAddress', localAPIEndpoint.advertiseAddress)
      : []),
    ...port('localAPIEndpoint.bindPort', localAPIEndpoint.bindPort),
    ...(config.certificateKey ? [forbidden('certificateKey', ONE_CONTROL_PLANE)] : []),
    ...noPatches(config.patches),
  ];
}

/** The rules of how a node is registered, for those who join too. */
export function validateNodeRegistration(node: NodeRegistrationOptions): readonly FieldError[] {
  const path = 'nodeRegistration';
  return [
    ...(node.name ? dns1123Subdomain(node.name).map(why => invalid(`${path}.name`, node.name, why)) : []),
    ...criSocket(`${path}.criSocket`, node.criSocket),
    ...(node.taints ?? []).flatMap((taint, index) => validateTaint(`${path}.taints[${index}]`, taint)),
    ...extraArgs(`${path}.kubeletExtraArgs`, node.kubeletExtraArgs),
    ...(['Always', 'IfNotPresent', 'Never'].includes(node.imagePullPolicy ?? '')
      ? []
      : [invalid(`${path}.imagePullPolicy`, node.imagePullPolicy, 'invalid pull policy')]),
  ];
}

/** kubeadm takes a path for a socket, too. */
export function criSocket(field: string, socket: string | undefined): readonly FieldError[] {
  const url = socket?.startsWith('/') === true ? `unix://${socket}` : socket;
  if (url === DEFAULT_CRI_SOCKET) return [];
  return url?.startsWith('unix:///') === true
    ? [forbidden(field, `the runtime of a node is gantry's own, at ${DEFAULT_CRI_SOCKET}`)]
    : [invalid(field, socket, 'only URL scheme "unix" is supported')];
}

/** What kubeadm leaves to the API server, which is asked when all else has been made. */
function validateTaint(path: string, { key, value = '', effect }: Taint): readonly FieldError[] {
  return [
    ...invalidFor(`${path}.key`, key, qualifiedName(key)),
    ...invalidFor(`${path}.value`, value, labelValue(value)),
    ...oneOf(`${path}.effect`, effect, TAINT_EFFECTS),
  ];
}

function bootstrapToken(path: string, { token, usages = [], groups = [], ttl, expires }: BootstrapToken) {
  const unknown = usages.filter(usage => usage !== 'signing' && usage !== 'authentication');
  return [
    // what is no token may be half of one, and is not told
    ...(token === undefined || token === '' || TOKEN.test(token)
      ? []
      : [invalid(`${path}.token`, '', 'the bootstrap token was not of the form "[a-z0-9]{6}.[a-z0-9]{16}"')]),
    ...(unknown.length === 0
      ? []
      : [
          invalid(
            `${path}.usages`,
            usages,
            `invalid usages (valid options: authentication,signing): ${unknown.join(',')}`,
          ),
        ]),
    ...(groups.length > 0 && !usages.includes('authentication')
      ? [
          invalid(
            `${path}.groups`,
            groups,
            'token groups cannot be specified unless --usages includes "authentication"',
          ),
        ]
      : []),
    ...groups.flatMap(group =>
      /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/.test(group)
        ? []
        : [
            invalid(
              `${path}.groups`,
              groups,
              `bootstrap group "${group}" is invalid (must match \\Asystem:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]\\z)`,
            ),
          ],
    ),
    ...(ttl !== undefined && expires !== undefined
      ? [invalid(path, '', 'the BootstrapToken .TTL and .Expires fields are mutually exclusive')]
      : []),
  ];
}
