/** Every message and enum of the CRI, `runtime.v1` (from proto/runtime/v1; the services themselves are in gen/runtime/v1/services.ts). */
export * from './gen/runtime/v1/container.ts';
export * from './gen/runtime/v1/exec.ts';
export * from './gen/runtime/v1/image.ts';
export * from './gen/runtime/v1/metrics.ts';
export * from './gen/runtime/v1/node.ts';
export * from './gen/runtime/v1/resources.ts';
export * from './gen/runtime/v1/sandbox.ts';
export * from './gen/runtime/v1/security.ts';
export * from './gen/runtime/v1/stats.ts';
export * from './gen/runtime/v1/status.ts';
export * from './gen/runtime/v1/values.ts';
