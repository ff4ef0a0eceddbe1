/** The units of a control plane's node, in the order in which they need each other, and of a node that joined. */
export const CONTROL_PLANE_UNITS = ['gantry-etcd', 'gantry-control-plane', 'gantry-cri', 'gantry-node'] as const;
export const NODE_UNITS = ['gantry-cri', 'gantry-node'] as const;
