// A JSON Schema, as zod makes it of a declaration, as something that a form can be made of.

import type * as z from 'zod';

type JsonSchema = z.core.JSONSchema.JSONSchema;

export type FormType =
  | { readonly kind: 'text' | 'base64' | 'number' | 'boolean' | 'any' }
  | { readonly kind: 'choice'; readonly values: readonly string[] }
  | { readonly kind: 'list'; readonly item: FormType }
  | { readonly kind: 'map'; readonly value: FormType }
  | { readonly kind: 'object'; readonly fields: readonly FormField[] }
  /** Objects that are told apart by a member of a fixed value. */
  | { readonly kind: 'variants'; readonly member: string; readonly variants: readonly Variant[] };

export interface Variant {
  readonly name: string;
  readonly fields: readonly FormField[];
}

export interface FormField {
  readonly name: string;
  readonly type: FormType;
  readonly isRequired: boolean;
  /** May be null, which means the same as absent. */
  readonly isNullable: boolean;
  readonly description: string;
  readonly defaultText: string;
}

/** The members of an object schema, required ones first. */
export function formFields(schema: JsonSchema): readonly FormField[] {
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties ?? {}).map(([name, property]): FormField => {
    const { type, isNullable } = formType(asSchema(property));
    const { description = '', default: preset } = asSchema(property);
    const defaultText = preset === undefined ? '' : JSON.stringify(preset);
    return { name, type, isRequired: required.has(name), isNullable, description, defaultText };
  });
  return [...fields.filter(({ isRequired }) => isRequired), ...fields.filter(({ isRequired }) => !isRequired)];
}

function formType(schema: JsonSchema): { readonly type: FormType; readonly isNullable: boolean } {
  const types: readonly unknown[] = Array.isArray(schema.type) ? schema.type : [schema.type];
  const alternatives = (schema.anyOf ?? schema.oneOf ?? []).map(asSchema);
  if (alternatives.length > 0) {
    const others = alternatives.filter(({ type }) => type !== 'null');
    const isNullable = others.length < alternatives.length;
    const [only] = others;
    if (only && others.length === 1) return { type: formType(only).type, isNullable };
    return { type: variantsOf(others) ?? { kind: 'any' }, isNullable };
  }
  const type = types.find((name) => name !== 'null');
  return { type: plainType(type, schema), isNullable: types.includes('null') };
}

function plainType(type: unknown, schema: JsonSchema): FormType {
  switch (type) {
    case 'string':
      if (schema.enum) return { kind: 'choice', values: schema.enum.map(String) };
      return { kind: schema.contentEncoding === 'base64' ? 'base64' : 'text' };
    case 'number':
    case 'integer':
      return { kind: 'number' };
    case 'boolean':
      return { kind: 'boolean' };
    case 'array':
      return { kind: 'list', item: formType(asSchema(schema.items)).type };
    case 'object':
      if (schema.properties) return { kind: 'object', fields: formFields(schema) };
      return { kind: 'map', value: formType(asSchema(schema.additionalProperties)).type };
    default:
      return { kind: 'any' };
  }
}

function variantsOf(schemas: readonly JsonSchema[]): FormType | undefined {
  const [first] = schemas;
  const member = Object.entries(first?.properties ?? {}).find(
    ([, property]) => asSchema(property).const !== undefined,
  )?.[0];
  if (member === undefined) return undefined;
  const variants = schemas.map((schema) => ({
    name: String(asSchema(schema.properties?.[member]).const ?? ''),
    fields: formFields(schema).filter(({ name }) => name !== member),
  }));
  return { kind: 'variants', member, variants };
}

/** `true` and what is no schema allow anything. */
function asSchema(schema: unknown): JsonSchema {
  return isRecord(schema) ? schema : {};
}

/** A value to begin with. */
export function emptyValue(type: FormType): unknown {
  switch (type.kind) {
    case 'text':
    case 'base64':
      return '';
    case 'number':
      return 0;
    case 'boolean':
      return false;
    case 'choice':
      return type.values[0] ?? '';
    case 'list':
      return [];
    case 'map':
      return {};
    case 'object':
      return emptyObject(type.fields);
    case 'variants': {
      const [first] = type.variants;
      return { [type.member]: first?.name ?? '', ...emptyObject(first?.fields ?? []) };
    }
    case 'any':
      return null;
  }
}

export function emptyObject(fields: readonly FormField[]): Record<string, unknown> {
  const required = fields.filter(({ isRequired }) => isRequired);
  return Object.fromEntries(required.map(({ name, type }) => [name, emptyValue(type)]));
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
