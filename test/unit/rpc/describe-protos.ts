import { loadSync } from '@grpc/proto-loader';

/** What of a protobuf package is visible on the wire, a line of text per message, enum and call, so that a difference reads well. */
export interface WireDescription {
  readonly messages: Record<string, string>;
  readonly enums: Record<string, string>;
  readonly calls: Record<string, string>;
}

interface MessageType {
  readonly field: readonly { name: string; number: number; label: string; type: string; typeName: string }[];
  readonly nestedType: readonly { name: string }[];
  readonly enumType: readonly EnumType[];
}
interface EnumType {
  readonly name: string;
  readonly value: readonly { name: string; number: number }[];
}
interface Method {
  readonly path: string;
  readonly responseStream: boolean;
  readonly requestType: { readonly type: { readonly name: string } };
  readonly responseType: { readonly type: { readonly name: string } };
}

const describeEnum = ({ value }: EnumType): string =>
  value.map(v => `${v.number} ${v.name.replace(/^SIGNAL_/, '')}`).join(', ');

const describeMessage = ({ field }: MessageType): string =>
  field
    .map(f => ({ ...f, repeated: f.label === 'LABEL_REPEATED' ? 'repeated ' : '' }))
    .map(f => ({ ...f, kind: f.typeName === '' ? f.type.slice('TYPE_'.length).toLowerCase() : f.typeName }))
    .sort((a, b) => a.number - b.number)
    .map(f => `${f.number} ${f.repeated}${f.kind} ${f.name.charAt(0).toLowerCase()}${f.name.slice(1)}`)
    .join(', ');

/** Reads proto files with a reader that shares nothing with the generator of our codecs. */
export function describeProtos(files: string[], includeDirs: string[], packageName: string): WireDescription {
  const description: WireDescription = { messages: {}, enums: {}, calls: {} };
  for (const [fullName, definition] of Object.entries(loadSync(files, { includeDirs }))) {
    const name = fullName.slice(packageName.length + 1);
    const format = (definition as { format?: unknown }).format;
    const type: unknown = (definition as { type?: unknown }).type;
    switch (format) {
      case 'Protocol Buffer 3 DescriptorProto':
        description.messages[name] = describeMessage(type as MessageType);
        for (const nested of (type as MessageType).enumType)
          description.enums[`${name}.${nested.name}`] = describeEnum(nested);
        break;
      case 'Protocol Buffer 3 EnumDescriptorProto':
        description.enums[name] = describeEnum(type as EnumType);
        break;
      default:
        for (const [call, method] of Object.entries(definition as unknown as Record<string, Method>)) {
          const answer = `${method.responseStream ? 'stream ' : ''}${method.responseType.type.name}`;
          description.calls[`${name}.${call}`] = `${method.requestType.type.name} -> ${answer}`;
        }
    }
  }
  return description;
}
