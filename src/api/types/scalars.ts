import type { JSONSchemaProps } from './gen/apiextensions-v1.ts';

/** The JSON forms of the API's scalar types. Their rules are in src/api/schema/scalars.ts. */

/** A decimal number with a suffix, exact: `100m`, `1.5Gi`, `2e3`; see src/api/quantity.ts. */
export type Quantity = string;
/** A port number or a port's name; a count or a percentage. */
export type IntOrString = number | string;
/** RFC 3339 with seconds, in UTC: `2026-01-02T03:04:05Z`. */
export type Time = string;
/** RFC 3339 with microseconds, in UTC. */
export type MicroTime = string;
/** Go's notation: `1m30s`. */
export type Duration = string;
/** A duration in Go's notation, or a number of nanoseconds. */
export type DurationOrNanoseconds = string | number;
/** Any JSON value; its shape is not the table's business. */
export type RawJson = unknown;
/** A schema, or one for each place of a list. */
export type JSONSchemaPropsOrArray = JSONSchemaProps | readonly JSONSchemaProps[];
/** A schema, or whether anything is allowed. */
export type JSONSchemaPropsOrBool = JSONSchemaProps | boolean;
/** A schema, or the names of properties. */
export type JSONSchemaPropsOrStringArray = JSONSchemaProps | readonly string[];
