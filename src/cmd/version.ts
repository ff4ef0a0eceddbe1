/** The Kubernetes version this program claims, with our own release behind the plus. */
export const VERSION = 'v1.36.0+gantry.1';
